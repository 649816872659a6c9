package report

import "time"

// A Gate is one demand on a Result, parsed. ParseGate makes it of its expression.
type Gate struct {
	Expr     string        // as written, without space at its ends
	Window   time.Duration // of worst(...): the worst trailing window of so long; 0: the phase, or the run, as a whole
	Quantity Quantity
	Op       Op
	Bound    Bound
	Notes    []string // what was understood other than as written, such as a metric under k6's name
}

// A Quantity is what is measured: a Measure of calls, or a Stat of a Metric.
type Quantity struct {
	Measure  string // "success", "goodput", ... or the name of an outcome; "" where Stat says what
	Metric   string // of Stat: "response_time", "service_time", "ttft", "tpot", "itl"
	Stat     Stat
	Selector Selector
	As       string // ".rate", ".value" or ".count": "" for what the measure is by itself
}

// A Stat is what is taken of many times.
type Stat struct {
	Kind string        // "quantile", "over", "avg", "min", "max"; "": there is none
	A, D int64         // of a quantile: A/D, as 99/100
	Over time.Duration // of over(d): the share of offered calls that were not ok within it
}

// A Selector says of which calls. What is "" is not selected by: every strategy, the whole run, all
// classes, the final outcome.
type Selector struct {
	Phase, Strategy, Priority string
	Attempt                   string // "first" or "final"
	Bare                      []Word // values without a key, until Resolve finds whose they are
}

// A Word is a part of the expression and where it begins, in bytes from 0.
type Word struct {
	Text string
	At   int
}

// An Op compares.
type Op string

// The comparisons. === and == are one.
const (
	Less    Op = "<"
	AtMost  Op = "<="
	More    Op = ">"
	AtLeast Op = ">="
	Equal   Op = "=="
	Unequal Op = "!="
)

// Upper reports whether more is worse: the bound is an upper one.
func (o Op) Upper() bool { return o == Less || o == AtMost }

// A Bound is what is compared with: one term, or the larger or smaller of two.
type Bound struct {
	Pick  string // "", "max" or "min"
	Terms []Term // one, or two with Pick
}

// A Term is a literal, or the base's figure or another quantity, times Times, plus Plus.
type Term struct {
	Literal  *Literal
	Base     bool
	Quantity *Quantity
	Times    float64 // 1 if not given
	Plus     *Literal
}

// A Literal is a number with its unit.
type Literal struct {
	Value float64 // in the unit's own measure: milliseconds, a share, points of 100, times, per second
	Unit  Unit
}

// A Unit is what a literal counts.
type Unit uint8

// The units.
const (
	Bare      Unit = iota // milliseconds where a time is wanted, a fraction where a share is
	Millis                // a time, converted to milliseconds
	Share                 // a percentage, converted to a share
	Points                // percentage points, converted to a share
	Times                 // 1.5x
	PerSecond             // a rate, converted to calls per second
)
