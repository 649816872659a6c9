package strategies

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// tick is the time between two events of the streams of these tests.
const tick = time.Second

// ticking is a base whose answers are streams of so many events, one a second, the first after a second.
// What breaks before its end fails with err. It notes how many streams there were at once.
type ticking struct {
	events int
	broken error
	kind   string

	lock            sync.Mutex
	open, most, all int
}

func (b *ticking) RoundTrip(req *http.Request) (*http.Response, error) {
	b.lock.Lock()
	b.open++
	b.all++
	b.most = max(b.most, b.open)
	b.lock.Unlock()
	reader, writer := io.Pipe()
	stop := context.AfterFunc(req.Context(), func() { writer.CloseWithError(req.Context().Err()) })
	go func() {
		defer func() {
			stop()
			b.lock.Lock()
			b.open--
			b.lock.Unlock()
		}()
		for range b.events {
			time.Sleep(tick)
			if _, err := io.WriteString(writer, "data: word\n\n"); err != nil {
				return
			}
		}
		writer.CloseWithError(b.broken)
	}()
	kind := b.kind
	if kind == "" {
		kind = "text/event-stream; charset=utf-8"
	}
	response := says(200, "", "Content-Type", kind)
	response.Body, response.ContentLength = reader, -1
	return response, nil
}

// A stream is handed over at its head, event by event, and keeps its permit to its last byte: the pool
// that was compared is the pool that ships.
func TestStreamsAreHandedOverOpen(t *testing.T) {
	for _, kind := range []string{"text/event-stream", "Text/Event-Stream; charset=utf-8", "application/x-ndjson"} {
		synctest.Test(t, func(t *testing.T) {
			base := &ticking{events: 3, kind: kind}
			rt := Transport(parsed(t, "[cache, {backoff: {tries: 3}}, {pooled: {size: 2}}]"), base, TransportOptions{})
			began := time.Now()
			var group sync.WaitGroup
			for range 6 {
				group.Go(func() {
					response, err := rt.RoundTrip(asking(t, "POST", "http://service/", `{"stream":true}`))
					if err != nil {
						t.Errorf("got %v", err)
						return
					}
					if since := time.Since(began); since%(3*tick) != 0 {
						t.Errorf("handed over after %v, want at the head of the answer", since)
					}
					handed := time.Now()
					buffer := make([]byte, 100)
					if n, err := response.Body.Read(buffer); err != nil || string(buffer[:n]) != "data: word\n\n" || time.Since(handed) != tick {
						t.Errorf("got %q, %v after %v, want one event after %v", buffer[:n], err, time.Since(handed), tick)
					}
					if rest := read(t, response); rest != "data: word\n\ndata: word\n\n" {
						t.Errorf("the rest is %q", rest)
					}
				})
			}
			group.Wait()
			settled(t, rt)
			if base.most != 2 || base.all != 6 || time.Since(began) != 9*tick {
				t.Errorf("%d streams, at most %d at once, in %v; want 6, 2 at once, in %v", base.all, base.most, time.Since(began), 9*tick)
			}
			wantCounts(t, rt, map[string]int64{"calls_ok": 6, "attempts": 6, "hit_fresh": 0, "hit_joined": 0})
		})
	}
}

// An answer longer than MaxBody is handed over whole, and kept by nobody.
func TestLongAnswersAreHandedOverOpen(t *testing.T) {
	text := strings.Repeat("0123456789", 1000)
	for _, row := range []struct {
		name   string
		length int64
		status int
	}{{"of known length", 10_000, 200}, {"of unknown length", -1, 200}, {"a failure", -1, 503}} {
		t.Run(row.name, func(t *testing.T) {
			attempts := 0
			var bodies []*watchedBody
			rt := Transport(parsed(t, cached), roundTripper(func(*http.Request) (*http.Response, error) {
				attempts++
				response := says(row.status, "")
				body := &watchedBody{Reader: strings.NewReader(text)}
				bodies = append(bodies, body)
				response.Body, response.ContentLength = body, row.length
				return response, nil
			}), TransportOptions{MaxBody: 9_999})
			for range 2 {
				response, err := rt.RoundTrip(asking(t, "GET", "http://service/", ""))
				if err != nil {
					t.Fatal(err)
				}
				if got := read(t, response); got != text || response.ContentLength != row.length || response.StatusCode != row.status {
					t.Errorf("got %d bytes, length %d, status %d", len(got), response.ContentLength, response.StatusCode)
				}
			}
			settled(t, rt)
			if attempts != 2 {
				t.Errorf("%d attempts, want 2: nobody keeps such an answer, and nobody asks again", attempts)
			}
			for i, body := range bodies {
				if body.closes() == 0 {
					t.Errorf("body %d is still open", i)
				}
			}
		})
	}
}

// An answer of exactly MaxBody is read and kept.
func TestAnswersOfMaxBodyAreKept(t *testing.T) {
	attempts := 0
	rt := Transport(parsed(t, cached), roundTripper(func(*http.Request) (*http.Response, error) { attempts++; return says(200, "0123456789"), nil }), TransportOptions{MaxBody: 10})
	for range 2 {
		response, err := rt.RoundTrip(asking(t, "GET", "http://service/", ""))
		if err != nil || read(t, response) != "0123456789" {
			t.Errorf("got %v, %v", response, err)
		}
	}
	if attempts != 1 {
		t.Errorf("%d attempts, want 1", attempts)
	}
}

// How an open answer can end, and what the strategy learns of it. However it ends, its permit is back.
func TestHowOpenAnswersEnd(t *testing.T) {
	broken := errors.New("connection reset")
	for _, row := range []struct {
		name     string
		events   int
		broken   error
		patience time.Duration
		caller   func(t *testing.T, cancel func(), body io.ReadCloser) error // what it does, and the error that it sees
		want     error                                                       // that it sees
		counted  string
		after    time.Duration // from the start
	}{
		{"read to its end, not closed", 3, nil, 0, readOn, nil, "calls_ok", 3 * tick},
		{"closed early", 1000, nil, 0, func(_ *testing.T, _ func(), body io.ReadCloser) error { return body.Close() }, nil, "calls_ok", 0},
		{"broken on its way", 3, broken, 0, readOn, broken, "calls_error", 3 * tick},
		{"the context ends", 1000, nil, 0, func(t *testing.T, cancel func(), body io.ReadCloser) error {
			time.AfterFunc(5*tick/2, cancel)
			return readOn(t, cancel, body)
		}, context.Canceled, "calls_timeout", 5 * tick / 2},
		{"the patience ends", 1000, nil, 7 * tick / 2, readOn, context.DeadlineExceeded, "calls_timeout", 7 * tick / 2},
		{"the context ends, and nobody reads or closes", 1000, nil, 0, func(_ *testing.T, cancel func(), _ io.ReadCloser) error { cancel(); return nil }, nil, "calls_timeout", 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				base := &ticking{events: row.events, broken: row.broken}
				rt := Transport(parsed(t, "[{backoff: {tries: 3, base: 1ms}}, {pooled: {size: 1, wait: 0s}}]"), base, TransportOptions{Patience: row.patience})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				began := time.Now()
				response, err := rt.RoundTrip(asking(t, "GET", "http://service/", "").WithContext(ctx))
				if err != nil {
					t.Fatal(err)
				}
				if err := row.caller(t, cancel, response.Body); !errors.Is(err, row.want) {
					t.Errorf("the caller sees %v, want %v", err, row.want)
				}
				synctest.Wait()
				settled(t, rt)
				if time.Since(began) != row.after {
					t.Errorf("over after %v, want %v", time.Since(began), row.after)
				}
				wantCounts(t, rt, map[string]int64{"calls": 1, row.counted: 1, "attempts": 1, "retried": 0})
				_ = response.Body.Close()
				time.Sleep(2 * tick) // until the base has noticed
			})
		})
	}
}

// readOn reads until an error comes.
func readOn(_ *testing.T, _ func(), body io.ReadCloser) error {
	_, err := io.Copy(io.Discard, body)
	return err
}

// twice starts a second copy of a call after a second, and takes the first success: a hedge that knows
// nothing of streams.
type twice struct{}

func (twice) Wrap(env sim.Env, next sim.Handler) sim.Handler {
	return func(r sim.Request) sim.Reply {
		replies := sim.NewQueue[sim.Reply](env, 2)
		both := r.Gone.Child()
		r.Gone = both
		start := func() { replies.Put(next(r), 0, nil) }
		env.Go(start)
		env.At(env.Now()+1500*time.Millisecond, func() { env.Go(start) })
		reply, _ := replies.Get(sim.Forever, both)
		both.Fire()
		return reply
	}
}

// An answer that its caller is reading is not hedged: no second copy is sent, and none ends the first.
func TestOpenAnswersAreNotHedged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := &ticking{events: 4}
		rt := Transport(twice{}, base, TransportOptions{})
		response, err := rt.RoundTrip(asking(t, "GET", "http://service/", ""))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(read(t, response), "data:"); got != 4 || base.all != 1 {
			t.Errorf("%d events by %d requests, want 4 by 1", got, base.all)
		}
		settled(t, rt)
		wantCounts(t, rt, map[string]int64{"calls_ok": 1, "attempts": 1})
	})
}

// When one of two copies under way turns out to be a stream, the other is called off.
func TestTheOtherCopyOfAStreamIsCalledOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		streams := &ticking{events: 4}
		calledOff, n, late := false, 0, &watchedBody{Reader: strings.NewReader("data: late\n\n")}
		rt := Transport(twice{}, roundTripper(func(req *http.Request) (*http.Response, error) {
			if n++; n == 1 { // the first copy hangs
				<-req.Context().Done()
				calledOff = true
				response := says(200, "", "Content-Type", "text/event-stream") // from a base that does not mind
				response.Body = late
				return response, nil
			}
			return streams.RoundTrip(req)
		}), TransportOptions{})
		response, err := rt.RoundTrip(asking(t, "GET", "http://service/", ""))
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if !calledOff || late.closes() != 1 {
			t.Error("the other copy still runs, or its answer is open")
		}
		if got := strings.Count(read(t, response), "data:"); got != 4 {
			t.Errorf("%d events, want 4", got)
		}
		settled(t, rt)
	})
}

// A stream that nobody announced may meet a flight of others who ask the same: each gets one of its own,
// and a leader who leaves takes his own with him.
func TestStreamsAreNotSharedByAFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := &ticking{events: 3}
		rt := Transport(parsed(t, "cache"), base, TransportOptions{})
		var group sync.WaitGroup
		var got []int
		var lock sync.Mutex
		for i := range 3 {
			group.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if i == 0 {
					time.AfterFunc(3*tick/2, cancel)
				}
				response, err := rt.RoundTrip(asking(t, "GET", "http://service/", "").WithContext(ctx))
				if err != nil {
					t.Errorf("caller %d: %v", i, err)
					return
				}
				text, err := io.ReadAll(response.Body)
				if (i == 0) != errors.Is(err, context.Canceled) {
					t.Errorf("caller %d: reading: %v", i, err)
				}
				_ = response.Body.Close()
				lock.Lock()
				got = append(got, strings.Count(string(text), "data:"))
				lock.Unlock()
			})
		}
		group.Wait()
		settled(t, rt)
		if !slices.Equal(got, []int{1, 3, 3}) || base.all != 3 {
			t.Errorf("callers got %v events by %d requests, want 1, 3 and 3 by 3", got, base.all)
		}
		wantCounts(t, rt, map[string]int64{"hit_joined": 0, "hit_fresh": 0})
	})
}

// The patience of a caller who leads a flight ends his stream, though the flight goes on for others.
func TestPatienceEndsAStreamWithinAFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := Transport(parsed(t, "cache"), &ticking{events: 1000}, TransportOptions{Patience: 7 * tick / 2})
		var group sync.WaitGroup
		for i := range 2 {
			group.Go(func() {
				time.Sleep(time.Duration(i) * tick)
				began := time.Now()
				response, err := rt.RoundTrip(asking(t, "GET", "http://service/", ""))
				if err != nil {
					t.Errorf("caller %d: %v", i, err)
					return
				}
				var timeout *CallError
				if err := readOn(t, nil, response.Body); !errors.As(err, &timeout) || time.Since(began) != 7*tick/2 {
					t.Errorf("caller %d: %v after %v, want a timeout after %v", i, err, time.Since(began), 7*tick/2)
				}
				_ = response.Body.Close()
			})
		}
		group.Wait()
		settled(t, rt)
		time.Sleep(2 * tick)
	})
}

// A stream that comes when the caller who asked for it has left is closed, and who waits asks for one.
func TestAStreamForTheAbsentIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var bodies []*watchedBody
		rt := Transport(parsed(t, "cache"), roundTripper(func(*http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			response := says(200, "", "Content-Type", "text/event-stream")
			body := &watchedBody{Reader: strings.NewReader("data: x\n\n")}
			bodies = append(bodies, body)
			response.Body, response.ContentLength = body, -1
			return response, nil
		}), TransportOptions{})
		var group sync.WaitGroup
		for i := range 2 {
			group.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if i == 0 {
					time.AfterFunc(time.Second/2, cancel)
				}
				response, err := rt.RoundTrip(asking(t, "GET", "http://service/", "").WithContext(ctx))
				switch {
				case i == 0 && !errors.Is(err, context.Canceled):
					t.Errorf("who left got %v, %v", response, err)
				case i == 1 && (err != nil || len(bodies) != 2 || bodies[0].closes() != 1 || read(t, response) != "data: x\n\n"):
					t.Errorf("who waited got %v, %v, of %d streams", response, err, len(bodies))
				}
			})
		}
		group.Wait()
		settled(t, rt)
	})
}

// refreshing starts work of its own beside each call, and before it.
type refreshing struct{}

func (refreshing) Wrap(env sim.Env, next sim.Handler) sim.Handler {
	return func(r sim.Request) sim.Reply {
		own := r
		own.Cause, own.Gone = sim.Refresh, new(sim.Signal)
		env.Go(func() { next(own) })
		sim.Sleep(env, 2*time.Second, r.Gone)
		return next(r)
	}
}

// What a strategy asks for itself is not the caller's stream.
func TestARefreshIsNotHandedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		rt := Transport(refreshing{}, roundTripper(func(*http.Request) (*http.Response, error) {
			n++
			return says(200, fmt.Sprintf("data: %d\n\n", n), "Content-Type", "text/event-stream"), nil
		}), TransportOptions{})
		response, err := rt.RoundTrip(asking(t, "GET", "http://service/", ""))
		if err != nil || read(t, response) != "data: 2\n\n" {
			t.Errorf("got %v, %v, want the second stream", response, err)
		}
		settled(t, rt)
	})
}

// firstToken limits the wait for the first token, as a deadline does that listens to Request.Token.
type firstToken struct {
	limit  time.Duration
	tokens int
}

func (f *firstToken) Wrap(env sim.Env, next sim.Handler) sim.Handler {
	return func(r sim.Request) sim.Reply {
		gone := r.Gone.Child()
		limit := env.At(env.Now()+f.limit, gone.Fire)
		r.Gone = gone
		r.Token = func(n int) {
			if n != f.tokens {
				panic("tokens out of order")
			}
			f.tokens++
			limit.Stop()
		}
		return next(r)
	}
}

// A strategy that asks for tokens decides before the caller has the stream, and is told of those after.
func TestTokensOfAStreamAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := &ticking{events: 3}
		var last sim.Reply
		s := &firstToken{limit: 2 * tick}
		rt := Transport(Stack(watched{&last}, s), base, TransportOptions{})
		began := time.Now()
		response, err := rt.RoundTrip(asking(t, "GET", "http://service/", ""))
		if err != nil || time.Since(began) != tick {
			t.Fatalf("got %v after %v, want the stream with its first token, after %v", err, time.Since(began), tick)
		}
		if got := read(t, response); got != strings.Repeat("data: word\n\n", 3) {
			t.Errorf("got %q", got)
		}
		settled(t, rt)
		if last.Tokens != 3 || last.First != tick || last.Outcome != sim.OK {
			t.Errorf("the strategy sees %+v", last)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		rt := Transport(Stack(parsed(t, "backoff: {tries: 2, base: 1ms, jitter: none}"), &firstToken{limit: tick / 2}), &ticking{events: 3}, TransportOptions{})
		began := time.Now()
		_, err := rt.RoundTrip(asking(t, "GET", "http://service/", ""))
		var timeout *CallError
		if !errors.As(err, &timeout) || time.Since(began) != tick+time.Millisecond {
			t.Errorf("got %v after %v, want a timeout after two attempts of %v", err, time.Since(began), tick/2)
		}
		wantCounts(t, rt, map[string]int64{"attempts": 2})
		synctest.Wait()
		time.Sleep(5 * tick) // the base's writers
	})
}

type watched struct{ last *sim.Reply }

func (w watched) Wrap(_ sim.Env, next sim.Handler) sim.Handler {
	return func(r sim.Request) sim.Reply { *w.last = next(r); return *w.last }
}

func TestTokenCount(t *testing.T) {
	const stream = ": keep-alive\n\ndata: {\"a\":1}\n\nevent: x\r\ndata:2\r\n\r\ndatum: 3\ndata: [DONE]\n\n"
	for size := 1; size <= len(stream); size++ {
		var seen tokenCount
		for rest := stream; rest != ""; {
			n := min(size, len(rest))
			seen.read([]byte(rest[:n]))
			rest = rest[n:]
		}
		if seen.n != 2 {
			t.Errorf("in pieces of %d: %d tokens, want 2", size, seen.n)
		}
	}
}
