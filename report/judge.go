package report

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// The verdicts of a gate.
const (
	Pass         = "pass"
	Fail         = "fail"
	Inconclusive = "inconclusive"
	NoData       = "no data"
)

// Judge holds a Result to demands, each expanded to one gate for each strategy that it selects. base is
// what `base` in a bound means; nil where there is none. The error is a *GateError for a demand that
// names what there is not.
//
// One interval is printed and decides: two-sided, of the demand's confidence, over runs. Let [L, U] be
// the interval of how much worse than allowed the figure is. It fails if L > 0, passes if U < 0, and is
// undecided else. Of several blocking gates a failing one must fail at the level of Holm's step-down
// too, so that a family of gates raises no more false alarms than one.
func Judge(r, base *Result, demands []Demand) ([]GateResult, error) {
	var gates []GateResult
	for _, d := range demands {
		if err := d.Resolve(NamesOf(r)); err != nil {
			return nil, err
		}
		for i := range r.Strategies {
			s := &r.Strategies[i]
			if name := d.Quantity.Selector.Strategy; name != "" && name != s.Name {
				continue
			}
			gates = append(gates, judgeOne(r, base, s, d))
		}
	}
	stepDown(gates)
	return gates, nil
}

// A trial is a gate while it is being judged.
type trial struct {
	demand Demand
	result *Result
	base   *Result
	of     *Strategy
	phase  int
	gate   GateResult
	alpha  float64
}

func judgeOne(r, base *Result, s *Strategy, d Demand) GateResult {
	t := &trial{demand: d, result: r, base: base, of: s, phase: wholeRun, alpha: 1 - d.Confidence}
	for i := range r.Phases {
		if r.Phases[i].Name == d.Quantity.Selector.Phase {
			t.phase = i
		}
	}
	selected := d.Quantity
	selected.Selector.Strategy = s.Name
	g := d.Gate
	g.Quantity = selected
	t.gate = GateResult{
		Expr: g.String(), Selector: selector{selected.Selector.Phase, s.Name, selected.Selector.Priority},
		Unit: selected.kind().unit(), Strict: d.Strict, Stage: 1, noDataPass: d.NoDataPass, alpha: t.alpha,
		upper: d.Op.Upper(),
	}
	t.judge()
	if t.phase == wholeRun && d.Window == 0 && len(r.Phases) > 1 && d.Quantity.Measure != "recovery" {
		t.gate.warn("over the whole run, which dilutes a bad phase: name one, as {phase=" + r.Phases[max(r.peak(), 0)].Name + "}")
	}
	t.gate.Warnings = append(t.gate.Warnings, d.Notes...)
	return t.gate
}

// unit is how a kind is shown.
func (k gateKind) unit() string {
	return [...]string{timeKind: "ms", shareKind: "share", rateKind: "/s", timesKind: "x", countKind: ""}[k]
}

func (g *GateResult) warn(text string) {
	if text != "" && !slices.Contains(g.Warnings, text) {
		g.Warnings = append(g.Warnings, text)
	}
}

// noData ends a trial without a figure.
func (t *trial) noData(reason string) {
	t.gate.Verdict, t.gate.Reason = NoData, reason
}

func (t *trial) judge() {
	if len(t.result.Validity.Problems) > 0 {
		t.gate.Verdict, t.gate.Reason = "", "the run could not be measured"
		return
	}
	if least := t.fewestCalls(); least < int64(t.demand.MinCalls) {
		t.noData(fmt.Sprintf("a run had %d calls, fewer than min_calls %d", least, t.demand.MinCalls))
		return
	}
	bound := t.demand.Bound
	if len(bound.Terms) == 1 && bound.Terms[0].Literal != nil {
		t.againstLimit(bound.Terms[0].Literal.Value)
		return
	}
	t.againstRuns()
}

// fewestCalls are the calls of the run with the fewest.
func (t *trial) fewestCalls() int64 {
	least := int64(math.MaxInt64)
	for i := range t.of.Runs {
		s, _ := t.of.Runs[i].sample(t.phase, Quantity{Measure: "calls"}, 0)
		least = min(least, int64(s.X))
	}
	if least == math.MaxInt64 {
		return 0
	}
	return least
}

// samples are the runs' parts in a quantity, in the order of their seeds, those without data left out.
func (t *trial) samples(of func(run *Run) (Sample, bool)) (x, n []float64) {
	for i := range t.of.Runs {
		s, rough := of(&t.of.Runs[i])
		if s.N <= 0 {
			continue
		}
		if rough {
			t.gate.warn("from histograms, within 0.1 %: give the gate while running and it is counted exactly")
		}
		x, n = append(x, s.X), append(n, s.N)
	}
	return x, n
}

// decide compares the interval of the figure with the limit, in the figure's own unit.
func (t *trial) decide(e estimate, limit float64) {
	g := &t.gate
	g.Measured, g.CI, g.Limit = finitePointer(e.value), e.shown(), &limit
	g.excess = e.excess(t.demand.Op.Upper(), limit)
	if finite(g.excess) {
		margin := -g.excess
		g.Margin = &margin
	}
	g.p = e.beyond(t.demand.Op.Upper(), limit)
	t.conclude(e, limit)
}

func finitePointer(x float64) *float64 {
	if !finite(x) {
		return nil
	}
	return &x
}

// conclude gives the verdict of an interval.
func (t *trial) conclude(e estimate, limit float64) {
	g, op := &t.gate, t.demand.Op
	switch {
	case op == Equal || op == Unequal:
		g.warn(string(op) + " compares the value itself, whatever its interval")
		g.Verdict = Fail
		if (e.value == limit) == (op == Equal) {
			g.Verdict = Pass
		}
		return
	case !e.known:
		g.Verdict, g.Reason = Inconclusive, e.reason(len(t.of.Runs))
		return
	}
	low, high := e.low-limit, e.high-limit
	if !op.Upper() {
		low, high = limit-e.high, limit-e.low
	}
	touching := op == AtMost || op == AtLeast
	switch {
	case low > 0 || low == 0 && high == 0 && !touching:
		g.Verdict = Fail
	case high < 0 || high == 0 && touching:
		g.Verdict = Pass
	default:
		g.Verdict = Inconclusive
		g.Reason = "the limit lies inside the interval"
		if k, gap := float64(len(t.of.Runs)), math.Abs(e.value-limit); gap > 0 && k > 1 {
			half := (e.high - e.low) / 2
			g.NeededSeeds = max(int(math.Ceil(k*(half/gap)*(half/gap)))-len(t.of.Runs), 1)
		}
	}
}

// stepDown adjusts the p-values of the blocking gates that may fail: FAIL needs the adjusted p as well
// as the interval.
func stepDown(gates []GateResult) {
	var p []float64
	var which []int
	for i := range gates {
		if gates[i].Strict && (gates[i].Verdict == Fail || gates[i].Verdict == Pass || gates[i].Verdict == Inconclusive) && gates[i].p >= 0 {
			p, which = append(p, gates[i].p), append(which, i)
		}
	}
	if len(p) < 2 {
		return
	}
	for k, adjusted := range holm(p) {
		g := &gates[which[k]]
		g.PAdjusted = &adjusted
		if g.Verdict == Fail && adjusted > g.alpha/2 {
			g.Verdict = Inconclusive
			g.Reason = fmt.Sprintf("beyond the limit by itself (p %.2g), not among %d gates (Holm: p %.2g)", p[k], len(p), adjusted)
		}
	}
}

// An estimate is a figure over runs with the interval that decides.
type estimate struct {
	value, low, high float64
	known            bool                        // there is an interval
	why              string                      // there is none
	tail             func(limit float64) float64 // p that the truth lies at or below a limit; nil: from the interval
}

func (e estimate) shown() *Interval {
	if !e.known {
		return nil
	}
	return interval(e.low, e.high)
}

func (e estimate) reason(runs int) string {
	switch {
	case e.why != "":
		return e.why
	case runs < 2:
		return "one seed has no interval: --seeds=20"
	}
	return "these runs tell no interval"
}

// excess is how far the figure lies beyond the limit, as a share of it: above 0 it breaks it.
func (e estimate) excess(upper bool, limit float64) float64 {
	d := e.value - limit
	if !upper {
		d = -d
	}
	if limit == 0 {
		return d
	}
	return d / math.Abs(limit)
}

// beyond is the one-sided p of the hypothesis that the truth keeps the limit.
func (e estimate) beyond(upper bool, limit float64) float64 {
	if e.tail == nil || !e.known {
		return -1
	}
	below := e.tail(limit)
	if upper {
		return below
	}
	return 1 - below
}

// student is the p of a t-distributed estimate: that the truth lies at or below the limit.
func student(value, se float64, runs int, scale func(float64) float64) func(float64) float64 {
	if scale == nil {
		scale = func(x float64) float64 { return x }
	}
	t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: float64(max(runs-1, 1))}
	return func(limit float64) float64 {
		if se == 0 {
			return step(value <= limit)
		}
		return 1 - t.CDF((scale(value)-scale(limit))/se)
	}
}

func step(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
