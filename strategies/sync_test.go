package strategies

import (
	"math"
	"testing"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// The claim's formulas for sync: capacity C = 280/s, spike D = 30 s at lambda = 1000/s, mean service
// S = 0.5 s, patience T = 5 s, T' = T - S.
func TestSyncInTheSpike(t *testing.T) {
	long(t)
	const c, lambda, d, s, patience = 280.0, 1000.0, 30.0, .5, 5.0
	load := spike{before: 10 * time.Second, length: 30 * time.Second, after: 60 * time.Second, patience: 5 * time.Second}
	sync := func() Strategy { return NewSync() }
	// A full service answers 503: s = C/lambda + min(K, C T')/(lambda D), for K places in all.
	full := mmc{servers: 140, mean: 500 * time.Millisecond, limit: 140}
	load.success(t, 3, full, sync).
		within(t, "503 when full", .05, c/lambda+min(280, c*(patience-s))/(lambda*d))
	// A deep queue that serves those who have gone: s = C T'/((lambda - C) D).
	deep := mmc{servers: 140, mean: 500 * time.Millisecond, limit: -1, zombies: true}
	load.success(t, 3, deep, sync).
		within(t, "deep queue that serves the dead", .08, c*(patience-s)/((lambda-c)*d))
}

// With equal patience and equal room the place of the queue does not matter, its bound does: C = 600/s.
func TestEqualPatienceLeavesNoGap(t *testing.T) {
	long(t)
	const c, lambda, d, s, patience = 600.0, 1000.0, 30.0, .5, 5.0
	load := spike{before: 10 * time.Second, length: 30 * time.Second, after: 30 * time.Second, patience: 5 * time.Second}
	bound := c * (patience - 3*s) // Q = C(T - 3S), on either side
	want := (c*d + bound) / (lambda * d)
	there := load.success(t, 2, mmc{servers: 300, mean: 500 * time.Millisecond, limit: int(bound)},
		func() Strategy { return NewSync() })
	here := load.success(t, 2, mmc{servers: 300, mean: 500 * time.Millisecond, limit: -1},
		func() Strategy { return &AsyncQueue{Workers: 300, Size: int(bound)} })
	there.within(t, "sync, queue at the service", .05, want)
	here.within(t, "async-queue, queue at the client", .05, want)
	if gap := math.Abs(here.mean - there.mean); gap > .03 {
		t.Errorf("equal patience and room: %.3f and %.3f, want a gap below 3 points", here.mean, there.mean)
	}
}

func TestSyncOpensConnectionsAsTold(t *testing.T) {
	for connections, want := range map[string]bool{"fresh": true, "warm": false} {
		run(t, func(w *sim.World) {
			s := NewSync()
			s.Connections = connections
			stack := s.Wrap(w, func(r sim.Request) sim.Reply {
				if r.Via.Fresh != want {
					t.Errorf("connections %q: Fresh is %v, want %v", connections, r.Via.Fresh, want)
				}
				return good
			})
			stack(sim.Request{})
		})
	}
}

func TestSyncTimeout(t *testing.T) {
	for _, row := range []struct {
		name              string
		timeout, patience time.Duration
		reason            string
		at                time.Duration
	}{
		{"the attempt's limit ends the call before the patience", 2 * time.Second, 5 * time.Second, "attempt-limit", 2 * time.Second},
		{"the patience ends it before the limit", 5 * time.Second, 2 * time.Second, "", 2 * time.Second},
		{"without a limit there is only the patience", 0, 3 * time.Second, "", 3 * time.Second},
	} {
		run(t, func(w *sim.World) {
			s := NewSync()
			s.Timeout = row.timeout
			hung := func(r sim.Request) sim.Reply {
				w.Await(sim.Forever, nil, r.Gone)
				return sim.Reply{Outcome: sim.Timeout}
			}
			got := sim.Within(w, row.patience, s.Wrap(w, hung), sim.Request{})
			if got.Outcome != sim.Timeout || got.Reason != row.reason || w.Now() != row.at {
				t.Errorf("%s: %v %q at %v, want timeout %q at %v", row.name, got.Outcome, got.Reason, w.Now(), row.reason, row.at)
			}
			if level := s.Gauges()[0].Read(); level != 0 {
				t.Errorf("%s: %v in flight after the call, want 0", row.name, level)
			}
		})
	}
}
