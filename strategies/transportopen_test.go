package strategies

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// streamTick is the time between two events of the streams of these tests.
const streamTick = time.Second

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
			time.Sleep(streamTick)
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
	response := newAnswer(200, "", "Content-Type", kind)
	response.Body, response.ContentLength = reader, -1
	return response, nil
}

// A stream is handed over at its head, event by event, and keeps its permit to its last byte: the pool
// that was compared is the pool that ships.
func TestStreamsAreHandedOverOpen(t *testing.T) {
	for _, kind := range []string{"text/event-stream", "Text/Event-Stream; charset=utf-8", "application/x-ndjson"} {
		synctest.Test(t, func(t *testing.T) {
			base := &ticking{events: 3, kind: kind}
			rt := Transport(parseOne(t, "[cache, {backoff: {tries: 3}}, {pooled: {size: 2}}]"), base, TransportOptions{})
			began := time.Now()
			var group sync.WaitGroup
			for range 6 {
				group.Go(func() {
					response, err := rt.RoundTrip(newRequest(t, "POST", "http://service/", `{"stream":true}`))
					if err != nil {
						t.Errorf("got %v", err)
						return
					}
					if since := time.Since(began); since%(3*streamTick) != 0 {
						t.Errorf("handed over after %v, want at the head of the answer", since)
					}
					handed := time.Now()
					buffer := make([]byte, 100)
					if n, err := response.Body.Read(buffer); err != nil || string(buffer[:n]) != "data: word\n\n" || time.Since(handed) != streamTick {
						t.Errorf("got %q, %v after %v, want one event after %v", buffer[:n], err, time.Since(handed), streamTick)
					}
					if rest := readAnswer(t, response); rest != "data: word\n\ndata: word\n\n" {
						t.Errorf("the rest is %q", rest)
					}
				})
			}
			group.Wait()
			settleTransport(t, rt)
			if base.most != 2 || base.all != 6 || time.Since(began) != 9*streamTick {
				t.Errorf("%d streams, at most %d at once, in %v; want 6, 2 at once, in %v", base.all, base.most, time.Since(began), 9*streamTick)
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
			rt := Transport(parseOne(t, cachedStack), roundTripper(func(*http.Request) (*http.Response, error) {
				attempts++
				response := newAnswer(row.status, "")
				body := &watchedBody{Reader: strings.NewReader(text)}
				bodies = append(bodies, body)
				response.Body, response.ContentLength = body, row.length
				return response, nil
			}), TransportOptions{MaxBody: 9_999})
			for range 2 {
				response, err := rt.RoundTrip(newRequest(t, "GET", "http://service/", ""))
				if err != nil {
					t.Fatal(err)
				}
				if got := readAnswer(t, response); got != text || response.ContentLength != row.length || response.StatusCode != row.status {
					t.Errorf("got %d bytes, length %d, status %d", len(got), response.ContentLength, response.StatusCode)
				}
			}
			settleTransport(t, rt)
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
	rt := Transport(parseOne(t, cachedStack), roundTripper(func(*http.Request) (*http.Response, error) { attempts++; return newAnswer(200, "0123456789"), nil }), TransportOptions{MaxBody: 10})
	for range 2 {
		response, err := rt.RoundTrip(newRequest(t, "GET", "http://service/", ""))
		if err != nil || readAnswer(t, response) != "0123456789" {
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
		{"read to its end, not closed", 3, nil, 0, readOn, nil, "calls_ok", 3 * streamTick},
		{"closed early", 1000, nil, 0, func(_ *testing.T, _ func(), body io.ReadCloser) error { return body.Close() }, nil, "calls_ok", 0},
		{"broken on its way", 3, broken, 0, readOn, broken, "calls_error", 3 * streamTick},
		{"the context ends", 1000, nil, 0, func(t *testing.T, cancel func(), body io.ReadCloser) error {
			time.AfterFunc(5*streamTick/2, cancel)
			return readOn(t, cancel, body)
		}, context.Canceled, "calls_timeout", 5 * streamTick / 2},
		{"the patience ends", 1000, nil, 7 * streamTick / 2, readOn, context.DeadlineExceeded, "calls_timeout", 7 * streamTick / 2},
		{"the context ends, and nobody reads or closes", 1000, nil, 0, func(_ *testing.T, cancel func(), _ io.ReadCloser) error { cancel(); return nil }, nil, "calls_timeout", 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				base := &ticking{events: row.events, broken: row.broken}
				rt := Transport(parseOne(t, "[{backoff: {tries: 3, base: 1ms}}, {pooled: {size: 1, wait: 0s}}]"), base, TransportOptions{Patience: row.patience})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				began := time.Now()
				response, err := rt.RoundTrip(newRequest(t, "GET", "http://service/", "").WithContext(ctx))
				if err != nil {
					t.Fatal(err)
				}
				if err := row.caller(t, cancel, response.Body); !errors.Is(err, row.want) {
					t.Errorf("the caller sees %v, want %v", err, row.want)
				}
				synctest.Wait()
				settleTransport(t, rt)
				if time.Since(began) != row.after {
					t.Errorf("over after %v, want %v", time.Since(began), row.after)
				}
				wantCounts(t, rt, map[string]int64{"calls": 1, row.counted: 1, "attempts": 1, "retried": 0})
				_ = response.Body.Close()
				time.Sleep(2 * streamTick) // until the base has noticed
			})
		})
	}
}

// readOn reads until an error comes.
func readOn(_ *testing.T, _ func(), body io.ReadCloser) error {
	_, err := io.Copy(io.Discard, body)
	return err
}

func (hedgeTwice) Wrap(env sim.Env, next sim.Handler) sim.Handler {
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

func (refreshing) Wrap(env sim.Env, next sim.Handler) sim.Handler {
	return func(r sim.Request) sim.Reply {
		own := r
		own.Cause, own.Gone = sim.Refresh, new(sim.Signal)
		env.Go(func() { next(own) })
		sim.Sleep(env, 2*time.Second, r.Gone)
		return next(r)
	}
}
