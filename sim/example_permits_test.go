package sim_test

import (
	"fmt"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// Two connections, and callers who wait three seconds for one at most.
func ExamplePermits() {
	w := sim.NewWorld(1)
	connections := sim.NewPermits(w, 2)
	for i := range 5 {
		w.Go(func() {
			if !connections.Take(3*time.Second, nil) {
				fmt.Printf("%v: caller %d gives up\n", w.Now(), i)
				return
			}
			defer connections.Give()
			fmt.Printf("%v: caller %d has a connection, %d wait\n", w.Now(), i, connections.Waiting())
			sim.Sleep(w, 2*time.Second, nil)
		})
	}
	w.Run(sim.Forever)
	// Output:
	// 0s: caller 0 has a connection, 0 wait
	// 0s: caller 1 has a connection, 0 wait
	// 2s: caller 2 has a connection, 1 wait
	// 2s: caller 3 has a connection, 1 wait
	// 3s: caller 4 gives up
}
