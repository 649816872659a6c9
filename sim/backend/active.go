package backend

// An active is what the probes say of a replica.
type active struct {
	out   bool
	inRow int // probes in a row that said the opposite of out
}

// probed notes the result of a probe.
func (a *active) probed(ok bool, fall, rise int) {
	if ok != a.out { // nothing new
		a.inRow = 0
		return
	}
	a.inRow++
	if !a.out && a.inRow >= fall || a.out && a.inRow >= rise {
		a.out, a.inRow = !a.out, 0
	}
}

// probing probes all replicas at once, each `every`.
func (p *Pool) probing(c Active) {
	p.every(c.Every, func() {
		for _, m := range p.members {
			m.probe(c)
		}
	})
}

// probe asks a replica for its health. One that hangs says nothing: it fails when the time is over,
// unless it answers by then.
func (m *Member) probe(c Active) {
	if m.state != Hung {
		m.health.active.probed(m.state == Ready || m.state == Draining, c.Fall, c.Rise)
		return
	}
	m.pool.at(m.pool.env.Now()+c.Timeout, func() {
		m.health.active.probed(m.state == Ready || m.state == Draining, c.Fall, c.Rise)
	})
}
