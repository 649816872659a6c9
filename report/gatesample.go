package report

import (
	"math"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// wholeRun is the phase of figures over all phases.
const wholeRun = -1

// sample is one run's part in a quantity, in the phase of that index or over the whole run. rough says
// that a histogram told it, and so only within a thousandth. What the run did not record has N = 0.
func (run *Run) sample(phase int, q Quantity, window time.Duration) (s Sample, rough bool) {
	asked := run.Asked
	rows := run.Phases
	if phase != wholeRun {
		if phase >= len(run.Phases) {
			return Sample{}, false
		}
		asked, rows = run.Phases[phase].Asked, run.Phases[phase:phase+1]
	}
	if known, ok := asked[askedKey(q, window)]; ok {
		return known, false
	}
	if window > 0 || q.Selector.Priority != "" {
		return Sample{}, false
	}
	if q.Measure == "" {
		return timeSample(rows, q)
	}
	if q.Measure == "recovery" {
		return run.recoverySample(), false
	}
	for i := range rows {
		one := rows[i].counted(q)
		s.X += one.X
		s.N += one.N
	}
	if q.As == "count" || q.kind() == countKind {
		s.N = min(s.N, 1)
	}
	return s, false
}

// recoverySample is in milliseconds, as all times of gates are; a run that never recovered is +Inf.
func (run *Run) recoverySample() Sample {
	switch {
	case run.RecoveryS != nil:
		return Sample{*run.RecoveryS * 1000, 1}
	case run.Recovered:
		return Sample{}
	}
	return Sample{math.Inf(1), 1}
}

// counted is a row's part in a measure of calls.
func (p *RunPhase) counted(q Quantity) Sample {
	calls := float64(p.Calls)
	switch q.Measure {
	case "good":
		return Sample{float64(p.Good), calls}
	case "goodput":
		return Sample{float64(p.Good), p.DurationS}
	case "amplification":
		return Sample{float64(p.Attempts), calls}
	case "wasted_work":
		return Sample{p.WastedS, p.WorkS}
	case "calls":
		return Sample{calls, 1}
	case "attempts":
		return Sample{float64(p.Attempts), 1}
	case "queue":
		return Sample{}
	}
	n := calls
	if q.As == "count" {
		n = 1
	}
	if q.Selector.Attempt == "first" {
		if q.Measure != "success" && q.Measure != "ok" {
			return Sample{}
		}
		return Sample{float64(p.FirstOK), n}
	}
	return Sample{float64(p.Outcomes[outcomeNamed(q.Measure).String()]), n}
}

// timeSample takes a stat of response times from the rows, or from their histograms.
func timeSample(rows []RunPhase, q Quantity) (s Sample, rough bool) {
	if q.Metric != "response_time" {
		return Sample{}, false
	}
	if q.Stat.Kind == "avg" {
		for i := range rows {
			if n := float64(rows[i].Outcomes[sim.OK.String()]); n > 0 && rows[i].MeanMS != nil {
				s.X += *rows[i].MeanMS * n
				s.N += n
			}
		}
		return s, false
	}
	var times distribution
	var calls int64
	for i := range rows {
		d, err := decodeDistribution(rows[i].Histogram)
		if err != nil || rows[i].Outcomes[sim.OK.String()] > 0 && d.n == 0 {
			return Sample{}, false
		}
		times = times.plus(d)
		calls += rows[i].Calls
	}
	switch q.Stat.Kind {
	case "over":
		return Sample{float64(calls - times.upTo(q.Stat.Over)), float64(calls)}, true
	case "quantile":
		if ms := (quantile{above: q.Stat.A, below: q.Stat.D, least: 1}).ms(times); ms != nil {
			return Sample{*ms, 1}, true
		}
	case "min", "max":
		if times.n > 0 {
			end := times.min
			if q.Stat.Kind == "max" {
				end = times.max
			}
			return Sample{milliseconds(end), 1}, true
		}
	}
	return Sample{}, false
}

// upTo counts the times of at most limit, at the resolution of the histogram.
func (d distribution) upTo(limit time.Duration) (n int64) {
	for _, b := range d.at {
		if d.top(b.index) > limit {
			break
		}
		n = b.upTo
	}
	return n
}

// beyondQuantity is the share of slow calls that decides whether a quantile keeps a limit: of the calls
// that are ok (of the metric: whose time is known) those at or over it, where it must stay below, or
// over it, where it may be reached.
func beyondQuantity(q Quantity, op Op, limit float64) Quantity {
	d := time.Duration(math.Round(limit * float64(time.Millisecond)))
	if op == Less || op == AtLeast {
		d-- // times are whole nanoseconds
	}
	q.Stat = Stat{Kind: "over", Over: d}
	q.As = "beyond"
	return q
}

// beyond is the share of slow ok calls from rows that did not count it: from their histograms.
func (run *Run) beyond(phase int, q Quantity) (s Sample, rough bool) {
	asked, rows := run.Asked, run.Phases
	if phase != wholeRun {
		if phase >= len(run.Phases) {
			return Sample{}, false
		}
		asked, rows = run.Phases[phase].Asked, run.Phases[phase:phase+1]
	}
	if known, ok := asked[beyondKey(q)]; ok {
		return known, false
	}
	if q.Metric != "response_time" || q.Selector.Priority != "" {
		return Sample{}, false
	}
	for i := range rows {
		d, err := decodeDistribution(rows[i].Histogram)
		if err != nil || rows[i].Outcomes[sim.OK.String()] > 0 && d.n == 0 {
			return Sample{}, false
		}
		s.X += float64(d.n - d.upTo(q.Stat.Over))
		s.N += float64(d.n)
	}
	return s, true
}

// beyondKey is the key of such a share in the rows.
func beyondKey(q Quantity) string { return "slow " + askedKey(q, 0) }

// AskedBy is what has to be recorded so that these gates can be judged exactly.
func AskedBy(gates []Gate, classes []string) []Asked {
	var all []Asked
	add := func(one Asked) {
		for i := range all {
			if all[i].Key == one.Key {
				return
			}
		}
		all = append(all, one)
	}
	quantity := func(q Quantity, window time.Duration) {
		if one, needed := askedFor(q, window, classes); needed {
			add(one)
		}
	}
	for _, g := range gates {
		quantity(g.Quantity, g.Window)
		for _, term := range g.Bound.Terms {
			if term.Quantity != nil {
				quantity(*term.Quantity, 0)
			}
			if term.Literal != nil && g.Quantity.Stat.Kind == "quantile" {
				slow := beyondQuantity(g.Quantity, g.Op, term.Literal.Value)
				one, _ := askedFor(slow, 0, classes)
				one.kind, one.Key = askBeyond, beyondKey(slow)
				add(one)
			}
		}
	}
	return all
}
