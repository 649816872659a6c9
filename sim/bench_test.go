package sim_test

import (
	"testing"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

func BenchmarkSleep(b *testing.B) {
	b.ReportAllocs()
	w := sim.NewWorld(1)
	w.Go(func() {
		for b.Loop() {
			sim.Sleep(w, time.Microsecond, nil)
		}
	})
	w.Run(sim.Forever)
}

// BenchmarkTake is a Take that blocks, with the Give that wakes it.
func BenchmarkTake(b *testing.B) {
	b.ReportAllocs()
	w := sim.NewWorld(1)
	permits := sim.NewPermits(w, 1)
	n := b.N
	for range 2 {
		w.Go(func() {
			for range n / 2 {
				permits.Take(sim.Forever, nil)
				sim.Sleep(w, time.Microsecond, nil)
				permits.Give()
			}
		})
	}
	w.Run(sim.Forever)
}

// BenchmarkGo is a process that sleeps once.
func BenchmarkGo(b *testing.B) {
	b.ReportAllocs()
	w := sim.NewWorld(1)
	sleep := func() { sim.Sleep(w, time.Microsecond, nil) }
	n := b.N
	var next func()
	next = func() {
		if n--; n > 0 {
			w.Go(sleep)
			w.At(w.Now()+time.Microsecond, next)
		}
	}
	w.At(0, next)
	w.Run(sim.Forever)
}

func BenchmarkAt(b *testing.B) {
	for _, pending := range []int{1, 10_000} {
		b.Run(map[int]string{1: "1 pending", 10_000: "10000 pending"}[pending], func(b *testing.B) {
			b.ReportAllocs()
			w := sim.NewWorld(1)
			left := b.N
			var again func()
			again = func() {
				if left--; left > 0 {
					w.At(w.Now()+time.Duration(1+left*7919%1_000_003), again)
				}
			}
			for range pending {
				w.At(1, again)
			}
			w.Run(sim.Forever)
		})
	}
}

func BenchmarkWithin(b *testing.B) {
	b.ReportAllocs()
	w := sim.NewWorld(1)
	answer := func(r sim.Request) sim.Reply {
		sim.Sleep(w, time.Microsecond, r.Gone)
		return sim.Reply{Outcome: sim.OK}
	}
	w.Go(func() {
		for b.Loop() {
			sim.Within(w, time.Second, answer, sim.Request{})
		}
	})
	w.Run(sim.Forever)
}

func BenchmarkStreamFor(b *testing.B) {
	s := sim.NewStream(1, "bench")
	var sum float64
	for i := 0; b.Loop(); i++ {
		sum += s.For(i, 0).Float64()
	}
	_ = sum
}

func BenchmarkWallTurn(b *testing.B) {
	w := sim.NewWall(1)
	for b.Loop() {
		w.Do(func() {})
	}
}
