package backend

import (
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// A Pool is the replicas of a service in one Env. What stands before them asks it who is there; life
// (lifecycle.go) and the autoscaler change it.
type Pool struct {
	env     sim.Env
	model   Model
	members []*Member // in order of ID; those gone are taken out
	made    int       // replicas so far: the next ID
	onRoom  []func()  // called when a call of a member ended, or a member came, left or changed its state
	taking  taking    // how replicas take calls
	groups  []Group
	listed  []*Member // those that the balancer knows; good while not stale
	stale   bool
	ahead   sim.Chain[*later]
	stopped bool

	startUp *StartUp
	starts  *sim.Stream // draws start-ups, keyed (replica, count)
	drain   time.Duration
	mtbf    time.Duration // 0: no crashes by chance
	crashes *sim.Stream   // draws them, keyed (replica, count)
}

// newPool makes the replicas that the scenario starts with, all of them ready.
func newPool(env sim.Env, s *Service) *Pool {
	p := &Pool{
		env: env, model: s.Model.Model, groups: s.Groups, stale: true, startUp: s.StartUp, starts: env.Rand("start-up"),
		drain: s.drain(), mtbf: s.MTBF, crashes: env.Rand("mtbf"),
	}
	for range s.first() {
		m := p.add()
		m.state, m.listed = Ready, true
		m.life.starts = 1
		m.life.began, m.life.changed = longAgo, longAgo
	}
	for _, m := range p.members {
		p.drawCrash(m)
	}
	p.plan(s.Fail)
	return p
}

// add makes a member, starting.
func (p *Pool) add() *Member {
	m := &Member{ID: p.made, Weight: 1, pool: p, machine: p.model.Start(p.env)}
	p.made++
	place(m, p.groups)
	p.members = append(p.members, m)
	return m
}

// Members returns the replicas that are not gone, in order of ID. The slice is the pool's own.
func (p *Pool) Members() []*Member { return p.members }

// States counts the replicas by state. Those gone are not counted.
func (p *Pool) States() (counts [NumStates]int) {
	for _, m := range p.members {
		counts[m.state]++
	}
	return counts
}

// listing returns the replicas that the balancer knows, in order of ID. The slice is the pool's own,
// good until the next blocking call.
func (p *Pool) listing() []*Member {
	if p.stale {
		p.listed, p.stale = p.listed[:0], false
		for _, m := range p.members {
			if m.shown = m.listed; m.shown {
				p.listed = append(p.listed, m)
			}
		}
	}
	return p.listed
}

// changed tells those who wait for room, and notes whether the balancer's list is another one now.
func (p *Pool) changed(m *Member) {
	if m.listed != m.shown {
		p.stale = true
	}
	for _, f := range p.onRoom {
		f()
	}
}

// sum adds a level up over the replicas that serve.
func (p *Pool) sum(level func(*Replica) int) int {
	total := 0
	for _, m := range p.members {
		if m.state.serving() {
			total += level(&m.machine)
		}
	}
	return total
}
