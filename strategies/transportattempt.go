package strategies

import (
	"bytes"
	"context"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// A received is what an attempt brought. Callers may share it, so nothing of it is changed.
type received struct {
	head *http.Response // its body is closed, unless open
	text []byte         // the body, or what was read of it if it is open
	open bool           // there is more to come
	err  error          // of base, or of reading
	seen tokenCount     // of a stream: what is in text
	by   *roundTrip     // whose attempt it was
}

// attempt is the innermost Handler: one request, from sending to the last byte of its answer.
func (t *transport) attempt(r sim.Request) sim.Reply {
	c := r.Payload.(*roundTrip)
	if c.handed.Fired() {
		return c.needless(r)
	}
	if r.Gone.Fired() {
		return sim.Reply{Outcome: sim.Timeout}
	}
	r.Attempt = c.attempts
	c.attempts++
	t.attempts++
	ctx, cancel := context.WithCancel(c.copy.Context())
	defer cancel()
	gone, handed := r.Gone.Then(cancel), c.handed.Then(cancel)
	defer gone.Stop()
	body, coding := c.packed(r)
	var got *received
	t.wall.Block(func() { got = c.exchange(ctx, r, body, coding) })
	handed.Stop()
	switch {
	case c.handed.Fired():
		t.wall.Block(got.close)
		return c.needless(r)
	case got.open:
		return c.handOver(got, r, ctx, cancel)
	case got.err != nil && r.Gone.Fired(): // whoever set the limit gives the timeout its name
		return sim.Reply{Outcome: sim.Timeout}
	}
	return c.reply(got, r)
}

// packed is the body as Via.Codec makes it, and the name of its coding; "" where it goes out as it is: one
// too short, one that its sender has coded, or one too long to be kept.
func (c *roundTrip) packed(r sim.Request) (replay, string) {
	codec, plain := r.Via.Codec, c.body.text
	if codec == nil {
		return c.body, ""
	}
	if c.body.again == nil && len(plain) >= codec.Min && c.copy.Header.Get("Content-Encoding") == "" {
		smaller := codec.Encode(plain, r.Gone, c.t.wall.Block)
		if smaller != nil && len(smaller) < len(plain) {
			codec.Book(len(plain), len(smaller))
			return replay{text: smaller, length: int64(len(smaller))}, codec.Name
		}
	}
	codec.Book(len(plain), len(plain))
	return c.body, ""
}

// needless is an attempt of a call that has its answer, which is being read. It fails with that one's end
// and not before: a strategy that hedges might end all attempts for one that fails.
func (c *roundTrip) needless(r sim.Request) sim.Reply {
	c.t.wall.Await(sim.Forever, &c.finished, r.Gone)
	return sim.Reply{Outcome: sim.Shed, Reason: "begun", Retry: sim.DoNot, Own: true}
}

// reply says how an attempt went that brought all it had to bring.
func (c *roundTrip) reply(got *received, r sim.Request) sim.Reply {
	reply := sim.Reply{Outcome: sim.Error, Reason: "connection"}
	switch {
	case got.head == nil:
	case got.err != nil:
		reply.Status, reply.Reason = got.head.StatusCode, "body-cut"
	default:
		reply = ReadHead(got.head.StatusCode, got.head.Header, time.Now())
		if reply.Outcome != sim.OK {
			reply.Reason = statusReason(reply.Status)
		}
		if SpentCredit(reply.Status, got.text) {
			reply.Retry = sim.DoNot
		}
	}
	if r.Once && reply.Outcome != sim.OK {
		reply.Retry = sim.DoNot
	}
	reply.Payload, reply.Own = got, c.own
	return reply
}

// statusReason is the reason of an answer whose status is no success.
func statusReason(status int) string { return "status-" + strconv.Itoa(status) }

// outgoing makes the request of an attempt: the caller's, sent as Via says.
func (c *roundTrip) outgoing(ctx context.Context, r sim.Request, body replay, coding string) (*http.Request, error) {
	out := c.copy.Clone(ctx)
	if coding != "" {
		out.Header.Set("Content-Encoding", coding)
	}
	out.Close = out.Close || r.Via.Fresh
	if places := c.t.options.Endpoints; len(places) > 0 {
		choice := r.Call + r.Attempt // another try goes to another place
		if r.Via.Endpoint > 0 {
			choice = r.Via.Endpoint - 1
		}
		place := places[choice%len(places)]
		if out.Host == out.URL.Host {
			out.Host = ""
		}
		out.URL.Scheme, out.URL.Host = place.Scheme, place.Host
	}
	return out, body.attach(out)
}

// exchange sends one attempt and reads the answer, up to MaxBody bytes of it, outside the turn.
func (c *roundTrip) exchange(ctx context.Context, r sim.Request, body replay, coding string) *received {
	out, err := c.outgoing(ctx, r, body, coding)
	if err != nil {
		return &received{err: err}
	}
	head, err := c.t.base.RoundTrip(out)
	if err != nil {
		return &received{err: err}
	}
	got := &received{head: head, by: c}
	most := c.t.options.MaxBody
	switch {
	case out.Method == http.MethodHead: // has a head only, whatever that says of a body
	case head.StatusCode < 300 && streams(head.Header):
		got.open = true
		if r.Token != nil {
			got.awaitToken(most)
		}
	case head.ContentLength > most:
		got.open = true
	default:
		got.text, got.err = readAll(head.Body, most+1, head.ContentLength)
		got.open = got.err == nil && int64(len(got.text)) > most
	}
	if !got.open {
		got.close()
	}
	return got
}

// awaitToken reads a stream up to its first token, for a strategy that limits the wait for it: until then
// the stream may fail and be asked for again.
func (got *received) awaitToken(most int64) {
	buffer := make([]byte, 4<<10)
	for got.seen.n == 0 && int64(len(got.text)) < most {
		n, err := got.head.Body.Read(buffer)
		got.text = append(got.text, buffer[:n]...)
		got.seen.read(buffer[:n])
		if err != nil {
			got.open = false
			if err != io.EOF {
				got.err = err
			}
			return
		}
	}
}

// close ends the exchange. What was read to its end gives its connection back, all else closes it.
func (got *received) close() {
	if got.head != nil {
		_ = got.head.Body.Close() // an answer that nobody reads cannot fail
	}
}

// streamTypes are the kinds of answer whose parts are of use one by one, beside text/event-stream: lines
// of JSON (Ollama) and the events of AWS.
var streamTypes = map[string]bool{"text/event-stream": true, "application/x-ndjson": true, "application/jsonl": true,
	"application/vnd.amazon.eventstream": true, "multipart/x-mixed-replace": true}

func streams(h http.Header) bool {
	text := h.Get("Content-Type")
	if text == "application/json" { // of nearly all
		return false
	}
	kind, _, _ := mime.ParseMediaType(text)
	return streamTypes[kind]
}

// response makes one caller's own copy of the answer. Cookies are for the one whose attempt brought them.
func (c *roundTrip) response(got *received) *http.Response {
	response := got.copyFor(c.asked)
	if got.by != c {
		response.Header.Del("Set-Cookie")
	}
	response.Body = http.NoBody
	if len(got.text) > 0 {
		response.Body = io.NopCloser(bytes.NewReader(got.text))
	}
	if c.asked.Method != http.MethodHead && response.StatusCode != http.StatusNotModified {
		response.ContentLength, response.TransferEncoding = int64(len(got.text)), nil
	}
	return response
}

// copyFor is response without the body.
func (got *received) copyFor(asked *http.Request) *http.Response {
	response := *got.head
	response.Header, response.Trailer, response.Request = got.head.Header.Clone(), got.head.Trailer.Clone(), asked
	return &response
}
