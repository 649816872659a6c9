package report

import (
	"fmt"
	"slices"
	"strings"
)

// What every rendering of a Result asks of it, so that text, Markdown and plots say the same.

// peak returns the index of the phase that decides: the one of the highest rate, else the first;
// -1 where there is no phase.
func (r *Result) peak() int {
	best := -1
	for i, p := range r.Phases {
		switch {
		case p.IsPeak:
			return i
		case best < 0 || p.RateQP > r.Phases[best].RateQP:
			best = i
		}
	}
	return best
}

// phaseOrder returns the phases in the order of reports: the one that decides first, then by time.
func (r *Result) phaseOrder() []int {
	peak := r.peak()
	if peak < 0 {
		return nil
	}
	order := []int{peak}
	for i := range r.Phases {
		if i != peak {
			order = append(order, i)
		}
	}
	return order
}

// figures returns what s reached in a phase; a phase that it has no row for has no data.
func (s *Strategy) figures(phase int) *Figures {
	if phase < 0 || phase >= len(s.Phases) {
		return &Figures{}
	}
	return &s.Phases[phase]
}

// kind says what the numbers are and how large the sample is: "simulated, 20 seeds".
func (r *Result) kind() string {
	word, one, many := "simulated", "one seed", "seeds"
	if r.Measured {
		word, one, many = "measured", "one run", "runs"
	}
	switch n := len(r.Seeds); n {
	case 0:
	case 1:
		word += ", " + one
	default:
		word += fmt.Sprintf(", %s %s", showCount(int64(n)), many)
	}
	if r.Interrupted {
		word += ", interrupted"
	}
	return word
}

// span says when a phase was and what it offered: "spike: 1000/s from 30 s to 40 s".
func (p *PhaseInfo) span() string {
	var load string
	switch {
	case p.Closed:
		load = "closed loop, waiting is hidden,"
	case p.Recorded:
		load = "as recorded, " + showQPS(p.RateQP) + "/s in the mean,"
	default:
		load = showQPS(p.RateQP) + "/s"
	}
	text := fmt.Sprintf("%s: %s from %s to %s", p.Name, load, showClock(p.FromS), showClock(p.ToS))
	if p.RampS > 0 {
		text += ", ramp " + showClock(p.RampS)
	}
	return text
}

// offered says what traffic every strategy met.
func (r *Result) offered() string {
	if r.Offered.Calls <= 0 {
		return "offered no calls"
	}
	each := " calls"
	if len(r.Seeds) > 1 {
		each = " calls a seed"
		if r.Measured {
			each = " calls a run"
		}
	}
	return "offered " + showWholeNumber(r.Offered.Calls) + each + ", " + r.busiest() + " at " + showClock(r.Offered.PeakAtS)
}

// busiest says how many calls the busiest second had.
func (r *Result) busiest() string {
	if r.Offered.PeakQPS == 1 {
		return "busiest second 1 call"
	}
	return "busiest second " + showWholeNumber(r.Offered.PeakQPS) + " calls"
}

// clauses lists what the objective promises: "success >= 99 %", "P99 <= 2 s".
func (o *Objective) clauses() []string {
	if o == nil {
		return nil
	}
	var all []string
	if o.Success != nil {
		all = append(all, "success >= "+plainPercent(*o.Success))
	}
	for _, limit := range []struct {
		name string
		ms   *float64
	}{{"P50", o.P50MS}, {"P95", o.P95MS}, {"P99", o.P99MS}, {"TTFT P99", o.TTFTP99MS}, {"TPOT P99", o.TPOTP99MS}} {
		if limit.ms != nil {
			all = append(all, limit.name+" <= "+plainMillis(*limit.ms))
		}
	}
	return all
}

// keeps reports whether f keeps every clause of the objective: by the counts where they were taken,
// else by the point values, of which a percentile without data keeps nothing.
func (o *Objective) keeps(f *Figures) bool {
	if f.MeetsObjective != nil {
		return *f.MeetsObjective
	}
	within := func(limit, value *float64) bool {
		return limit == nil || value != nil && *value <= *limit
	}
	return (o.Success == nil || f.Success != nil && *f.Success >= *o.Success) &&
		within(o.P50MS, f.P50MS) && within(o.P95MS, f.P95MS) && within(o.P99MS, f.P99MS) &&
		within(o.TTFTP99MS, f.TTFTP99MS) && within(o.TPOTP99MS, f.TPOTP99MS)
}

// promised says what was promised and who kept it in the phase that decides.
func (r *Result) promised() string {
	clauses := r.Objective.clauses()
	if len(clauses) == 0 {
		return ""
	}
	text := "objective " + strings.Join(clauses, ", ")
	peak := r.peak()
	if peak < 0 || len(r.Strategies) == 0 {
		return text
	}
	var kept []string
	for i := range r.Strategies {
		if r.Objective.keeps(r.Strategies[i].figures(peak)) {
			kept = append(kept, r.Strategies[i].Name)
		}
	}
	text += "; in " + r.Phases[peak].Name + " kept by "
	switch {
	case len(kept) == 0:
		return text + "none"
	case len(kept) == len(r.Strategies) && len(kept) > 1:
		return text + "all"
	}
	return text + strings.Join(kept, ", ")
}

// outlasts reports whether callers of s were told to wait longer than the scenario says.
func (r *Result) outlasts(s *Strategy) bool {
	return r.PatienceS != nil && (s.PatienceS == nil || *s.PatienceS > *r.PatienceS)
}

// patient returns the strategies whose callers were told to wait longer than the scenario says.
func (r *Result) patient() []*Strategy {
	var all []*Strategy
	for i := range r.Strategies {
		if r.outlasts(&r.Strategies[i]) {
			all = append(all, &r.Strategies[i])
		}
	}
	return all
}

// toldToWait says how long the callers of s were told to wait.
func (s *Strategy) toldToWait() string {
	if s.PatienceS == nil {
		return "for ever"
	}
	return showClock(*s.PatienceS)
}

// recovery says how long after the spike s was back, over the seeds; nothing where the load ended too
// soon after the spike, or had none.
func (s *Strategy) recovery() string {
	switch {
	case s.RecoveryS != nil:
		return showClock(*s.RecoveryS)
	case s.RecoveryShown && s.Total.Calls > 0:
		return "never"
	}
	return noData
}

// outcomeOrder is how outcomes are listed: from best to worst for the caller.
var outcomeOrder = []string{"ok", "degraded", "refused", "busy", "error", "timeout", "shed", "unsent"}

// outcomesSeen returns the outcomes that occurred in a phase, in the order of reports; ok always.
func (r *Result) outcomesSeen(phase int) []string {
	seen := []string{"ok"}
	for _, name := range outcomeOrder[1:] {
		if slices.ContainsFunc(r.Strategies, func(s Strategy) bool { return s.figures(phase).Outcomes[name] > 0 }) {
			seen = append(seen, name)
		}
	}
	return seen
}

// outcomeShare returns the share of the offered calls of f that ended so; nil without calls.
func (f *Figures) outcomeShare(name string) *float64 {
	if f.Calls <= 0 {
		return nil
	}
	x := float64(f.Outcomes[name]) / float64(f.Calls)
	return &x
}

// mixed reports whether some strategy met some outcome of the phase, beyond ok.
func (r *Result) mixed(phase int) bool { return len(r.outcomesSeen(phase)) > 1 }

// plainPercent writes a configured share as it was meant, without padding: 99 %, 99.95 %.
func plainPercent(x float64) string {
	return trimZeros(fmt.Sprintf("%.6f", x*100)) + " %"
}

// plainMillis writes a configured time as it was meant: 250 ms, 2 s.
func plainMillis(ms float64) string {
	unit, size := timeUnit(ms)
	return thousands(trimZeros(fmt.Sprintf("%.6f", ms/size))) + " " + unit
}

func trimZeros(number string) string {
	return strings.TrimSuffix(strings.TrimRight(number, "0"), ".")
}
