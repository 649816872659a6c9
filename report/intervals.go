package report

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/headroom-dev/headroom/sim"
	"github.com/montanaflynn/stats"
	"gonum.org/v1/gonum/stat/distuv"
)

// An estimator makes figures with their intervals for one strategy.
type estimator struct {
	config    *Config
	single    bool             // live, with fewer than five runs: intervals of shares are Wilson's
	identical bool             // nothing varied by seed: no intervals
	batches   [][]distribution // by phase, then by batch that holds a run
	weights   [][]int64        // of the bootstrap over batches
}

// fewRuns is the number of live runs below which intervals come from within the runs.
const fewRuns = 5

func (c *Collector) estimator(one *collected, weights map[int][][]int64) *estimator {
	e := &estimator{
		config: &c.config, identical: one.identical(), batches: make([][]distribution, len(c.config.Phases)),
		single: c.given.Measured && len(one.done()) < fewRuns,
	}
	k := 0
	for _, b := range one.batches {
		if b.runs == 0 {
			continue
		}
		k++
		for i, d := range b.phases {
			e.batches[i] = append(e.batches[i], d)
		}
	}
	if k >= leastOfBoots {
		if weights[k] == nil {
			weights[k] = bootstrapWeights(k)
		}
		e.weights = weights[k]
	}
	return e
}

// pooled returns the batches over all phases.
func (e *estimator) pooled() []distribution {
	all := slices.Clone(e.batches[0])
	for _, phase := range e.batches[1:] {
		for i, d := range phase {
			all[i] = all[i].plus(d)
		}
	}
	return all
}

// intervals fills in the intervals over runs.
func (e *estimator) intervals(f *Figures, runs []*Summary, ok distribution, batches []distribution) {
	k := len(runs)
	column := func(of func(s *Summary) float64) []float64 {
		values := make([]float64, k)
		for i, r := range runs {
			values[i] = of(r)
		}
		return values
	}
	calls := column(func(s *Summary) float64 { return float64(s.Calls) })
	vif := meanVIF(runs)
	if !e.single {
		vif = inflation(runs, ok.variance())
	}
	f.VIF = &vif
	share := func(r *float64, of func(s *Summary) int64) *Interval {
		switch {
		case r == nil:
			return nil
		case e.single:
			return wilson(*r, sum(calls), vif)
		}
		return shareInterval(column(func(s *Summary) float64 { return float64(of(s)) }), calls, vif)
	}
	f.SuccessCI = share(f.Success, func(s *Summary) int64 { return s.Outcomes[sim.OK] })
	f.SuccessAtPatienceCI = share(f.SuccessAtPatience, func(s *Summary) int64 { return s.AtPatience })
	f.GoodCI = share(f.Good, func(s *Summary) int64 { return s.Good })
	if e.single {
		if f.Calls > 0 {
			f.Warnings = append(f.Warnings, fmt.Sprintf("%s, n/VIF: intervals of shares are Wilson's with VIF %.3g", oneRun(k), vif))
		}
		return
	}
	f.AmplificationCI = scaleInterval(column(func(s *Summary) float64 { return float64(s.Attempts) }), calls)
	if ci := scaleInterval(
		column(func(s *Summary) float64 { return s.Wasted.Seconds() }),
		column(func(s *Summary) float64 { return s.Work.Seconds() })); ci != nil {
		f.WastedWorkCI = &Interval{ci[0], min(ci[1], 1)}
	}
	f.GoodputCI = rateInterval(runs, func(s *Summary) int64 { return s.Good })
	f.ThroughputCI = rateInterval(runs, func(s *Summary) int64 { return s.Delivered })

	r, se := ratioEstimate(
		column(func(s *Summary) float64 { return milliseconds(s.Response) }),
		column(func(s *Summary) float64 { return float64(s.Outcomes[sim.OK]) }))
	if k > 1 && finite(se) && !negligible(se, r) {
		half := tQuantile(k) * se
		f.MeanCI = interval(max(r-half, 0), r+half)
	}
	if len(e.weights) > 0 && ok.n > 0 {
		p := newPool(ok, batches)
		f.P50CI, f.P95CI, f.P99CI = p.interval(p50, e.weights), p.interval(p95, e.weights), p.interval(p99, e.weights)
	}
}

func oneRun(k int) string {
	if k == 1 {
		return "one run"
	}
	return fmt.Sprintf("%d runs as one run", k)
}

// inflation is the variance inflation that the spread between runs shows: with m_i the mean response
// time of run i, s² the variance of the m_i, nbar the calls of a run and sigma² the variance of single
// response times in µs²,
//
//	VIF = s² nbar / sigma² * (k - 1) / chi²_(.05, k-1)
//
// where the last factor makes it the upper 95 % bound of what k runs can tell. It is preferred to the
// autocorrelation within a run wherever there are two runs: in a spike response times climb and fall
// the same way in every run, which looks like correlation (a VIF of thousands) but is no uncertainty.
func inflation(runs []*Summary, variance float64) float64 {
	var means []float64
	var calls float64
	for _, r := range runs {
		if n := float64(r.Outcomes[sim.OK]); n > 0 {
			means = append(means, float64(r.Response)/float64(time.Microsecond)/n)
			calls += n
		}
	}
	k := len(means)
	if k < 2 || variance <= 0 {
		return meanVIF(runs)
	}
	squares, err := stats.SampleVariance(means)
	if err != nil {
		return meanVIF(runs)
	}
	free := float64(k - 1)
	upper := free / distuv.ChiSquared{K: free}.Quantile(1-confidence)
	return max(squares*calls/float64(k)/variance*upper, 1)
}

// meanVIF is the variance inflation over runs; defaultVIF stands for those that could not tell.
func meanVIF(runs []*Summary) float64 {
	if len(runs) == 0 {
		return defaultVIF
	}
	var total float64
	for _, r := range runs {
		if r.VIF > 0 {
			total += r.VIF
		} else {
			total += defaultVIF
		}
	}
	return total / float64(len(runs))
}

// rateInterval is the t-interval of a rate per second over runs, R +- t_(k-1) se with R = sum x / sum T
// and se of the ratio estimator; never below 0. Where all runs last equally long it is the t-interval
// of the rates of the runs. Where they do not, as in a closed loop, it still lies around the R that
// is printed, which the mean of the runs' rates is not.
func rateInterval(runs []*Summary, of func(s *Summary) int64) *Interval {
	counts, spans := make([]float64, len(runs)), make([]float64, len(runs))
	for i, r := range runs {
		counts[i], spans[i] = float64(of(r)), r.Span.Seconds()
	}
	rate, se := ratioEstimate(counts, spans)
	if math.IsNaN(se) || negligible(se, rate) {
		return nil
	}
	half := tQuantile(len(runs)) * se
	return interval(max(rate-half, 0), rate+half)
}
