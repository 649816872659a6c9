package sim

import (
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"time"
)

// A Dist is a random quantity without a unit, such as a size in mean service times. The zero Dist is
// unset. It is written as a plain value (a constant), or as a law with its parameters:
//
//	{exp: {mean: 1}}
//	{uniform: {min: 1, max: 3}}
//	{lognormal: {mean: 1, p99: 8}}      or median instead of mean
//	{gamma: {mean: 1, cv: 2}}
//	{weibull: {mean: 1, k: 0.7}}
//	{pareto: {mean: 1, alpha: 2.5}}
//	{mix: [{weight: 90%, value: 1}, {weight: 10%, exp: {mean: 5}}]}
//	{empirical: FILE}                   one value a line; each is as likely as the others
//
// DurationDist and CountDist are written the same way, with durations and with counts for values.
type Dist struct{ quantity }

// Sample draws a value.
func (d Dist) Sample(r *rand.Rand) float64 { return d.law.sample(r) }

// Mean returns the expected value.
func (d Dist) Mean() float64 { return d.law.mean() }

// UnmarshalYAML reads the forms above from whatever decodes them into Go's plain types.
func (d *Dist) UnmarshalYAML(decode func(any) error) error { return d.read(plainNumbers, decode) }

// A DurationDist is a random length of time, zero or more. The zero DurationDist is unset.
type DurationDist struct{ quantity }

// Duration draws a length of time, to the nanosecond.
func (d DurationDist) Duration(r *rand.Rand) time.Duration { return nanoseconds(d.law.sample(r)) }

// Mean returns the expected length of time.
func (d DurationDist) Mean() time.Duration { return nanoseconds(d.law.mean()) }

// UnmarshalYAML reads the forms of Dist, with durations such as 20ms for values.
func (d *DurationDist) UnmarshalYAML(decode func(any) error) error { return d.read(durations, decode) }

// ConstantDuration is always d.
func ConstantDuration(d time.Duration) DurationDist {
	return DurationDist{quantity{kind: constant, law: fixed(d), values: []float64{float64(d)}, unit: durations}}
}

// ExponentialDuration has the given mean, above zero.
func ExponentialDuration(mean time.Duration) DurationDist {
	return DurationDist{quantity{kind: "exp", law: exponential(mean), values: []float64{float64(mean)}, unit: durations}}
}

// NewDurationDist returns the length of time written as form: what a YAML file would hold, as Go's
// plain types ("20ms", or maps and lists of them).
func NewDurationDist(form any) (DurationDist, error) {
	var d DurationDist
	return d, d.UnmarshalYAML(already(form))
}

// A CountDist is a random number of tokens: draws are rounded, and at least 1. The zero CountDist is
// unset.
type CountDist struct{ quantity }

// MostCount is the largest number a CountDist draws.
const MostCount = 1_000_000_000

// Count draws a number.
func (d CountDist) Count(r *rand.Rand) int {
	return int(min(max(math.Round(d.law.sample(r)), 1), MostCount))
}

// Mean returns the expected number, before rounding.
func (d CountDist) Mean() float64 { return d.law.mean() }

// UnmarshalYAML reads the forms of Dist, with numbers of at least 1 for values.
func (d *CountDist) UnmarshalYAML(decode func(any) error) error { return d.read(counts, decode) }

// NewCountDist returns the number written as form, as NewDurationDist does for times.
func NewCountDist(form any) (CountDist, error) {
	var d CountDist
	return d, d.UnmarshalYAML(already(form))
}

// NewDist returns the quantity written as form, as NewDurationDist does for times.
func NewDist(form any) (Dist, error) {
	var d Dist
	return d, d.UnmarshalYAML(already(form))
}

// already is a decoder for what is decoded already.
func already(form any) func(any) error {
	return func(into any) error {
		*into.(*any) = form
		return nil
	}
}

// nanoseconds keeps a draw inside what a Duration holds; a Pareto law can leave it.
func nanoseconds(ns float64) time.Duration {
	return time.Duration(min(max(ns, 0), 1<<62))
}

// A quantity is what the three have in common: a law and how it was written.
type quantity struct {
	kind   string      // name of the law; "" is unset
	law    law         // nil until an empirical law has read its file
	values []float64   // parameters, in the order of the kind's names
	median bool        // a lognormal law given by its median
	file   string      // of an empirical law
	parts  []component // of a mix
	unit   unit
}

// A component is one part of a mix.
type component struct {
	weight float64
	quantity
}

// IsZero reports whether the quantity is unset.
func (q quantity) IsZero() bool { return q.kind == "" }

// Constant reports whether every draw is the same.
func (q quantity) Constant() bool { return q.kind == constant }

// ReadFiles reads the files that the quantity names. Without it an empirical law cannot draw.
func (q *quantity) ReadFiles(open func(name string) (io.ReadCloser, error)) error {
	switch q.kind {
	case "empirical":
		values, err := readValues(q.file, q.unit, open)
		if err != nil {
			return err
		}
		q.law = empirical(values)
	case "mix":
		var faults Faults
		for i := range q.parts {
			var inner Faults
			if err := q.parts[i].ReadFiles(open); errors.As(err, &inner) {
				faults.within(index("mix", i), inner)
			}
		}
		if len(faults) > 0 {
			return faults
		}
		q.law = newMixture(q.parts)
	}
	return nil
}

// Fields is a mapping whose order is kept, for MarshalYAML.
type Fields []Field

// A Field is one entry of Fields.
type Field struct {
	Name  string
	Value any
}

// MarshalYAML returns the quantity in the form in which it was written.
func (q quantity) MarshalYAML() (any, error) {
	switch q.kind {
	case "":
		return nil, nil
	case constant:
		return q.unit.print(q.values[0]), nil
	}
	return Fields{q.written()}, nil
}

// written is the quantity as an entry "law: parameters"; a constant, as part of a mix, is "value".
func (q quantity) written() Field {
	switch q.kind {
	case "empirical":
		return Field{q.kind, q.file}
	case constant:
		return Field{q.kind, q.unit.print(q.values[0])}
	case "mix":
		var list []any
		for _, part := range q.parts {
			list = append(list, Fields{{"weight", part.weight}, part.written()})
		}
		return Field{q.kind, list}
	}
	var parameters Fields
	for i, p := range lawOf(q.kind).parameters {
		name, value := p.name, any(q.values[i])
		if p.unit {
			value = q.unit.print(q.values[i])
		}
		if q.median && name == "mean" {
			name = "median"
		}
		parameters = append(parameters, Field{name, value})
	}
	return Field{q.kind, parameters}
}
