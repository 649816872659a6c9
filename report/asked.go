package report

import (
	"fmt"
	"slices"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// An Asked is a figure of each run that gates need and that a run's row does not hold anyway: counted
// exactly while the run is recorded, because afterwards a histogram knows a time only within a
// thousandth, and the seconds of one run are gone.
type Asked struct {
	Key    string // its name in the rows, from the quantity and the window
	kind   askedKind
	class  int           // -1: all
	metric string        // of beyond and quantile
	limit  time.Duration // of beyond: ok calls that took longer
	rank   quantile      // of quantile
	window time.Duration // of worst
	first  bool          // of outcome: that of the first attempt
	is     sim.Outcome   // of outcome
	good   bool          // of worst: good calls in place of an outcome
}

type askedKind uint8

const (
	askBeyond   askedKind = iota // ok calls beyond a limit, of the ok calls whose time is known
	askOver                      // calls that were not ok within a limit, of the calls
	askQuantile                  // a quantile, in ms
	askOutcome                   // calls of one outcome, of the calls
	askWorst                     // the worst trailing window's share of an outcome, or of good calls
	askShortest                  // the shortest time, in ms
	askLongest                   // the longest, in ms
	askQueue                     // the most calls waiting at once, client and service together
)

// A Sample is one run's part in a quantity: X of N. What is no ratio has N = 1; N = 0 is no data.
type Sample struct {
	X float64 `json:"x"`
	N float64 `json:"n"`
}

// askedTally is what a phase counts for the gates.
type askedTally struct {
	beyond []int64      // by place among the Config's Asked
	known  []int64      // ok calls whose time is known
	times  []*histogram // of quantiles and extremes
}

// metricOf is one of a call's times, and whether it is known.
func (r *Record) metric(name string) (time.Duration, bool) {
	switch name {
	case "service_time":
		return r.ServiceTime(), r.Sent >= 0
	case "ttft", "tpot":
		ttft, seen, tpot, paced := r.firstToken()
		if name == "ttft" {
			return ttft, seen
		}
		return tpot, paced
	}
	return r.ResponseTime(), true
}

// add counts one ok call.
func (a *askedTally) add(asked []Asked, r *Record) {
	if a.known == nil {
		a.beyond, a.known, a.times = make([]int64, len(asked)), make([]int64, len(asked)), make([]*histogram, len(asked))
	}
	for i := range asked {
		one := &asked[i]
		if one.metric == "" || one.class >= 0 && one.class != int(r.Priority) {
			continue
		}
		took, known := r.metric(one.metric)
		if !known {
			continue
		}
		a.known[i]++
		switch one.kind {
		case askBeyond, askOver:
			if took > one.limit {
				a.beyond[i]++
			}
		default:
			if a.times[i] == nil {
				a.times[i] = newHistogram(fineDigits)
			}
			a.times[i].add(took)
		}
	}
}

func (a *askedTally) reset() {
	clear(a.beyond)
	clear(a.known)
	for _, h := range a.times {
		h.reset()
	}
}

// samples are what the run that t counted says to the gates: a map for each phase, and one for all.
func (t *Tally) samples(side *Side) (phases []map[string]Sample, total map[string]Sample) {
	if len(t.config.Asked) == 0 {
		return make([]map[string]Sample, len(t.phases)), nil
	}
	all := askedTally{beyond: make([]int64, len(t.config.Asked)), known: make([]int64, len(t.config.Asked)), times: make([]*histogram, len(t.config.Asked))}
	cells := make([]int64, len(t.phases[0].cells))
	for i := range t.phases {
		p := &t.phases[i]
		from, to := seconds(t.config.Phases[i].FromS), t.ends[i]
		phases = append(phases, t.asked(&p.asked, p.cells, from, to, side))
		for k, n := range p.cells {
			cells[k] += n
		}
		for k := range p.asked.known {
			all.beyond[k] += p.asked.beyond[k]
			all.known[k] += p.asked.known[k]
			mergeInto(&all.times[k], p.asked.times[k])
		}
	}
	return phases, t.asked(&all, cells, 0, t.ends[len(t.ends)-1], side)
}

// asked answers each Asked for one stretch of the run.
func (t *Tally) asked(counted *askedTally, cells []int64, from, to time.Duration, side *Side) map[string]Sample {
	samples := make(map[string]Sample, len(t.config.Asked))
	for i := range t.config.Asked {
		one := &t.config.Asked[i]
		samples[one.Key] = t.answer(one, i, counted, cells, from, to, side)
	}
	return samples
}

func (t *Tally) answer(one *Asked, i int, counted *askedTally, cells []int64, from, to time.Duration, side *Side) Sample {
	switch one.kind {
	case askOutcome:
		return one.share(cells)
	case askWorst:
		return t.worst(one, from, to)
	case askQueue:
		return mostWaiting(side, from, to)
	}
	var beyond, known int64
	if counted.known != nil {
		beyond, known = counted.beyond[i], counted.known[i]
	}
	switch one.kind {
	case askBeyond:
		return Sample{float64(beyond), float64(known)}
	case askOver:
		ok := one.share(cells)
		return Sample{ok.N - ok.X + float64(beyond), ok.N}
	}
	if known == 0 {
		return Sample{}
	}
	times := counted.times[i].distribution()
	switch one.kind {
	case askShortest:
		return Sample{milliseconds(times.min), 1}
	case askLongest:
		return Sample{milliseconds(times.max), 1}
	}
	ms := quantile{above: one.rank.above, below: one.rank.below, least: 1}.ms(times)
	return Sample{*ms, 1}
}

// share is the calls of one outcome among the calls of the class.
func (one *Asked) share(cells []int64) (s Sample) {
	for i, n := range cells {
		if one.class >= 0 && i/pairs != one.class {
			continue
		}
		s.N += float64(n)
		outcome := sim.Outcome(i % pairs % int(sim.NumOutcomes))
		if one.first {
			outcome = sim.Outcome(i % pairs / int(sim.NumOutcomes))
		}
		if outcome == one.is {
			s.X += float64(n)
		}
	}
	return s
}

// worst is the least share (of ok and good calls; of other outcomes the largest) of a trailing window by
// intended time that lies inside [from, to).
func (t *Tally) worst(one *Asked, from, to time.Duration) (worst Sample) {
	step := t.seconds.step
	width := max(int((one.window+step-1)/step), 1)
	first, last := int((from+step-1)/step), len(t.seconds.at)
	if to != unbound {
		last = min(last, int(to/step))
	}
	lowest := one.good || one.is == sim.OK
	for end := first + width; end <= last; end++ {
		var s Sample
		for i := end - width; i < end; i++ {
			at := &t.seconds.at[i]
			s.N += float64(at.calls())
			if one.good {
				s.X += float64(at.good)
			} else {
				s.X += float64(at.outcomes[one.is])
			}
		}
		if s.N == 0 {
			continue
		}
		share := Sample{s.X / s.N, 1}
		if worst.N == 0 || lowest && share.X < worst.X || !lowest && share.X > worst.X {
			worst = share
		}
	}
	return worst
}

// waitingGauges are the levels that count calls which wait, in the client or in the service.
var waitingGauges = []string{"client queue", "client waiting", "client backing off", "admission queue", "waiting"}

// mostWaiting is the most calls that waited at once, by the gauges of each second.
func mostWaiting(side *Side, from, to time.Duration) (most Sample) {
	length := 0
	for _, g := range side.Gauges {
		if slices.Contains(waitingGauges, g.Name) {
			length = max(length, len(g.Values))
		}
	}
	for second := int(from / time.Second); second < length && time.Duration(second)*time.Second < to; second++ {
		var waiting float64
		for _, g := range side.Gauges {
			if second < len(g.Values) && slices.Contains(waitingGauges, g.Name) {
				waiting += g.Values[second]
			}
		}
		most = Sample{max(most.X, waiting), 1}
	}
	return most
}

// askedFor is what has to be recorded so that a quantity of a gate can be judged; ok is false where the
// rows of the runs hold it already.
func askedFor(q Quantity, window time.Duration, classes []string) (one Asked, ok bool) {
	one.class = -1
	if q.Selector.Priority != "" {
		one.class = slices.Index(classes, q.Selector.Priority)
	}
	one.Key = askedKey(q, window)
	switch {
	case window > 0:
		one.kind, one.window = askWorst, window
		if q.Measure == "good" {
			one.good = true
			return one, true
		}
		one.is = outcomeNamed(q.Measure)
		return one, true
	case q.Stat.Kind == "over":
		one.kind, one.metric, one.limit, one.is = askOver, q.Metric, q.Stat.Over, sim.OK
	case q.Stat.Kind == "quantile":
		one.kind, one.metric, one.rank = askQuantile, q.Metric, quantile{above: q.Stat.A, below: q.Stat.D, least: 1}
	case q.Stat.Kind == "min":
		one.kind, one.metric = askShortest, q.Metric
	case q.Stat.Kind == "max":
		one.kind, one.metric = askLongest, q.Metric
	case q.Measure == "queue":
		one.kind = askQueue
	case q.Measure != "" && (one.class >= 0 || q.Selector.Attempt == "first") && isShare(q.Measure):
		one.kind, one.first, one.is = askOutcome, q.Selector.Attempt == "first", outcomeNamed(q.Measure)
	default:
		return one, false
	}
	return one, true
}

// isShare reports whether a measure is the share of one outcome.
func isShare(measure string) bool {
	_, known := outcomeByName(measure)
	return measure == "success" || known
}

// outcomeNamed is the outcome a measure counts: success is ok.
func outcomeNamed(measure string) sim.Outcome {
	if o, known := outcomeByName(measure); known {
		return o
	}
	return sim.OK
}

func outcomeByName(name string) (sim.Outcome, bool) {
	for o := sim.Unsent; o < sim.NumOutcomes; o++ {
		if o.String() == name {
			return o, true
		}
	}
	return 0, false
}

// askedKey names a quantity in a row: without phase and strategy, which the row's place says.
func askedKey(q Quantity, window time.Duration) string {
	q.Selector.Phase, q.Selector.Strategy, q.Selector.Bare = "", "", nil
	q.As = ""
	if window > 0 {
		return fmt.Sprintf("worst(%s) %s", window, q)
	}
	return q.String()
}
