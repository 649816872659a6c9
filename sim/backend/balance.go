package backend

import "github.com/headroom-dev/headroom/sim"

// A Balancer picks the replica that gets a call: an index into the pool, which is never empty.
type Balancer interface {
	Pick(r sim.Request, pool []*Replica) int
}

// A BalancerEntry is a kind of balancer that a scenario may name. New returns a fresh one for a run.
type BalancerEntry struct {
	Name, About string
	New         func() Balancer
}

// Balancers lists the balancers there are, in the order in which they are shown.
var Balancers = []BalancerEntry{
	{"round-robin", "each replica in turn", func() Balancer { return &RoundRobin{} }},
	{"least-conn", "the replica with the fewest calls in flight", func() Balancer { return &LeastConn{} }},
}

// balancerNamed returns the entry of that name; empty is the first.
func balancerNamed(name string) (BalancerEntry, bool) {
	if name == "" {
		return Balancers[0], true
	}
	return find(Balancers, func(b BalancerEntry) bool { return b.Name == name })
}
