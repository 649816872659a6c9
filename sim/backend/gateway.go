package backend

import (
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// A gateway keeps calls that cannot be handed over yet: for want of a slot of their class's pool, or
// of room in the replicas. A call waits as a process on its waiter's Signal; nothing polls, but for
// room that nobody reports (watch).
//
// At rest, nobody waits who could go: offer is called wherever room or a slot may have come.
type gateway struct {
	env   sim.Env
	desk  *desk
	next  sim.Handler
	room  func() bool // room for one call more in the replicas; nil: always, the replicas queue
	queue turns
	limit int     // calls that may wait; negative: no limit
	pools []slots // by class; nil: none

	outside         int // calls that wait, and calls whose turn has come and which are on their way to a replica
	outsidePrompts  int // their prompt tokens
	promised        int // calls on their way
	promisedPrompts int // their prompt tokens
	handed          int // calls with the replicas

	silent   bool // room depends on what the replicas carry, which changes without notice
	left     bool // a caller went; the replicas may still carry its call
	watching bool
	look     func() // looked, made once
	unused   []*waiter
}

func newGateway(s *Service, d *desk, next sim.Handler) *gateway {
	g := &gateway{env: d.env, desk: d, next: next, limit: -1, pools: newSlots(s, d)}
	g.look = g.looked
	g.queue.rows = make([]row, d.classes)
	if s.Priority != nil {
		g.queue.ordered, g.queue.age = true, s.Priority.Age
	}
	if q := s.Admission.Queue; q != nil && s.Admission.WhenFull != Wait {
		g.limit = *q
	}
	g.room = g.roomFor(s)
	if g.room != nil {
		d.pool.onRoom = append(d.pool.onRoom, func() {
			if g.queue.length > 0 {
				g.offer()
			}
		})
	}
	return g
}

// handle carries one call.
func (g *gateway) handle(r sim.Request) sim.Reply {
	if r.Gone.Fired() {
		return abandoned
	}
	class := g.desk.class(r.Priority)
	room := g.offer()
	pool, ok := g.slot(class)
	if room && ok {
		if g.limit >= 0 && g.room == nil && g.overflows(false) {
			return g.desk.turnAway(ReasonQueueFull)
		}
		g.take(pool)
		return g.carry(r, class, pool)
	}
	w, reason := g.enter(class, r.Prompt)
	if w == nil {
		return g.refuse(reason, class)
	}
	served := g.env.Await(sim.Forever, &w.served, r.Gone)
	g.outside--
	g.outsidePrompts -= w.prompt
	pool, out := w.pool, w.out
	if !served {
		g.queue.leave(w)
	}
	g.unused = append(g.unused, w)
	switch {
	case !served:
		return abandoned
	case out:
		return g.desk.turnAway(ReasonQueueFull)
	}
	g.promised--
	g.promisedPrompts -= w.prompt
	return g.carry(r, class, pool)
}

// enter puts a call among those that wait, or returns why it finds no place. A call that goes before
// the last in the queue takes its place if there is no other.
func (g *gateway) enter(class, prompt int) (*waiter, string) {
	w := g.fresh()
	w.prompt = prompt
	g.queue.admit(w, class, g.env.Now())
	var out *waiter
	if g.limit >= 0 && g.overflows(true) {
		out = g.queue.last()
		if !g.queue.ordered || out == nil || !g.queue.before(w, out) {
			g.unused = append(g.unused, w)
			return nil, ReasonQueueFull
		}
	}
	if g.pools != nil && g.pools[class].size > 0 && g.pools[class].queue >= 0 && g.queue.rows[class].length >= g.pools[class].queue {
		g.unused = append(g.unused, w)
		return nil, ReasonPoolFull
	}
	if out != nil {
		g.queue.leave(out)
		out.out = true
		out.served.Fire()
	}
	g.queue.join(w)
	g.outside++
	g.outsidePrompts += prompt
	g.watch()
	return w, ""
}

// overflows reports whether the queue has no place for a call. Where the replicas queue too, those who
// wait there count, and a call that goes there takes a place only if it will wait.
func (g *gateway) overflows(waits bool) bool {
	if g.room != nil {
		return g.queue.length >= g.limit
	}
	now := limits{queue: g.limit}.over(g.desk.pool, headcount{waiting: g.promised})
	excess := now.waiting - now.free
	return (waits || excess >= 0) && g.queue.length+max(excess, 0) >= g.limit
}

// refuse words a refusal; with a full pool it is the pool that drains.
func (g *gateway) refuse(reason string, class int) sim.Reply {
	if reason != ReasonPoolFull || !g.desk.retry.Drain {
		return g.desk.turnAway(reason)
	}
	return g.desk.later(reason, g.pools[class].served.drains(g.queue.rows[class].length, g.env.Now()))
}

// carry hands a call over that has its slot.
func (g *gateway) carry(r sim.Request, class, pool int) sim.Reply {
	g.handed++
	reply := g.next(r)
	g.handed--
	if g.silent && r.Gone.Fired() {
		g.left = true
	}
	if g.pools != nil && g.desk.retry.Drain && reply.Outcome == sim.OK && g.pools[class].size > 0 {
		g.pools[class].served.add(g.env.Now())
	}
	g.release(pool)
	if g.queue.length > 0 {
		g.offer()
	}
	return reply
}

// offer lets go who can go, in turn, and reports whether there is room still.
func (g *gateway) offer() (room bool) {
	for g.room == nil || g.room() {
		w, pool := g.first()
		if w == nil {
			return true
		}
		g.queue.leave(w)
		g.take(pool)
		w.pool = pool
		g.promised++
		g.promisedPrompts += w.prompt
		w.served.Fire()
	}
	g.watch()
	return false
}

// first returns who goes first among those who have a slot, and whose that slot is.
func (g *gateway) first() (first *waiter, pool int) {
	if g.queue.length == 0 {
		return nil, 0
	}
	for class := range g.queue.rows {
		head := g.queue.rows[class].chain.First()
		if head == nil || first != nil && g.queue.before(first, head.Of) {
			continue
		}
		if p, ok := g.slot(class); ok {
			first, pool = head.Of, p
		}
	}
	return first, pool
}

// lookEvery is how often the gateway looks for room that nobody reports.
const lookEvery = 10 * time.Millisecond

// watch looks again soon where a caller has gone whose call the replicas may still carry: its end, at
// the boundary of an engine's step or as the last of a zombie's work, tells nobody. Nor does a replica
// that the checks let calls through to again.
func (g *gateway) watch() {
	if (g.left || g.desk.pool.taking.barred) && !g.watching && g.queue.length > 0 {
		g.watching = true
		g.env.At(g.env.Now()+lookEvery, g.look)
	}
}

func (g *gateway) looked() {
	g.watching = false
	inside, moving := 0, 0
	for _, m := range g.desk.pool.members {
		n := 0
		if m.state.serving() {
			n = m.machine.Waiting() + m.machine.Running()
		}
		inside += n
		if m.state != Hung {
			moving += n
		}
	}
	g.left = inside > g.handed
	if g.queue.length == 0 {
		return
	}
	// What is stuck in a hung replica makes no room until that changes its state, which is reported.
	stuck := moving == 0 && !g.desk.pool.taking.barred
	g.watching = stuck
	g.offer()
	if stuck {
		g.watching = false
	}
}

func (g *gateway) fresh() *waiter {
	last := len(g.unused) - 1
	if last < 0 {
		return new(waiter)
	}
	w := g.unused[last]
	g.unused = g.unused[:last]
	*w = waiter{}
	return w
}
