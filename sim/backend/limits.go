package backend

import "github.com/headroom-dev/headroom/sim"

// limits bound what may be inside: over the service, or in each replica.
type limits struct {
	requests int // 0: no limit
	tokens   int // 0: no limit
	queue    int // negative: no limit
}

// limitsOf returns the limits of a configuration.
func limitsOf(a *Admission) limits {
	l := limits{requests: a.MaxRequests, tokens: a.MaxTokens, queue: -1}
	if a.Queue != nil {
		l.queue = *a.Queue
	}
	return l
}

func (l limits) any() bool { return l.requests > 0 || l.tokens > 0 || l.queue >= 0 }

// A headcount is what limits look at: calls waiting, running, slots free, prompt tokens not yet computed.
type headcount struct{ waiting, running, free, prompts int }

// read adds what a member has of what the limits look at. Slots count as free where calls will get
// them: not in a replica that is hung or draining.
func (l limits) read(sum *headcount, m *Member) {
	if !m.state.serving() {
		return
	}
	if l.requests > 0 || l.queue >= 0 {
		sum.waiting += m.machine.Waiting()
	}
	if l.requests > 0 {
		sum.running += m.machine.Running()
	}
	if l.queue >= 0 && m.state == Ready {
		sum.free += m.machine.Free()
	}
	if l.tokens > 0 {
		sum.prompts += m.machine.Prompts()
	}
}

// reached returns the reason of the first limit that is reached; "" if none is.
func (l limits) reached(now headcount) string {
	switch {
	case l.requests > 0 && now.waiting+now.running >= l.requests:
		return ReasonMaxRequests
	case l.tokens > 0 && now.prompts >= l.tokens:
		return ReasonMaxTokens
	case l.queue >= 0 && now.waiting-now.free >= l.queue:
		return ReasonQueueFull
	}
	return ""
}

// over reads the whole pool, in one pass over its members, on top of what is counted already.
func (l limits) over(pool *Pool, now headcount) headcount {
	for _, m := range pool.members {
		l.read(&now, m)
	}
	return now
}

// A doorway refuses calls that are over a limit of the service.
type doorway struct {
	limits limits
	desk   *desk
	next   sim.Handler
}

func (d *doorway) handle(r sim.Request) sim.Reply {
	var before headcount
	if g := d.desk.held; g != nil {
		before = headcount{waiting: g.outside, prompts: g.outsidePrompts}
	}
	if reason := d.limits.reached(d.limits.over(d.desk.pool, before)); reason != "" {
		return d.desk.turnAway(reason)
	}
	return d.next(r)
}

// door refuses calls that are over a limit of the replica that they were handed to.
func (d *desk) door(l limits, m *Member) (sim.Reply, bool) {
	var now headcount
	l.read(&now, m)
	if reason := l.reached(now); reason != "" {
		return d.turnAway(reason), true
	}
	return sim.Reply{}, false
}
