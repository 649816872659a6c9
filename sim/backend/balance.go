package backend

import (
	"net/http"

	"github.com/headroom-dev/headroom/sim"
)

// A Balancer picks the replica that gets a call: an index into the members, which are never none. They
// are those in service: listed, not taken out by checks, with room, in the caller's zone if any is.
// Who is among them changes from call to call; a Member's ID does not.
type Balancer interface {
	Pick(r sim.Request, among []*Member) int
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

// balanced hands each call to the replica that the caller names (Via.Endpoint) or the balancer picks.
func balanced(b Balancer, pool *Pool) sim.Handler {
	return func(r sim.Request) sim.Reply {
		among := pool.Listed()
		if len(among) == 0 {
			return refuse(http.StatusServiceUnavailable, ReasonNoReplica)
		}
		i := r.Via.Endpoint - 1
		if i < 0 || i >= len(among) {
			i = b.Pick(r, among)
		}
		return among[i].Handle(r)
	}
}
