package harness

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/headroom-dev/headroom/report"
	"github.com/headroom-dev/headroom/scenarios"
	"github.com/headroom-dev/headroom/sim"
)

// taking returns a service that answers every request after d.
func taking(d time.Duration) func(*sim.Wall) sim.Handler {
	return func(w *sim.Wall) sim.Handler {
		return func(r sim.Request) sim.Reply {
			if !sim.Sleep(w, d, r.Gone) {
				return sim.Reply{Outcome: sim.Timeout}
			}
			return sim.Reply{Outcome: sim.OK, Status: http.StatusOK}
		}
	}
}

func failing(*sim.Wall) sim.Handler {
	return func(sim.Request) sim.Reply {
		return sim.Reply{Outcome: sim.Busy, Status: 503, Reason: "status-503"}
	}
}

// arrivalsAt returns one call of phase 0 for each time.
func arrivalsAt(times ...time.Duration) []scenarios.Arrival {
	var all []scenarios.Arrival
	for i, at := range times {
		all = append(all, scenarios.Arrival{At: at, Request: sim.Request{Call: i}})
	}
	return all
}

func TestCallsStartWhenTheyShould(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		want := []time.Duration{0, 3 * time.Millisecond, 3 * time.Millisecond, 2 * time.Second}
		run, records := liveRun(plainly{}, arrivalsAt(want...), time.Minute)
		side := inBubble(t, t.Context(), context.Background(), run, maxWorkers, taking(time.Second))
		check(t, side, *records)
		var sent, took []time.Duration
		slices.SortFunc(*records, func(a, b report.Record) int { return a.Call - b.Call })
		for _, r := range *records {
			sent = append(sent, r.Sent)
			took = append(took, r.ResponseTime())
		}
		if diff := cmp.Diff(sent, want); diff != "" {
			t.Errorf("sent (-got +want):\n%s", diff)
		}
		if diff := cmp.Diff(took, []time.Duration{time.Second, time.Second, time.Second, time.Second}); diff != "" {
			t.Errorf("response times (-got +want):\n%s", diff)
		}
		if v := side.Validity; v.Planned != 4 || v.Sent != 4 || len(v.Problems) > 0 {
			t.Errorf("got validity %+v, want 4 of 4 sent without a problem", v)
		}
	})
}

func TestStopInAGapEndsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run, records := liveRun(plainly{}, arrivalsAt(0, time.Hour), time.Minute)
		send, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		began := time.Now()
		side := inBubble(t, send, context.Background(), run, maxWorkers, taking(10*time.Millisecond))
		if got := time.Since(began); got != time.Second {
			t.Errorf("the run ended after %v, want 1 s: at the stop", got)
		}
		if v := side.Validity; len(*records) != 1 || v.Planned != 2 || v.Sent != 1 || v.Unsent != 1 || len(v.Problems) != 0 {
			t.Errorf("got %d records and %+v, want the one call that was sent, and no problem", len(*records), v)
		}
	})
}

func TestARunStoppedBeforeItBeginsSendsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		send, stop := context.WithCancel(t.Context())
		stop()
		arrivals := append(arrivalsAt(0, 0, time.Second), scenarios.Arrival{At: time.Second, Phase: 1, Request: sim.Request{Call: 3}})
		run, records := liveRun(plainly{}, arrivals, time.Minute)
		run.Closed, run.Concurrency = 1, 1
		side := inBubble(t, send, context.Background(), run, maxWorkers, taking(time.Second))
		check(t, side, *records)
		if v := side.Validity; len(*records) != 0 || v.Planned != 4 || v.Sent != 0 {
			t.Errorf("got %d records and %+v, want none of 4", len(*records), v)
		}
	})
}

func TestFirstSignalDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run, records := liveRun(plainly{}, evenly(stretch{10, 3 * time.Second}), time.Minute)
		send, stop := context.WithTimeout(t.Context(), 950*time.Millisecond)
		defer stop()
		began := time.Now()
		side := inBubble(t, send, context.Background(), run, maxWorkers, taking(5*time.Second))
		if got := time.Since(began); got != 5900*time.Millisecond {
			t.Errorf("the run ended after %v, want 5.9 s: the end of the last call sent", got)
		}
		check(t, side, *records)
		if got := outcomes(*records); got[sim.OK] != 10 || len(got) != 1 {
			t.Errorf("got outcomes %v, want the 10 calls sent before the stop, all ok", got)
		}
	})
}

func TestSecondSignalCutsCallsOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// Of the ten calls sent before the stop five are answered before the cut: those of 0 to 400 ms.
		run, records := liveRun(&stubbornly{tries: 3, wait: time.Hour}, evenly(stretch{10, 3 * time.Second}), time.Hour)
		send, stop := context.WithTimeout(t.Context(), 950*time.Millisecond)
		defer stop()
		hard, cut := context.WithTimeout(t.Context(), 1450*time.Millisecond)
		defer cut()
		began := time.Now()
		side := inBubble(t, send, hard, run, maxWorkers, taking(time.Second))
		if got := time.Since(began); got != 1450*time.Millisecond {
			t.Errorf("the run ended after %v, want 1.45 s: at the second signal", got)
		}
		check(t, side, *records)
		if got := outcomes(*records); got[sim.OK] != 5 || len(got) != 1 {
			t.Errorf("got outcomes %v, want 5 ok: cut calls enter no figure", got)
		}
		if v := side.Validity; v.Cut != 5 || v.Sent != 10 {
			t.Errorf("got %d cut of %d sent, want 5 of 10", v.Cut, v.Sent)
		}
	})
}

func TestSecondSignalEndsAWaitBetweenTries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run, records := liveRun(&stubbornly{tries: 2, wait: time.Hour}, arrivalsAt(0), 0) // patient for ever
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		began := time.Now()
		side := inBubble(t, ctx, ctx, run, maxWorkers, failing)
		if got := time.Since(began); got != time.Second || side.Validity.Cut != 1 || len(*records) != 0 {
			t.Errorf("ended after %v with %d cut and %d records, want 1 s, 1, 0", got, side.Validity.Cut, len(*records))
		}
	})
}

func TestLatenessIsTakenFromThePatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// One worker: the first call holds it until its patience ends at 1 s, so the second, 200 ms
		// later, has 200 ms left; the third, of the same moment as the first, has nothing.
		run, records := liveRun(plainly{}, arrivalsAt(0, 0, 200*time.Millisecond), time.Second)
		side := inBubble(t, t.Context(), context.Background(), run, 1, taking(time.Hour))
		check(t, side, *records)
		type row struct {
			Call     int
			Outcome  sim.Outcome
			Reason   string
			Attempts int
			Took     time.Duration
		}
		var got []row
		for _, r := range *records {
			got = append(got, row{r.Call, r.Outcome, r.Reason, r.Attempts, r.ResponseTime()})
		}
		want := []row{
			{0, sim.Timeout, "", 1, time.Second},
			{1, sim.Unsent, "late", 0, time.Second},
			{2, sim.Timeout, "", 1, time.Second},
		}
		if diff := cmp.Diff(got, want); diff != "" {
			t.Errorf("records (-got +want):\n%s", diff)
		}
		if v := side.Validity; v.Sent != 2 || v.Unsent != 1 || !slices.ContainsFunc(v.Problems, func(p string) bool { return strings.HasPrefix(p, "sent 66.7 %") }) {
			t.Errorf("got %d sent, %d unsent, problems %q; want 2, 1 and that 66.7 %% were sent", v.Sent, v.Unsent, v.Problems)
		}
	})
}

func TestStopAtTheCeilingOfWorkersLeavesOverdueCallsUnsent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run, records := liveRun(plainly{}, evenly(stretch{10, 10 * time.Second}), time.Hour)
		send, stop := context.WithTimeout(t.Context(), 2050*time.Millisecond)
		defer stop()
		side := inBubble(t, send, context.Background(), run, 1, taking(30*time.Second))
		check(t, side, *records)
		if got := outcomes(*records); got[sim.OK] != 1 || got[sim.Unsent] != 20 {
			t.Errorf("got outcomes %v, want the 1 that was sent and the 20 whose time came before the stop", got)
		}
		if v := side.Validity; v.Planned != 100 || v.Sent != 1 || len(*records) != 21 {
			t.Errorf("got %+v and %d records, want 1 sent of 100 planned, 21 records", v, len(*records))
		}
	})
}

func TestClosedLoopFollowsTheOpenPhases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		arrivals := evenly(stretch{10, time.Second})
		for i := range 7 {
			arrivals = append(arrivals, scenarios.Arrival{At: time.Second, Phase: 1, Request: sim.Request{Call: 10 + i}})
		}
		run, records := liveRun(plainly{}, arrivals, time.Minute)
		run.Closed, run.Concurrency = 1, 3
		side := inBubble(t, t.Context(), context.Background(), run, maxWorkers, taking(500*time.Millisecond))
		check(t, side, *records)
		var starts []time.Duration
		for _, r := range *records {
			if r.Phase == 1 {
				starts = append(starts, r.Intended)
				if r.ResponseTime() != 500*time.Millisecond {
					t.Errorf("call %d took %v, want 500 ms: waiting for its turn is hidden in a closed loop", r.Call, r.ResponseTime())
				}
			}
		}
		at := func(tenths ...int) (d []time.Duration) {
			for _, n := range tenths {
				d = append(d, time.Duration(n)*100*time.Millisecond)
			}
			return d
		}
		if diff := cmp.Diff(starts, at(10, 10, 10, 15, 15, 15, 20)); diff != "" {
			t.Errorf("starts of the closed loop (-got +want):\n%s", diff)
		}
		if v := side.Validity; v.Planned != 17 || v.Sent != 17 {
			t.Errorf("sent %d of %d, want all 17", v.Sent, v.Planned)
		}
	})
}

func TestClosedLoopAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var arrivals []scenarios.Arrival
		for i := range 100 {
			arrivals = append(arrivals, scenarios.Arrival{Phase: 0, Request: sim.Request{Call: i}})
		}
		run, records := liveRun(plainly{}, arrivals, time.Minute)
		run.Closed, run.Concurrency = 0, 16
		send, stop := context.WithTimeout(t.Context(), 2500*time.Millisecond)
		defer stop()
		side := inBubble(t, send, context.Background(), run, maxWorkers, taking(time.Second))
		check(t, side, *records)
		if len(*records) != 48 || side.Validity.StartLagP99MS != nil {
			t.Errorf("got %d records and a start lag of %v, want 48 (16 callers, stopped in their third second) and none", len(*records), side.Validity.StartLagP99MS)
		}
	})
}

func TestAttemptsAreCountedByCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run, records := liveRun(&stubbornly{tries: 3, wait: time.Second}, evenly(stretch{10, 2 * time.Second}), time.Minute)
		side := inBubble(t, t.Context(), context.Background(), run, maxWorkers, failing)
		check(t, side, *records)
		if got := side.Causes[0]; got[sim.First] != 20 || got[sim.Retry] != 40 {
			t.Errorf("got %d first attempts and %d retries, want 20 and 40", got[sim.First], got[sim.Retry])
		}
		var perSecond []int64
		for _, s := range side.Series {
			perSecond = append(perSecond, s.Attempts)
		}
		if diff := cmp.Diff(perSecond, []int64{10, 20, 20, 10}); diff != "" {
			t.Errorf("attempts by second (-got +want):\n%s", diff)
		}
		if r := (*records)[0]; r.Attempts != 3 || r.FirstTry != sim.Busy || r.Outcome != sim.Busy || r.Status != 503 {
			t.Errorf("got %+v, want three attempts, busy first and last", r)
		}
	})
}

// patiently tells its callers to wait an hour, and has a level to watch.
type patiently struct{ plainly }

func (patiently) Patience(sim.Request, time.Duration) time.Duration { return time.Hour }

func (patiently) Gauges() []sim.Gauge {
	reads := 0.0
	return []sim.Gauge{{Name: "looks", Read: func() float64 { reads++; return reads }}}
}

func TestAStrategyMayExtendThePatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run, records := liveRun(patiently{}, arrivalsAt(0), time.Second)
		side := inBubble(t, t.Context(), context.Background(), run, maxWorkers, taking(2500*time.Millisecond))
		if r := (*records)[0]; r.Outcome != sim.OK || r.Patience != time.Second {
			t.Errorf("got %+v, want ok after 2.5 s, with the scenario's own patience of 1 s noted", r)
		}
		if diff := cmp.Diff(side.Gauges, []report.Gauge{{Name: "looks", Values: []float64{1, 2, 3}}}); diff != "" {
			t.Errorf("gauges (-got +want):\n%s", diff)
		}
	})
}

func TestMostAtOnce(t *testing.T) {
	ms := func(times ...int) (d []time.Duration) {
		for _, n := range times {
			d = append(d, time.Duration(n)*time.Millisecond)
		}
		return d
	}
	for _, row := range []struct {
		name   string
		at     []time.Duration
		window time.Duration
		want   int
	}{
		{"no call", nil, time.Second, 0},
		{"for ever is all of them", ms(0, 10, 10_000), 0, 3},
		{"a window is half open", ms(0, 10, 20), 10 * time.Millisecond, 1},
		{"a burst in the middle", ms(0, 100, 101, 102, 103, 300), 50 * time.Millisecond, 4},
		{"all of one instant", ms(5, 5, 5), time.Millisecond, 3},
	} {
		if got := mostAtOnce(row.at, row.window); got != row.want {
			t.Errorf("%s: got %d, want %d", row.name, got, row.want)
		}
	}
	// The scenario that the ceiling is made for: 30 s at 100/s, 10 s at 1,000/s, 60 s at 100/s.
	spike := evenly(stretch{100, 30 * time.Second}, stretch{1000, 10 * time.Second}, stretch{100, 60 * time.Second})
	var at []time.Duration
	for _, a := range spike {
		at = append(at, a.At)
	}
	if got := mostAtOnce(at, 30*time.Second); got != 12_000 {
		t.Errorf("30 s of patience in the spike: got %d, want 12,000", got)
	}
	if got := mostAtOnce(at, 120*time.Second); got != 19_000 {
		t.Errorf("120 s of patience: got %d, want all 19,000", got)
	}
}

func TestWorkersWarnWhereACeilingBinds(t *testing.T) {
	run, _ := liveRun(freshly{}, nil, 30*time.Second)
	at := make([]time.Duration, 60_000)
	for i := range at {
		at[i] = time.Duration(i) * time.Millisecond
	}
	d := &driver{run: run, endpoint: &Endpoint{live: Live{MaxWorkers: 500}}, plan: livePlan{at: at, longest: 30 * time.Second}}
	if got := d.workers(); got != 500 {
		t.Errorf("got %d workers, want the ceiling of 500", got)
	}
	if len(d.side.Warnings) != 2 || !strings.Contains(d.side.Warnings[0], "up to 30000 calls") || !strings.Contains(d.side.Warnings[1], "60000 of them within a minute") {
		t.Errorf("got warnings %q, want one of the ceiling and one of the local ports", d.side.Warnings)
	}
	warm := &driver{run: run, endpoint: d.endpoint, plan: livePlan{at: at[:100], longest: time.Second}}
	warm.run.Strategy = plainly{}
	if got := warm.workers(); got != 100+spareWorkers || len(warm.side.Warnings) > 0 {
		t.Errorf("got %d workers and warnings %q, want 164 and none", got, warm.side.Warnings)
	}
}

func TestOpensFreshAsksTheStrategy(t *testing.T) {
	if !opensFresh(freshly{}) {
		t.Error("a strategy that sends each attempt fresh was not found out")
	}
	if opensFresh(plainly{}) {
		t.Error("a strategy on warm connections was taken for one on fresh ones")
	}
}
