package harness

import (
	"cmp"
	"context"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/headroom-dev/headroom/report"
	"github.com/headroom-dev/headroom/scenarios"
	"github.com/headroom-dev/headroom/sim"
	"github.com/headroom-dev/headroom/strategies"
)

// listed is a schedule held in a slice.
type listed struct {
	left []scenarios.Arrival
}

func (l *listed) Next() (scenarios.Arrival, bool) {
	if len(l.left) == 0 {
		return scenarios.Arrival{}, false
	}
	a := l.left[0]
	l.left = l.left[1:]
	return a, true
}

// opened returns what LiveRun.Schedule wants.
func opened(arrivals []scenarios.Arrival) func() (Source, error) {
	return func() (Source, error) { return &listed{left: arrivals}, nil }
}

// stretch is some time of evenly spaced calls.
type stretch struct {
	rate float64
	long time.Duration
}

// evenly returns the arrivals of stretches, one phase each.
func evenly(stretches ...stretch) []scenarios.Arrival {
	var arrivals []scenarios.Arrival
	var from time.Duration
	for phase, s := range stretches {
		for i := range int(math.Round(s.rate * s.long.Seconds())) {
			at := from + time.Duration(math.Round(float64(i)/s.rate*float64(time.Second)))
			arrivals = append(arrivals, scenarios.Arrival{At: at, Phase: phase, Request: sim.Request{Call: len(arrivals)}})
		}
		from += s.long
	}
	return arrivals
}

// plainly is the strategy that does nothing: each call is one attempt on a warm connection.
type plainly struct{}

func (plainly) Wrap(_ sim.Env, next sim.Handler) sim.Handler { return next }

// freshly makes one attempt on a connection of its own.
type freshly struct{}

func (freshly) Wrap(_ sim.Env, next sim.Handler) sim.Handler {
	return func(r sim.Request) sim.Reply {
		r.Via.Fresh = true
		return next(r)
	}
}

// stubbornly tries so many times, a while after each failure.
type stubbornly struct {
	tries int
	wait  time.Duration
}

func (s *stubbornly) Wrap(env sim.Env, next sim.Handler) sim.Handler {
	return func(r sim.Request) sim.Reply {
		reply := next(r)
		for n := 1; n < s.tries && reply.Retryable(); n++ {
			if !sim.Sleep(env, s.wait, r.Gone) {
				break
			}
			r.Cause = sim.Retry
			reply = next(r)
		}
		return reply
	}
}

// liveRun returns a run over arrivals with the records it adds.
func liveRun(s strategies.Strategy, arrivals []scenarios.Arrival, patience time.Duration) (LiveRun, *[]report.Record) {
	records := new([]report.Record)
	phases := []string{"before", "spike", "recovery", "steady"}
	return LiveRun{
		Name: "test/plain", Strategy: s, Seed: 1, Schedule: opened(arrivals), Patience: patience, Phases: phases, Closed: -1,
		Add: func(r report.Record) { *records = append(*records, r) },
	}, records
}

// inBubble runs r in a synctest bubble, where timers are exact and the kernel's clock is not ours,
// against a handler instead of an endpoint.
func inBubble(t *testing.T, send, hard context.Context, r LiveRun, maxWorkers int, handler func(*sim.Wall) sim.Handler) report.Side {
	t.Helper()
	r.timers = true
	e := &Endpoint{live: Live{MaxWorkers: maxWorkers}}
	d := &driver{run: r, endpoint: e, send: send, hard: hard}
	if err := d.drive(handler); err != nil {
		t.Fatal(err)
	}
	return d.side
}

// check holds what is true of the records of every live run.
func check(t *testing.T, side report.Side, records []report.Record) {
	t.Helper()
	v := side.Validity
	unsent, seen := int64(0), map[int]bool{}
	attempts := int64(0)
	for _, r := range records {
		if seen[r.Call] {
			t.Errorf("call %d has two records", r.Call)
		}
		seen[r.Call] = true
		attempts += int64(r.Attempts)
		if r.Outcome == sim.Unsent {
			unsent++
			if r.Attempts != 0 {
				t.Errorf("call %d is unsent with %d attempts", r.Call, r.Attempts)
			}
			continue
		}
		if r.Done < r.Intended {
			t.Errorf("call %d ended at %v, before its intended start %v", r.Call, r.Done, r.Intended)
		}
		if r.Sent >= 0 && (r.Sent < r.Intended || r.Sent > r.Done) {
			t.Errorf("call %d was sent at %v, outside of [%v, %v]", r.Call, r.Sent, r.Intended, r.Done)
		}
		if r.Outcome != sim.OK && r.Outcome != sim.Degraded && r.Outcome != sim.Timeout && r.Reason == "" && r.Status == 0 {
			t.Errorf("call %d failed as %v without a reason", r.Call, r.Outcome)
		}
	}
	if got, want := v.Sent, int64(len(records))-unsent+v.Cut; got != want {
		t.Errorf("sent %d; the records and the cut say %d", got, want)
	}
	if v.Planned != v.Sent+v.Unsent {
		t.Errorf("planned %d is not sent %d + unsent %d", v.Planned, v.Sent, v.Unsent)
	}
	causes, series := int64(0), int64(0)
	for _, c := range side.Causes {
		for _, n := range c {
			causes += n
		}
	}
	for _, s := range side.Series {
		series += s.Attempts
	}
	if causes != series || (v.Cut == 0 && causes != attempts) {
		t.Errorf("attempts: %d by record, %d by cause, %d by second", attempts, causes, series)
	}
}

// rank returns the value of rank ceil(q n).
func rank(values []time.Duration, q float64) time.Duration {
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	return sorted[int(math.Ceil(q*float64(len(sorted))))-1]
}

func responseTimes(records []report.Record) (times []time.Duration) {
	for _, r := range records {
		times = append(times, r.ResponseTime())
	}
	return times
}

func serviceTimes(records []report.Record) (times []time.Duration) {
	for _, r := range records {
		times = append(times, r.ServiceTime())
	}
	return times
}

func outcomes(records []report.Record) map[sim.Outcome]int {
	counts := map[sim.Outcome]int{}
	for _, r := range records {
		counts[r.Outcome]++
	}
	return counts
}

// near reports whether got lies within a share of want.
func near[T cmp.Ordered](got, low, high T) bool { return got >= low && got <= high }
