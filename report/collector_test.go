package report

import (
	"bytes"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/headroom-dev/headroom/sim"
)

func jsonOf(t testing.TB, r *Result) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteJSON(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestResultDoesNotDependOnTheOrderOfRuns(t *testing.T) {
	want := jsonOf(t, comparison(6, false, nil).Result())
	order := rand.New(rand.NewPCG(4, 4)).Perm(12)
	got := jsonOf(t, comparison(6, false, order).Result())
	if diff := cmp.Diff(strings.Split(got, "\n"), strings.Split(want, "\n")); diff != "" {
		t.Errorf("shuffled (-) and in order (+) differ:\n%s", diff)
	}
}

func TestResultDoesNotDependOnTheNumberOfWorkers(t *testing.T) {
	want := jsonOf(t, comparison(4, false, nil).Result())
	c := spikeConfig(0.5)
	patience := 5.0
	col := NewCollector(c, Result{Name: "spike", Target: "sim", PatienceS: &patience}, []uint64{1, 2, 3, 4},
		[]Strategy{{Name: "slow", PatienceS: &patience}, {Name: "fast", PatienceS: &patience}})
	work := make(chan int)
	var workers sync.WaitGroup
	for range 3 {
		workers.Go(func() {
			tally := NewTally(c)
			for i := range work {
				tally.Reset()
				mean := []time.Duration{10 * time.Millisecond, 4 * time.Millisecond}[i%2]
				singleServer(c, uint64(i/2+1), mean, 5*time.Second, tally.Add)
				col.Add(i%2, i/2, tally, sideOf(tally))
			}
		})
	}
	for i := range 8 {
		work <- i
	}
	close(work)
	workers.Wait()
	if got := jsonOf(t, col.Result()); got != want {
		t.Errorf("three workers:\n%s", cmp.Diff(got, want))
	}
}

func TestResultObeysTheLawsOfConservation(t *testing.T) {
	for _, k := range []int{1, 3, 6} {
		r := comparison(k, k == 3, nil).Result()
		if err := Check(r); err != nil {
			t.Errorf("%d seeds: %v", k, err)
		}
		if len(r.Seeds) != k || len(r.Strategies) != 2 || len(r.Strategies[0].Runs) != k {
			t.Errorf("%d seeds: got %d seeds, %d strategies", k, len(r.Seeds), len(r.Strategies))
		}
	}
}

func TestCheckSeesABrokenResult(t *testing.T) {
	r := comparison(2, false, nil).Result()
	breaks := map[string]func(s *Strategy){
		"a lost call":                func(s *Strategy) { s.Phases[0].Outcomes["ok"]-- },
		"a run that does not add up": func(s *Strategy) { s.Runs[1].Phases[0].Calls++ },
		"P99 above the largest":      func(s *Strategy) { *s.Phases[0].P99MS = *s.Phases[0].MaxMS * 2 },
		"a share above 1":            func(s *Strategy) { *s.Phases[0].WastedWork = 1.5 },
		"an interval elsewhere":      func(s *Strategy) { s.Phases[1].SuccessCI = &Interval{1, 1} },
		"an attempt without a cause": func(s *Strategy) { s.Phases[1].Attempts["first"]-- },
		"a planned call too many":    func(s *Strategy) { s.Validity.Planned++ },
		"a process left over":        func(s *Strategy) { s.Validity.Blocked++ },
		"another run's histogram":    func(s *Strategy) { s.Runs[0].Phases[0].Histogram = s.Runs[0].Phases[1].Histogram },
		"a histogram cut short":      func(s *Strategy) { s.Phases[0].Histogram = s.Phases[0].Histogram[:40] },
		"a rate beside its interval": func(s *Strategy) { s.Phases[0].ThroughputCI = &Interval{0, *s.Phases[0].ThroughputQPS / 2} },
		"a missing phase":            func(s *Strategy) { s.Phases = s.Phases[1:] },
	}
	for name, breaks := range breaks {
		broken, err := ReadJSON(strings.NewReader(jsonOf(t, r)))
		if err != nil {
			t.Fatal(err)
		}
		breaks(&broken.Strategies[0])
		if Check(broken) == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}

func TestResultShowsWhatTheRunsShow(t *testing.T) {
	r := comparison(10, false, nil).Result()
	slow, fast := &r.Strategies[0], &r.Strategies[1]
	spike := &fast.Phases[1]
	if *slow.Phases[1].Success > 0.4 || *spike.Success < 0.45 {
		t.Errorf("success in the spike: got slow %.3f, fast %.3f", *slow.Phases[1].Success, *spike.Success)
	}
	if slow.Against != nil {
		t.Error("the first strategy is compared with itself")
	}
	p := fast.Against
	if p == nil || p.Phase != "spike" || p.Of != 10 || p.Better != 10 || p.SuccessCI == nil || p.SuccessCI[0] <= 0 {
		t.Fatalf("paired: got %+v", p)
	}
	if diff := *spike.Success - *slow.Phases[1].Success; math.Abs(p.Success-diff) > 0.01 {
		t.Errorf("paired difference: got %.3f, want about %.3f", p.Success, diff)
	}
	if p.P99Ratio == nil || *p.P99Ratio <= 0 || p.P99CI == nil {
		t.Errorf("P99 ratio: got %v", p.P99Ratio)
	}
	// A single server of 4 ms gives 250 answers a second throughout the spike.
	if math.Abs(*spike.ThroughputQPS-250) > 15 || spike.ThroughputCI == nil {
		t.Errorf("throughput in the spike: got %.1f/s, want about 250/s", *spike.ThroughputQPS)
	}
	if want := 50.0; math.Abs(*fast.Phases[0].GoodputQPS-want) > 2 {
		t.Errorf("goodput before: got %.1f/s, want about %v/s", *fast.Phases[0].GoodputQPS, want)
	}
	for _, ci := range []*Interval{spike.SuccessCI, spike.GoodCI, spike.GoodputCI, spike.MeanCI, spike.P50CI, spike.P95CI, spike.P99CI,
		spike.AmplificationCI, spike.WastedWorkCI, spike.SuccessAtPatienceCI} {
		if ci == nil || !(ci[0] < ci[1]) {
			t.Errorf("an interval of the spike is missing or empty: %+v", spike)
			break
		}
	}
	if *fast.Phases[0].MeetsObjective != true || *spike.MeetsObjective != false {
		t.Errorf("objective: got before %v, spike %v, want kept and not", *fast.Phases[0].MeetsObjective, *spike.MeetsObjective)
	}
	if !fast.Recovered || fast.RecoveryS == nil || *fast.RecoveryS < 5 || *fast.RecoveryS > 30 || !fast.RecoveryShown {
		t.Errorf("recovery: got %v %v", fast.RecoveryS, fast.Recovered)
	}
	if math.Abs(r.Offered.Calls-9500) > 200 || math.Abs(r.Offered.MeanRate-95) > 2 || r.Offered.PeakQPS < 500 || r.Offered.PeakAtS < 30 || r.Offered.PeakAtS >= 40 {
		t.Errorf("offered: got %+v", r.Offered)
	}
	if got := sum(fast.Series.Offered); math.Abs(got-r.Offered.Calls) > 1e-6*got {
		t.Errorf("series: got %.1f calls a run, want %.1f", got, r.Offered.Calls)
	}
	if got, want := sum(fast.Series.Achieved)*10, float64(fast.Total.Outcomes["ok"]); math.Abs(got-want) > 1e-6*want {
		t.Errorf("series: got %.1f answers, want %.1f", got, want)
	}
	if len(fast.Series.Gauges) != 1 || math.Abs(fast.Series.Gauges[0].Values[1]-(math.Sin(1)+1)) > 1e-6 {
		t.Errorf("gauges: got %v", fast.Series.Gauges)
	}
	if fast.Total.Name != "total" || fast.Total.Calls != fast.Phases[0].Calls+spike.Calls+fast.Phases[2].Calls {
		t.Errorf("total: got %d calls", fast.Total.Calls)
	}
	for _, f := range fast.Phases {
		for _, o := range outcomesInOrder() {
			if _, ok := f.Outcomes[o.String()]; !ok {
				t.Errorf("%s: outcomes lack %v", f.Name, o)
			}
		}
	}
}

func TestOfferedIsTheTrafficOfOneRun(t *testing.T) {
	c := Config{Phases: []PhaseInfo{{Name: "steady", ToS: 10}}}
	col := NewCollector(c, Result{}, []uint64{1, 2}, []Strategy{{Name: "one"}})
	for seed, peak := range []int{3, 4} { // seconds 3 and 4 are the busiest, with 5 and 6 calls
		tally := NewTally(c)
		for second := range 10 {
			tally.Add(Record{Intended: time.Duration(second) * time.Second, Done: 20 * time.Second})
		}
		for range peak + 1 {
			tally.Add(Record{Intended: time.Duration(peak)*time.Second + time.Millisecond, Done: 20 * time.Second})
		}
		col.Add(0, seed, tally, Side{})
	}
	got := col.Result().Offered
	want := Offered{Calls: 14.5, PeakQPS: 6, PeakAtS: 4, StepS: 1, MeanRate: 1.45}
	want.PerSec = []float64{1, 1, 1, 3, 3.5, 1, 1, 1, 1, 1}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("got (-), want (+):\n%s", diff)
	}
}

func TestFiguresAreThoseOfThePooledRecords(t *testing.T) {
	c := spikeConfig(0.5)
	col := NewCollector(c, Result{}, []uint64{1, 2, 3}, []Strategy{{Name: "one"}})
	whole := NewTally(c)
	for seed := range 3 {
		tally := NewTally(c)
		singleServer(c, uint64(seed), 4*time.Millisecond, 5*time.Second, func(r Record) { tally.Add(r); whole.Add(r) })
		col.Add(0, seed, tally, Side{})
	}
	f := col.Result().Strategies[0].Phases[1]
	s := whole.Summary(1)
	d := s.settle()
	if diff := cmp.Diff([]any{f.P50MS, f.P95MS, f.P99MS, f.P999MS, f.MeanMS, f.Success, f.Calls, f.Histogram, f.Curve},
		[]any{s.p50, s.p95, s.p99, p999.ms(d), s.mean(), s.success(), s.Calls, d.encode(), d.curve()}); diff != "" {
		t.Errorf("figures (-) and pooled records (+) differ:\n%s", diff)
	}
	if got := f.Reasons["patience"]; got != whole.phases[1].reasons["patience"] || got == 0 {
		t.Errorf("reasons: got %v", f.Reasons)
	}
}

func TestASingleRunHasNoInterval(t *testing.T) {
	r := comparison(1, false, nil).Result()
	for _, f := range r.Strategies[1].Phases {
		for _, ci := range []*Interval{f.SuccessCI, f.GoodCI, f.MeanCI, f.P50CI, f.P95CI, f.P99CI, f.AmplificationCI, f.WastedWorkCI, f.GoodputCI, f.ThroughputCI, f.SuccessAtPatienceCI} {
			if ci != nil {
				t.Errorf("%s: got interval %v, want none", f.Name, *ci)
			}
		}
	}
	p := r.Strategies[1].Against
	if p == nil || p.SuccessCI != nil || p.P99CI != nil || p.Of != 1 {
		t.Errorf("paired: got %+v, want a difference without an interval", p)
	}
}

func TestASingleLiveRunHasWilsonsIntervalForShares(t *testing.T) {
	r := comparison(1, true, nil).Result()
	f := r.Strategies[1].Phases[1]
	if f.SuccessCI == nil || f.GoodCI == nil || f.P99CI != nil || f.AmplificationCI != nil {
		t.Errorf("got success %v, good %v, P99 %v, amplification %v, want the first two alone", f.SuccessCI, f.GoodCI, f.P99CI, f.AmplificationCI)
	}
	if len(f.Warnings) != 1 || !strings.HasPrefix(f.Warnings[0], "one run, n/VIF") {
		t.Errorf("warnings: got %q", f.Warnings)
	}
	naive := wilson(*f.Success, float64(f.Calls), 1)
	if f.SuccessCI[1]-f.SuccessCI[0] < 2*(naive[1]-naive[0]) {
		t.Errorf("got %v, hardly wider than that of independent calls, %v", *f.SuccessCI, *naive)
	}
}

func TestRunsThatAreAllTheSameHaveNoInterval(t *testing.T) {
	c := spikeConfig(0.5)
	col := NewCollector(c, Result{}, []uint64{1, 2, 3, 4, 5, 6}, []Strategy{{Name: "trace"}})
	for seed := range 6 {
		tally := NewTally(c)
		singleServer(c, 77, 4*time.Millisecond, 5*time.Second, tally.Add)
		col.Add(0, seed, tally, Side{})
	}
	r := col.Result()
	f := r.Strategies[0].Phases[0]
	if f.SuccessCI != nil || f.P99CI != nil || f.MeanCI != nil {
		t.Errorf("got intervals %v, %v, %v, want none", f.SuccessCI, f.P99CI, f.MeanCI)
	}
	if !strings.Contains(strings.Join(r.Warnings, "\n"), "a trace is one sample") {
		t.Errorf("warnings: got %q", r.Warnings)
	}
}

func TestTooFewCallsAreSaidNotPrinted(t *testing.T) {
	for _, row := range []struct {
		calls               int
		has50, has95, has99 bool
		want                []string
	}{
		{0, false, false, false, []string{"no call was offered"}},
		{5, false, false, false, []string{"P50 needs at least 6 calls", "P95 needs at least 72 calls", "P99 needs at least 368 calls"}},
		{71, true, false, false, []string{"P95 needs at least 72 calls", "P99 needs at least 368 calls"}},
		{72, true, true, false, []string{"P99 needs at least 368 calls"}},
		{368, true, true, true, []string{}},
	} {
		c := Config{Phases: []PhaseInfo{{Name: "steady", ToS: 10}}}
		tally := NewTally(c)
		for i := range row.calls {
			tally.Add(Record{Outcome: sim.OK, FirstTry: sim.OK, Done: time.Duration(i+1) * time.Millisecond})
		}
		col := NewCollector(c, Result{}, []uint64{1}, []Strategy{{Name: "one"}})
		col.Add(0, 0, tally, Side{})
		f := col.Result().Strategies[0].Phases[0]
		if got := [3]bool{f.P50MS != nil, f.P95MS != nil, f.P99MS != nil}; got != [3]bool{row.has50, row.has95, row.has99} {
			t.Errorf("%d calls: got P50, P95, P99 %v", row.calls, got)
		}
		if diff := cmp.Diff(f.Warnings, row.want); diff != "" {
			t.Errorf("%d calls: warnings, got (-) and want (+):\n%s", row.calls, diff)
		}
	}
	failed := NewTally(Config{Phases: []PhaseInfo{{Name: "steady", ToS: 10}}})
	failed.Add(Record{Outcome: sim.Busy})
	col := NewCollector(failed.config, Result{}, []uint64{1}, []Strategy{{Name: "one"}})
	col.Add(0, 0, failed, Side{})
	if got := col.Result().Strategies[0].Phases[0].Warnings; len(got) != 1 || got[0] != "no call was ok: there are no percentiles" {
		t.Errorf("no call ok: got warnings %q", got)
	}
}

func TestAnInterruptedComparisonKeepsWhatWasMeasured(t *testing.T) {
	all := comparison(4, false, []int{0, 1, 2, 3, 4}).Result() // slow has seeds 1, 2, 3, fast 1 and 2
	if diff := cmp.Diff(all.Seeds, []uint64{1, 2}); diff != "" {
		t.Errorf("seeds completed by all: got (-), want (+):\n%s", diff)
	}
	if got := len(all.Strategies[0].Runs); got != 3 {
		t.Errorf("slow: got %d runs, want 3", got)
	}
	if got := all.Strategies[1].Against.Of; got != 2 {
		t.Errorf("paired: got %d seeds, want 2", got)
	}
	if err := Check(all); err != nil {
		t.Error(err)
	}
	none := comparison(4, false, []int{}).Result()
	if none.Strategies[0].Total.Calls != 0 || len(none.Seeds) != 0 || none.Strategies[1].Against != nil {
		t.Errorf("before the first run: got %d calls, seeds %v", none.Strategies[0].Total.Calls, none.Seeds)
	}
	jsonOf(t, none) // nothing in it is infinite or undefined
	half := comparison(4, false, []int{0}).Result()
	if diff := cmp.Diff(half.Seeds, []uint64{1}); diff != "" {
		t.Errorf("one strategy only: got (-), want (+):\n%s", diff)
	}
}

func TestAnInterruptedPhaseIsAsLongAsItWas(t *testing.T) {
	c := spikeConfig(0.5)
	tally := NewTally(c)
	singleServer(c, 1, time.Millisecond, time.Second, func(r Record) {
		if r.Intended < 35*time.Second {
			tally.Add(r)
		}
	})
	col := NewCollector(c, Result{}, []uint64{1}, []Strategy{{Name: "one"}})
	side := Side{Until: 35 * time.Second}
	col.Add(0, 0, tally, side)
	s := col.Result().Strategies[0]
	if got := *s.Phases[1].GoodputQPS; math.Abs(got-500) > 60 {
		t.Errorf("goodput of half a spike: got %.0f/s, want about 500/s", got)
	}
	if s.Phases[2].GoodputQPS != nil {
		t.Errorf("goodput of a phase never reached: got %v, want none", *s.Phases[2].GoodputQPS)
	}
}

func TestAddingARunTwicePanics(t *testing.T) {
	col := comparison(1, false, nil)
	defer func() {
		if recover() == nil {
			t.Error("got no panic")
		}
	}()
	col.Add(0, 0, NewTally(col.config), Side{})
}

// TestManySeedsShareBatches holds memory independent of the number of seeds: the bootstrap draws from
// at most maxBatches, and rows carry no histograms.
func TestManySeedsShareBatches(t *testing.T) {
	c := Config{Phases: []PhaseInfo{{Name: "steady", ToS: 1, IsPeak: true}}}
	seeds := make([]uint64, 450)
	col := NewCollector(c, Result{}, seeds, []Strategy{{Name: "one"}})
	draw := rand.New(rand.NewPCG(1, 1))
	tally := NewTally(c)
	for i := range seeds {
		seeds[i] = uint64(i)
		tally.Reset()
		for range 10 {
			tally.Add(Record{Outcome: sim.OK, Done: time.Duration(draw.ExpFloat64() * float64(time.Second))})
		}
		col.Add(0, i, tally, Side{})
	}
	if got := len(col.per[0].batches); got != 150 {
		t.Errorf("got %d batches, want 150 of 3", got)
	}
	s := col.Result().Strategies[0]
	if ci := s.Phases[0].P95CI; ci == nil || ci[0] > 3000 || ci[1] < 2900 {
		t.Errorf("P95 of exponential times of 1 s: got interval %v, want one around 2996 ms", ci)
	}
	if s.Runs[0].Phases[0].Histogram != "" {
		t.Error("rows of 450 seeds carry histograms")
	}
}

func TestTargetsHaveTheirOwnFigures(t *testing.T) {
	c := Config{Phases: []PhaseInfo{{Name: "steady", ToS: 10}}, Targets: []string{"GET /a", "GET /b"}}
	tally := NewTally(c)
	for i := range 200 {
		r := Record{Target: i % 2, Outcome: sim.OK, Done: time.Duration(1+i%2) * time.Second}
		if i%20 == 0 {
			r.Outcome = sim.Busy
		}
		tally.Add(r)
	}
	col := NewCollector(c, Result{}, []uint64{1}, []Strategy{{Name: "one"}})
	col.Add(0, 0, tally, Side{})
	got := col.Result().Targets
	if len(got) != 2 || got[0].Name != "GET /a" || got[0].Strategy != "one" || got[0].Calls != 100 || *got[0].Success != 0.9 ||
		*got[1].Success != 1 || *got[0].P95MS != 1000 || *got[1].P95MS != 2000 || got[1].P99MS != nil {
		t.Errorf("got %+v", got)
	}
}

func TestValidityAddsUpAndKeepsTheWorst(t *testing.T) {
	one, two := 1.0, 2.0
	v := Validity{Planned: 10, Sent: 9, Unsent: 1, StartLagP99MS: &two, Errors: map[string]int{"reset": 1}, Samples: []string{"a"}, CPUShare: 0.5}
	v.add(&Validity{Planned: 5, Sent: 5, StartLagP99MS: &one, StartLagP50MS: &one, Errors: map[string]int{"reset": 2}, Samples: []string{"a", "b"}, CPUShare: 0.2, Problems: []string{"late"}})
	want := Validity{Planned: 15, Sent: 14, Unsent: 1, StartLagP99MS: &two, StartLagP50MS: &one, Errors: map[string]int{"reset": 3}, Samples: []string{"a", "b"}, CPUShare: 0.5, Problems: []string{"late"}}
	if diff := cmp.Diff(v, want); diff != "" {
		t.Errorf("got (-), want (+):\n%s", diff)
	}
}

func outcomesInOrder() (all []sim.Outcome) {
	for o := range sim.NumOutcomes {
		all = append(all, o)
	}
	return all
}
