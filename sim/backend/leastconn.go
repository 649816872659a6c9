package backend

import "github.com/headroom-dev/headroom/sim"

// LeastConn hands a call to the replica with the fewest calls in flight for its weight, as nginx's
// least_conn: a call is in flight until its reply has come or its caller has gone. Among equals the
// smooth rule of Weighted decides.
type LeastConn struct{}

var _ Balancer = (*LeastConn)(nil)

// Pick returns the replica with the fewest calls in flight for its weight.
func (*LeastConn) Pick(_ sim.Request, among []*Member) int {
	best, equals := 0, false
	for i := 1; i < len(among); i++ {
		switch less := among[i].lessLoaded(among[best]); {
		case less < 0:
			best, equals = i, false
		case less == 0:
			equals = true
		}
	}
	if !equals {
		return best
	}
	least := among[best]
	inflight, weight := least.inflight, least.Weight
	return smoothly(among, func(m *Member) bool { return m.inflight*weight == inflight*m.Weight })
}

// lessLoaded compares calls in flight for the weight: negative is less than the other.
func (m *Member) lessLoaded(other *Member) int {
	return m.inflight*other.Weight - other.inflight*m.Weight
}
