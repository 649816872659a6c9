package backend

import "github.com/headroom-dev/headroom/sim"

// A Balancer picks the replica that gets a call: an index into the members, which are never none. They
// are those in service: listed, not taken out by checks, with room, in the caller's zone if any is.
// Who is among them changes from call to call; a Member's ID does not.
type Balancer interface {
	Pick(r sim.Request, among []*Member) int
}

// A BalancerEntry is a kind of balancer that a scenario may name. New returns a fresh one for a run.
type BalancerEntry struct {
	Name, About string
	Hashes      bool // it has the settings of Hashing
	New         func(env sim.Env, b Balancing) Balancer
}

// Balancers lists the balancers there are, in the order in which they are shown.
var Balancers = []BalancerEntry{
	{Name: "round-robin", About: "each replica in turn",
		New: func(sim.Env, Balancing) Balancer { return &RoundRobin{} }},
	{Name: "weighted", About: "in turn, by weight, spread evenly (nginx's smooth rule)",
		New: func(sim.Env, Balancing) Balancer { return &Weighted{} }},
	{Name: "least-conn", About: "the replica with the fewest calls in flight for its weight",
		New: func(sim.Env, Balancing) Balancer { return &LeastConn{} }},
	{Name: "p2c", About: "the less loaded of two drawn at random",
		New: func(env sim.Env, _ Balancing) Balancer { return &P2C{random: env.Rand("p2c")} }},
	{Name: "hash", About: "by user, key or prefix; losing a replica moves only its own (rendezvous)", Hashes: true,
		New: func(_ sim.Env, b Balancing) Balancer { return &Hash{Hashing: b.Hashing} }},
	{Name: "consistent", About: "by user, key or prefix, on a ring of 160 points per weight (ketama)", Hashes: true,
		New: func(_ sim.Env, b Balancing) Balancer { return &Consistent{by: b.By} }},
}

// balancerNamed returns the entry of that name; empty is the first.
func balancerNamed(name string) (BalancerEntry, bool) {
	if name == "" {
		return Balancers[0], true
	}
	return find(Balancers, func(b BalancerEntry) bool { return b.Name == name })
}
