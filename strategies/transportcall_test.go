package strategies

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// The words of a service are heard: advice against its status, and credit that is spent.
func TestWhatTheServiceSaysIsHeard(t *testing.T) {
	for _, row := range []struct {
		name     string
		answer   func() *http.Response
		attempts int
	}{
		{"a status that passes", func() *http.Response { return newAnswer(503, "") }, 3},
		{"a status that does not", func() *http.Response { return newAnswer(400, "") }, 1},
		{"do not", func() *http.Response { return newAnswer(503, "", "X-Should-Retry", "false") }, 1},
		{"do", func() *http.Response { return newAnswer(400, "", "X-Should-Retry", "true") }, 3},
		{"a rate", func() *http.Response { return newAnswer(429, `{"error":{"code":"rate_limit_exceeded"}}`) }, 3},
		{"spent credit", func() *http.Response { return newAnswer(429, `{"error":{"code":"insufficient_quota"}}`) }, 1},
		{"more than a patience of time", func() *http.Response { return newAnswer(503, "", "Retry-After", "1e999") }, 1},
		{"a success", func() *http.Response { return newAnswer(204, "", "X-Should-Retry", "true") }, 1},
		{"a redirect, which is the client's to follow", func() *http.Response { return newAnswer(307, "", "Location", "/x") }, 1},
	} {
		attempts := 0
		rt := Transport(parseOne(t, quickBackoff), roundTripper(func(*http.Request) (*http.Response, error) { attempts++; return row.answer(), nil }), TransportOptions{})
		response, err := rt.RoundTrip(newRequest(t, "GET", "http://service/", ""))
		if err != nil || response.StatusCode != row.answer().StatusCode || attempts != row.attempts {
			t.Errorf("%s: got %v, %v after %d attempts, want %d", row.name, response, err, attempts, row.attempts)
		}
	}
}

// decided makes a strategy that answers by itself.
type decided struct{ reply sim.Reply }

func (d decided) Wrap(sim.Env, sim.Handler) sim.Handler { return always(d.reply) }

func TestErrorsWithoutAnAnswer(t *testing.T) {
	reset := &net.OpError{Op: "read", Err: errors.New("connection reset")}
	var shed *CallError
	for _, row := range []struct {
		name  string
		s     Strategy
		base  error
		check func(error) bool
	}{
		{"base's own", parseOne(t, quickBackoff), reset, func(err error) bool { return err == error(reset) }},
		{"shed", decided{sim.Reply{Outcome: sim.Shed, Reason: "open"}}, nil, func(err error) bool {
			return errors.As(err, &shed) && shed.Outcome == sim.Shed && shed.Reason == "open" && !shed.Timeout() &&
				!errors.Is(err, context.DeadlineExceeded) && err.Error() == "strategy: call ended shed (open)"
		}},
		{"a patience that is not the context's", decided{sim.Reply{Outcome: sim.Timeout}}, nil, func(err error) bool {
			var netError net.Error
			return errors.As(err, &netError) && netError.Timeout() && errors.Is(err, context.DeadlineExceeded) && err.Error() == "strategy: call ended timeout"
		}},
		{"an answer that nobody makes", decided{sim.Reply{Outcome: sim.Degraded, Reason: "fallback"}}, nil, func(err error) bool {
			return errors.As(err, &shed) && shed.Outcome == sim.Degraded
		}},
	} {
		rt := Transport(row.s, roundTripper(func(*http.Request) (*http.Response, error) { return nil, row.base }), TransportOptions{})
		response, err := rt.RoundTrip(newRequest(t, "GET", "http://service/", ""))
		if response != nil || err == nil || !row.check(err) {
			t.Errorf("%s: got %v, %v", row.name, response, err)
		}
		settleTransport(t, rt)
	}
}

func TestCannedAnswersAreTheProgramsToMake(t *testing.T) {
	rt := Transport(parseOne(t, "cache: {fallback: canned}"), roundTripper(func(*http.Request) (*http.Response, error) { return newAnswer(500, ""), nil }),
		TransportOptions{Canned: func(*http.Request) (*http.Response, error) { return newAnswer(200, "try later"), nil }})
	response, err := rt.RoundTrip(newRequest(t, "GET", "http://service/", ""))
	if err != nil || readAnswer(t, response) != "try later" {
		t.Errorf("got %v, %v", response, err)
	}
	wantCounts(t, rt, map[string]int64{"calls_degraded": 1, "hit_fallback": 1})
}

// Whatever a call waits for, its context ends it, and the error is the context's.
func TestTheContextEndsACall(t *testing.T) {
	for _, row := range []struct{ name, yaml string }{
		{"an answer", "sync"},
		{"a permit", "pooled: {size: 1}"},
		{"a worker", "async-queue: {workers: 1}"},
		{"a flight", "cache"},
		{"a retry", "backoff: {base: 1h}"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rt := Transport(parseOne(t, row.yaml), roundTripper(func(out *http.Request) (*http.Response, error) {
					if row.name == "a retry" {
						return newAnswer(503, ""), nil
					}
					<-out.Context().Done()
					return nil, out.Context().Err()
				}), TransportOptions{})
				var group sync.WaitGroup
				for i := range 10 {
					group.Go(func() {
						began, limit := time.Now(), time.Second+time.Duration(i)*time.Millisecond
						ctx, cancel := context.WithCancel(t.Context())
						want := context.Canceled
						if i%2 == 0 {
							ctx, cancel = context.WithTimeout(t.Context(), limit)
							want = context.DeadlineExceeded
						} else {
							time.AfterFunc(limit, cancel)
						}
						defer cancel()
						response, err := rt.RoundTrip(newRequest(t, "GET", "http://service/", "").WithContext(ctx))
						if row.name == "a retry" && i%2 == 0 {
							// A wait that would outlast the context's deadline is not begun.
							if err != nil || response.StatusCode != 503 || time.Since(began) != 0 {
								t.Errorf("got %v, %v after %v, want 503 at once", response, err, time.Since(began))
							}
							return
						}
						if !errors.Is(err, want) || time.Since(began) != limit {
							t.Errorf("got %v after %v, want %v after %v", err, time.Since(began), want, limit)
						}
					})
				}
				group.Wait()
				settleTransport(t, rt)
			})
		})
	}
}

func TestPatience(t *testing.T) {
	for _, row := range []struct {
		name, yaml       string
		patience, limit  time.Duration // limit is the context's
		want             time.Duration
		byContext        bool
		deadlineOfTheOne time.Duration
	}{
		{"the option's", "sync", 2 * time.Second, 0, 2 * time.Second, false, 2 * time.Second},
		{"the context's, which is shorter", "sync", 2 * time.Second, time.Second, time.Second, true, time.Second},
		{"the option's, which is shorter", "sync", time.Second, 2 * time.Second, time.Second, false, time.Second},
		{"the queue's, which promises more", "async-queue: {deadline: 5s}", time.Second, 0, 5 * time.Second, false, 5 * time.Second},
		{"the context's, whatever a queue promises", "async-queue: {deadline: 5s}", time.Second, 2 * time.Second, 2 * time.Second, true, 2 * time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var deadline time.Duration
				rt := Transport(Stack(parseOne(t, row.yaml), lookAt{func(r sim.Request) { deadline = r.Deadline }}), roundTripper(func(out *http.Request) (*http.Response, error) {
					<-out.Context().Done()
					return nil, out.Context().Err()
				}), TransportOptions{Patience: row.patience})
				req := newRequest(t, "GET", "http://service/", "")
				if row.limit > 0 {
					ctx, cancel := context.WithTimeout(t.Context(), row.limit)
					defer cancel()
					req = req.WithContext(ctx)
				}
				began := time.Now()
				_, err := rt.RoundTrip(req)
				var timeout *CallError
				if byOption := errors.As(err, &timeout); byOption == row.byContext || !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != row.want {
					t.Errorf("got %v after %v, want a timeout after %v", err, time.Since(began), row.want)
				}
				if deadline != row.deadlineOfTheOne {
					t.Errorf("the strategy sees a deadline of %v, want %v", deadline, row.deadlineOfTheOne)
				}
			})
		})
	}
}

// A panic of base's is the caller's to recover from, and takes no permit with it.
func TestAPanicSurfacesWhereTheCallWasMade(t *testing.T) {
	broken := true
	rt := Transport(parseOne(t, "pooled: {size: 1, wait: 0s}"), roundTripper(func(*http.Request) (*http.Response, error) {
		if broken {
			panic("out of order")
		}
		return newAnswer(200, ""), nil
	}), TransportOptions{})
	func() {
		defer func() {
			if p, ok := recover().(*sim.Panic); !ok || p.Value != "out of order" || !bytes.Contains(p.Stack, []byte("TestAPanic")) {
				t.Errorf("got panic %v, want base's with its stack", p)
			}
		}()
		_, _ = rt.RoundTrip(newRequest(t, "GET", "http://service/", ""))
	}()
	broken = false
	if response, err := rt.RoundTrip(newRequest(t, "GET", "http://service/", "")); err != nil || response.StatusCode != 200 {
		t.Errorf("got %v, %v after the panic: its permit is lost", response, err)
	}
}
