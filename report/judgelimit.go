package report

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// againstLimit judges against a number.
func (t *trial) againstLimit(limit float64) {
	q := t.demand.Quantity
	literal := t.demand.Bound.Terms[0].Literal
	switch {
	case q.Stat.Kind == "quantile":
		t.quantile(limit)
		return
	case q.Measure == "goodput" && literal.Unit == Share:
		q.Measure = "good" // 85 % of the offered calls
		t.gate.Unit = shareKind.unit()
	}
	x, n := t.samples(func(run *Run) (Sample, bool) { return run.sample(t.phase, q, t.demand.Window) })
	if len(x) == 0 {
		t.noData(t.nothingOf(q))
		return
	}
	t.decide(t.estimate(q, x, n), limit)
	if q.Measure == "recovery" && math.IsInf(t.gate.Of, 1) {
		t.gate.Verdict, t.gate.Reason = Fail, "does not recover"
	}
}

// nothingOf says why a quantity has no data.
func (t *trial) nothingOf(q Quantity) string {
	switch {
	case q.Measure == "recovery":
		return "the load after the spike is too short to show a recovery"
	case q.Measure == "queue":
		return "nothing here has a queue to watch"
	case q.Metric == "ttft" || q.Metric == "tpot":
		return "no ok call told when its tokens came"
	case q.Measure == "good" && t.result.Objective == nil:
		return "without an objective no call is good or bad"
	case t.fewestCalls() == 0:
		return "no call was offered"
	case q.Measure == "" && q.Stat.Kind != "over":
		return "no ok call"
	}
	return "was not recorded: give the gate while running"
}

// estimate is the figure over runs by what kind of quantity it is (the estimators of the whole package).
func (t *trial) estimate(q Quantity, x, n []float64) estimate {
	if t.demand.Window > 0 || q.Measure == "recovery" || q.Measure == "queue" || q.Stat.Kind == "min" || q.Stat.Kind == "max" || q.Stat.Kind == "quantile" {
		return t.median(x)
	}
	switch q.kind() {
	case shareKind:
		if q.Measure == "wasted_work" {
			return t.ratio(x, n, math.Log)
		}
		return t.share(x, n)
	case timesKind:
		return t.ratio(x, n, math.Log)
	}
	return t.ratio(x, n, nil) // rates, means and counts
}

// t975 is the two-sided quantile of Student's t for k runs at the demand's confidence.
func (t *trial) t975(k int) float64 {
	return distuv.StudentsT{Mu: 0, Sigma: 1, Nu: float64(k - 1)}.Quantile(1 - t.alpha/2)
}

// share is the ratio estimator of a share with its interval on the logit scale; where it is 0 or 1 in
// every run, with the one-sided bound 3/n_eff.
func (t *trial) share(x, n []float64) estimate {
	r, se := ratioEstimate(x, n)
	e := estimate{value: r}
	if len(x) < 2 {
		return t.oneRun(e, n)
	}
	bound := min(math.Log(2/t.alpha)*t.vif(sum(n))/sum(n), 1) // at 95 % 3.7 n/VIF: the one-sided 3 would be 95 % on one side only
	switch {
	case r == 0:
		e.low, e.high, e.known = 0, bound, true
		e.tail = func(limit float64) float64 { return 1 }
	case r == 1:
		e.low, e.high, e.known = 1-bound, 1, true
		e.tail = func(limit float64) float64 { return step(limit >= 1) }
	case negligible(se, r):
		e.low, e.high, e.known, e.tail = r, r, true, student(r, 0, len(x), nil)
	default:
		logit := func(p float64) float64 { return math.Log(p / (1 - p)) }
		spread := se / (r * (1 - r))
		half := t.t975(len(x)) * spread
		e.low, e.high, e.known = logistic(logit(r)-half), logistic(logit(r)+half), true
		e.tail = student(r, spread, len(x), logit)
	}
	return e
}

// oneRun is the interval of a share in one run: measured, Wilson's with n/VIF; simulated there is none,
// for more seeds cost nothing.
func (t *trial) oneRun(e estimate, n []float64) estimate {
	if !t.result.Measured || len(n) == 0 {
		e.why = "one seed has no interval: --seeds=20"
		return e
	}
	if i := wilson(e.value, sum(n), t.vif(sum(n))); i != nil {
		e.low, e.high, e.known = i[0], i[1], true
		t.gate.warn("one run, n/VIF")
	}
	return e
}

// vif is the variance inflation of response times in the phase, for n of its calls: what those have in
// common grows with how many of one run there are, so of a class with a tenth of the calls it is a tenth.
func (t *trial) vif(n float64) float64 {
	f := t.figures()
	v := float64(defaultVIF)
	if f.VIF != nil && *f.VIF > 0 {
		v = *f.VIF
	}
	if f.Calls > 0 && n < float64(f.Calls) {
		v = 1 + (v-1)*n/float64(f.Calls)
	}
	return v
}

func (t *trial) figures() *Figures {
	if t.phase == wholeRun {
		return &t.of.Total
	}
	return t.of.figures(t.phase)
}

// ratio is the ratio estimator with a t-interval on a scale; nil is the linear one.
func (t *trial) ratio(x, n []float64, scale func(float64) float64) estimate {
	r, se := ratioEstimate(x, n)
	e := estimate{value: r}
	switch {
	case len(x) < 2:
		return e
	case negligible(se, r):
		e.low, e.high, e.known, e.tail = r, r, true, student(r, 0, len(x), nil)
		return e
	case scale != nil && r > 0:
		half := t.t975(len(x)) * se / r
		e.low, e.high, e.known = r*math.Exp(-half), r*math.Exp(half), true
		e.tail = student(r, se/r, len(x), scale)
		return e
	}
	half := t.t975(len(x)) * se
	e.low, e.high, e.known = r-half, r+half, true
	e.tail = student(r, se, len(x), nil)
	return e
}

// median is the median of run values with its interval by order statistics; the p of a limit is that
// of the sign test.
func (t *trial) median(x []float64) estimate {
	sorted := slices.Sorted(slices.Values(x))
	k := len(sorted)
	e := estimate{value: sorted[(k+1)/2-1]}
	t.gate.Of = e.value
	coin := distuv.Binomial{N: float64(k), P: 0.5}
	if sorted[0] == sorted[k-1] && k > 1 {
		e.low, e.high, e.known = e.value, e.value, true
	} else {
		r := 0
		for coin.CDF(float64(r)) <= t.alpha/2 {
			r++
		}
		if r == 0 {
			e.why = fmt.Sprintf("a median needs at least 6 runs for an interval, and there are %d: --seeds=20", k)
			return e
		}
		e.low, e.high, e.known = sorted[r-1], sorted[k-r], true
	}
	e.tail = func(limit float64) float64 { // as many at or below as this, if the median were above
		atMost := 0
		for _, v := range sorted {
			if v <= limit {
				atMost++
			}
		}
		return coin.CDF(float64(atMost))
	}
	return e
}

// quantile judges a percentile against a limit as a share: the nearest-rank P99 is below 2 s exactly
// when at most n - ceil(.99 n) of the n ok calls took 2 s or longer. A percentile is for people; its
// share has no bias and a narrower interval.
func (t *trial) quantile(limit float64) {
	d := &t.demand
	slow := beyondQuantity(d.Quantity, d.Op, limit)
	x, n := t.samples(func(run *Run) (Sample, bool) { return run.beyond(t.phase, slow) })
	g := &t.gate
	g.Limit = &limit
	if len(x) == 0 {
		t.noData(t.nothingOf(d.Quantity))
		return
	}
	budget := 1 - float64(d.Quantity.Stat.A)/float64(d.Quantity.Stat.D)
	e := t.share(x, n)
	t.measuredQuantile()
	op := d.Op
	if op == Less || op == AtMost {
		d.Op = AtMost // of the budget
	} else if op == More || op == AtLeast {
		d.Op = More
	}
	g.excess = e.excess(d.Op.Upper(), budget)
	g.p = e.beyond(d.Op.Upper(), budget)
	t.conclude(e, budget)
	d.Op = op
	if g.Verdict == Inconclusive && e.known {
		g.Reason = fmt.Sprintf("%s of the calls were slower, allowed %s, and the interval [%s, %s] holds both",
			showWhole(e.value), showWhole(budget), showWhole(e.low), showWhole(e.high))
	}
	if need := certified(budget, t.alpha); op.Upper() && sum(n) < float64(need) && g.Verdict != Fail {
		g.Verdict, g.unmeasured = NoData, true
		g.Reason = fmt.Sprintf("could not measure: %s needs %d independent calls", d.Quantity.Stat.name(), need)
	}
}

// certified is the fewest independent calls that show, with none slow, that at most budget are:
// ln(alpha)/ln(1 - budget), for P99 at 95 % 299 (MLPerf's early stopping with t = 0).
func certified(budget, alpha float64) int {
	return int(math.Ceil(math.Log(alpha) / math.Log(1-budget)))
}

func (s Stat) name() string { return "P" + s.percentage() }

// measuredQuantile shows the pooled percentile with its bootstrap interval where the figures have it,
// else the median over runs.
func (t *trial) measuredQuantile() {
	q, f := t.demand.Quantity, t.figures()
	name := q.Stat.String()
	if q.Selector.Priority == "" {
		switch q.Metric + " " + name {
		case "response_time p50":
			t.gate.Measured, t.gate.CI = f.P50MS, f.P50CI
		case "response_time p95":
			t.gate.Measured, t.gate.CI = f.P95MS, f.P95CI
		case "response_time p99":
			t.gate.Measured, t.gate.CI = f.P99MS, f.P99CI
		case "service_time p95":
			t.gate.Measured = f.ServiceP95MS
		case "service_time p99":
			t.gate.Measured = f.ServiceP99MS
		case "ttft p50":
			t.gate.Measured = f.TTFTP50MS
		case "ttft p99":
			t.gate.Measured = f.TTFTP99MS
		case "tpot p50":
			t.gate.Measured = f.TPOTP50MS
		case "tpot p99":
			t.gate.Measured = f.TPOTP99MS
		}
	}
	if t.gate.Measured != nil {
		return
	}
	x, _ := t.samples(func(run *Run) (Sample, bool) { return run.sample(t.phase, q, 0) })
	if len(x) > 0 {
		e := t.median(x)
		t.gate.Measured, t.gate.CI = finitePointer(e.value), e.shown()
		t.gate.warn("the figure shown is the median over runs; what decides is the share of slow calls")
	}
}
