package strategies

import (
	"bytes"
	"context"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// handOver gives an open answer to the caller, and ends with it: so a pool knows how many streams there
// are, and a breaker how they went. All other attempts of the call are called off, and none follows.
func (c *roundTrip) handOver(got *received, r sim.Request, ctx context.Context, cancel context.CancelFunc) sim.Reply {
	t := c.t
	reply := ReadHead(got.head.StatusCode, got.head.Header, time.Now())
	reply.Own, reply.Retry = true, sim.DoNot
	if reply.Outcome != sim.OK {
		reply.Reason = statusReason(reply.Status)
	}
	if c.over || r.Cause == sim.Refresh || r.Gone.Fired() { // its caller is not there to read it
		t.wall.Block(got.close)
		if r.Gone.Fired() {
			reply.Outcome = sim.Timeout
		}
		return reply
	}
	body := &openBody{c: c, ctx: ctx, body: got.head.Body, rest: io.MultiReader(bytes.NewReader(got.text), got.head.Body), over: make(chan struct{})}
	if streams(got.head.Header) {
		body.watch(got, r.Token)
	}
	response := got.copyFor(c.asked)
	response.Body = body
	c.cut = cancel
	c.handed.Fire() // cancels the others: this one has taken its own place off the list
	c.send(returned{response: response})
	t.wall.Block(body.wait)
	c.finished.Fire()
	reply.First, reply.Tokens = time.Duration(body.first.Load()), int(body.count.Load())
	switch {
	case body.ended() && body.err == nil:
	case r.Gone.Fired() || c.gone.Fired() || c.ctx.Err() != nil:
		reply.Outcome = sim.Timeout
	default:
		reply.Outcome, reply.Reason = sim.Error, "body-cut"
	}
	return reply
}

// An openBody is the body of an answer that its caller reads while the call goes on.
type openBody struct {
	c    *roundTrip
	ctx  context.Context // of the attempt
	body io.Closer
	rest io.Reader // what was read before, then the body

	seen   *tokenCount  // of a stream; nil otherwise
	before int          // bytes at the beginning that seen has seen
	token  func(n int)  // tells the strategy; nil: it does not ask
	first  atomic.Int64 // when the first token was read; 0: not yet
	count  atomic.Int64

	once sync.Once
	over chan struct{} // closed when the caller has read or closed it
	err  error         // why it broke; set before over is closed
}

// watch makes b tell of the tokens in a stream, and tells of those that have come, in the turn.
func (b *openBody) watch(got *received, token func(n int)) {
	b.seen, b.before, b.token = &got.seen, len(got.text), token
	if b.seen.n == 0 {
		return
	}
	b.first.Store(int64(b.c.t.wall.Now()))
	b.count.Store(int64(b.seen.n))
	for n := range b.seen.n {
		token(n)
	}
}

// wait returns when the body is over, or nobody waits for it any more.
func (b *openBody) wait() {
	select {
	case <-b.over:
	case <-b.ctx.Done():
	}
}

func (b *openBody) ended() bool {
	select {
	case <-b.over:
		return true
	default:
		return false
	}
}

// Read reads on. An answer whose call has ended breaks with the reason for that.
func (b *openBody) Read(p []byte) (int, error) {
	n, err := b.rest.Read(p)
	if b.seen != nil && n > 0 {
		known := min(n, b.before)
		b.before -= known
		b.tell(p[known:n])
	}
	switch {
	case err == io.EOF:
		b.finish(nil)
	case err != nil && b.c.ctx.Err() != nil:
		err = b.c.ctx.Err()
		b.finish(err)
	case err != nil && b.ctx.Err() != nil && !b.ended():
		err = &CallError{Outcome: sim.Timeout}
		b.finish(err)
	case err != nil:
		b.finish(err)
	}
	return n, err
}

// tell tells the strategy of the tokens in what was read.
func (b *openBody) tell(text []byte) {
	before := b.seen.n
	b.seen.read(text)
	if b.seen.n == before {
		return
	}
	b.first.CompareAndSwap(0, int64(b.c.t.wall.Now()))
	b.count.Store(int64(b.seen.n))
	if b.token == nil || b.ended() {
		return
	}
	b.c.t.wall.Do(func() {
		for n := before; n < b.seen.n; n++ {
			b.token(n)
		}
	})
}

// Close ends the answer, read to its end or not. It may come while a Read is under way.
func (b *openBody) Close() error {
	err := b.body.Close()
	b.finish(nil)
	return err
}

func (b *openBody) finish(err error) {
	b.once.Do(func() {
		b.err = err
		close(b.over)
	})
}

// A tokenCount counts the events of a stream that carry something: lines that begin with "data:". The comments
// by which an overloaded service keeps a connection alive do not.
type tokenCount struct {
	n    int
	line []byte // the beginning of the line under way, as long as it is of interest
}

const (
	dataLine = "data:"
	doneLine = "data: [DONE]"
)

func (t *tokenCount) read(text []byte) {
	for len(text) > 0 {
		end := bytes.IndexByte(text, '\n')
		part := text
		if end >= 0 {
			part = text[:end]
		}
		t.line = append(t.line, part[:min(len(part), len(doneLine)-len(t.line))]...)
		if end < 0 {
			return
		}
		if bytes.HasPrefix(t.line, []byte(dataLine)) && string(t.line) != doneLine {
			t.n++
		}
		t.line, text = t.line[:0], text[end+1:]
	}
}
