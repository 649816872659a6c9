package backend

import (
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// What a service does by itself (checks, failures, scaling) lies ahead even when no caller is left,
// and a World runs on while anything is to come. So all of it goes through Pool.at and Pool.every,
// and Pool.stop takes it back.

// A later is something of the service's own that is to come. The nil later has nothing to come.
type later struct {
	timer sim.Timer
	place sim.Link[*later]
}

// at calls f, which must not block, at time t unless the service is stopped before.
func (p *Pool) at(t time.Duration, f func()) *later {
	if p.stopped {
		return nil
	}
	l := &later{}
	l.place.Of = l
	p.ahead.Join(&l.place)
	l.timer = p.env.At(t, func() {
		l.place.Leave()
		f()
	})
	return l
}

// stop takes it back.
func (l *later) stop() {
	if l != nil {
		l.timer.Stop()
		l.place.Leave()
	}
}

// every calls f, which must not block, each d from now on until the service is stopped; first after
// d. Times follow from the start and not from each other, so a late one delays none; those missed
// altogether (on a Wall) are left out.
func (p *Pool) every(d time.Duration, f func()) {
	if d <= 0 {
		panic("backend: Pool.every needs a time above 0")
	}
	next := p.env.Now() + d
	var again func()
	again = func() {
		for next += d; next <= p.env.Now(); next += d {
		}
		p.at(next, again)
		f()
	}
	p.at(next, again)
}

// stop takes back all that the service would do by itself.
func (p *Pool) stop() {
	p.stopped = true
	for l := p.ahead.First(); l != nil; l = p.ahead.First() {
		l.Of.stop()
	}
}
