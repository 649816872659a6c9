package strategies

import (
	"context"
	"net/http"
	"runtime/debug"

	"github.com/headroom-dev/headroom/sim"
)

// A roundTrip is one call on its way: the Payload of its attempts.
type roundTrip struct {
	t     *transport
	asked *http.Request // the caller's own; read only until the call is over
	copy  *http.Request // what attempts are copies of, also when the caller has its own back
	ctx   context.Context
	body  replay
	own   bool       // nobody may share the answer
	gone  sim.Signal // the caller's context has ended

	// Touched in the turn only.
	attempts int
	handed   sim.Signal         // the caller has an open answer: no other attempt is of use
	finished sim.Signal         // that answer has been read or closed
	cut      context.CancelFunc // ends that answer
	over     bool

	end chan returned // holds one
}

// An returned is what RoundTrip returns.
type returned struct {
	response *http.Response
	err      error
	panic    *sim.Panic
}

func (t *transport) newRoundTrip(req *http.Request, body replay) *roundTrip {
	// Attempts may outlive their caller, where others share their answer: what ends them is Gone alone.
	ctx := req.Context()
	c := &roundTrip{t: t, asked: req, ctx: ctx, body: body, own: true, end: make(chan returned, 1)}
	c.copy = req.Clone(context.WithoutCancel(ctx))
	c.copy.Body, c.copy.GetBody = nil, nil
	return c
}

// run carries the call on a goroutine of its own, because the caller of an answer that is handed over
// open goes on while the call does.
func (c *roundTrip) run() {
	defer func() {
		if p := recover(); p != nil { // base's or the strategy's: it belongs to who called RoundTrip
			c.send(returned{panic: &sim.Panic{Value: p, Stack: debug.Stack()}})
		}
	}()
	r := c.request()
	if c.ctx.Done() != nil {
		defer context.AfterFunc(c.ctx, func() { c.t.wall.Do(c.gone.Fire) })()
	}
	var reply sim.Reply
	c.t.wall.Do(func() {
		defer func() { c.over = true }()
		reply = c.carry(r)
		c.t.ended[reply.Outcome]++
		if c.cut != nil {
			c.cut()
		}
	})
	if !c.handed.Fired() { // nobody fires it any more
		response, err := c.answer(reply)
		c.send(returned{response: response, err: err})
	}
}

// send lets RoundTrip return, unless it has.
func (c *roundTrip) send(end returned) {
	select {
	case c.end <- end:
	default:
	}
}

// request says in the strategies' words what the caller asks.
func (c *roundTrip) request() sim.Request {
	req, o := c.asked, &c.t.options
	r := sim.Request{Priority: o.priorityOf(req), User: o.User(req), Gone: &c.gone, Payload: c, Idempotent: idempotent(req)}
	r.Once = !r.Idempotent && !(o.RepeatPOST && req.Method == http.MethodPost)
	if o.shareable(req) && c.body.again == nil {
		key, stream := keyOf(req, c.body.text)
		if !stream { // of which all need one of their own
			r.Key, c.own = key, false
		}
	}
	return r
}

// carry sends the call through the strategy, in the turn.
func (c *roundTrip) carry(r sim.Request) sim.Reply {
	t := c.t
	r.Call = t.calls
	t.calls++
	if c.own {
		r.Key = mix(t.apart + uint64(r.Call)) // nobody else's
	}
	r.Deadline = t.until(c.ctx)
	patience := max(0, t.options.Patience)
	if p, ok := t.strategy.(Patient); ok {
		patience = p.Patience(r, patience)
	}
	if patience > 0 {
		return sim.Within(t.wall, patience, t.handle, r)
	}
	return t.handle(r)
}

// answer is how the call ends for its caller.
func (c *roundTrip) answer(reply sim.Reply) (*http.Response, error) {
	got, _ := reply.Payload.(*received)
	answered := reply.Outcome == sim.OK || reply.Outcome == sim.Degraded
	switch ended := c.ctx.Err(); {
	case ended != nil && !answered:
		return nil, ended
	case reply.Outcome == sim.Timeout, reply.Outcome == sim.Shed:
	case got != nil && got.err != nil:
		return nil, got.err
	case got != nil:
		return c.response(got), nil
	case answered && c.t.options.Canned != nil:
		return c.t.options.Canned(c.asked)
	}
	return nil, &CallError{Outcome: reply.Outcome, Reason: reply.Reason}
}
