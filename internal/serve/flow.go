package serve

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/headroom-dev/headroom/sim"
	"github.com/headroom-dev/headroom/sim/backend"
)

// A flow is one answer on its way: one choice of a request. The service tells it of tokens in the turn;
// the HTTP handler reads how many there are. That count is the whole mailbox.
type flow struct {
	*exchange
	prompt prompt
	number int // among the choices
	output int // tokens it will have
	capped bool
	engine *engine // that worked on it last; nil: none did

	arrived, first, last, ended time.Duration
	gaps                        histogram // between tokens

	come  atomic.Int64 // tokens so far
	reply sim.Reply    // to be read when the exchange's left is one less
}

// tokens returns how many have come.
func (f *flow) tokens() int { return int(f.come.Load()) }

// An exchange is one request and its flows.
type exchange struct {
	server *Server
	ask    *ask
	flows  []*flow
	gone   sim.Signal    // used in the turn
	left   atomic.Int32  // flows that have not ended
	wake   chan struct{} // holds at most one wake: something has come or ended
	posted atomic.Bool   // a wake is on its way
	limits atomic.Pointer[backend.Allowances]
	begun  time.Time
	id     string // of the answer
}

// enter lets the flows of a request into the service.
func (s *Server) enter(a *ask) *exchange {
	x := &exchange{server: s, ask: a, wake: make(chan struct{}, 1), begun: time.Now()}
	x.left.Store(int32(len(a.prompts) * a.n))
	s.wall.Do(func() {
		for _, p := range a.prompts {
			for range a.n {
				f := &flow{exchange: x, prompt: p, number: len(x.flows), gaps: newHistogram(perTokenBuckets)}
				x.flows = append(x.flows, f)
				r := s.request(f)
				s.wall.Go(func() { f.run(r) })
			}
		}
	})
	return x
}

// request makes what the service sees of a flow, in the turn.
func (s *Server) request(f *flow) sim.Request {
	a := f.ask
	class, _ := s.classOf(a.class) // it was looked up when the request was read
	r := sim.Request{
		User: a.user, Priority: class, Prompt: f.prompt.tokens, Prefix: f.prompt.blocks(), Key: f.prompt.key(),
		Gone: &f.gone, Token: f.token, Cost: &s.cost, Payload: f,
	}
	r.Output, f.capped = s.draw(a, f.prompt.key(), f.number)
	f.output = r.Output
	if a.id.given && f.number == 0 {
		r.Call, r.Attempt, r.Key, r.Work = a.id.call, a.id.attempt, a.id.key, a.id.work
	} else {
		r.Call = s.calls
		s.calls++
	}
	if f.number == 0 {
		f.id = fmt.Sprintf("%016x", mix(uint64(r.Call)^uint64(r.Attempt)<<48^s.options.Seed))
	}
	if a.patience > 0 {
		r.Deadline = s.clock.Now() + a.patience
	}
	return r
}

// draw returns how many tokens an answer has, and whether max_tokens cut it. A request that is asked
// again has the same answer; choices of one request differ.
func (s *Server) draw(a *ask, key uint64, choice int) (tokens int, capped bool) {
	if a.exact && a.most > 0 {
		return a.most, true
	}
	tokens = plainOutput
	switch {
	case !s.output.IsZero():
		tokens = s.output.Count(s.lengths.For(int(key>>1), choice))
	case a.most > 0:
		tokens = a.most
	}
	most := mostOutput
	if a.most > 0 {
		most = a.most
	}
	if s.longest > 0 {
		most = min(most, max(1, s.longest-a.prompt))
	}
	return min(tokens, most), tokens >= most && a.most > 0
}

// run carries a flow to its end, as a process of the service.
func (f *flow) run(r sim.Request) {
	s := f.server
	f.arrived = s.clock.Now()
	s.inside++
	reply := s.running.Handle(r)
	s.inside--
	f.ended = s.clock.Now()
	if reply.Outcome == sim.OK {
		reply.Tokens = max(reply.Tokens, f.tokens())
		if reply.First == 0 {
			reply.First = f.first
		}
	}
	if reply.Outcome != sim.OK && len(f.flows) > 1 {
		f.gone.Fire() // the other choices are of no use
	}
	f.told(r)
	s.countEnd(f, reply)
	f.reply = reply
	f.left.Add(-1)
	f.server.mail.post(f.exchange)
}

// token is told of each token, in the turn.
func (f *flow) token(int) {
	now := f.server.clock.Now()
	if f.come.Add(1) == 1 {
		f.first = now
		f.told(sim.Request{User: f.ask.user})
	} else {
		f.gaps.add((now - f.last).Seconds(), 1)
	}
	f.last = now
	f.server.mail.post(f.exchange)
}

// told notes what is left of the limits per time, for the headers of the answer.
func (f *flow) told(r sim.Request) {
	if of := f.server.running.Allowances; of != nil && f.limits.Load() == nil {
		left := of(r)
		f.limits.Store(&left)
	}
}

// leave says that nobody waits for the answer any more. The service decides what that frees.
func (x *exchange) leave() { x.server.wall.Do(x.gone.Fire) }
