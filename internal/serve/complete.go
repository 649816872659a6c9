package serve

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/headroom-dev/headroom/sim"
	"github.com/headroom-dev/headroom/sim/backend"
)

// writeTime is for how long a reader may take no byte before it is cut off: at least this, at most a
// sixth more, since the deadline is not moved at each write.
const writeTime = 30 * time.Second

// complete answers a request for text.
func (s *Server) complete(w http.ResponseWriter, r *http.Request, chat bool) {
	a, bad := s.ask(w, r, chat)
	if bad == nil && s.stopped.Load() {
		bad = stopping
	}
	if bad != nil {
		s.refuse(w, r, bad)
		return
	}
	x := s.enter(a)
	defer context.AfterFunc(r.Context(), x.leave)()
	o := &out{exchange: x, w: w, control: http.NewResponseController(w), sent: make([]int, len(x.flows)), closed: make([]bool, len(x.flows))}
	ok := o.answer(r.Context())
	if !ok {
		x.leave()
		for x.left.Load() > 0 { // what was begun is counted before the request ends
			<-x.wake
		}
	}
	if o.cut {
		panic(http.ErrAbortHandler)
	}
}

// An out is the writing side of an exchange.
type out struct {
	*exchange
	w        http.ResponseWriter
	control  *http.ResponseController
	started  bool // the status is sent
	cut      bool // the connection is to be cut, without an end of the answer
	deadline time.Time
	head     []byte // how each event begins
	buffer   []byte
	sent     []int  // tokens of each flow that are written
	closed   []bool // flows whose end is written
}

// answer writes the answer as it comes, and reports whether it was written to its end.
func (o *out) answer(ctx context.Context) bool {
	p := o.server.profile
	alive := o.every(p.KeepAlive, o.aliveText())
	defer alive.stop()
	begin, whole := o.limit(p.Begin), o.limit(p.Complete)
	defer begin.stop()
	defer whole.stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-begin.c():
			if o.anyToken() {
				continue
			}
			o.cut = true
			return false
		case <-whole.c():
			o.cut = true
			return false
		case <-alive.c():
			if o.ask.stream && o.anyToken() {
				continue // no longer waiting
			}
			alive.t.Reset(alive.d)
			if !o.start(http.StatusOK) || !o.write(o.aliveText()) {
				return false
			}
			continue
		case <-o.wake:
		}
		if over, ok := o.progress(); over {
			return ok
		}
	}
}

// progress writes what has come since the last look.
func (o *out) progress() (over, ok bool) {
	left := o.left.Load() // read first: what ended before it is then seen whole
	if left == 0 {
		if reply, refused := o.refusal(); refused {
			return true, o.fail(reply)
		}
	}
	if !o.ask.stream {
		if left > 0 {
			return false, true
		}
		return true, o.plain()
	}
	if !o.events(left == 0) {
		return true, false
	}
	return left == 0, true
}

// refusal returns the reply that is no answer, the one with a status if the others left because of it.
func (o *out) refusal() (worst sim.Reply, refused bool) {
	for _, f := range o.flows {
		if f.reply.Outcome != sim.OK && (!refused || worst.Status == 0) {
			worst, refused = f.reply, true
		}
	}
	return worst, refused
}

// fail ends the exchange with a refusal: by its status if none was sent, else inside the answer.
func (o *out) fail(reply sim.Reply) bool {
	if reply.Status == 0 { // reset, or nobody waits: there is no answer
		o.cut = true
		return true
	}
	s := o.server
	says := s.profile.Refusal(reply.Status, reply.Reason)
	switch {
	case !o.started:
		if reply.RetryAfter > 0 && s.profile.RetryAfter {
			o.w.Header().Set("Retry-After", strconv.Itoa(int((reply.RetryAfter+time.Second-1)/time.Second)))
		}
		o.headers()
		o.started = true
		s.writeError(o.w, says, "", "req_"+o.id)
		return true
	case o.ask.stream:
		o.write(s.errorEvent(says, "req_"+o.id))
		if s.profile.Form != backend.AnthropicForm {
			o.write([]byte("data: [DONE]\n\n"))
		}
		return true
	}
	return o.write(s.errorBody(says, "", "req_"+o.id))
}

// start sends status and headers, once.
func (o *out) start(status int) bool {
	if o.started {
		return true
	}
	o.started = true
	kind := "application/json"
	if o.ask.stream {
		kind = "text/event-stream"
		o.w.Header().Set("Cache-Control", "no-cache")
	}
	o.w.Header().Set("Content-Type", kind)
	o.headers()
	o.w.WriteHeader(status)
	return true
}

// write sends bytes at once. A reader that does not take them loses the connection, and its slot with
// it; nothing of the service waits for it.
func (o *out) write(p []byte) bool {
	patience := o.server.writeTime
	if now := time.Now(); now.After(o.deadline.Add(-patience)) {
		o.deadline = now.Add(patience + patience/6)
		_ = o.control.SetWriteDeadline(o.deadline) // not supported: a test's recorder
	}
	if _, err := o.w.Write(p); err != nil {
		return false
	}
	return o.control.Flush() == nil
}

// anyToken reports whether a first token has come.
func (o *out) anyToken() bool {
	for _, f := range o.flows {
		if f.tokens() > 0 {
			return true
		}
	}
	return false
}

// aliveText is what is sent while nothing comes.
func (o *out) aliveText() []byte {
	if o.ask.stream {
		return []byte(o.server.profile.StreamAlive)
	}
	return []byte(o.server.profile.PlainAlive)
}

// A timer is one of the limits of an exchange in real time. The zero timer never fires.
type timer struct {
	t *time.Timer
	d time.Duration
}

func (t timer) c() <-chan time.Time {
	if t.t == nil {
		return nil
	}
	return t.t.C
}

func (t timer) stop() {
	if t.t != nil {
		t.t.Stop()
	}
}

// limit returns a timer of d in simulated time; none for 0.
func (o *out) limit(d time.Duration) timer {
	if d <= 0 {
		return timer{}
	}
	d = o.server.clock.real(d)
	return timer{time.NewTimer(d), d}
}

func (o *out) every(d time.Duration, text []byte) timer {
	if len(text) == 0 {
		return timer{}
	}
	return o.limit(d)
}
