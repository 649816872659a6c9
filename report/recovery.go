package report

import (
	"math"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

const (
	recoveryWindow = 10 * time.Second // the trailing window that must meet the objective
	recoveryHold   = 30 * time.Second // for how long it must
)

// A recovery is how one run came back from the spike.
type recovery struct {
	after     time.Duration // from the end of the spike; meaningful if recovered
	recovered bool
	shown     bool // the load after the spike was long enough to show a recovery at all
}

// recovery is the time after the spike until the trailing 10 s meet the objective for 30 s.
//
// The spike ends with the phase that IsPeak. Let W(t) be the calls intended in [t - 10 s, t). The
// recovery is the least t - end, t = end, end + 1 s, ..., such that W(t), W(t + 1 s), ..., W(t + 30 s)
// all meet the objective; without one, such that 99 % of each are ok. It is 0 where even the last
// ten seconds of the spike met it. All of these windows must lie inside the load: a run whose load
// ends less than 30 s after the spike shows no recovery, nor that there was none. A window without a
// call promises nothing and breaks nothing. until is where an interrupted run ended; 0 is never.
//
// It is decided by the second of the intended start, so the answer is a whole number of seconds (of
// steps, in runs so long that a step is wider) after the second in which the spike ends.
func (t *Tally) recovery(until time.Duration) recovery {
	peak := -1
	for i, p := range t.config.Phases {
		if p.IsPeak {
			peak = i
			break
		}
	}
	if peak < 0 {
		return recovery{}
	}
	step := t.seconds.step
	last := len(t.config.Phases) - 1
	end, load := t.ends[peak], t.ends[last]
	if load == unbound {
		load = t.phases[last].lastDone
	}
	if until > 0 {
		load = min(load, until)
	}
	if end == unbound || load-end < recoveryHold {
		return recovery{}
	}
	window := int((recoveryWindow + step - 1) / step)
	hold := int((recoveryHold + step - 1) / step)
	first := int((end + step - 1) / step)
	stop := int(load / step) // the last t: W(t) looks back

	held := 0 // how many windows in a row met the objective
	for i := first; i <= stop; i++ {
		if !t.seconds.meets(t.config.Objective, i-window, i) {
			held = 0
			continue
		}
		if held++; held > hold {
			return recovery{after: time.Duration(i-hold)*step - end, recovered: true, shown: true}
		}
	}
	return recovery{shown: true}
}

// meets reports whether the calls intended in entries from (included) to (not) meet the objective.
func (l *timeline) meets(o *Objective, from, to int) bool {
	var calls, ok int64
	var over [numLimits]int64
	for i := max(from, 0); i < min(to, len(l.at)); i++ {
		s := &l.at[i]
		calls += s.calls()
		ok += int64(s.outcomes[sim.OK])
		for j, n := range s.over {
			over[j] += int64(n)
		}
	}
	return calls == 0 || met(o, calls, ok, over)
}

// medianRecovery returns the lower median over runs in seconds, by nearest rank, and its 95 %
// interval by order statistics; a run that never recovered is +Inf. So the median is finite exactly
// when at least half of the runs recovered. The interval is nil below six runs and where its upper
// end is +Inf.
func medianRecovery(runs []recovery) (median float64, interval *Interval) {
	values := make([]float64, len(runs))
	for i, r := range runs {
		values[i] = math.Inf(1)
		if r.recovered {
			values[i] = r.after.Seconds()
		}
	}
	return medianInterval(values)
}
