package sim_test

import (
	"fmt"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// A bank with one clerk: three customers come ten seconds apart and take half a minute each. The two
// minutes are over at once, for the clock jumps from event to event.
func ExampleWorld() {
	w := sim.NewWorld(1)
	clerk := sim.NewPermits(w, 1)
	for i := range 3 {
		w.At(time.Duration(i)*10*time.Second, func() {
			w.Go(func() {
				came := w.Now()
				clerk.Take(sim.Forever, nil)
				waited := w.Now() - came
				sim.Sleep(w, 30*time.Second, nil)
				clerk.Give()
				fmt.Printf("%v: customer %d leaves, having waited %v\n", w.Now(), i, waited)
			})
		})
	}
	fmt.Println("left waiting:", w.Run(sim.Forever))
	// Output:
	// 30s: customer 0 leaves, having waited 0s
	// 1m0s: customer 1 leaves, having waited 20s
	// 1m30s: customer 2 leaves, having waited 40s
	// left waiting: 0
}
