package report

import (
	"fmt"
	"math"
	"slices"

	"github.com/montanaflynn/stats"
)

// leastPairs are the fewest pairs whose sign-flip test can reach .025: 2^-6 is .016.
const leastPairs = 6

// againstRuns judges against the base, or against another quantity of the same runs: run by run, paired
// by seed where both met the same traffic.
func (t *trial) againstRuns() {
	base, why := t.baseOf()
	if why != "" {
		t.noData(why)
		return
	}
	logs, own, bound := t.pairs(base)
	if len(own) == 0 {
		t.noData("no run of both sides has data")
		return
	}
	g := &t.gate
	value, limit := mean(own), mean(bound)
	g.Measured, g.Limit = finitePointer(value), finitePointer(limit)
	d := make([]float64, len(own))
	for i := range own {
		if logs {
			d[i] = math.Log(own[i] / bound[i])
		} else {
			d[i] = own[i] - bound[i]
		}
		if !t.demand.Op.Upper() {
			d[i] = -d[i]
		}
	}
	if base.paired {
		t.pairedVerdict(d, logs)
		return
	}
	t.unpairedVerdict(own, bound, logs)
}

func mean(x []float64) float64 { return sum(x) / float64(len(x)) }

// A side is the other side of a comparison.
type side struct {
	of     *Strategy
	phase  int
	paired bool
}

// baseOf finds the base's strategy and phase of the same names; why says what is not comparable. A gate
// without `base` compares quantities of one run, which is paired.
func (t *trial) baseOf() (s side, why string) {
	if !slices.ContainsFunc(t.demand.Bound.Terms, func(one Term) bool { return one.Base }) {
		return side{paired: true}, ""
	}
	if t.base == nil {
		return s, "there is no base: --baseline FILE"
	}
	s.phase = t.phase
	if t.phase != wholeRun {
		name := t.result.Phases[t.phase].Name
		s.phase = slices.IndexFunc(t.base.Phases, func(p PhaseInfo) bool { return p.Name == name })
		if s.phase < 0 {
			return s, fmt.Sprintf("the base has no phase %q", name)
		}
	}
	i := slices.IndexFunc(t.base.Strategies, func(b Strategy) bool { return b.Name == t.of.Name })
	if i < 0 {
		return s, fmt.Sprintf("the base has no strategy %q", t.of.Name)
	}
	s.of = &t.base.Strategies[i]
	s.paired = t.base.TrafficSHA256 == t.result.TrafficSHA256 && !t.result.Measured && !t.base.Measured && shareSeeds(t.of, s.of)
	if !s.paired && !t.result.Measured {
		t.gate.warn("the base met other traffic: compared as two samples, which shows less")
	}
	return s, ""
}

func shareSeeds(a, b *Strategy) bool {
	return slices.ContainsFunc(a.Runs, func(r Run) bool { return runOf(b, r.Seed) != nil })
}

func runOf(s *Strategy, seed uint64) *Run {
	for i := range s.Runs {
		if s.Runs[i].Seed == seed {
			return &s.Runs[i]
		}
	}
	return nil
}

// pairs are the values of the runs and of their bounds. logs says that they are compared by their ratio:
// times, rates and factors, unless something is added or a value is 0; shares by their difference.
func (t *trial) pairs(base side) (logs bool, own, bound []float64) {
	q := t.demand.Quantity
	kind := q.kind()
	logs = kind == timeKind || kind == rateKind || kind == timesKind
	for _, term := range t.demand.Bound.Terms {
		logs = logs && term.Plus == nil && term.Literal == nil
	}
	if base.of != nil && !base.paired {
		for i := range t.of.Runs {
			if v, ok := t.value(&t.of.Runs[i], t.phase, q); ok {
				own = append(own, v)
			}
		}
		for i := range base.of.Runs {
			if b, ok := t.boundOf(nil, &base.of.Runs[i], base.phase); ok {
				bound = append(bound, b)
			}
		}
		if len(own) == 0 || len(bound) == 0 {
			return logs, nil, nil
		}
		return logs && slices.Min(own) > 0 && slices.Min(bound) > 0, own, bound
	}
	for i := range t.of.Runs {
		run := &t.of.Runs[i]
		var other *Run
		if base.of != nil {
			if other = runOf(base.of, run.Seed); other == nil {
				continue
			}
		}
		v, ok := t.value(run, t.phase, q)
		b, known := t.boundOf(run, other, base.phase)
		if ok && known {
			own, bound = append(own, v), append(bound, b)
			logs = logs && v > 0 && b > 0
		}
	}
	return logs, own, bound
}

// value is one run's own figure.
func (t *trial) value(run *Run, phase int, q Quantity) (float64, bool) {
	s, rough := run.sample(phase, q, t.demand.Window)
	if s.N <= 0 || !finite(s.X/s.N) {
		return 0, false
	}
	if rough {
		t.gate.warn("from histograms, within 0.1 %: give the gate while running and it is counted exactly")
	}
	return s.X / s.N, true
}

// boundOf is the bound of one pair of runs: own is the candidate's, nil where only the base counts.
func (t *trial) boundOf(own, other *Run, basePhase int) (float64, bool) {
	b := t.demand.Bound
	var values []float64
	for i := range b.Terms {
		term := &b.Terms[i]
		var v float64
		switch {
		case term.Literal != nil:
			v = term.Literal.Value
		case term.Base:
			x, ok := t.value(other, basePhase, t.demand.Quantity)
			if !ok {
				return 0, false
			}
			v = x * term.Times
		default:
			x, ok := t.quantityOf(own, term.Quantity)
			if !ok {
				return 0, false
			}
			v = x * term.Times
		}
		if term.Plus != nil {
			v += term.Plus.Value
		}
		values = append(values, v)
	}
	if b.Pick == "min" {
		return slices.Min(values), true
	}
	return slices.Max(values), true
}

// quantityOf is another quantity of the same seed: of its own strategy unless it names one, and of its
// own phase.
func (t *trial) quantityOf(own *Run, q *Quantity) (float64, bool) {
	if own == nil {
		return 0, false
	}
	phase, run := t.phase, own
	if q.Selector.Phase != "" {
		phase = slices.IndexFunc(t.result.Phases, func(p PhaseInfo) bool { return p.Name == q.Selector.Phase })
	}
	for i := range t.result.Strategies {
		if s := &t.result.Strategies[i]; s.Name == q.Selector.Strategy {
			run = runOf(s, own.Seed)
		}
	}
	if run == nil {
		return 0, false
	}
	return t.value(run, phase, *q)
}

// pairedVerdict decides on the differences of pairs, above 0 being worse than allowed: mean d +- t s/sqrt k
// decides with the sign-flip test beside it.
func (t *trial) pairedVerdict(d []float64, logs bool) {
	g, k := &t.gate, len(d)
	center := mean(d)
	e := estimate{value: center}
	spread, err := stats.StandardDeviationSample(d)
	switch {
	case k < leastPairs && !allEqual(d):
		e.why = fmt.Sprintf("a paired comparison needs at least %d seeds, and there are %d: --seeds=20", leastPairs, k)
		if k < 2 {
			e.why = "one seed has no interval: --seeds=20"
		}
	case k < 2:
		e.why = "one seed has no interval: --seeds=20"
	case err != nil || negligible(spread, center):
		e.low, e.high, e.known = center, center, true
	default:
		half := t.t975(k) * spread / math.Sqrt(float64(k))
		e.low, e.high, e.known = center-half, center+half, true
	}
	g.p = -1
	if e.known {
		g.p = signFlip(d, 0)
	}
	op := t.demand.Op
	if !op.Upper() { // d is turned so that more is worse
		t.demand.Op = map[Op]Op{More: Less, AtLeast: AtMost, Equal: Equal, Unequal: Unequal}[op]
	}
	t.conclude(e, 0)
	t.demand.Op = op
	g.effect(e, logs, op.Upper())
	if g.Verdict == Fail && g.p > t.alpha/2 && op != Equal && op != Unequal {
		g.Verdict, g.Reason = Inconclusive, fmt.Sprintf("the interval lies beyond, but the sign-flip test does not (p %.2g)", g.p)
	}
	if g.Verdict == Inconclusive && e.known {
		g.NeededSeeds = max(pairsNeeded(spread, center)-k, 1)
	}
}

func allEqual(x []float64) bool {
	return !slices.ContainsFunc(x, func(v float64) bool { return v != x[0] })
}

// unpairedVerdict compares two samples of runs by the Hodges-Lehmann shift and the rank test.
func (t *trial) unpairedVerdict(own, bound []float64, logs bool) {
	a, b := slices.Clone(own), slices.Clone(bound)
	if logs {
		for i := range a {
			a[i] = math.Log(a[i])
		}
		for i := range b {
			b[i] = math.Log(b[i])
		}
	}
	if !t.demand.Op.Upper() {
		a, b = b, a
	}
	median, ci := shift(a, b)
	e := estimate{value: median, why: fmt.Sprintf("two samples need at least %d runs each", leastUnpaired)}
	if ci != nil {
		e.low, e.high, e.known = ci[0], ci[1], true
		t.gate.p = rankTest(a, b) / 2
		if median < 0 {
			t.gate.p = 1 - t.gate.p
		}
	} else {
		t.gate.p = -1
	}
	op := t.demand.Op
	if !op.Upper() {
		t.demand.Op = map[Op]Op{More: Less, AtLeast: AtMost, Equal: Equal, Unequal: Unequal}[op]
	}
	t.conclude(e, 0)
	t.demand.Op = op
	t.gate.effect(e, logs, op.Upper())
}

// effect is how far the figure lies from the bound, with its interval, in the direction of the figure:
// as a ratio less 1, or in its own unit.
func (g *GateResult) effect(e estimate, logs, upper bool) {
	value, low, high := e.value, e.low, e.high
	if !upper {
		value, low, high = -value, -high, -low
	}
	if logs {
		value, low, high = math.Expm1(value), math.Expm1(low), math.Expm1(high)
	}
	g.Effect = finitePointer(value)
	if e.known {
		g.EffectCI = interval(low, high)
	}
	g.Relative = logs
	g.excess = e.value
}
