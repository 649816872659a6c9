package strategies

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

const (
	quickBackoff = "backoff: {tries: 3, base: 1ms, jitter: none}"
	cached       = "[cache, {backoff: {tries: 3, base: 1ms, jitter: none}}, pooled]"
)

// Every attempt has the whole body again, however the request gave it.
func TestBodiesAreReplayed(t *testing.T) {
	const text = "a body that is sent three times"
	for _, row := range []struct {
		name string
		body func(*http.Request) // sets it
	}{
		{"of unknown length", func(req *http.Request) { req.Body, req.ContentLength = io.NopCloser(strings.NewReader(text)), -1 }},
		{"of known length", func(req *http.Request) {
			req.Body, req.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
		}},
		{"longer than what is kept, with GetBody", func(req *http.Request) {
			req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }
			req.Body, _ = req.GetBody()
			req.ContentLength = int64(len(text))
			req.Header.Set("Small", "yes")
		}},
		{"longer than what is kept, of unknown length, with GetBody", func(req *http.Request) {
			req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }
			req.Body, _ = req.GetBody()
			req.ContentLength = -1
			req.Header.Set("Small", "yes")
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			req := asking(t, "PUT", "http://service/x", "")
			row.body(req)
			var o TransportOptions
			if req.Header.Get("Small") != "" {
				o.MaxRequest = 5
			}
			var seen []string
			rt := Transport(parsed(t, quickBackoff), roundTripper(func(out *http.Request) (*http.Response, error) {
				got, err := io.ReadAll(out.Body)
				seen = append(seen, string(got))
				if out == req || err != nil {
					t.Errorf("the caller's own request went out, or reading it: %v", err)
				}
				return says(503, "busy"), nil
			}), o)
			response, err := rt.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			if got := read(t, response); response.StatusCode != 503 || got != "busy" {
				t.Errorf("got %d %q, want the last attempt's answer", response.StatusCode, got)
			}
			if want := []string{text, text, text}; !slices.Equal(seen, want) {
				t.Errorf("attempts sent %q, want %q", seen, want)
			}
			settled(t, rt)
		})
	}
}

// A body that is too long to be kept and cannot be had again goes out once, whole, past the strategy.
func TestALongBodyGoesOutOnce(t *testing.T) {
	for _, length := range []int64{-1, 100_000} {
		text := strings.Repeat("x", 100_000)
		req := asking(t, "PUT", "http://service/x", "")
		body := &watchedBody{Reader: strings.NewReader(text)}
		req.Body, req.ContentLength = body, length
		attempts := 0
		rt := Transport(parsed(t, quickBackoff), roundTripper(func(out *http.Request) (*http.Response, error) {
			attempts++
			got, _ := io.ReadAll(out.Body)
			out.Body.Close()
			if string(got) != text {
				t.Errorf("got %d bytes, want all %d", len(got), len(text))
			}
			return says(503, "busy"), nil
		}), TransportOptions{MaxRequest: 1000})
		response, err := rt.RoundTrip(req)
		if err != nil || response.StatusCode != 503 || attempts != 1 {
			t.Errorf("got %v, %v after %d attempts, want 503 after 1", response, err, attempts)
		}
		if body.closes() == 0 {
			t.Error("the body is still open")
		}
		wantCounts(t, rt, map[string]int64{"passed_by": 1, "calls": 0})
	}
}

// What may be asked twice, and what is said of it to the strategy.
func TestWhatIsRepeated(t *testing.T) {
	for _, row := range []struct {
		method     string
		repeatPOST bool
		header     []string
		attempts   int
	}{
		{"GET", false, nil, 3},
		{"HEAD", false, nil, 3},
		{"PUT", false, nil, 3},
		{"DELETE", false, nil, 3},
		{"OPTIONS", false, nil, 3},
		{"POST", false, nil, 1},
		{"POST", true, nil, 3},
		{"POST", false, []string{"Idempotency-Key", "7"}, 3},
		{"PATCH", true, nil, 1},
		{"PATCH", false, []string{"Idempotency-Key", "7"}, 3},
	} {
		t.Run(fmt.Sprint(row.method, row.repeatPOST, row.header), func(t *testing.T) {
			attempts := 0
			rt := Transport(parsed(t, quickBackoff), roundTripper(func(out *http.Request) (*http.Response, error) {
				attempts++
				if attempts == 2 {
					return nil, errors.New("reset")
				}
				return says(503, ""), nil
			}), TransportOptions{RepeatPOST: row.repeatPOST})
			if _, err := rt.RoundTrip(asking(t, row.method, "http://service/x", "", row.header...)); err != nil {
				t.Fatal(err)
			}
			if attempts != row.attempts {
				t.Errorf("%d attempts, want %d", attempts, row.attempts)
			}
		})
	}
}

// The words of a service are heard: advice against its status, and credit that is spent.
func TestWhatTheServiceSaysIsHeard(t *testing.T) {
	for _, row := range []struct {
		name     string
		answer   func() *http.Response
		attempts int
	}{
		{"a status that passes", func() *http.Response { return says(503, "") }, 3},
		{"a status that does not", func() *http.Response { return says(400, "") }, 1},
		{"do not", func() *http.Response { return says(503, "", "X-Should-Retry", "false") }, 1},
		{"do", func() *http.Response { return says(400, "", "X-Should-Retry", "true") }, 3},
		{"a rate", func() *http.Response { return says(429, `{"error":{"code":"rate_limit_exceeded"}}`) }, 3},
		{"spent credit", func() *http.Response { return says(429, `{"error":{"code":"insufficient_quota"}}`) }, 1},
		{"more than a patience of time", func() *http.Response { return says(503, "", "Retry-After", "1e999") }, 1},
		{"a success", func() *http.Response { return says(204, "", "X-Should-Retry", "true") }, 1},
		{"a redirect, which is the client's to follow", func() *http.Response { return says(307, "", "Location", "/x") }, 1},
	} {
		attempts := 0
		rt := Transport(parsed(t, quickBackoff), roundTripper(func(*http.Request) (*http.Response, error) { attempts++; return row.answer(), nil }), TransportOptions{})
		response, err := rt.RoundTrip(asking(t, "GET", "http://service/", ""))
		if err != nil || response.StatusCode != row.answer().StatusCode || attempts != row.attempts {
			t.Errorf("%s: got %v, %v after %d attempts, want %d", row.name, response, err, attempts, row.attempts)
		}
	}
}

// What a cache writes to its directory is read again as the answer that it was.
func TestAnswersCanBeKept(t *testing.T) {
	tr := Transport(Stack(), nil, TransportOptions{}).(*transport)
	c := tr.newRoundTrip(asking(t, "GET", "http://service/", ""), replay{})
	first := &received{head: says(203, "", "X-A", "1", "X-A", "2", "Set-Cookie", "x=1"), text: []byte("bytes \x00\xff"), by: c}
	packed, err := c.PackReply(first)
	if err != nil {
		t.Fatal(err)
	}
	again, err := c.UnpackReply(packed)
	if err != nil {
		t.Fatal(err)
	}
	response := c.response(again.(*received))
	if got := read(t, response); got != "bytes \x00\xff" || response.StatusCode != 203 || response.Proto != "HTTP/1.1" || response.ProtoMajor != 1 ||
		!slices.Equal(response.Header["X-A"], []string{"1", "2"}) || len(response.Cookies()) != 0 || response.ContentLength != 8 {
		t.Errorf("got %q, %+v", got, response)
	}
	for _, broken := range []*received{{err: io.EOF}, {head: says(200, ""), open: true}} {
		if _, err := c.PackReply(broken); err == nil {
			t.Error("an answer that is not whole was kept")
		}
	}
	for _, text := range []string{"", "{}", `{"status":200}`, `{"status":200,"proto":"x","header":{}}`} {
		if _, err := c.UnpackReply([]byte(text)); err == nil {
			t.Errorf("%q was taken for an answer", text)
		}
	}
}

// Where others wait for what a call began, its attempts go on without it: with the request as it was, which
// the caller has back, and without its context.
func TestAttemptsOutliveTheirCallerForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent []string
		rt := Transport(parsed(t, "[cache, {backoff: {tries: 3, base: 1s, jitter: none}}]"), roundTripper(func(out *http.Request) (*http.Response, error) {
			sent = append(sent, out.Header.Get("X-A"))
			select {
			case <-time.After(time.Second):
			case <-out.Context().Done():
				t.Errorf("attempt %d was ended, though somebody waits", len(sent))
				return nil, out.Context().Err()
			}
			if len(sent) < 2 {
				return says(503, ""), nil
			}
			return says(200, "ok"), nil
		}), TransportOptions{})
		ctx, cancel := context.WithCancel(t.Context())
		leader := asking(t, "GET", "http://service/", "", "X-A", "leader").WithContext(ctx)
		var group sync.WaitGroup
		group.Go(func() {
			if _, err := rt.RoundTrip(leader); !errors.Is(err, context.Canceled) {
				t.Errorf("the leader got %v", err)
			}
			leader.Header.Set("X-A", "changed")
			leader.URL.Path = "/elsewhere"
		})
		group.Go(func() {
			time.Sleep(100 * time.Millisecond)
			response, err := rt.RoundTrip(asking(t, "GET", "http://service/", "", "X-A", "other"))
			if err != nil || response.StatusCode != 200 {
				t.Errorf("got %v, %v", response, err)
			}
		})
		time.AfterFunc(500*time.Millisecond, cancel)
		group.Wait()
		settled(t, rt)
		if want := []string{"leader", "leader"}; !slices.Equal(sent, want) {
			t.Errorf("sent by %q, want %q", sent, want)
		}
	})
}

// Every answer of base is closed: those that are tried again, and those that callers have in memory.
func TestAnswersOfBaseAreClosed(t *testing.T) {
	var bodies []*watchedBody
	rt := Transport(parsed(t, quickBackoff), roundTripper(func(*http.Request) (*http.Response, error) {
		body := &watchedBody{Reader: strings.NewReader("busy")}
		bodies = append(bodies, body)
		response := says(503, "")
		response.Body, response.ContentLength = body, -1
		return response, nil
	}), TransportOptions{})
	if _, err := rt.RoundTrip(asking(t, "GET", "http://service/", "")); err != nil {
		t.Fatal(err)
	}
	for i, body := range bodies {
		if rest, _ := io.ReadAll(body.Reader); body.closes() != 1 || len(rest) > 0 {
			t.Errorf("answer %d was closed %d times with %d bytes unread, want it read and closed", i, body.closes(), len(rest))
		}
	}
	if len(bodies) != 3 {
		t.Errorf("%d attempts, want 3", len(bodies))
	}
}

// A strategy is a configuration: two Transports of one value share nothing.
func TestTransportsShareNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := parsed(t, "pooled: {size: 1, wait: 0s}")
		base := roundTripper(func(*http.Request) (*http.Response, error) { time.Sleep(time.Second); return says(200, ""), nil })
		var group sync.WaitGroup
		for range 2 {
			rt := Transport(s, base, TransportOptions{})
			group.Go(func() {
				if _, err := rt.RoundTrip(asking(t, "GET", "http://service/", "")); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
	})
}

// The contract of http.RoundTripper: the request stays as it was and its body is closed, whatever happens.
func TestTheRequestIsLeftAsItWas(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, row := range []struct {
		name string
		ctx  context.Context
		body io.Reader
		base roundTripper
	}{
		{"an answer", t.Context(), strings.NewReader("x"), func(*http.Request) (*http.Response, error) { return says(200, "ok"), nil }},
		{"an error", t.Context(), strings.NewReader("x"), func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }},
		{"a context that has ended", ended, strings.NewReader("x"), nil},
		{"a body that cannot be read", t.Context(), io.MultiReader(strings.NewReader("x"), brokenReader{}), nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			body := &watchedBody{Reader: row.body}
			req := asking(t, "PUT", "http://service/x?q=1", "", "X-A", "1").WithContext(row.ctx)
			req.Body, req.ContentLength = body, -1
			before := req.Clone(req.Context())
			rt := Transport(parsed(t, "[sync, "+quickBackoff+"]"), roundTripper(func(out *http.Request) (*http.Response, error) {
				out.Header.Set("X-A", "2") // a base may not do so either, but it happens
				out.URL.Host = "elsewhere"
				return row.base(out)
			}), TransportOptions{Endpoints: []*url.URL{{Scheme: "https", Host: "other"}}})
			response, err := rt.RoundTrip(req)
			if (response == nil) == (err == nil) {
				t.Errorf("got %v and %v, want one of them", response, err)
			}
			if row.ctx == ended && !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want the context's error", err)
			}
			if body.closes() == 0 {
				t.Error("the body is still open")
			}
			if req.Body != io.ReadCloser(body) || req.URL.String() != before.URL.String() || req.Header.Get("X-A") != "1" || req.Host != before.Host || req.Close {
				t.Errorf("the request is now %v %v", req.URL, req.Header)
			}
			settled(t, rt)
		})
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("the disk is gone") }

// A context that ends also ends the reading of a body that never comes.
func TestABodyThatNeverComesIsNotWaitedFor(t *testing.T) {
	never, writer := io.Pipe()
	defer writer.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	req := asking(t, "PUT", "http://service/x", "").WithContext(ctx)
	req.Body, req.ContentLength = never, -1
	if _, err := Transport(Stack(), nil, TransportOptions{}).RoundTrip(req); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the context's error", err)
	}
}

// Answers that are shared are everybody's own: head, body and place in the caller's program.
func TestSharedAnswersAreOnesOwn(t *testing.T) {
	var attempts atomic.Int32
	rt := Transport(parsed(t, cached), roundTripper(func(*http.Request) (*http.Response, error) {
		attempts.Add(1)
		response := says(200, "the answer", "X-A", "1", "Set-Cookie", "session=first")
		response.ContentLength, response.TransferEncoding = -1, []string{"chunked"}
		response.Trailer = http.Header{"X-Sum": {"9"}}
		return response, nil
	}), TransportOptions{})
	cookies := 0
	for i := range 3 {
		req := asking(t, "GET", "http://service/x", "")
		response, err := rt.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		if response.Request != req {
			t.Errorf("answer %d belongs to another request", i)
		}
		if response.Header.Get("X-A") != "1" || response.Trailer.Get("X-Sum") != "9" || response.ContentLength != 10 || response.TransferEncoding != nil {
			t.Errorf("answer %d: %v, trailer %v, length %d, %v", i, response.Header, response.Trailer, response.ContentLength, response.TransferEncoding)
		}
		cookies += len(response.Cookies())
		response.Header.Set("X-A", "changed by its owner")
		response.Trailer.Set("X-Sum", "too")
		if got := read(t, response); got != "the answer" {
			t.Errorf("answer %d is %q", i, got)
		}
	}
	if attempts.Load() != 1 || cookies != 1 {
		t.Errorf("%d attempts, %d callers got the cookie, want 1 and 1: whose attempt brought it", attempts.Load(), cookies)
	}
	settled(t, rt)
}

// What makes two requests the same, and what must never be answered by another's answer.
func TestWhoSharesAnAnswer(t *testing.T) {
	const json = "application/json"
	post := func(body string, header ...string) *http.Request {
		return asking(t, "POST", "http://service/v1", body, append([]string{"Content-Type", json}, header...)...)
	}
	get := func(url string, header ...string) *http.Request { return asking(t, "GET", url, "", header...) }
	for _, row := range []struct {
		name   string
		a, b   *http.Request
		shared bool
	}{
		{"the same address", get("http://service/a?x=1"), get("http://service/a?x=1"), true},
		{"another query", get("http://service/a?x=1"), get("http://service/a?x=2"), false},
		{"another host", get("http://service/a"), get("http://other/a"), false},
		{"another method", get("http://service/a"), asking(t, "HEAD", "http://service/a", ""), false},
		{"another Authorization: the key holds nothing secret", get("http://service/a", "Authorization", "1"), get("http://service/a", "Authorization", "2"), true},
		{"another kind of answer", get("http://service/a", "Accept", "text/csv"), get("http://service/a", "Accept", json), false},
		{"a part of it", get("http://service/a", "Range", "bytes=0-1"), get("http://service/a", "Range", "bytes=0-1"), false},
		{"on a condition", get("http://service/a", "If-None-Match", "x"), get("http://service/a", "If-None-Match", "x"), false},
		{"a caller who wants it anew", get("http://service/a", "Cache-Control", "No-Cache"), get("http://service/a", "Cache-Control", "No-Cache"), false},
		{"JSON written otherwise", post(`{"a":1,"b":[2, 3]}`), post("{ \"b\":[2,3],\n\"a\":1 }"), true},
		{"JSON in another order that matters", post(`{"a":[1,2]}`), post(`{"a":[2,1]}`), false},
		{"large numbers that a float64 makes equal", post(`{"a":9007199254740993}`), post(`{"a":9007199254740992}`), false},
		{"JSON with more behind it", post(`{"a":1} x`), post(`{"a":1} y`), false},
		{"another body", asking(t, "POST", "http://service/", "a b"), asking(t, "POST", "http://service/", "a  b"), false},
		{"two streams", post(`{"stream":true}`), post(`{"stream":true}`), false},
		{"two streams by Accept", get("http://service/a", "Accept", "text/event-stream"), get("http://service/a", "Accept", "text/event-stream"), false},
		{"two PUTs of the same", asking(t, "PUT", "http://service/a", "1"), asking(t, "PUT", "http://service/a", "1"), false},
		{"two DELETEs of the same", asking(t, "DELETE", "http://service/a", ""), asking(t, "DELETE", "http://service/a", ""), false},
		{"two PATCHes of the same", asking(t, "PATCH", "http://service/a", "1"), asking(t, "PATCH", "http://service/a", "1"), false},
	} {
		t.Run(row.name, func(t *testing.T) {
			attempts := 0
			rt := Transport(parsed(t, cached), roundTripper(func(*http.Request) (*http.Response, error) {
				attempts++
				return says(200, "ok"), nil
			}), TransportOptions{RepeatPOST: true})
			for _, req := range []*http.Request{row.a, row.b} {
				if _, err := rt.RoundTrip(req); err != nil {
					t.Fatal(err)
				}
			}
			if shared := attempts == 1; shared != row.shared {
				t.Errorf("%d attempts for the two, want shared to be %v", attempts, row.shared)
			}
			for _, g := range rt.(Gauged).Gauges() {
				if g.Name == "cache entries" && g.Read() > 0 && slices.Contains([]string{"PUT", "PATCH", "DELETE"}, row.a.Method) {
					t.Errorf("%v answers are kept that nobody may ask for", g.Read())
				}
			}
		})
	}
	t.Run("two POSTs without the option", func(t *testing.T) {
		attempts := 0
		rt := Transport(parsed(t, cached), roundTripper(func(*http.Request) (*http.Response, error) { attempts++; return says(200, ""), nil }), TransportOptions{})
		for range 2 {
			if _, err := rt.RoundTrip(post(`{}`)); err != nil {
				t.Fatal(err)
			}
		}
		if attempts != 2 {
			t.Errorf("%d attempts, want 2: each is an order of its own", attempts)
		}
	})
}

// What the strategy is told of a request.
func TestWhatTheStrategyIsTold(t *testing.T) {
	for _, row := range []struct {
		name     string
		method   string
		header   []string
		options  TransportOptions
		user     uint64
		priority sim.Priority
		idem     bool
		once     bool
	}{
		{"nothing is said", "GET", nil, TransportOptions{}, 0, 1, true, false},
		{"user and class", "GET", []string{"X-User", "42", "X-Priority", "HIGH"}, TransportOptions{}, 42, 0, true, false},
		{"a name", "GET", []string{"X-User", "a", "X-Priority", "low"}, TransportOptions{}, 0xaf63dc4c8601ec8c, 2, true, false},
		{"a class that nobody knows", "GET", []string{"X-Priority", "urgent"}, TransportOptions{}, 0, 1, true, false},
		{"other classes", "GET", []string{"X-Priority", "bulk"}, TransportOptions{Classes: []string{"live", "bulk"}}, 0, 1, true, false},
		{"a user of the program's own", "GET", nil, TransportOptions{User: func(*http.Request) uint64 { return 9 }}, 9, 1, true, false},
		{"a POST", "POST", nil, TransportOptions{}, 0, 1, false, true},
		{"a POST that may be repeated", "POST", nil, TransportOptions{RepeatPOST: true}, 0, 1, false, false},
		{"a POST with a key", "POST", []string{"Idempotency-Key", "x"}, TransportOptions{}, 0, 1, true, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			var got sim.Request
			rt := Transport(look{func(r sim.Request) { got = r }}, roundTripper(func(*http.Request) (*http.Response, error) { return says(200, ""), nil }), row.options)
			if _, err := rt.RoundTrip(asking(t, row.method, "http://service/", "", row.header...)); err != nil {
				t.Fatal(err)
			}
			if got.User != row.user || got.Priority != row.priority || got.Idempotent != row.idem || got.Once != row.once || got.Deadline != 0 {
				t.Errorf("got user %#x, class %d, idempotent %v, once %v, deadline %v", got.User, got.Priority, got.Idempotent, got.Once, got.Deadline)
			}
		})
	}
}

// look shows the requests of a call to the test.
type look struct{ at func(sim.Request) }

func (l look) Wrap(_ sim.Env, next sim.Handler) sim.Handler {
	return func(r sim.Request) sim.Reply { l.at(r); return next(r) }
}

// A decision makes a strategy that answers by itself.
type decision struct{ reply sim.Reply }

func (d decision) Wrap(sim.Env, sim.Handler) sim.Handler { return always(d.reply) }

func TestErrorsWithoutAnAnswer(t *testing.T) {
	reset := &net.OpError{Op: "read", Err: errors.New("connection reset")}
	var shed *CallError
	for _, row := range []struct {
		name  string
		s     Strategy
		base  error
		check func(error) bool
	}{
		{"base's own", parsed(t, quickBackoff), reset, func(err error) bool { return err == error(reset) }},
		{"shed", decision{sim.Reply{Outcome: sim.Shed, Reason: "open"}}, nil, func(err error) bool {
			return errors.As(err, &shed) && shed.Outcome == sim.Shed && shed.Reason == "open" && !shed.Timeout() &&
				!errors.Is(err, context.DeadlineExceeded) && err.Error() == "strategy: call ended shed (open)"
		}},
		{"a patience that is not the context's", decision{sim.Reply{Outcome: sim.Timeout}}, nil, func(err error) bool {
			var netError net.Error
			return errors.As(err, &netError) && netError.Timeout() && errors.Is(err, context.DeadlineExceeded) && err.Error() == "strategy: call ended timeout"
		}},
		{"an answer that nobody makes", decision{sim.Reply{Outcome: sim.Degraded, Reason: "fallback"}}, nil, func(err error) bool {
			return errors.As(err, &shed) && shed.Outcome == sim.Degraded
		}},
	} {
		rt := Transport(row.s, roundTripper(func(*http.Request) (*http.Response, error) { return nil, row.base }), TransportOptions{})
		response, err := rt.RoundTrip(asking(t, "GET", "http://service/", ""))
		if response != nil || err == nil || !row.check(err) {
			t.Errorf("%s: got %v, %v", row.name, response, err)
		}
		settled(t, rt)
	}
}

func TestCannedAnswersAreTheProgramsToMake(t *testing.T) {
	rt := Transport(parsed(t, "cache: {fallback: canned}"), roundTripper(func(*http.Request) (*http.Response, error) { return says(500, ""), nil }),
		TransportOptions{Canned: func(*http.Request) (*http.Response, error) { return says(200, "try later"), nil }})
	response, err := rt.RoundTrip(asking(t, "GET", "http://service/", ""))
	if err != nil || read(t, response) != "try later" {
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
				rt := Transport(parsed(t, row.yaml), roundTripper(func(out *http.Request) (*http.Response, error) {
					if row.name == "a retry" {
						return says(503, ""), nil
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
						response, err := rt.RoundTrip(asking(t, "GET", "http://service/", "").WithContext(ctx))
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
				settled(t, rt)
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
				rt := Transport(Stack(parsed(t, row.yaml), look{func(r sim.Request) { deadline = r.Deadline }}), roundTripper(func(out *http.Request) (*http.Response, error) {
					<-out.Context().Done()
					return nil, out.Context().Err()
				}), TransportOptions{Patience: row.patience})
				req := asking(t, "GET", "http://service/", "")
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

// Via says how an attempt is sent.
func TestVia(t *testing.T) {
	var hosts []string
	var closed bool
	base := roundTripper(func(out *http.Request) (*http.Response, error) {
		hosts, closed = append(hosts, out.URL.Scheme+" "+out.URL.Host+" "+out.Host), out.Close
		return says(503, ""), nil
	})
	ask := func(s Strategy, o TransportOptions) {
		hosts = nil
		if _, err := Transport(s, base, o).RoundTrip(asking(t, "GET", "http://service/x", "")); err != nil {
			t.Fatal(err)
		}
	}
	ask(parsed(t, "sync"), TransportOptions{})
	if !closed || !slices.Equal(hosts, []string{"http service service"}) {
		t.Errorf("sync: sent to %q, connection closed %v, want it closed", hosts, closed)
	}
	ask(parsed(t, "pooled"), TransportOptions{})
	if closed {
		t.Error("pooled: the connection is closed, want it kept")
	}
	endpoints := TransportOptions{Endpoints: []*url.URL{{Scheme: "http", Host: "a"}, {Scheme: "https", Host: "b:8443"}}}
	ask(parsed(t, quickBackoff), endpoints)
	if want := []string{"http a ", "https b:8443 ", "http a "}; !slices.Equal(hosts, want) {
		t.Errorf("sent to %q, want another place for another try: %q", hosts, want)
	}
	told := &toEndpoint{}
	ask(told, endpoints)
	if want := []string{"https b:8443 "}; !slices.Equal(hosts, want) {
		t.Errorf("sent to %q, want %q", hosts, want)
	}
}

// toEndpoint sends every attempt to the last of the endpoints that it is told of.
type toEndpoint struct{ n int }

func (e *toEndpoint) Endpoints(n int) { e.n = n }
func (e *toEndpoint) Wrap(_ sim.Env, next sim.Handler) sim.Handler {
	return func(r sim.Request) sim.Reply { r.Via.Endpoint = e.n; return next(r) }
}

// A conversation cannot be repeated: tunnels, changes of protocol, trailers.
func TestConversationsGoPastTheStrategy(t *testing.T) {
	trailer := asking(t, "PUT", "http://service/", "x")
	trailer.Trailer = http.Header{"X-Sum": nil}
	for _, req := range []*http.Request{
		asking(t, "CONNECT", "http://service/", ""),
		asking(t, "GET", "http://service/", "", "Connection", "Upgrade", "Upgrade", "websocket"),
		asking(t, "POST", "http://service/", "x", "Content-Type", "application/grpc+proto"),
		trailer,
	} {
		rt := Transport(decision{sim.Reply{Outcome: sim.Shed}}, roundTripper(func(out *http.Request) (*http.Response, error) {
			if out != req {
				t.Errorf("%v was copied", req.Header)
			}
			return says(101, ""), nil
		}), TransportOptions{})
		if response, err := rt.RoundTrip(req); err != nil || response.StatusCode != 101 {
			t.Errorf("got %v, %v", response, err)
		}
		wantCounts(t, rt, map[string]int64{"passed_by": 1})
	}
}

// A panic of base's is the caller's to recover from, and takes no permit with it.
func TestAPanicSurfacesWhereTheCallWasMade(t *testing.T) {
	broken := true
	rt := Transport(parsed(t, "pooled: {size: 1, wait: 0s}"), roundTripper(func(*http.Request) (*http.Response, error) {
		if broken {
			panic("out of order")
		}
		return says(200, ""), nil
	}), TransportOptions{})
	func() {
		defer func() {
			if p, ok := recover().(*sim.Panic); !ok || p.Value != "out of order" || !bytes.Contains(p.Stack, []byte("TestAPanic")) {
				t.Errorf("got panic %v, want base's with its stack", p)
			}
		}()
		_, _ = rt.RoundTrip(asking(t, "GET", "http://service/", ""))
	}()
	broken = false
	if response, err := rt.RoundTrip(asking(t, "GET", "http://service/", "")); err != nil || response.StatusCode != 200 {
		t.Errorf("got %v, %v after the panic: its permit is lost", response, err)
	}
}

type idler struct {
	roundTripper
	closed bool
}

func (i *idler) CloseIdleConnections() { i.closed = true }

func TestCloseIdleConnectionsReachesBase(t *testing.T) {
	base := &idler{}
	client := http.Client{Transport: Transport(Stack(), base, TransportOptions{})}
	client.CloseIdleConnections()
	if !base.closed {
		t.Error("base was not told")
	}
	client = http.Client{Transport: Transport(Stack(), base.roundTripper, TransportOptions{})}
	client.CloseIdleConnections() // a base that has no such method
}

// HEAD has a length and no body; 304 too.
func TestLengthsWithoutBodies(t *testing.T) {
	for _, row := range []struct {
		method string
		status int
	}{{"HEAD", 200}, {"GET", 304}} {
		rt := Transport(parsed(t, "cache"), roundTripper(func(*http.Request) (*http.Response, error) {
			response := says(row.status, "", "Content-Type", "text/event-stream")
			response.ContentLength = 50_000_000
			if row.method == "GET" {
				response.ContentLength = 50
			}
			return response, nil
		}), TransportOptions{})
		response, err := rt.RoundTrip(asking(t, row.method, "http://service/", ""))
		if err != nil {
			t.Fatal(err)
		}
		if length := response.ContentLength; read(t, response) != "" || length != 50_000_000 && length != 50 {
			t.Errorf("%s %d: got length %d", row.method, row.status, length)
		}
		settled(t, rt)
	}
}
