package backend

import "github.com/headroom-dev/headroom/sim"

// P2C draws two different replicas and hands the call to the one with fewer calls in flight for its
// weight, as Envoy's least request with a choice count of 2 (Mitzenmacher: The Power of Two Choices in
// Randomized Load Balancing, 2001). The draw is keyed by call and attempt.
type P2C struct{ random *sim.Stream }

var _ Balancer = (*P2C)(nil)

// Pick returns the less loaded of two.
func (b *P2C) Pick(r sim.Request, among []*Member) int {
	n := len(among)
	if n == 1 {
		return 0
	}
	draws := b.random.For(r.Call, r.Attempt)
	one, other := draws.IntN(n), draws.IntN(n-1)
	if other >= one {
		other++
	}
	if among[other].lessLoaded(among[one]) < 0 {
		return other
	}
	return one
}
