package backend

import (
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// A lateness refuses calls, when their turn comes, whose callers will have gone before a service of
// mean length ends: work on them is wasted.
//
// What a service takes is the mean, by class, over the answers so far: from when the service began to
// work where the model says so (Reply.Began), else from when the call was handed over. A class of which
// nothing was answered yet is given the benefit of the doubt.
type lateness struct {
	desk     *desk
	next     sim.Handler
	services []services
}

type services struct {
	n   int64
	sum time.Duration
}

func newLateness(d *desk, next sim.Handler) *lateness {
	return &lateness{desk: d, next: next, services: make([]services, d.classes)}
}

func (l *lateness) handle(r sim.Request) sim.Reply {
	began := l.desk.env.Now()
	known := &l.services[l.desk.class(r.Priority)]
	if known.n > 0 && r.Remaining(began) < known.sum/time.Duration(known.n) {
		return l.desk.turnAway(ReasonTooLate)
	}
	reply := l.next(r)
	if reply.Outcome == sim.OK {
		if reply.Began > began {
			began = reply.Began
		}
		known.n++
		known.sum += l.desk.env.Now() - began
	}
	return reply
}
