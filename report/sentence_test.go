package report

import (
	"fmt"
	"strings"
	"testing"
)

// twoOf returns a Result of two strategies in one spike, with these successes.
func twoOf(first, second float64, seeds int) *Result {
	r := &Result{
		Name: "spike", PatienceS: ptr(30.0),
		Phases: []PhaseInfo{{Name: "before", ToS: 30, RateQP: 100}, {Name: "spike", FromS: 30, ToS: 40, RateQP: 1000, IsPeak: true}},
	}
	for i := range seeds {
		r.Seeds = append(r.Seeds, uint64(i+1))
	}
	for _, s := range []struct {
		name    string
		success float64
	}{{"sync", first}, {"async-queue", second}} {
		one := Strategy{Name: s.name, PatienceS: ptr(30.0)}
		for _, p := range r.Phases {
			f := Figures{Name: p.Name, Calls: 1000, Outcomes: map[string]int64{"ok": int64(1000 * s.success)}, Success: ptr(s.success), SuccessAtPatience: ptr(s.success)}
			f.Outcomes["busy"] = f.Calls - f.Outcomes["ok"]
			one.Phases = append(one.Phases, f)
		}
		for _, seed := range r.Seeds {
			one.Runs = append(one.Runs, Run{Seed: seed, Phases: []RunPhase{{}, {Calls: 1000, Outcomes: one.Phases[1].Outcomes}}})
		}
		r.Strategies = append(r.Strategies, one)
	}
	return r
}

// paired adds the paired difference of the second strategy.
func (r *Result) pairedBy(low, high float64, better int) *Result {
	d := *r.Strategies[1].Phases[1].Success - *r.Strategies[0].Phases[1].Success
	r.Strategies[1].Against = &Paired{Phase: "spike", Success: d, SuccessCI: &Interval{low, high}, Better: better, Of: len(r.Seeds)}
	return r
}

func TestFinding(t *testing.T) {
	for _, c := range []struct {
		name string
		make func() *Result
		want string
	}{
		{"the better strategy against the first, with interval and seeds", func() *Result {
			return twoOf(0.27, 0.91, 20).pairedBy(0.61, 0.67, 20)
		}, "Simulated, 20 seeds: async-queue keeps 91% success through 100 to 1000 QPS, sync 27%: +64 points [61, 67], better in 20 of 20 seeds."},
		{"callers told to wait longer: what was left within their own patience", func() *Result {
			r := twoOf(0.27, 0.91, 20).pairedBy(0.61, 0.67, 20)
			s := &r.Strategies[1]
			s.PatienceS, s.Phases[1].SuccessAtPatience, s.Phases[1].WaitP99MS = ptr(120.0), ptr(0.31), ptr(61000.0)
			return r
		}, "Simulated, 20 seeds: async-queue keeps 91% success through 100 to 1000 QPS, sync 27%: +64 points [61, 67], better in 20 of 20 seeds; " +
			"within the callers' own 30 s: 31%; its callers waited 61.0 s at P99."},
		{"the same of a strategy that is not the best", func() *Result {
			r := twoOf(0.95, 0.91, 20).pairedBy(-0.06, -0.02, 0)
			s := &r.Strategies[1]
			s.PatienceS, s.Phases[1].SuccessAtPatience, s.Phases[1].WaitP99MS = nil, ptr(0.31), ptr(61000.0)
			r.Strategies[0].Runs[0].Phases[1].Outcomes = map[string]int64{"ok": 1000}
			return r
		}, "Simulated, 20 seeds: sync keeps 95% success through 100 to 1000 QPS, async-queue 91%: +4.0 points [2.0, 6.0], better in 20 of 20 seeds; " +
			"async-queue, whose callers wait for ever, keeps 91%, within the callers' own 30 s: 31%; its callers waited 61.0 s at P99."},
		{"an interval that holds zero shows no difference", func() *Result {
			return twoOf(0.50, 0.52, 20).pairedBy(-0.01, 0.05, 12)
		}, "Simulated, 20 seeds: no difference shown between async-queue, 52% success through 100 to 1000 QPS, and sync, 50%: +2.0 points [-1.0, 5.0]."},
		{"all the same", func() *Result { return twoOf(0.5, 0.5, 20) },
			"Simulated, 20 seeds: no difference shown, all 2 strategies keep 50% success through 100 to 1000 QPS."},
		{"a live run of one seed has no interval", func() *Result {
			r := twoOf(0.27, 0.91, 1)
			r.Measured = true
			r.Strategies[1].Against = &Paired{Phase: "spike", Success: 0.64, Better: 1, Of: 1}
			return r
		}, "Measured, one run: async-queue keeps 91% success through 100 to 1000 QPS, sync 27%: +64 points, without an interval."},
		{"a pair of another phase is not used", func() *Result {
			r := twoOf(0.27, 0.91, 20).pairedBy(0.61, 0.67, 20)
			r.Strategies[1].Against.Phase = "before"
			return r
		}, "Simulated, 20 seeds: async-queue keeps 91% success through 100 to 1000 QPS, sync 27%: +64 points, without an interval."},
		{"one strategy", func() *Result {
			r := twoOf(0.27, 0.91, 20)
			r.Strategies = r.Strategies[:1]
			r.Strategies[0].Phases[1].SuccessCI, r.Strategies[0].Phases[1].P99MS = &Interval{0.25, 0.29}, ptr(29800.0)
			return r
		}, "Simulated, 20 seeds: sync keeps 27% success through 100 to 1000 QPS [25%, 29%], P99 29.8 s."},
		{"nobody got an answer", func() *Result { return twoOf(0, 0, 20) },
			"Simulated, 20 seeds: no call succeeded through 100 to 1000 QPS with any of 2 strategies, most ended as busy."},
		{"no strategy", func() *Result { return &Result{} }, "Simulated: nothing was run, so there is nothing to compare."},
		{"no call", func() *Result {
			r := twoOf(0, 0, 1)
			for i := range r.Strategies {
				r.Strategies[i].Phases[1].Success = nil
			}
			return r
		}, "Simulated, one seed: no call was offered, so there is nothing to compare."},
		{"interrupted", func() *Result {
			r := twoOf(0.27, 0.91, 3).pairedBy(0.61, 0.67, 3)
			r.Interrupted = true
			return r
		}, "Simulated, 3 seeds, interrupted: async-queue keeps 91% success through 100 to 1000 QPS, sync 27%: +64 points [61, 67], better in 3 of 3 seeds."},
		{"what was not measured is no finding", func() *Result {
			r := twoOf(0.27, 0.91, 1)
			r.Measured = true
			r.Validity.Problems = []string{"sent 91 % of the planned calls", "start lag P99 140 ms"}
			return r
		}, "Measured, one run: no verdict, because sent 91 % of the planned calls, and start lag P99 140 ms."},
		{"a trace has no rate but its mean", func() *Result {
			r := twoOf(0.27, 0.91, 20)
			r.Phases = []PhaseInfo{{Name: "trace", ToS: 3600, RateQP: 2.57, Recorded: true}}
			r.Offered.PeakQPS = 67
			for i := range r.Strategies {
				r.Strategies[i].Phases = r.Strategies[i].Phases[1:]
			}
			r.Strategies[1].Against = &Paired{Phase: "total", Success: 0.64, Better: 20, Of: 20}
			return r
		}, "Simulated, 20 seeds: async-queue keeps 91% success through trace (busiest second 67 calls), sync 27%: +64 points, without an interval."},
		{"one steady phase", func() *Result {
			r := twoOf(0.27, 0.91, 20)
			r.Phases = r.Phases[1:]
			for i := range r.Strategies {
				r.Strategies[i].Phases = r.Strategies[i].Phases[1:]
			}
			return r
		}, "Simulated, 20 seeds: async-queue keeps 91% success at 1000 QPS, sync 27%: +64 points, without an interval."},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Finding(c.make()); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// The winner's own patience must be said even if it is not the winner: every strategy's is.
func TestFindingSaysEveryLongerPatience(t *testing.T) {
	r := twoOf(0.9, 0.8, 20)
	for i := range r.Strategies {
		r.Strategies[i].PatienceS = ptr(120.0)
		r.Strategies[i].Phases[1].SuccessAtPatience = ptr(0.4 - 0.1*float64(i))
	}
	got := Finding(r)
	for _, want := range []string{"within the callers' own 30 s: 40%", "async-queue, whose callers wait up to 120 s, keeps 80%, within the callers' own 30 s: 30%"} {
		if !strings.Contains(got, want) {
			t.Errorf("got %q, want it to hold %q", got, want)
		}
	}
}

func ExampleFinding() {
	fmt.Println(Finding(twoOf(0.27, 0.91, 20).pairedBy(0.61, 0.67, 20)))
	// Output:
	// Simulated, 20 seeds: async-queue keeps 91% success through 100 to 1000 QPS, sync 27%: +64 points [61, 67], better in 20 of 20 seeds.
}

func TestFindingSaysWhoStaysDown(t *testing.T) {
	after := func(s float64) Strategy {
		return Strategy{Name: "back", RecoveryS: &s, Recovered: true, RecoveryShown: true}
	}
	down := func(name string) Strategy { return Strategy{Name: name, RecoveryShown: true} }
	for _, row := range []struct {
		of   []Strategy
		want string
	}{
		{[]Strategy{after(59), down("at-once"), down("backoff")}, "after it at-once and backoff never meet the objective again, back does in 59 s"},
		{[]Strategy{down("a"), after(0)}, "after it a never meets the objective again, back does in 0 s"},
		{[]Strategy{down("a"), down("b"), down("c"), down("d"), after(7)}, "after it 4 of 5 strategies never meet the objective again, back does in 7 s"},
		{[]Strategy{after(59), after(7)}, ""},
		{[]Strategy{down("a"), down("b")}, ""},
		{[]Strategy{{Name: "unseen"}, after(7)}, ""},
	} {
		if got := (&Result{Strategies: row.of}).aftermath(); got != row.want {
			t.Errorf("got %q, want %q", got, row.want)
		}
	}
}
