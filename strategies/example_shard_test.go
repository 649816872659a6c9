package strategies_test

import (
	"fmt"

	"github.com/headroom-dev/headroom/sim"
	"github.com/headroom-dev/headroom/strategies"
)

// Each user has a replica, and keeps it. A ninth one takes over 1/9 of the users, and nobody else moves.
func ExampleShard() {
	users := func(replicas int) (at []int) {
		shard := strategies.NewShard()
		shard.Endpoints(replicas)
		w := sim.NewWorld(1)
		handle := shard.Wrap(w, func(r sim.Request) sim.Reply {
			at = append(at, r.Via.Endpoint)
			return sim.Reply{Outcome: sim.OK}
		})
		w.Go(func() {
			for user := range uint64(9000) {
				handle(sim.Request{User: user})
			}
		})
		w.Run(sim.Forever)
		return at
	}
	eight, nine := users(8), users(9)
	fmt.Println("the first users, 8 replicas:", eight[:12])
	fmt.Println("the first users, 9 replicas:", nine[:12])
	moved, elsewhere := 0, 0
	for user := range eight {
		if nine[user] != eight[user] {
			moved++
			if nine[user] != 9 {
				elsewhere++
			}
		}
	}
	fmt.Println("moved:", moved, "of 9000,", elsewhere, "of them to an old replica")
	// Output:
	// the first users, 8 replicas: [6 5 6 6 5 5 1 8 3 5 6 1]
	// the first users, 9 replicas: [6 5 6 6 5 5 1 8 3 5 6 1]
	// moved: 917 of 9000, 0 of them to an old replica
}
