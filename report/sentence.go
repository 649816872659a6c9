package report

import (
	"fmt"
	"math"
	"strings"
)

// Finding returns the run in one sentence: what the best strategy kept in the phase that decides,
// against the first one listed, with the interval and the seeds behind it. It says whether the
// figures are simulated or measured, what could not be measured, and, where callers of a strategy
// were told to wait longer than the scenario's patience, what was left within that patience.
func Finding(r *Result) string {
	return capital(r.kind()) + ": " + strings.Join(r.clausesOfFinding(), "; ") + "."
}

// clausesOfFinding returns the parts of the sentence, the main one first.
func (r *Result) clausesOfFinding() []string {
	if len(r.Validity.Problems) > 0 {
		return []string{"no verdict, because " + strings.TrimSuffix(strings.Join(r.Validity.Problems, ", and "), ".")}
	}
	peak := r.peak()
	best := r.best(peak)
	switch {
	case len(r.Strategies) == 0 || peak < 0:
		return []string{"nothing was run, so there is nothing to compare"}
	case best < 0 && r.Offered.Calls > 0:
		return []string{"no call was offered in " + r.Phases[peak].Name + ", the phase that is compared"}
	case best < 0:
		return []string{"no call was offered, so there is nothing to compare"}
	case *r.Strategies[best].figures(peak).Success == 0:
		return []string{r.nobody()}
	}
	clauses := []string{r.comparison(best, peak)}
	for _, s := range r.patient() {
		if clause := r.ownPatience(s, peak, s == &r.Strategies[best]); clause != "" {
			clauses = append(clauses, clause)
		}
	}
	if clause := r.aftermath(); clause != "" {
		clauses = append(clauses, clause)
	}
	return clauses
}

// mostNamed is how many strategies a clause names; of more it says how many they are.
const mostNamed = 3

// aftermath says which strategies stay down after the spike where others come back: "after it at-once and
// backoff never meet the objective again, no-retry does in 59 s". Nothing where all or none do.
func (r *Result) aftermath() string {
	var down []string
	quickest, shown := -1, 0
	for i := range r.Strategies {
		s := &r.Strategies[i]
		switch {
		case !s.RecoveryShown:
			continue
		case !s.Recovered:
			down = append(down, s.Name)
		case quickest < 0 || *s.RecoveryS < *r.Strategies[quickest].RecoveryS:
			quickest = i
		}
		shown++
	}
	if len(down) == 0 || quickest < 0 {
		return ""
	}
	who := fmt.Sprintf("%d of %d strategies", len(down), shown)
	if len(down) <= mostNamed {
		who = enumerated(down)
	}
	verb := "meet"
	if len(down) == 1 {
		verb = "meets"
	}
	return fmt.Sprintf("after it %s never %s the objective again, %s does in %s", who, verb, r.Strategies[quickest].Name, r.Strategies[quickest].recovery())
}

// enumerated joins names as a sentence does.
func enumerated(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// best returns the strategy with the highest success in a phase, the first of equals; -1 without data.
func (r *Result) best(phase int) int {
	best := -1
	for i := range r.Strategies {
		x := r.Strategies[i].figures(phase).Success
		if x != nil && (best < 0 || *x > *r.Strategies[best].figures(phase).Success) {
			best = i
		}
	}
	return best
}

// nobody says that no call succeeded, and why most did not.
func (r *Result) nobody() string {
	peak := r.peak()
	most, calls := "", int64(0)
	for _, name := range outcomeOrder[1:] {
		n := int64(0)
		for i := range r.Strategies {
			n += r.Strategies[i].figures(peak).Outcomes[name]
		}
		if n > calls {
			most, calls = name, n
		}
	}
	text := "no call succeeded " + r.through(peak)
	if len(r.Strategies) > 1 {
		text += fmt.Sprintf(" with any of %d strategies", len(r.Strategies))
	} else {
		text += " with " + r.Strategies[0].Name
	}
	if most != "" {
		text += ", most ended as " + most
	}
	return text
}

// comparison is the main clause: the best strategy against the first one listed, or, where the first
// is the best, against the next best.
func (r *Result) comparison(best, peak int) string {
	first := &r.Strategies[0]
	top := &r.Strategies[best]
	if len(r.Strategies) == 1 {
		return r.alone(top, peak)
	}
	if r.allEqual(peak) {
		return fmt.Sprintf("no difference shown, all %d strategies keep %s success %s",
			len(r.Strategies), showWhole(*top.figures(peak).Success), r.through(peak))
	}
	if best > 0 {
		if base := first.figures(peak).Success; base != nil {
			return r.versus(top, first, top.Against, *top.figures(peak).Success-*base, peak)
		}
		return r.alone(top, peak)
	}
	next := -1
	for i := 1; i < len(r.Strategies); i++ {
		x := r.Strategies[i].figures(peak).Success
		if x != nil && (next < 0 || *x > *r.Strategies[next].figures(peak).Success) {
			next = i
		}
	}
	if next < 0 {
		return r.alone(top, peak)
	}
	second := &r.Strategies[next]
	return r.versus(top, second, r.turned(second, peak), *top.figures(peak).Success-*second.figures(peak).Success, peak)
}

// alone states one strategy without a comparison.
func (r *Result) alone(s *Strategy, peak int) string {
	f := s.figures(peak)
	text := fmt.Sprintf("%s keeps %s success %s", s.Name, showWhole(*f.Success), r.through(peak))
	if f.SuccessCI != nil {
		text += fmt.Sprintf(" [%s, %s]", showWhole(f.SuccessCI[0]), showWhole(f.SuccessCI[1]))
	}
	if f.P99MS != nil {
		text += ", P99 " + showMillis(f.P99MS)
	}
	return text
}

// versus states the difference of two strategies. pair is nil where no pairing was possible; it
// decides whether a difference is shown at all: one whose interval holds 0 is not.
func (r *Result) versus(a, b *Strategy, pair *Paired, difference float64, peak int) string {
	x, y := *a.figures(peak).Success, *b.figures(peak).Success
	var ci *Interval
	if pair != nil && (pair.Of == 0 || pair.Phase != r.Phases[peak].Name && len(r.Phases) > 1) {
		pair = nil // of another phase, or of no seed in common
	}
	if pair != nil {
		difference, ci = pair.Success, pair.SuccessCI
	}
	if ci != nil && ci[0] <= 0 && ci[1] >= 0 {
		return fmt.Sprintf("no difference shown between %s, %s success %s, and %s, %s: %s points %s",
			a.Name, showWhole(x), r.through(peak), b.Name, showWhole(y), showPoints(difference), showPointsCI(difference, *ci))
	}
	text := fmt.Sprintf("%s keeps %s success %s, %s %s: %s points",
		a.Name, showWhole(x), r.through(peak), b.Name, showWhole(y), showPoints(difference))
	if ci != nil {
		text += " " + showPointsCI(difference, *ci)
	}
	switch {
	case pair != nil && pair.Of > 1 && ci != nil: // without spread the runs are one sample, and no count of wins
		sample := "seeds"
		if r.Measured {
			sample = "runs"
		}
		text += fmt.Sprintf(", better in %d of %d %s", pair.Better, pair.Of, sample)
	case ci == nil:
		text += ", without an interval"
	}
	return text
}

// turned is the difference to the first strategy seen from the first: its sign turned, its wins
// showCounted from the rows of the seeds, because a seed may also be a draw.
func (r *Result) turned(s *Strategy, peak int) *Paired {
	p := s.Against
	if p == nil {
		return nil
	}
	back := &Paired{Phase: p.Phase, Success: -p.Success, Of: p.Of}
	if p.SuccessCI != nil {
		back.SuccessCI = &Interval{-p.SuccessCI[1], -p.SuccessCI[0]}
	}
	theirs := make(map[uint64]float64, len(s.Runs))
	for i := range s.Runs {
		if x, ok := s.Runs[i].success(peak); ok {
			theirs[s.Runs[i].Seed] = x
		}
	}
	for i := range r.Strategies[0].Runs {
		run := &r.Strategies[0].Runs[i]
		mine, ok := run.success(peak)
		if other, both := theirs[run.Seed]; ok && both && mine > other {
			back.Better++
		}
	}
	return back
}

// success returns the share of ok calls of one seed in a phase, and whether it had calls there.
func (run *Run) success(phase int) (float64, bool) {
	if phase < 0 || phase >= len(run.Phases) || run.Phases[phase].Calls == 0 {
		return 0, false
	}
	p := &run.Phases[phase]
	return float64(p.Outcomes["ok"]) / float64(p.Calls), true
}

// allEqual reports whether every strategy reached the very same success.
func (r *Result) allEqual(phase int) bool {
	first := r.Strategies[0].figures(phase).Success
	for i := range r.Strategies {
		x := r.Strategies[i].figures(phase).Success
		if x == nil || first == nil || math.Abs(*x-*first) > 1e-12 {
			return false
		}
	}
	return true
}

// ownPatience says what s reached within the scenario's own patience, and how long its callers waited.
func (r *Result) ownPatience(s *Strategy, peak int, isTop bool) string {
	f := s.figures(peak)
	if f.SuccessAtPatience == nil || f.Success != nil && *f.SuccessAtPatience == *f.Success {
		return "" // the longer patience was not needed
	}
	text := fmt.Sprintf("within the callers' own %s: %s", showClock(*r.PatienceS), showWhole(*f.SuccessAtPatience))
	if !isTop && f.Success != nil {
		long := "for ever"
		if s.PatienceS != nil {
			long = "up to " + s.toldToWait()
		}
		text = fmt.Sprintf("%s, whose callers wait %s, keeps %s, %s", s.Name, long, showWhole(*f.Success), text)
	}
	if f.WaitP99MS != nil {
		text += "; its callers waited " + showMillis(f.WaitP99MS) + " at P99"
	}
	return text
}

// through names the traffic of the phase that decides: "through 100 to 1000 QPS".
func (r *Result) through(phase int) string {
	p := &r.Phases[phase]
	switch {
	case p.Closed:
		return "in the closed loop " + p.Name
	case p.Recorded:
		return fmt.Sprintf("through %s (%s)", p.Name, r.busiest())
	}
	for i := range r.Phases {
		if base := r.Phases[i].RateQP; base > 0 && base < p.RateQP && !r.Phases[i].Closed {
			return fmt.Sprintf("through %s to %s QPS", showQPS(base), showQPS(p.RateQP))
		}
	}
	return "at " + showQPS(p.RateQP) + " QPS"
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
