package sim_test

import (
	"fmt"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// A caller with a patience of five seconds tries again when an attempt takes more than two. The third
// attempt has only what is left.
func ExampleWithin() {
	w := sim.NewWorld(1)
	slow := func(r sim.Request) sim.Reply {
		fmt.Printf("%v: attempt until %v\n", w.Now(), r.Deadline)
		if !sim.Sleep(w, time.Minute, r.Gone) {
			return sim.Reply{Outcome: sim.Error} // nobody waits any more
		}
		return sim.Reply{Outcome: sim.OK}
	}
	w.Go(func() {
		reply := sim.Within(w, 5*time.Second, func(r sim.Request) sim.Reply {
			for !r.Gone.Fired() {
				sim.Within(w, 2*time.Second, slow, r)
			}
			return sim.Reply{}
		}, sim.Request{})
		fmt.Printf("%v: %v\n", w.Now(), reply.Outcome)
	})
	w.Run(sim.Forever)
	// Output:
	// 0s: attempt until 2s
	// 2s: attempt until 4s
	// 4s: attempt until 5s
	// 5s: timeout
}
