package strategies_test

import (
	"fmt"
	"time"

	"github.com/headroom-dev/headroom/sim"
	"github.com/headroom-dev/headroom/strategies"
)

// try sends calls through a strategy, one every 300 ms, each with 10 s of patience and asking for
// the same, and prints how each ended.
func try(s strategies.Strategy, calls int, service func(env sim.Env) sim.Handler) {
	w := sim.NewWorld(1)
	handle := s.Wrap(w, service(w))
	for call := range calls {
		start := time.Duration(call) * 300 * time.Millisecond
		w.At(start, func() {
			w.Go(func() {
				reply := sim.Within(w, 10*time.Second, handle, sim.Request{Call: call, Key: 7})
				fmt.Println("call", call, reply.Outcome, reply.Reason, "after", (w.Now() - start).Round(100*time.Millisecond))
			})
		})
	}
	w.Run(sim.Forever)
}

// slow answers after a second.
func slow(env sim.Env) sim.Handler {
	return func(r sim.Request) sim.Reply {
		if !sim.Sleep(env, time.Second, r.Gone) {
			return sim.Reply{Outcome: sim.Timeout}
		}
		return sim.Reply{Outcome: sim.OK, Status: 200}
	}
}

// ailing answers 503 until three seconds have passed.
func ailing(env sim.Env) sim.Handler {
	return func(r sim.Request) sim.Reply {
		if env.Now() < 3*time.Second {
			return sim.Reply{Outcome: sim.Busy, Status: 503, Reason: "queue-full"}
		}
		return sim.Reply{Outcome: sim.OK, Status: 200}
	}
}

// One attempt per call: what the service says is what the caller gets.
func ExampleSync() {
	try(strategies.NewSync(), 2, ailing)
	// Output:
	// call 0 busy queue-full after 0s
	// call 1 busy queue-full after 0s
}

// One attempt at once: the second call waits for the first, the third in vain.
func ExamplePooled() {
	pool := strategies.NewPooled()
	pool.Size, pool.Wait = 1, time.Second
	try(pool, 3, slow)
	// Output:
	// call 0 ok  after 1s
	// call 2 shed wait after 1s
	// call 1 ok  after 1.7s
}

// One worker, room for two: the fourth call is turned away, and the third has too little patience
// left when its turn comes.
func ExampleAsyncQueue() {
	queue := strategies.NewAsyncQueue()
	queue.Workers, queue.Size, queue.Deadline = 1, 2, 2300*time.Millisecond
	queue.Margin = strategies.Margin{Fixed: time.Second}
	try(queue, 4, slow)
	// Output:
	// call 3 shed full after 0s
	// call 0 ok  after 1s
	// call 1 ok  after 1.7s
	// call 2 shed expired after 1.4s
}

// All ask the same: one fetch answers those who came while it was under way, and the cache those who
// came later.
func ExampleCache() {
	cache := strategies.NewCache()
	try(cache, 6, slow)
	cache.Counts(func(name string, n int64) { fmt.Println(name, n) })
	// Output:
	// call 0 ok  after 1s
	// call 1 ok  after 700ms
	// call 2 ok  after 400ms
	// call 3 ok  after 100ms
	// call 4 ok  after 0s
	// call 5 ok  after 0s
	// hit_fresh 2
	// hit_stale 0
	// hit_joined 3
	// hit_fallback 0
	// miss 4
	// refreshed 0
	// refresh_failed 0
}

// Waits of one and two seconds, each up to 10 % longer, reach the service when it is well again.
func ExampleBackoff() {
	backoff := strategies.NewBackoff()
	try(backoff, 2, ailing)
	backoff.Counts(func(name string, n int64) { fmt.Println(name, n) })
	// Output:
	// call 0 ok  after 3.1s
	// call 1 ok  after 3.1s
	// retried 4
	// gave_up_tries 0
	// gave_up_budget 0
	// gave_up_patience 0
	// gave_up_told 0
	// gave_up_begun 0
	// gave_up_once 0
}

// The first layer is the outermost: two calls share one fetch, whose attempts the backoff makes.
func ExampleStack() {
	backoff := strategies.NewBackoff()
	backoff.Jitter = strategies.Jitter{}
	try(strategies.Stack(strategies.NewCache(), backoff, strategies.NewPooled()), 2, ailing)
	// Output:
	// call 0 ok  after 3s
	// call 1 ok  after 2.7s
}
