package backend

import "github.com/headroom-dev/headroom/sim"

// taking is how the replicas of a pool take calls. The zero taking is at once, and all of them.
type taking struct {
	pulls  int                             // calls in flight that each replica asks for, where calls wait at the gateway; 0: it does not ask
	roomy  int                             // place in the listed members where hasRoom found room
	serves func(*Member) bool              // whether the checks let calls through to a replica; nil: to all
	barred bool                            // hasRoom found room in a replica that the checks keep calls from
	door   func(*Member) (sim.Reply, bool) // refuses a call at the replica; nil: none does
}

// roomFor returns what tells whether the replicas have room for one call more; nil where they always
// have, because they queue.
func (g *gateway) roomFor(s *Service) func() bool {
	limit := limitsOf(&s.Admission)
	waits := s.Admission.WhenFull == Wait
	if !waits {
		limit = limits{queue: -1} // the doorway refuses
	}
	pool := g.desk.pool
	switch {
	case s.Admission.Dispatch == Pull:
		pool.taking.pulls = s.Admission.MaxConcurrency
		limit.queue = -1
	case s.Priority != nil:
		limit.queue = 0 // who would wait in a replica waits here instead, in the order of the classes
	case !waits:
		return nil
	}
	g.silent = limit.any()
	return func() bool {
		if pool.taking.pulls > 0 && !pool.hasRoom(g.promised) {
			return false
		}
		if !g.silent {
			return true
		}
		return limit.reached(limit.over(pool, headcount{waiting: g.promised, prompts: g.promisedPrompts})) == ""
	}
}

// hasRoom reports whether the replicas in service may have more than n calls in flight beyond those
// they have. It begins where there was room before: so it looks at few of them until most are full.
func (p *Pool) hasRoom(n int) bool {
	listed := p.listing()
	p.taking.barred = false
	if p.taking.roomy >= len(listed) {
		p.taking.roomy = 0
	}
	for k := range listed {
		i := p.taking.roomy + k
		if i >= len(listed) {
			i -= len(listed)
		}
		m := listed[i]
		if m.Full() {
			continue
		}
		if p.taking.serves != nil && !p.taking.serves(m) {
			p.taking.barred = true
			continue
		}
		if n -= m.places(); n < 0 {
			p.taking.roomy = i
			return true
		}
	}
	return false
}

// places returns how many calls more a replica that pulls asks for.
func (m *Member) places() int {
	if m.health.passive.out {
		return 1 // on trial
	}
	most := m.pool.taking.pulls
	if m.MaxConns > 0 {
		most = min(most, m.MaxConns)
	}
	return most - m.inflight
}
