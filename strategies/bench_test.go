package strategies

import (
	"testing"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// benchmark sends b.N Poisson calls through s. Meter, records and the service of these tests are
// part of what is measured.
func benchmark(b *testing.B, s Strategy, m mmc, l load) {
	b.ReportAllocs()
	w := sim.NewWorld(1)
	l.calls = b.N
	n := 0
	drive(w, s, m.start(w), l, func(record) { n++ })
	b.ResetTimer()
	if blocked := w.Run(sim.Forever); blocked != 0 || n != b.N {
		b.Fatalf("%d processes left over, %d of %d calls ended", blocked, n, b.N)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
}

var (
	mm10       = mmc{servers: 10, mean: time.Second, limit: -1}
	oneInThree = mmc{servers: 10, mean: time.Second, limit: 10}
)

func BenchmarkNothing(b *testing.B) {
	benchmark(b, Stack(), mm10, load{rate: steady(9), patience: time.Hour})
}

func BenchmarkSync(b *testing.B) {
	benchmark(b, NewSync(), mm10, load{rate: steady(9), patience: time.Hour})
}

func BenchmarkPooled(b *testing.B) {
	benchmark(b, &Pooled{Size: 10, Wait: year}, ample, load{rate: steady(9), patience: time.Hour})
}

func BenchmarkCache(b *testing.B) {
	_, key := zipf(1_000_000, .9)
	benchmark(b, NewCache(), mm10, load{rate: steady(9), patience: time.Hour, keys: key})
}

// A hit alone, without what carries a call: fresh, or stale while the refresh is under way.
func BenchmarkCacheHit(b *testing.B) {
	for _, hit := range []string{"fresh", "stale"} {
		b.Run(hit, func(b *testing.B) {
			w, c := sim.NewWorld(1), NewCache()
			c.TTL, c.Stale = time.Minute, time.Minute
			stack := c.Wrap(w, func(r sim.Request) sim.Reply { sim.Sleep(w, time.Second, r.Gone); return good })
			w.Go(func() {
				stack(sim.Request{})
				if hit == "stale" {
					sim.Sleep(w, time.Minute, nil)
				}
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					stack(sim.Request{Call: i})
				}
			})
			w.Run(sim.Forever)
		})
	}
}

// Three times the capacity: most attempts are retries.
func BenchmarkBackoffInOverload(b *testing.B) {
	benchmark(b, NewBackoff(), oneInThree, load{rate: steady(30), patience: 30 * time.Second})
}

// The same, each retry asked for.
func BenchmarkBackoffWithABudget(b *testing.B) {
	s := NewBackoff()
	s.Budget = Budget{NewFinagleBudget()}
	benchmark(b, s, oneInThree, load{rate: steady(30), patience: 30 * time.Second})
}

// A queue held at 8,000 calls: twice the capacity, a patience of 800 s, a margin that keeps workers
// busy with those who can still be answered.
func BenchmarkAsyncQueueWith8000Waiting(b *testing.B) {
	q := NewAsyncQueue()
	q.Workers, q.Size = 10, 8000
	benchmark(b, q, ample, load{rate: steady(20), patience: 2 * time.Hour})
}

func BenchmarkStack(b *testing.B) {
	_, key := zipf(1_000_000, .9)
	benchmark(b, Stack(NewCache(), NewBackoff(), &Pooled{Size: 10, Wait: 10 * time.Second}), mm10,
		load{rate: steady(9), patience: time.Hour, keys: key})
}

// The margin's window is touched once per call.
func BenchmarkWindow(b *testing.B) {
	w, draws := newWindow(marginSamples), sim.NewStream(1, "window")
	times := make([]time.Duration, 4096)
	for i := range times {
		times[i] = time.Duration(draws.For(i, 0).ExpFloat64() * float64(time.Second))
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		w.add(times[i%len(times)])
		if w.quantile(95, 100) < 0 {
			b.Fatal("a negative time")
		}
	}
}
