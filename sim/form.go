package sim

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// read sets the quantity from what decode yields.
func (q *quantity) read(u unit, decode func(any) error) error {
	var form any
	if err := decode(&form); err != nil {
		return err
	}
	entries, isMap := form.(map[string]any)
	if !isMap {
		value, err := u.parse(form)
		if err != nil {
			var faults Faults
			errors.As(err, &faults)
			return wrong(faults[0].Found, u.name+", or one of "+kinds(false))
		}
		*q = quantity{kind: constant, law: fixed(value), values: []float64{value}, unit: u}
		return nil
	}
	read, err := readLaw(u, entries, false)
	if err != nil {
		return err
	}
	*q = read
	return nil
}

// readLaw reads a mapping with exactly one law in it, besides the weight in a mix.
func readLaw(u unit, entries map[string]any, inMix bool) (quantity, error) {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		if !(inMix && name == "weight") {
			names = append(names, name)
		}
	}
	switch {
	case len(names) == 0:
		return quantity{}, wrong("no law", kinds(inMix))
	case len(names) > 1:
		return quantity{}, wrong("several laws: "+strings.Join(names, ", "), "one of "+kinds(inMix))
	}
	kind := names[0]
	form, q := lawOf(kind), quantity{kind: kind, unit: u}
	var err error
	switch {
	case form == nil || kind == constant && !inMix:
		return q, wrong(fmt.Sprintf("unknown law %q", kind), kinds(inMix))
	case kind == constant:
		var value float64
		value, err = u.parse(entries[kind])
		q.values, q.law = []float64{value}, fixed(value)
	case kind == "mix":
		err = q.readMix(entries[kind])
	case kind == "empirical":
		var ok bool
		if q.file, ok = entries[kind].(string); !ok || q.file == "" {
			err = wrong(show(entries[kind]), "the name of a file with one value a line")
		}
	default:
		err = q.readParameters(form, entries[kind])
	}
	var inner, faults Faults
	if errors.As(err, &inner) {
		faults.within(kind, inner)
		return q, faults
	}
	return q, nil
}

// readParameters reads the mapping behind the name of a law, and builds the law.
func (q *quantity) readParameters(form *lawForm, v any) error {
	entries, ok := v.(map[string]any)
	var faults Faults
	var allowed []string
	known := map[string]bool{}
	for _, p := range form.parameters {
		name := p.name
		if form.kind == "lognormal" && name == "mean" {
			name, q.median = "mean or median", entries["median"] != nil
			known["median"] = true
		}
		allowed, known[p.name] = append(allowed, name), true
	}
	if !ok {
		return wrong(show(v), "a mapping with "+strings.Join(allowed, ", "))
	}
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		if !known[name] {
			faults.Add(name, "is no parameter of "+form.kind, strings.Join(allowed, ", "))
		}
	}
	if q.median && entries["mean"] != nil {
		faults.Add("mean", "stands beside the median", "one of the two")
	}
	for _, p := range form.parameters {
		value, err := q.unit.parameter(p, q.median, entries)
		var inner Faults
		if errors.As(err, &inner) {
			faults = append(faults, inner...)
		}
		q.values = append(q.values, value)
	}
	if len(faults) > 0 {
		return faults
	}
	if form.kind == "uniform" && q.values[1] < q.values[0] {
		return Faults{{Path: "max", Found: "is below min", Allowed: "at least min"}}
	}
	var err error
	if form.kind == "lognormal" {
		q.law, err = newLognormal(q.values[0], q.values[1], q.median)
	} else {
		q.law = form.build(q.values)
	}
	if err == nil && !(q.law.mean() < math.MaxInt64) {
		return wrong("has no finite mean", "smaller values")
	}
	return err
}

// parameter reads one parameter of a law.
func (u unit) parameter(p parameter, median bool, entries map[string]any) (float64, error) {
	name := p.name
	if median && name == "mean" {
		name = "median"
	}
	v, given := entries[name]
	bounds := u.name
	if p.unit && !p.zero && u.least == 0 {
		bounds += ", above 0"
	}
	if !p.unit {
		bounds = fmt.Sprintf("a number above %g, at most %g", p.least, p.most)
	}
	if !given {
		return 0, Faults{{Path: name, Allowed: bounds}}
	}
	if !p.unit {
		value, ok := number(v)
		if !ok || value <= p.least || value > p.most {
			return 0, Faults{{Path: name, Found: show(v), Allowed: bounds}}
		}
		return value, nil
	}
	value, err := u.parse(v)
	var faults Faults
	if errors.As(err, &faults) {
		return 0, Faults{{Path: name, Found: faults[0].Found, Allowed: bounds}}
	}
	if value == 0 && !p.zero {
		return 0, Faults{{Path: name, Found: show(v), Allowed: bounds}}
	}
	return value, nil
}

// readMix reads a list of laws with weights. Weights count in proportion to their sum.
func (q *quantity) readMix(v any) error {
	list, ok := v.([]any)
	if !ok || len(list) == 0 {
		return wrong(show(v), "a list such as [{weight: 90%, exp: {mean: ...}}, {weight: 10%, value: ...}]")
	}
	var faults Faults
	for i, item := range list {
		entries, ok := item.(map[string]any)
		if !ok {
			faults.Add(index("", i), show(item), "a mapping with weight and one of "+kinds(true))
			continue
		}
		weight, err := parseWeight(entries["weight"])
		if err != nil {
			faults.Add(index("", i)+".weight", show(entries["weight"]), "a number above 0, or a percentage")
		}
		part, err := readLaw(q.unit, entries, true)
		var inner Faults
		if errors.As(err, &inner) {
			faults.within(index("", i), inner)
		}
		q.parts = append(q.parts, component{weight, part})
	}
	if len(faults) > 0 {
		return faults
	}
	q.law = newMixture(q.parts)
	return nil
}

var errWeight = errors.New("not a weight")

func parseWeight(v any) (float64, error) {
	if text, ok := v.(string); ok && strings.HasSuffix(text, "%") {
		var s Share
		if s.UnmarshalText([]byte(text)) == nil && s > 0 {
			return float64(s), nil
		}
		return 0, errWeight
	}
	if w, ok := number(v); ok && w > 0 && w <= 1e15 {
		return w, nil
	}
	return 0, errWeight
}

// index writes the path of a list's entry.
func index(list string, i int) string { return list + "[" + strconv.Itoa(i) + "]" }

// within adds the faults of what stands at path.
func (f *Faults) within(path string, inner Faults) {
	for _, one := range inner {
		if one.Path != "" && one.Path[0] != '[' {
			one.Path = "." + one.Path
		}
		one.Path = path + one.Path
		*f = append(*f, one)
	}
}
