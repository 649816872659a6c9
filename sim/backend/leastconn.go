package backend

import "github.com/headroom-dev/headroom/sim"

// LeastConn hands a call to the replica with the fewest calls in flight, as nginx's least_conn:
// a call is in flight until its reply has come or its caller has gone. Among equals it goes round.
type LeastConn struct{ next int }

var _ Balancer = (*LeastConn)(nil)

// Pick returns the replica with the fewest calls in flight. The search begins behind the last pick:
// beginning at the first replica would load it whenever all are idle.
func (b *LeastConn) Pick(_ sim.Request, among []*Member) int {
	best := b.next % len(among)
	for k := 1; k < len(among); k++ {
		if i := (b.next + k) % len(among); among[i].inflight < among[best].inflight {
			best = i
		}
	}
	b.next = best + 1
	return best
}
