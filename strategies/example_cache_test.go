package strategies_test

import (
	"fmt"
	"time"

	"github.com/headroom-dev/headroom/sim"
	"github.com/headroom-dev/headroom/strategies"
)

// An answer is fresh for two seconds. Who asks in the ten seconds after that has it at once, as degraded,
// and the first of them has it refreshed.
func ExampleCache_stale() {
	cache := strategies.NewCache()
	cache.TTL, cache.Stale = 2*time.Second, 10*time.Second
	w := sim.NewWorld(1)
	handle := cache.Wrap(w, slow(w))
	w.Go(func() {
		for call := range 6 {
			start := w.Now()
			reply := sim.Within(w, 10*time.Second, handle, sim.Request{Call: call, Key: 7})
			fmt.Println("at", start, reply.Outcome, reply.Reason, "after", w.Now()-start)
			sim.Sleep(w, 1500*time.Millisecond, nil)
		}
	})
	w.Run(sim.Forever)
	// Output:
	// at 0s ok  after 1s
	// at 2.5s ok  after 0s
	// at 4s degraded stale after 0s
	// at 5.5s ok  after 0s
	// at 7s degraded stale after 0s
	// at 8.5s ok  after 0s
}

// Two levels: what the small cache has forgotten, the large one still knows.
func ExampleCache_levels() {
	s, err := strategies.Parse([]byte("[cache: {entries: 2}, cache: {entries: 100}]"))
	if err != nil {
		fmt.Println(err)
		return
	}
	w := sim.NewWorld(1)
	handle := s.Wrap(w, slow(w))
	w.Go(func() {
		for call, key := range []uint64{1, 2, 3, 1, 1, 2} {
			handle(sim.Request{Call: call, Key: key})
		}
	})
	w.Run(sim.Forever)
	s.(strategies.Counting).Counts(func(name string, n int64) {
		if n > 0 {
			fmt.Println(name, n)
		}
	})
	// Output:
	// hit_fresh 1
	// miss 5
	// hit_fresh 2 2
	// miss 2 3
}
