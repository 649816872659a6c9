package backend

import "github.com/headroom-dev/headroom/sim"

// A Pool is the replicas of a service in one Env. What stands before them asks it who is there; life
// (lifecycle.go) and the autoscaler change it.
type Pool struct {
	env     sim.Env
	model   Model
	members []*Member // in order of ID; those gone are taken out
	onRoom  []func()  // called when a call of a member ended, or a member came, left or changed its state
	ahead   sim.Chain[*later]
	stopped bool
}

// newPool makes the replicas that the scenario starts with, all of them ready.
func newPool(env sim.Env, s *Service) *Pool {
	p := &Pool{env: env, model: s.Model.Model}
	for range s.Replicas {
		m := p.add()
		m.state, m.listed = Ready, true
	}
	return p
}

// add makes a member, starting.
func (p *Pool) add() *Member {
	id := 0
	if n := len(p.members); n > 0 {
		id = p.members[n-1].ID + 1
	}
	m := &Member{ID: id, Weight: 1, pool: p, machine: p.model.Start(p.env)}
	p.members = append(p.members, m)
	return m
}

// Members returns the replicas that are not gone, in order of ID. The slice is the pool's own.
func (p *Pool) Members() []*Member { return p.members }

// changed tells those who wait for room.
func (p *Pool) changed(*Member) {
	for _, f := range p.onRoom {
		f()
	}
}

// sum adds a level up over the replicas that have a machine.
func (p *Pool) sum(level func(*Replica) int) int {
	total := 0
	for _, m := range p.members {
		if m.state != Dead && m.state != Gone && m.state != Starting {
			total += level(&m.machine)
		}
	}
	return total
}
