package backend

import "github.com/headroom-dev/headroom/sim"

// Weighted hands calls to the replicas by weight, spread as evenly as can be: nginx's smooth weighted
// round robin (ngx_http_upstream_round_robin.c). Weights 5, 1, 1 give a a b a c a a.
type Weighted struct{}

var _ Balancer = (*Weighted)(nil)

// Pick returns the next replica.
func (*Weighted) Pick(_ sim.Request, among []*Member) int { return smoothly(among, nil) }

// A share is a replica's place in the smooth rule.
type share struct {
	current int
	lowered int // what failures took off the weight
}

// smoothly picks by the smooth rule among those that count (nil: all): each gains its effective weight,
// the richest is picked and pays what all gained. A weight that failures lowered grows back by one with
// every pick.
func smoothly(among []*Member, counts func(*Member) bool) int {
	best, total := -1, 0
	for i, m := range among {
		if counts != nil && !counts(m) {
			continue
		}
		effective := m.Weight - m.share.lowered
		m.share.current += effective
		total += effective
		if m.share.lowered > 0 {
			m.share.lowered--
		}
		if best < 0 || m.share.current > among[best].share.current {
			best = i
		}
	}
	among[best].share.current -= total
	return best
}

// lower takes weight/maxFails off the effective weight of a replica that failed.
func (s *share) lower(weight, maxFails int) {
	s.lowered = min(s.lowered+weight/maxFails, weight)
}
