package strategies

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// ample is a service with room for all, of mean service time 1 s, so that the client's own permits
// are the servers of the queue.
var ample = mmc{servers: 1_000_000, mean: time.Second, limit: -1}

// year stands for a wait without a limit.
const year = 8760 * time.Hour

// steadyState runs calls at rate a and returns those after the first tenth.
func steadyState(t *testing.T, seed uint64, s Strategy, m mmc, a float64, calls int) []record {
	return play(t, seed, s, m, load{calls: calls, rate: steady(a)})[calls/10:]
}

// meanWait is the mean time in seconds before the first attempt, of the calls that had one.
func meanWait(records []record) float64 {
	var sum time.Duration
	n := 0
	for _, r := range records {
		if r.Sent >= 0 {
			sum += r.Sent - r.Arrived
			n++
		}
	}
	return sum.Seconds() / float64(n)
}

func TestPooledWithoutLimitIsMMc(t *testing.T) {
	long(t)
	for _, row := range []struct {
		c       int
		a       float64
		c0, wq  float64 // Erlang C, and the mean wait in service times
		p95     float64
		perSeed int
	}{
		{2, 1.6, .711111, 1.777778, 6.637014, 30_000},
		{5, 2.5, .130371, .052149, .383345, 20_000},
		{10, 8, .409180, .204590, 1.051066, 20_000},
		{20, 18, .550769, .275385, 1.199646, 30_000},
	} {
		t.Run(fmt.Sprintf("c=%d,a=%g", row.c, row.a), func(t *testing.T) {
			var waits, beyond []float64
			over(12, func(seed uint64) float64 {
				records := steadyState(t, seed, &Pooled{Size: row.c, Wait: year}, ample, row.a, row.perSeed)
				waits = append(waits, meanWait(records))
				beyond = append(beyond, share(records, func(r record) bool {
					return (r.Sent - r.Arrived).Seconds() > row.p95
				}))
				return share(records, func(r record) bool { return r.Sent > r.Arrived })
			}).holds(t, "share that waits", row.c0)
			values(waits).holds(t, "mean wait", row.wq)
			values(beyond).holds(t, "share beyond the P95 of the wait", .05)
		})
	}
}

// values is the estimate from one value a seed.
func values(v []float64) estimate {
	return over(len(v), func(seed uint64) float64 { return v[seed-1] })
}

func TestPooledWithALimitIsMMcD(t *testing.T) {
	long(t)
	for _, row := range []struct {
		c      int
		a, tau float64
	}{{1, .8, 2}, {1, 2, 1.5}, {5, 5, 1}, {10, 12, .5}} {
		want := mmcD(row.c, row.a, row.tau)
		over(12, func(seed uint64) float64 {
			pool := &Pooled{Size: row.c, Wait: time.Duration(row.tau * float64(time.Second))}
			records := steadyState(t, seed, pool, ample, row.a, 20_000)
			return share(records, func(r record) bool { return r.Reply.Outcome == sim.Shed })
		}).holds(t, fmt.Sprintf("share shed, c=%d a=%g tau=%g", row.c, row.a, row.tau), want)
	}
}

func TestPooledWithoutWaitIsErlangB(t *testing.T) {
	long(t)
	over(12, func(seed uint64) float64 {
		records := steadyState(t, seed, &Pooled{Size: 10}, ample, 10, 20_000)
		return share(records, func(r record) bool { return r.Reply.Reason == "full" })
	}).holds(t, "share refused of (10, 10)", .214582)
}

func TestPooledSaysWhyItRefused(t *testing.T) {
	for _, row := range []struct {
		name     string
		wait     time.Duration
		patience time.Duration
		want     sim.Reply
		at       time.Duration
	}{
		{"a pool without wait refuses at once", 0, 5 * time.Second, sim.Reply{Outcome: sim.Shed, Reason: "full"}, 0},
		{"a wait shorter than the patience ends as shed", 2 * time.Second, 5 * time.Second, sim.Reply{Outcome: sim.Shed, Reason: "wait"}, 2 * time.Second},
		{"a patience shorter than the wait ends as timeout", 5 * time.Second, 2 * time.Second, sim.Reply{Outcome: sim.Timeout, Reason: "wait"}, 2 * time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := sim.NewWorld(1)
			pool := &Pooled{Size: 1, Wait: row.wait}
			stack := pool.Wrap(w, silent(w))
			var got sim.Reply
			var at time.Duration
			w.Go(func() { sim.Within(w, time.Minute, stack, sim.Request{}) }) // holds the permit
			w.Go(func() {
				got = sim.Within(w, row.patience, stack, sim.Request{Call: 1})
				at = w.Now()
			})
			if blocked := w.Run(sim.Forever); blocked != 0 {
				t.Errorf("%d processes left over, want 0", blocked)
			}
			if got.Outcome != row.want.Outcome || got.Reason != row.want.Reason || at != row.at {
				t.Errorf("%v %q at %v, want %v %q at %v", got.Outcome, got.Reason, at, row.want.Outcome, row.want.Reason, row.at)
			}
		})
	}
}

// A panic in the service that is recovered above the pool, as net/http does, must not shrink it.
func TestPooledKeepsItsPermitsThroughAPanic(t *testing.T) {
	w := sim.NewWorld(1)
	calls := 0
	pool := &Pooled{Size: 1}
	stack := pool.Wrap(w, func(sim.Request) sim.Reply {
		if calls++; calls == 1 {
			panic("broken transport")
		}
		return sim.Reply{Outcome: sim.OK}
	})
	var second sim.Reply
	w.Go(func() {
		func() {
			defer func() { _ = recover() }()
			stack(sim.Request{})
		}()
		second = stack(sim.Request{Call: 1})
	})
	w.Run(sim.Forever)
	if second.Outcome != sim.OK {
		t.Errorf("the call after a panic got %v, want ok", second.Outcome)
	}
}

// Little's law on the gauges: calls waiting and in flight, sampled, are rate times time.
func TestPooledGaugesFollowLittlesLaw(t *testing.T) {
	const c, a, calls = 10, 8.0, 40_000
	w := sim.NewWorld(3)
	pool := &Pooled{Size: c, Wait: year}
	var waited, served time.Duration
	drive(w, pool, ample.start(w), load{calls: calls, rate: steady(a)}, func(r record) {
		waited += r.Sent - r.Arrived
		served += r.Done - r.Sent
	})
	gauges := pool.Gauges()
	var sums [2]float64
	const step = 10 * time.Millisecond
	end := time.Duration(0)
	var sample func()
	sample = func() {
		for i := range sums {
			sums[i] += gauges[i].Read() * step.Seconds()
		}
		end = w.Now() + step
		if w.Now().Seconds() < calls/a {
			w.At(end, sample)
		}
	}
	w.At(step, sample)
	w.Run(sim.Forever)
	for i, want := range []float64{waited.Seconds(), served.Seconds()} {
		if math.Abs(sums[i]-want) > .01*want {
			t.Errorf("integral of %q is %.1f call seconds, want %.1f within 1 %%", gauges[i].Name, sums[i], want)
		}
	}
}
