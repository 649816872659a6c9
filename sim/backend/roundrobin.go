package backend

import "github.com/headroom-dev/headroom/sim"

// RoundRobin hands calls to the replicas in turn, whatever the calls cost.
type RoundRobin struct{ next int }

var _ Balancer = (*RoundRobin)(nil)

// Pick returns the next replica.
func (b *RoundRobin) Pick(_ sim.Request, among []*Member) int {
	i := b.next % len(among)
	b.next = i + 1
	return i
}
