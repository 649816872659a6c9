package backend

import (
	"math"
	"slices"
	"time"
)

// A life is what happens to a replica beside its work: how it starts, fails and leaves.
type life struct {
	began   time.Duration // when it was made
	changed time.Duration // when it last became ready, or ceased to be
	starts  int           // times it was started
	worked  time.Duration // by machines that are no more
	hung    bool          // its machine stands still
	factor  float64       // slowness; 0 is 1
	next    *later        // what ends its state: a start, a repair, a drain
	slow    *later        // what ends its slowness
	crash   *later        // the crash to come, where crashes are drawn
}

// serving reports whether it takes part in the service: it answers, or its connections stand.
func (s State) serving() bool { return s == Ready || s == Hung || s == Draining }

// become changes the state and tells who waits for room.
func (m *Member) become(s State) {
	now := m.pool.env.Now()
	if ready := s == Ready || s == Hung; ready != (m.state == Ready || m.state == Hung) {
		m.life.changed = now
	}
	m.life.next.stop()
	m.life.next = nil
	m.state = s
	m.pool.changed(m)
}

// start lets a machine come up: it is ready after a start-up.
func (m *Member) start() {
	p := m.pool
	took := p.startUp.draw(p.starts.For(m.ID, m.life.starts))
	m.life.starts++
	m.become(Starting)
	if took == 0 {
		m.ready()
		return
	}
	m.life.next = p.at(p.env.Now()+took, m.ready)
}

// ready lets the replica serve.
func (m *Member) ready() {
	m.listed = true
	m.become(Ready)
	m.pool.drawCrash(m)
}

// dies ends the replica at once: the calls inside get a reset, what it had cached is lost. It starts
// again after a time, on a new machine.
func (m *Member) dies(repair time.Duration) {
	switch m.state {
	case Dead, Gone:
		return
	case Draining:
		m.leave()
		return
	}
	m.killed()
	m.become(Dead)
	if repair == 0 {
		m.start()
		return
	}
	m.life.next = m.pool.at(m.pool.env.Now()+repair, m.start)
}

// killed takes the machine away and puts a fresh one in its place.
func (m *Member) killed() {
	m.life.crash.stop()
	m.life.slow.stop()
	m.life.crash, m.life.slow, m.life.factor, m.life.hung = nil, nil, 1, false
	m.life.worked += m.machine.Busy()
	m.machine.Kill()
	m.machine = m.pool.model.Start(m.pool.env)
}

// hangs stops all work for a time. Connections stay, calls come in, nothing is answered. Only a
// replica that is ready can hang.
func (m *Member) hangs(span time.Duration) {
	if m.state != Ready {
		return
	}
	m.life.hung = true
	m.become(Hung)
	m.repace()
	m.life.next = m.pool.at(m.pool.env.Now()+span, func() {
		m.life.hung = false
		m.become(Ready)
		m.repace()
	})
}

// slows lets all work take factor times as long, for a time.
func (m *Member) slows(factor float64, span time.Duration) {
	if !m.state.serving() {
		return
	}
	m.life.slow.stop()
	m.life.factor = factor
	m.repace()
	m.life.slow = m.pool.at(m.pool.env.Now()+span, func() {
		m.life.factor = 1
		m.repace()
	})
}

// repace tells the machine how fast it is.
func (m *Member) repace() {
	factor := max(m.life.factor, 1)
	if m.life.hung {
		factor = math.Inf(1)
	}
	m.machine.Pace(factor)
}

// drain takes the replica out of service: one that serves ends the calls it has, for as long as the
// pool's drain lasts; what is left then is cut off. One that is not up goes at once.
func (m *Member) drain() {
	switch {
	case m.state == Draining || m.state == Gone:
		return
	case !m.state.serving() || m.inflight == 0 || m.pool.drain == 0:
		m.leave()
		return
	}
	m.listed = false
	m.become(Draining) // one that hangs does not wake up because it is to go
	m.life.next = m.pool.at(m.pool.env.Now()+m.pool.drain, m.leave)
}

// leave takes the replica away for good; calls that are still inside get a reset.
func (m *Member) leave() {
	if m.state == Gone {
		return
	}
	m.life.crash.stop()
	m.life.slow.stop()
	m.listed = false
	p := m.pool
	p.members = slices.DeleteFunc(p.members, func(one *Member) bool { return one == m })
	m.become(Gone)
	m.machine.Kill()
}

// drawCrash draws when a replica that has just become ready crashes by itself.
func (p *Pool) drawCrash(m *Member) {
	if p.mtbf == 0 {
		return
	}
	span := time.Duration(min(p.crashes.For(m.ID, m.life.starts).ExpFloat64()*float64(p.mtbf), 1<<62))
	m.life.crash.stop()
	m.life.crash = p.at(p.env.Now()+span, func() { m.dies(0) })
}
