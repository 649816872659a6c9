package harness

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptrace"
	"time"

	"github.com/headroom-dev/headroom/sim"
	"github.com/headroom-dev/headroom/strategies"
)

// longestAttempt limits an attempt of a call that waits for ever, where --timeout sets nothing
// shorter: the longest time the histograms hold. Without it a server that never ends would never let
// a run end.
const longestAttempt = 10 * time.Minute

// A sender is an Endpoint during one run: its connections, and what it books.
type sender struct {
	endpoint   *Endpoint
	wall       *sim.Wall
	hard       context.Context // parent of every attempt
	transports *transports
	priorities []string
	tally      *tally // booked in the turn
}

// handle is the innermost Handler of a run: one attempt, from a new request to the last byte of its
// answer. It comes back when the answer is read and not at its headers: a permit given back there
// would let streams escape from the pool.
func (s *sender) handle(r sim.Request) sim.Reply {
	limit := s.endpoint.live.Timeout
	if limit == 0 && r.Deadline == 0 {
		limit = longestAttempt
	}
	if limit > 0 {
		return sim.Within(s.wall, limit, s.once, r)
	}
	return s.once(r)
}

func (s *sender) once(r sim.Request) sim.Reply {
	if r.Gone.Fired() {
		return sim.Reply{Outcome: sim.Timeout}
	}
	a := &attempt{sent: s.wall.Now(), began: time.Now(), stream: s.endpoint.made != nil}
	a.answer.wantGaps = r.Cost != nil && r.Cost.Gap != nil
	ctx, cancel := context.WithCancel(s.hard)
	defer cancel()
	request := s.request(ctx, a, r)
	gone := r.Gone.Then(cancel)
	via := s.transports.warm
	if r.Via.Fresh {
		via = s.transports.fresh
	}
	if r.Token == nil {
		s.wall.Block(func() { a.exchange(via, request) })
	} else {
		s.exchangeByToken(a, via, request, r.Token)
	}
	gone.Stop()
	return s.reply(a, r)
}

// request makes what is sent: a shallow copy of the target's, with the headers and the body that the
// arrival decides. The headers of all copies are one map, which net/http only reads.
func (s *sender) request(ctx context.Context, a *attempt, r sim.Request) *http.Request {
	e := s.endpoint
	t := &e.targets[e.TargetOf(r.Call)]
	choice := r.Call + r.Attempt // another try goes to another place
	if r.Via.Endpoint > 0 {
		choice = r.Via.Endpoint - 1
	}
	choice %= len(t.requests)
	request := t.requests[choice]
	request = request.WithContext(httptrace.WithClientTrace(ctx, a.trace.hooks(request.URL.Scheme)))
	a.method, a.url = request.Method, t.urls[choice]
	body := t.body
	if e.made != nil {
		body = e.made.body(r)
		request.Header = e.made.header(request.Header, r, a.sent, s.priorities)
	}
	if len(body) > 0 {
		request.ContentLength = int64(len(body))
		request.Body = io.NopCloser(bytes.NewReader(body))
		request.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
		a.bytesOut = int64(len(body))
	}
	return request
}

// exchangeByToken is exchange for a caller who is told of each token: it takes the turn back after
// each read that brought some.
func (s *sender) exchangeByToken(a *attempt, via *http.Transport, request *http.Request, token func(int)) {
	open := false
	s.wall.Block(func() { open = a.open(via, request) })
	if !open {
		return
	}
	buffer := buffers.Get().(*buffer)
	defer buffers.Put(buffer)
	defer s.wall.Block(a.close)
	for more, told := true, 0; more; {
		s.wall.Block(func() { more = a.read(buffer[:]) })
		for ; told < a.answer.chunks; told++ {
			token(told)
		}
	}
}

// reply books an attempt that has ended, in the turn, and says how it went.
func (s *sender) reply(a *attempt, r sim.Request) sim.Reply {
	seen := a.trace.close()
	reply := sim.Reply{Status: a.status, RetryAfter: a.after, Retry: a.advice, Tokens: a.answer.tokens()}
	gone := a.err != nil && (r.Gone.Fired() || s.hard.Err() != nil)
	at := a.at
	if at == asking && seen.connections == 0 {
		at = connecting
	}
	class := ""
	switch {
	case gone && at == connecting:
		reply.Outcome, class = sim.Timeout, classConnect
		reply.Reason = class
	case gone: // whoever set the limit gives the timeout its name
		reply.Outcome, class = sim.Timeout, classCancelled
	case a.status == 0:
		class = classify(a.err, at)
		reply.Outcome, reply.Reason = sim.Error, class
	default:
		reply.Outcome = s.endpoint.outcome(a.status)
		if reply.Outcome != sim.OK {
			class = statusClass(a.status)
		} else if a.err != nil {
			reply.Outcome, class = sim.Error, classify(a.err, reading)
		}
		reply.Reason = class
	}
	if !a.answer.first.IsZero() {
		reply.First = a.sent + a.answer.first.Sub(a.began)
	}
	r.Cost.Book(time.Since(a.began), gone)
	for _, gap := range a.answer.gaps {
		r.Cost.Gap(gap, 1)
	}
	s.tally.attempt(a, seen, class)
	if s.endpoint.bin != nil {
		reply.Payload = &wire{in: a.bytesIn, out: a.bytesOut, method: a.method, url: a.url}
	}
	return reply
}

// outcome returns what a status stands for: --expect-status decides what is ok where it is given.
func (e *Endpoint) outcome(status int) sim.Outcome {
	outcome := sim.OutcomeOf(status)
	switch expected := e.live.ExpectStatus; {
	case len(expected) == 0:
		return outcome
	case expected.Has(status):
		return sim.OK
	case outcome == sim.OK:
		return sim.Error
	}
	return outcome
}

// A wire is what vegeta.bin holds of the attempt that answered a call.
type wire struct {
	in, out     int64 // bytes of the bodies
	method, url string
}

var _ strategies.Keeper = (*call)(nil)

// PackReply lets a cache keep a live answer in its directory. What vegeta.bin holds of the attempt behind
// it is left out: when another run gives the answer, no bytes move.
func (*call) PackReply(any) ([]byte, error) { return nil, nil }

// UnpackReply returns what PackReply kept.
func (*call) UnpackReply([]byte) (any, error) { return nil, nil }
