package report

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/headroom-dev/headroom/sim"
)

// covered repeats an experiment whose truth is known and returns how often its interval held it.
func covered(t *testing.T, truth float64, once func(draw *rand.Rand) *Interval) (share float64) {
	t.Helper()
	const repetitions = 200
	hits := 0
	for i := range repetitions {
		ci := once(rand.New(rand.NewPCG(uint64(i), 42)))
		if ci == nil {
			t.Fatalf("repetition %d: no interval", i)
		}
		if ci[0] > ci[1] {
			t.Fatalf("repetition %d: interval %v is upside down", i, *ci)
		}
		if ci[0] <= truth && truth <= ci[1] {
			hits++
		}
	}
	return float64(hits) / repetitions
}

// clustered draws k runs of about 500 calls whose chance of success varies between runs around p, as
// it does where calls share a queue.
func clustered(draw *rand.Rand, k int, p float64) (x, n []float64) {
	for range k {
		chance := min(max(p+0.5*p*(1-p)*draw.NormFloat64()*0.2, 0), 1)
		calls := 400 + draw.IntN(200)
		hits := 0
		for range calls {
			if draw.Float64() < chance {
				hits++
			}
		}
		x, n = append(x, float64(hits)), append(n, float64(calls))
	}
	return x, n
}

// The bands below are 95 % less four standard errors of 200 repetitions, .95 - 4 sqrt(.95 .05 / 200)
// = .888. Seeds are fixed, so the outcome is too.
const leastCoverage = 0.888

func TestShareIntervalsHoldTheTruth(t *testing.T) {
	for _, k := range []int{5, 10, 20} {
		for _, p := range []float64{0.27, 0.9, 0.985} {
			got := covered(t, p, func(draw *rand.Rand) *Interval {
				x, n := clustered(draw, k, p)
				ci := shareInterval(x, n, defaultVIF)
				if ci != nil && (ci[0] < 0 || ci[1] > 1) {
					t.Fatalf("interval %v leaves 0 to 1", *ci)
				}
				return ci
			})
			if got < leastCoverage {
				t.Errorf("%d runs, share %v: got %.3f covered, want at least %v", k, p, got, leastCoverage)
			}
		}
	}
}

func TestMeanScaleAndMedianIntervalsHoldTheTruth(t *testing.T) {
	for _, row := range []struct {
		name  string
		truth float64
		once  func(draw *rand.Rand) *Interval
	}{
		{"mean of ten normal values", 5, func(draw *rand.Rand) *Interval {
			values := make([]float64, 10)
			for i := range values {
				values[i] = 5 + draw.NormFloat64()
			}
			_, ci := meanInterval(values)
			return ci
		}},
		{"amplification over twenty runs", 1.5, func(draw *rand.Rand) *Interval {
			var x, n []float64
			for range 20 {
				calls := 400 + float64(draw.IntN(200))
				x, n = append(x, calls*(1.5+0.1*draw.NormFloat64())), append(n, calls)
			}
			return scaleInterval(x, n)
		}},
		{"median of twenty exponential values", math.Ln2, func(draw *rand.Rand) *Interval {
			values := make([]float64, 20)
			for i := range values {
				values[i] = draw.ExpFloat64()
			}
			_, ci := medianInterval(values)
			return ci
		}},
		{"one share by Wilson, independent calls", 0.97, func(draw *rand.Rand) *Interval {
			hits := 0.0
			for range 500 {
				if draw.Float64() < 0.97 {
					hits++
				}
			}
			return wilson(hits/500, 500, 1)
		}},
	} {
		if got := covered(t, row.truth, row.once); got < leastCoverage {
			t.Errorf("%s: got %.3f covered, want at least %v", row.name, got, leastCoverage)
		}
	}
}

func TestPooledQuantileIntervalsHoldTheTruth(t *testing.T) {
	weights := bootstrapWeights(20)
	truth := map[quantile]float64{p50: 100 * math.Ln2, p95: 100 * math.Log(20)} // of exponential times, in ms
	hits := make(map[quantile]int)
	const repetitions = 200
	h := newHistogram(fineDigits)
	for i := range repetitions {
		draw := rand.New(rand.NewPCG(uint64(i), 42))
		var all distribution
		var runs []distribution
		for range 20 {
			h.reset()
			for range 300 {
				h.add(time.Duration(draw.ExpFloat64() * 100 * float64(time.Millisecond)))
			}
			runs = append(runs, h.distribution())
			all = all.plus(runs[len(runs)-1])
		}
		p := newPool(all, runs)
		for q, want := range truth {
			if ci := p.interval(q, weights); ci[0] <= want && want <= ci[1] {
				hits[q]++
			}
		}
	}
	for q := range truth {
		// A percentile bootstrap over 20 runs is known to be somewhat short: 93 % nominal.
		if got := float64(hits[q]) / repetitions; got < 0.86 {
			t.Errorf("%s: got %.3f covered, want at least 0.86", q.name, got)
		}
	}
}

// TestBootstrapIsThatOfMergedHistograms does it the slow way: draws runs, merges their times, sorts.
func TestBootstrapIsThatOfMergedHistograms(t *testing.T) {
	draw := rand.New(rand.NewPCG(5, 5))
	const k = 6
	var all distribution
	var runs []distribution
	for i := range k {
		h := newHistogram(fineDigits)
		for range 50 * i { // the first run has no ok call at all
			h.add(time.Duration(draw.ExpFloat64() * float64(time.Second)))
		}
		runs = append(runs, h.distribution())
		all = all.plus(h.distribution())
	}
	p := newPool(all, runs)
	for b, w := range bootstrapWeights(k)[:100] {
		var merged distribution
		var drawn int64
		for i, times := range w {
			drawn += times
			for range times {
				merged = merged.plus(runs[i])
			}
		}
		if drawn != k {
			t.Fatalf("resample %d draws %d runs, want %d", b, drawn, k)
		}
		for _, q := range []quantile{p50, p95, p99} {
			if merged.n == 0 {
				continue
			}
			one := p.interval(q, [][]int64{w})
			want := milliseconds(all.top(merged.indexOf(q.rank(merged.n))))
			if one == nil || one[1] != want {
				t.Fatalf("resample %d, %s: got %v, want upper end %v", b, q.name, one, want)
			}
		}
	}
}

// indexOf walks to the bucket of rank r.
func (d distribution) indexOf(r int64) int32 {
	for _, b := range d.at {
		if b.upTo >= r {
			return b.index
		}
	}
	return -1
}

func TestIntervalsAreNullWhereNothingVaries(t *testing.T) {
	ten := []float64{10, 10, 10}
	for name, got := range map[string]*Interval{
		"a single run's share":       shareInterval([]float64{5}, []float64{10}, 1),
		"equal shares":               shareInterval([]float64{5, 5, 5}, ten, 1),
		"equal ratios":               scaleInterval(ten, ten),
		"a ratio of nothing":         scaleInterval([]float64{0, 0}, []float64{3, 4}),
		"no calls":                   shareInterval([]float64{0, 0}, []float64{0, 0}, 1),
		"a single value":             second2(meanInterval([]float64{3})),
		"equal values":               second2(meanInterval([]float64{0.1, 0.1, 0.1})),
		"no value":                   second2(meanInterval(nil)),
		"five values have no median": second2(medianInterval([]float64{1, 2, 3, 4, 5})),
	} {
		if got != nil {
			t.Errorf("%s: got %v, want none", name, *got)
		}
	}
}

func second2(_ float64, ci *Interval) *Interval { return ci }

func TestSharesOfNoneAndAllHaveAOneSidedBound(t *testing.T) {
	n := []float64{1000, 1000, 1000}
	if got, want := *shareInterval(n, n, 50), (Interval{1 - 3.0*50/3000, 1}); got != want {
		t.Errorf("all: got %v, want %v", got, want)
	}
	if got, want := *shareInterval([]float64{0, 0, 0}, n, 50), (Interval{0, 3.0 * 50 / 3000}); got != want {
		t.Errorf("none: got %v, want %v", got, want)
	}
	if got, want := *shareInterval([]float64{0, 0}, []float64{5, 5}, 50), (Interval{0, 1}); got != want {
		t.Errorf("none of ten: got %v, want %v", got, want)
	}
}

func TestIntervalsAgreeWithWorkedExamples(t *testing.T) {
	near := func(name string, got, want, within float64) {
		t.Helper()
		if math.Abs(got-want) > within {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
	// Student's t table, two-sided 95 %: 12.706 with 1, 2.776 with 4, 2.093 with 19 degrees of freedom.
	near("t for 2 runs", tQuantile(2), 12.706, 5e-4)
	near("t for 5 runs", tQuantile(5), 2.776, 5e-4)
	near("t for 20 runs", tQuantile(20), 2.093, 5e-4)
	mean, ci := meanInterval([]float64{1, 2, 3, 4, 5}) // s = sqrt 2.5
	near("mean", mean, 3, 0)
	near("its half width", ci[1]-mean, 2.776445*math.Sqrt(2.5/5), 1e-5)
	// Wilson (1927) for 10 of 10: lower end n/(n+z²) = 0.7225.
	w := wilson(1, 10, 1)
	near("wilson for 10 of 10", w[0], 0.7225, 1e-4)
	near("wilson upper", w[1], 1, 1e-12)
	near("n/VIF", wilson(1, 1000, 100)[0], 0.7225, 1e-4)
	// Order statistics for the median of 20: ranks 6 and 15 (P = .9586); of 6: 1 and 6 (.96875).
	var values []float64
	for i := 20; i > 0; i-- {
		values = append(values, float64(i))
	}
	m, mi := medianInterval(values)
	if m != 10 || *mi != (Interval{6, 15}) {
		t.Errorf("median of 1 to 20: got %v %v, want 10 [6 15]", m, *mi)
	}
	if m, mi := medianInterval(values[14:]); m != 3 || *mi != (Interval{1, 6}) {
		t.Errorf("median of 1 to 6: got %v %v, want 3 [1 6]", m, *mi)
	}
}

func TestRateIntervalsLieAroundTheRateThatIsPrinted(t *testing.T) {
	interval := func(counts []int64, spans ...time.Duration) *Interval {
		var runs []*Summary
		for i, n := range counts {
			runs = append(runs, &Summary{Good: n, Span: spans[i%len(spans)]})
		}
		return rateInterval(runs, func(s *Summary) int64 { return s.Good })
	}
	// Runs of one length: the t-interval of their rates.
	_, want := meanInterval([]float64{100, 120, 110, 90})
	if diff := cmp.Diff(want, interval([]int64{1000, 1200, 1100, 900}, 10*time.Second), cmpopts.EquateApprox(1e-12, 0)); diff != "" {
		t.Errorf("runs of 10 s (-want +got):\n%s", diff)
	}
	// A run that ended at once, as a closed loop against a full queue does: its 16 calls in 0.1 s weigh
	// no more than 0.1 s of the others. The rate is 6016 calls in 60.1 s.
	got := interval([]int64{16, 2990, 3010}, 100*time.Millisecond, 30*time.Second, 30*time.Second)
	if rate := 6016 / 60.1; got == nil || math.Abs((got[0]+got[1])/2-rate) > 1e-9 {
		t.Errorf("runs of different lengths: got %v, want an interval around %v", got, rate)
	}
	if got := interval([]int64{10}, time.Second); got != nil {
		t.Errorf("one run: got %v, want none", got)
	}
	if got := interval([]int64{10, 10}, 0); got != nil {
		t.Errorf("runs of no length: got %v, want none", got)
	}
}

// TestVIFSeesQueueing compares independent response times, whose inflation is 1, with those of an
// M/M/1 queue at load rho = 0.8, whose waiting times have by Daley (1968)
//
//	VIF = (2 + 5 rho - 4 rho² + rho³) / ((1 - rho)² (2 - rho)) = 82
//
// (response times a little less, a finite run less again).
func TestVIFSeesQueueing(t *testing.T) {
	estimate := func(seed uint64, queue bool) float64 {
		c := Config{Phases: []PhaseInfo{{Name: "steady", ToS: 2000, RateQP: 80}}}
		tally := NewTally(c)
		if queue {
			singleServer(c, seed, 10*time.Millisecond, time.Hour, tally.Add)
		} else {
			draw := rand.New(rand.NewPCG(seed, 9))
			for i := range 160_000 {
				at := time.Duration(i) * 12500 * time.Microsecond
				tally.Add(Record{Outcome: sim.OK, FirstTry: sim.OK, Intended: at, Sent: at,
					Done: at + time.Duration(draw.ExpFloat64()*float64(50*time.Millisecond))})
			}
		}
		return tally.Summary(0).VIF
	}
	var alone, queued float64
	for seed := range uint64(5) {
		alone += estimate(seed, false) / 5
		queued += estimate(seed, true) / 5
	}
	if alone < 1 || alone > 1.3 {
		t.Errorf("independent times: got VIF %.2f, want about 1", alone)
	}
	if queued < 60 || queued > 105 {
		t.Errorf("M/M/1 at load 0.8: got VIF %.0f, want about 82", queued)
	}
}

func TestVIFIsUnknownWhereThereIsTooLittle(t *testing.T) {
	short := NewTally(Config{Phases: []PhaseInfo{{ToS: 9}}})
	empty := NewTally(Config{Phases: []PhaseInfo{{ToS: 90}}})
	equal := NewTally(Config{Phases: []PhaseInfo{{ToS: 90}}})
	for i := range 90 {
		at := time.Duration(i) * time.Second
		r := Record{Outcome: sim.OK, Intended: at, Done: at + time.Millisecond}
		equal.Add(r)
		if i < 9 {
			short.Add(r)
		}
	}
	for name, tally := range map[string]*Tally{"nine seconds": short, "no calls": empty, "equal times": equal} {
		if got := tally.Summary(0).VIF; got != 0 {
			t.Errorf("%s: got %v, want 0", name, got)
		}
	}
	if got := meanVIF([]*Summary{{VIF: 50}, {}}); got != 75 {
		t.Errorf("mean of 50 and unknown: got %v, want 75", got)
	}
}

// TestInflationBetweenRunsSeesQueueingButNotTheShapeOfASpike holds the spread between runs against
// the same queue, and against runs whose response times all climb alike.
func TestInflationBetweenRunsSeesQueueingButNotTheShapeOfASpike(t *testing.T) {
	const k = 40
	var queue, spike []*Summary
	var queued, spiked distribution
	add := func(runs *[]*Summary, all *distribution, tally *Tally) {
		s := tally.Summary(0)
		*all = all.plus(s.times)
		*runs = append(*runs, &s)
	}
	for seed := range uint64(k) {
		steady := NewTally(Config{Phases: []PhaseInfo{{ToS: 500, RateQP: 80}}})
		singleServer(steady.config, seed, 10*time.Millisecond, time.Hour, steady.Add)
		add(&queue, &queued, steady)
		climb := NewTally(Config{Phases: []PhaseInfo{{ToS: 20, RateQP: 500}}})
		singleServer(climb.config, seed, 10*time.Millisecond, time.Hour, climb.Add)
		add(&spike, &spiked, climb)
	}
	// Daley's 82, times 39 / chi²_(.05, 39) = 1.52, within the sampling error of 40 runs.
	if got := inflation(queue, queued.variance()); got < 70 || got > 220 {
		t.Errorf("M/M/1 at load 0.8: got %.0f, want about 125", got)
	}
	within, between := meanVIF(spike), inflation(spike, spiked.variance())
	if within < 1000 || between > 30 {
		t.Errorf("a spike at five times the capacity: got %.0f within runs and %.1f between, want thousands and few", within, between)
	}
	if got, want := inflation(spike[:1], spiked.variance()), spike[0].VIF; got != want {
		t.Errorf("one run: got %.1f, want that within the run, %.1f", got, want)
	}
}
