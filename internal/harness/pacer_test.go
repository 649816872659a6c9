package harness

import (
	"context"
	"math/rand/v2"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/headroom-dev/headroom/scenarios"
)

// pacedBy returns when each of the intended starts came, by a pacer driven as vegeta drives it.
func pacedBy(p *schedulePacer) (starts []time.Duration) {
	p.begin = func(time.Time) {}
	p.pull = func(uint64) {}
	began := time.Now()
	for hit := uint64(0); ; hit++ {
		wait, stop := p.Pace(time.Since(began), hit)
		if stop {
			return starts
		}
		if wait != 0 {
			panic("the pacer must wait by itself")
		}
		starts = append(starts, time.Since(p.began))
	}
}

func TestPacerKeepsTheSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := []time.Duration{0, 0, time.Millisecond, 90 * time.Microsecond * 100, time.Hour}
		starts := pacedBy(&schedulePacer{send: t.Context(), at: at})
		for i := range at {
			if starts[i] != at[i] {
				t.Errorf("call %d started at %v, want %v", i, starts[i], at[i])
			}
		}
	})
}

func TestPacerStopsInAGap(t *testing.T) {
	for _, exact := range []bool{false, true} {
		send, stop := context.WithTimeout(t.Context(), 20*time.Millisecond)
		p := &schedulePacer{send: send, at: []time.Duration{0, time.Hour}}
		if exact {
			p.exact = newExactWait()
		}
		began := time.Now()
		if got := len(pacedBy(p)); got != 1 {
			t.Errorf("exact %v: %d calls were started, want 1", exact, got)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("exact %v: stopping took %v", exact, took)
		}
		stop()
	}
}

func TestExactWaitsAreNeverEarly(t *testing.T) {
	send, stop := context.WithCancel(t.Context())
	defer stop()
	exact := newExactWait()
	if exact == nil {
		t.Skipf("%s with %d processors has no exact waits: the pacer keeps its timer", runtime.GOOS, runtime.GOMAXPROCS(0))
	}
	var at []time.Duration
	for i := range 300 {
		at = append(at, time.Duration(i)*time.Millisecond+time.Duration(i%7)*100*time.Microsecond) // gaps of 0.4 and 1.1 ms
	}
	starts := pacedBy(&schedulePacer{send: send, at: at, exact: exact})
	if len(starts) != len(at) {
		t.Fatalf("%d calls were started, want %d", len(starts), len(at))
	}
	var late []time.Duration
	for i := range at {
		if starts[i] < at[i] {
			t.Errorf("call %d started at %v, before its time %v", i, starts[i], at[i])
		}
		late = append(late, starts[i]-at[i])
	}
	t.Logf("late: P50 %v, P99 %v", rank(late, .5), rank(late, .99))
}

func TestOnlySparseCallsAreWaitedForExactly(t *testing.T) {
	count := func(at []time.Duration) (dense int) {
		p := &schedulePacer{at: at}
		for hit := range at {
			if p.dense(uint64(hit)) {
				dense++
			}
		}
		return dense
	}
	times := func(arrivals []scenarios.Arrival) (at []time.Duration) {
		for _, a := range arrivals {
			at = append(at, a.At)
		}
		return at
	}
	draw := rand.New(rand.NewPCG(1, 2))
	var poisson []time.Duration
	for t := 0.0; t < 10; t += draw.ExpFloat64() / 1000 {
		poisson = append(poisson, time.Duration(t*float64(time.Second)))
	}
	for _, row := range []struct {
		name      string
		at        []time.Duration
		low, high int // of dense calls
	}{
		{"one call", []time.Duration{0}, 0, 0},
		{"1,000/s in even steps", times(evenly(stretch{1000, 10 * time.Second})), 0, 0},
		{"1,000/s of a Poisson process", poisson, 0, len(poisson) / 100},
		{"5,000/s", times(evenly(stretch{5000, 2 * time.Second})), 10_000, 10_000},
		{"a spike of 5,000/s in 100/s", times(evenly(stretch{100, 10 * time.Second}, stretch{5000, 2 * time.Second}, stretch{100, 10 * time.Second})), 10_000 - denseCalls, 10_000 + denseCalls},
		{"a burst of a hundred in 100/s", append(make([]time.Duration, 100), times(evenly(stretch{100, 10 * time.Second}))...), 0, denseCalls},
	} {
		if got := count(row.at); !near(got, row.low, row.high) {
			t.Errorf("%s: %d of %d calls are dense, want %d to %d", row.name, got, len(row.at), row.low, row.high)
		}
	}
}
