package report

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/headroom-dev/headroom/sim"
)

func TestGaugesAreMeansOverRunsInTheOrderOfTheFirst(t *testing.T) {
	var g gaugeSums
	g.add(1, []Gauge{{"late", []float64{9}}, {"queue", []float64{2, 4}}})
	g.add(0, []Gauge{{"queue", []float64{1, 2, 3}}, {"replicas", []float64{math.NaN(), math.Inf(1), 2}}})
	got := g.series(4, time.Second)
	want := []Gauge{{"queue", []float64{1.5, 3, 3, 0}}, {"replicas", []float64{0, 0, 2, 0}}, {"late", []float64{9, 0, 0, 0}}}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("got (-), want (+):\n%s", diff)
	}
	want = []Gauge{{"queue", []float64{2.25, 3}}, {"replicas", []float64{0, 2}}, {"late", []float64{9, 0}}}
	if diff := cmp.Diff(g.series(2, 2*time.Second), want); diff != "" {
		t.Errorf("by two seconds: got (-), want (+):\n%s", diff)
	}
	if got := g.seconds(); got != 3 {
		t.Errorf("got %d seconds, want 3", got)
	}
}

func TestALongRunsSeriesHasWiderSteps(t *testing.T) {
	c := Config{Phases: []PhaseInfo{{Name: "steady", ToS: 22222}}}
	tally := NewTally(c)
	for i := range 22222 {
		at := time.Duration(i) * time.Second
		tally.Add(Record{Outcome: sim.OK, FirstTry: sim.OK, Intended: at, Sent: at, Done: at + time.Second})
	}
	col := NewCollector(c, Result{}, []uint64{1}, []Strategy{{Name: "one"}})
	side := Side{Series: make([]SecondTotals, 22222), Gauges: []Gauge{{"queue", make([]float64, 22500)}}}
	for i := range side.Series {
		side.Series[i].Attempts = 2
	}
	col.Add(0, 0, tally, side)
	r := col.Result()
	s := r.Strategies[0].Series
	if s.StepS != 10 || s.LatencyStepS != 120 || len(s.Offered) != 2250 || len(s.Gauges[0].Values) != 2250 {
		t.Errorf("got %d entries of %v s, latency of %v s, want 2250 of 10 s and 120 s", len(s.Offered), s.StepS, s.LatencyStepS)
	}
	for _, i := range []int{0, 1000, 2221} {
		if s.Offered[i] != 1 || s.Outcomes["ok"][i] != 1 || s.Attempts[i] != 2 {
			t.Errorf("entry %d: got %v offered, %v ok, %v attempts a second, want 1, 1, 2", i, s.Offered[i], s.Outcomes["ok"][i], s.Attempts[i])
		}
	}
	if s.P50MS[7] == nil || *s.P50MS[7] != 1000 || s.P99MS[7] == nil || s.P50MS[2249] != nil {
		t.Errorf("P50 of entry 7: got %v, want 1000 ms; of the last, after the load: %v, want none", *s.P50MS[7], s.P50MS[2249])
	}
	if err := s.fits(); err != nil {
		t.Error(err)
	}
}

func TestAPointOfTheLatencySeriesIsNotJustTheLargestOfItsFewCalls(t *testing.T) {
	for _, row := range []struct {
		calls         int
		p50, p95, p99 bool
	}{{1, false, false, false}, {2, true, false, false}, {19, true, false, false}, {20, true, true, false}, {99, true, true, false}, {100, true, true, true}} {
		c := Config{Phases: []PhaseInfo{{Name: "steady", ToS: 1}}}
		tally := NewTally(c)
		for i := range row.calls {
			tally.Add(Record{Outcome: sim.OK, Done: time.Duration(i+1) * time.Millisecond})
		}
		col := NewCollector(c, Result{}, []uint64{1}, []Strategy{{Name: "one"}})
		col.Add(0, 0, tally, Side{})
		s := col.Result().Strategies[0].Series
		if s.P50MS[0] != nil != row.p50 || s.P95MS[0] != nil != row.p95 || s.P99MS[0] != nil != row.p99 {
			t.Errorf("%d calls: got %v, %v, %v", row.calls, s.P50MS[0], s.P95MS[0], s.P99MS[0])
		}
		if got, want := *s.MaxMS[0], float64(row.calls); got != want {
			t.Errorf("%d calls: largest %v, want %v ms", row.calls, got, want)
		}
	}
}

func TestFailedCallsKeepTheirHistograms(t *testing.T) {
	f := comparison(1, false, nil).Result().Strategies[0].Phases[1]
	d, err := decodeDistribution(f.Histograms["timeout"])
	if err != nil {
		t.Fatal(err)
	}
	if d.n != f.Outcomes["timeout"] || d.n == 0 || d.ranked(1) < 5*time.Second || d.ranked(d.n) > 5010*time.Millisecond {
		t.Errorf("got %d timeouts from %v to %v, want %d after 5 s", d.n, d.ranked(1), d.ranked(d.n), f.Outcomes["timeout"])
	}
	if _, has := f.Histograms["ok"]; has {
		t.Error("the histogram of ok calls stands twice")
	}
}
