package backend

import (
	"math"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// What is sent, in bytes before compression. English text has about four characters a token (OpenAI:
// What are tokens), an answer's token with its JSON escapes about six, and an event of a stream has
// about 200 around it: id, object, created, model, choices, as vLLM and OpenAI send them.
const (
	promptBytes = 4   // of each prompt token, up
	tokenBytes  = 6   // of each output token, down
	chunkBytes  = 200 // around each token of a stream, and around an answer in one piece
)

// transfers are the prices of bytes in one Env, and what they came to.
type transfers struct {
	env     sim.Env
	perByte float64 // nanoseconds on the line
	ratio   float64 // of answers
	cpu     float64 // nanoseconds per byte, before compression

	bytes, saved float64 // of answers: before compression, and what that took off
	worked       float64 // nanoseconds of compressing

	answers, encodes  bool    // bytes of answers cost time; requests may come with a codec
	upSaved, upWorked float64 // bytes that codecs took off requests, nanoseconds of their work

	// The busy share of the connections in use. What is sent is owed by the line, which works it off
	// as time passes: a transfer counts when it begins, and its time may reach past the next look.
	inflight   int
	open, owed float64 // nanoseconds: of connections in use up to seen, and to send
	seen       time.Duration
}

// newTransfers returns nil where bytes cost nothing.
func newTransfers(env sim.Env, n *Network) *transfers {
	if n.Bandwidth == 0 && n.Compress == nil && !n.Encodes {
		return nil
	}
	t := &transfers{env: env, perByte: n.Bandwidth.perByte(), ratio: 1, encodes: n.Encodes, seen: env.Now()}
	t.answers = n.Bandwidth > 0 || n.Compress != nil
	if c := n.Compress; c != nil {
		t.ratio, t.cpu = c.Ratio, float64(c.CPU)/1e6
	}
	return t
}

// up returns how long the request is on the line, and how long its caller works before to make it
// smaller.
func (t *transfers) up(r *sim.Request) (line, work time.Duration) {
	bytes, c := float64(promptBytes*r.Prompt), r.Via.Codec
	if c == nil || bytes == 0 {
		return t.owe(bytes), 0
	}
	sent := bytes
	if bytes >= float64(c.Min) {
		ns := bytes * float64(c.CPU) / 1e6
		sent = math.Ceil(bytes / c.Ratio)
		work = time.Duration(ns)
		t.upSaved += bytes - sent
		t.upWorked += ns
	}
	c.Book(int(bytes), int(sent))
	return t.owe(sent), work
}

// down returns how long a piece of an answer takes, compressing it included.
func (t *transfers) down(tokens, chunks int) time.Duration {
	bytes := float64(tokenBytes*tokens + chunkBytes*chunks)
	work := bytes * t.cpu
	t.bytes += bytes
	t.saved += bytes - bytes/t.ratio
	t.worked += work
	return t.owe(bytes/t.ratio) + time.Duration(work)
}

func (t *transfers) owe(bytes float64) time.Duration {
	ns := bytes * t.perByte
	t.owed += ns
	return time.Duration(ns)
}

// enter counts a connection as in use, or with -1 as not in use any more.
func (t *transfers) enter(n int) {
	now := t.env.Now()
	t.open += float64(t.inflight) * float64(now-t.seen)
	t.seen = now
	t.inflight += n
}

// share is the part of the time of connections in use, since the last look, in which they carried bytes.
func (t *transfers) share() float64 {
	t.enter(0)
	open := t.open
	worked := min(t.owed, open)
	t.open, t.owed = 0, t.owed-worked
	if open == 0 {
		return 0
	}
	return worked / open
}

// counts tells what compression did, of answers and of requests.
func (t *transfers) counts(add func(name string, n int64)) {
	if t.answers {
		add("answer bytes", int64(t.bytes))
	}
	if t.ratio != 1 || t.cpu != 0 {
		add("answer bytes saved", int64(t.saved))
		add("transfer ms saved", int64(t.saved*t.perByte/1e6))
		add("compression ms", int64(t.worked/1e6))
	}
	if t.encodes {
		add("request transfer ms saved", int64(t.upSaved*t.perByte/1e6))
		add("request compression ms", int64(t.upWorked/1e6))
	}
}

// A download is an answer on its way down.
type download struct {
	transfers *transfers
	back      time.Duration
	gone      *sim.Signal
	token     func(int) // the caller's; nil: nobody asks
	tokens    int
	first     time.Duration // when the first piece is through
	free      time.Duration // when the last one is
}

// piece sends tokens that are ready now after what is sent already.
func (d *download) piece(tokens, chunks int) {
	now := d.transfers.env.Now()
	d.free = max(now, d.free) + d.transfers.down(tokens, chunks)
	if d.first == 0 {
		d.first = d.free
	}
	d.tokens += tokens
}

// heard sends token n of a stream.
func (d *download) heard(n int) {
	if d.gone.Fired() {
		return
	}
	d.piece(max(n-d.tokens, 1), 1)
	delayed(d.transfers.env, d.free-d.transfers.env.Now()+d.back, d.gone, d.token, n)
}

// end sends what no stream has sent, and moves the reply's first token to when it is through.
//
// A stream that nobody watches has its tokens evenly between the first and the last: of n pieces of
// length c the last is through at max(first + n c, last + c).
func (d *download) end(reply *sim.Reply) {
	switch {
	case d.tokens > 0:
	case reply.First == 0 || reply.Tokens < 1:
		d.piece(max(reply.Tokens, 0), 1)
	default:
		now, n := d.transfers.env.Now(), reply.Tokens
		all := d.transfers.down(n, n)
		each := all / time.Duration(n)
		d.first = reply.First + each
		d.free = max(reply.First+all, now+each)
	}
	if reply.First != 0 {
		reply.First = d.first
	}
}

// carry is an attempt whose bytes cost time. What is not sent because the caller has gone is not owed.
func (t *transfers) carry(s *side, wait time.Duration, r sim.Request, next sim.Handler) (reply sim.Reply, whole bool) {
	gone := r.Gone
	t.enter(1)
	defer t.enter(-1)
	up, work := t.up(&r)
	wait += work
	end := t.env.Now() + s.there + wait + up
	if wait += s.there + up; wait > 0 && !sim.Sleep(t.env, wait, gone) {
		t.unsent(min(up, end-t.env.Now()))
		return abandoned, false
	}
	d := &download{transfers: t, back: s.back, gone: gone, token: r.Token}
	if r.Token != nil {
		r.Token = d.heard
	}
	reply = next(r)
	if !gone.Fired() || reply.Outcome == sim.OK {
		d.end(&reply)
	}
	if !sim.Sleep(t.env, d.free-t.env.Now()+s.back, gone) {
		r.Cost.Waste(reply.Work)
		t.unsent(d.free - t.env.Now())
		return abandoned, false
	}
	if reply.First != 0 {
		reply.First += s.back
	}
	return reply, true
}

// unsent takes back what is owed for what will not be sent.
func (t *transfers) unsent(rest time.Duration) {
	if t.perByte > 0 && rest > 0 {
		t.owed = max(t.owed-float64(rest), 0)
	}
}
