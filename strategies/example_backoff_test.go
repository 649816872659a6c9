package strategies_test

import (
	"fmt"
	"time"

	"github.com/headroom-dev/headroom/sim"
	"github.com/headroom-dev/headroom/strategies"
)

// The rule of a real client by its name, and a budget for all calls together: two tokens, of which more
// than one must be left, pay for one retry. The first call has it, the others find nothing.
func ExampleBudget() {
	s, err := strategies.Parse([]byte("backoff: {preset: retryablehttp, budget: {brooker: {cap: 2, ratio: 0}}}"))
	if err != nil {
		fmt.Println(err)
		return
	}
	try(s, 3, ailing)
	s.(strategies.Counting).Counts(func(name string, n int64) {
		if n > 0 {
			fmt.Println(name, n)
		}
	})
	// Output:
	// call 1 busy queue-full after 0s
	// call 2 busy queue-full after 0s
	// call 0 busy queue-full after 1s
	// retried 1
	// gave_up_budget 3
}

// A Retry-After is a wish. gRPC waits as long and begins its own waits again; the defaults add up to a
// tenth, so that not all callers return at once.
func ExampleBackoff_Presets() {
	for _, name := range []string{"grpc", "openai", "retryablehttp"} {
		s, _ := strategies.Parse([]byte("backoff: {preset: " + name + ", jitter: none}"))
		w := sim.NewWorld(1)
		var at []time.Duration
		handle := s.Wrap(w, func(sim.Request) sim.Reply {
			reply := sim.Reply{Outcome: sim.Busy, Status: 503}
			if at = append(at, w.Now()); len(at) == 2 {
				reply.RetryAfter = 3 * time.Second
			}
			return reply
		})
		w.Go(func() { handle(sim.Request{}) })
		w.Run(sim.Forever)
		fmt.Println(name, at)
	}
	// Output:
	// grpc [0s 100ms 3.1s 3.2s]
	// openai [0s 500ms 3.5s]
	// retryablehttp [0s 1s 4s 8s 16s]
}
