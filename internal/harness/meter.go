package harness

import (
	"time"

	"github.com/headroom-dev/headroom/report"
	"github.com/headroom-dev/headroom/scenarios"
	"github.com/headroom-dev/headroom/sim"
)

// A call is the harness's own note of one call of the schedule. It travels in Request.Payload, where
// the meter finds it whatever strategies lie between.
type call struct {
	request  sim.Request
	phase    int
	intended time.Duration
	patience time.Duration // the scenario's own
	sent     time.Duration // when the first attempt was sent; -1 before
	attempts int           // made for it
	made     int           // made with its request, also for others: the number of the next
	first    sim.Outcome   // how the first attempt ended
	answered bool          // the first attempt has ended
	ended    bool          // nothing above changes any more
}

func newCall(a scenarios.Arrival, patience time.Duration, b *book) *call {
	c := new(call)
	c.set(&a, patience, b)
	return c
}

func (c *call) set(a *scenarios.Arrival, patience time.Duration, b *book) {
	c.request, c.phase, c.intended, c.patience, c.sent = a.Request, a.Phase, a.At, patience, -1
	c.request.Cost = &b.costs[a.Phase]
	c.request.Payload = c
}

// meter is the Handler just inside the strategy: whatever the strategy does, each attempt passes
// here and is counted, so no strategy can miscount its own.
//
// A strategy may go on with a call's request for others: it refreshes an answer that the call did not wait
// for, or fetches one for those who wait on after the call has left. Such an attempt is counted with its
// cause, in the phase of the call and at its cost, as any other; but it is not an attempt of that call,
// whose record may be written already.
func meter(env sim.Env, next sim.Handler, b *book) sim.Handler {
	return func(r sim.Request) sim.Reply {
		c, ok := r.Payload.(*call)
		if !ok {
			return next(r) // work of the strategy's own, for no call of the schedule
		}
		now := env.Now()
		r.Attempt = c.made
		c.made++
		b.attempt(c.phase, r.Cause, now)
		if c.ended || r.Cause == sim.Refresh {
			return next(r)
		}
		first := c.attempts == 0
		c.attempts++
		if first {
			c.sent = now
		}
		reply := next(r)
		if first && !c.ended {
			c.first, c.answered = reply.Outcome, true
		}
		return reply
	}
}

// record says how the call went that ended now with that reply.
func (c *call) record(now time.Duration, reply sim.Reply) report.Record {
	first := reply.Outcome
	if c.answered {
		first = c.first
	}
	return report.Record{
		Call:     c.request.Call,
		Phase:    c.phase,
		Priority: c.request.Priority,
		Attempts: c.attempts,
		FirstTry: first,
		Outcome:  reply.Outcome,
		Reason:   reply.Reason,
		Status:   reply.Status,
		Tokens:   reply.Tokens,
		Intended: c.intended,
		Sent:     c.sent,
		First:    reply.First,
		Done:     now,
		Patience: c.patience,
	}
}
