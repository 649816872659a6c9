package strategies

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// What a cache writes to its directory is read again as the answer that it was.
func TestAnswersCanBeKept(t *testing.T) {
	tr := Transport(Stack(), nil, TransportOptions{}).(*transport)
	c := tr.newRoundTrip(newRequest(t, "GET", "http://service/", ""), replay{})
	first := &received{head: newAnswer(203, "", "X-A", "1", "X-A", "2", "Set-Cookie", "x=1"), text: []byte("bytes \x00\xff"), by: c}
	packed, err := c.PackReply(first)
	if err != nil {
		t.Fatal(err)
	}
	again, err := c.UnpackReply(packed)
	if err != nil {
		t.Fatal(err)
	}
	response := c.response(again.(*received))
	if got := readAnswer(t, response); got != "bytes \x00\xff" || response.StatusCode != 203 || response.Proto != "HTTP/1.1" || response.ProtoMajor != 1 ||
		!slices.Equal(response.Header["X-A"], []string{"1", "2"}) || len(response.Cookies()) != 0 || response.ContentLength != 8 {
		t.Errorf("got %q, %+v", got, response)
	}
	for _, broken := range []*received{{err: io.EOF}, {head: newAnswer(200, ""), open: true}} {
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

// Answers that are shared are everybody's own: head, body and place in the caller's program.
func TestSharedAnswersAreOnesOwn(t *testing.T) {
	var attempts atomic.Int32
	rt := Transport(parseOne(t, cachedStack), roundTripper(func(*http.Request) (*http.Response, error) {
		attempts.Add(1)
		response := newAnswer(200, "the answer", "X-A", "1", "Set-Cookie", "session=first")
		response.ContentLength, response.TransferEncoding = -1, []string{"chunked"}
		response.Trailer = http.Header{"X-Sum": {"9"}}
		return response, nil
	}), TransportOptions{})
	cookies := 0
	for i := range 3 {
		req := newRequest(t, "GET", "http://service/x", "")
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
		if got := readAnswer(t, response); got != "the answer" {
			t.Errorf("answer %d is %q", i, got)
		}
	}
	if attempts.Load() != 1 || cookies != 1 {
		t.Errorf("%d attempts, %d callers got the cookie, want 1 and 1: whose attempt brought it", attempts.Load(), cookies)
	}
	settleTransport(t, rt)
}

// What makes two requests the same, and what must never be answered by another's answer.
func TestWhoSharesAnAnswer(t *testing.T) {
	const json = "application/json"
	post := func(body string, header ...string) *http.Request {
		return newRequest(t, "POST", "http://service/v1", body, append([]string{"Content-Type", json}, header...)...)
	}
	get := func(url string, header ...string) *http.Request { return newRequest(t, "GET", url, "", header...) }
	for _, row := range []struct {
		name   string
		a, b   *http.Request
		shared bool
	}{
		{"the same address", get("http://service/a?x=1"), get("http://service/a?x=1"), true},
		{"another query", get("http://service/a?x=1"), get("http://service/a?x=2"), false},
		{"another host", get("http://service/a"), get("http://other/a"), false},
		{"another method", get("http://service/a"), newRequest(t, "HEAD", "http://service/a", ""), false},
		{"another Authorization: the key holds nothing secret", get("http://service/a", "Authorization", "1"), get("http://service/a", "Authorization", "2"), true},
		{"another kind of answer", get("http://service/a", "Accept", "text/csv"), get("http://service/a", "Accept", json), false},
		{"a part of it", get("http://service/a", "Range", "bytes=0-1"), get("http://service/a", "Range", "bytes=0-1"), false},
		{"on a condition", get("http://service/a", "If-None-Match", "x"), get("http://service/a", "If-None-Match", "x"), false},
		{"a caller who wants it anew", get("http://service/a", "Cache-Control", "No-Cache"), get("http://service/a", "Cache-Control", "No-Cache"), false},
		{"JSON written otherwise", post(`{"a":1,"b":[2, 3]}`), post("{ \"b\":[2,3],\n\"a\":1 }"), true},
		{"JSON in another order that matters", post(`{"a":[1,2]}`), post(`{"a":[2,1]}`), false},
		{"large numbers that a float64 makes equal", post(`{"a":9007199254740993}`), post(`{"a":9007199254740992}`), false},
		{"JSON with more behind it", post(`{"a":1} x`), post(`{"a":1} y`), false},
		{"another body", newRequest(t, "POST", "http://service/", "a b"), newRequest(t, "POST", "http://service/", "a  b"), false},
		{"two streams", post(`{"stream":true}`), post(`{"stream":true}`), false},
		{"two streams by Accept", get("http://service/a", "Accept", "text/event-stream"), get("http://service/a", "Accept", "text/event-stream"), false},
		{"two PUTs of the same", newRequest(t, "PUT", "http://service/a", "1"), newRequest(t, "PUT", "http://service/a", "1"), false},
		{"two DELETEs of the same", newRequest(t, "DELETE", "http://service/a", ""), newRequest(t, "DELETE", "http://service/a", ""), false},
		{"two PATCHes of the same", newRequest(t, "PATCH", "http://service/a", "1"), newRequest(t, "PATCH", "http://service/a", "1"), false},
	} {
		t.Run(row.name, func(t *testing.T) {
			attempts := 0
			rt := Transport(parseOne(t, cachedStack), roundTripper(func(*http.Request) (*http.Response, error) {
				attempts++
				return newAnswer(200, "ok"), nil
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
		rt := Transport(parseOne(t, cachedStack), roundTripper(func(*http.Request) (*http.Response, error) { attempts++; return newAnswer(200, ""), nil }), TransportOptions{})
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
			rt := Transport(lookAt{func(r sim.Request) { got = r }}, roundTripper(func(*http.Request) (*http.Response, error) { return newAnswer(200, ""), nil }), row.options)
			if _, err := rt.RoundTrip(newRequest(t, row.method, "http://service/", "", row.header...)); err != nil {
				t.Fatal(err)
			}
			if got.User != row.user || got.Priority != row.priority || got.Idempotent != row.idem || got.Once != row.once || got.Deadline != 0 {
				t.Errorf("got user %#x, class %d, idempotent %v, once %v, deadline %v", got.User, got.Priority, got.Idempotent, got.Once, got.Deadline)
			}
		})
	}
}

// lookAt shows the requests of a call to the test.
type lookAt struct{ at func(sim.Request) }

func (l lookAt) Wrap(_ sim.Env, next sim.Handler) sim.Handler {
	return func(r sim.Request) sim.Reply { l.at(r); return next(r) }
}

// An answer in a cache's directory is there for the next program; a stale one is given at once, and asked for
// anew beside.
func TestAnswersOutliveTheProgram(t *testing.T) {
	yaml := fmt.Sprintf("cache: {ttl: 1m, stale: 1m, dir: %q}", t.TempDir())
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		base := roundTripper(func(*http.Request) (*http.Response, error) {
			attempts++
			return newAnswer(200, fmt.Sprint("answer ", attempts), "X-A", "1"), nil
		})
		ask := func(rt http.RoundTripper) string {
			response, err := rt.RoundTrip(newRequest(t, "GET", "http://service/x", ""))
			if err != nil || response.Header.Get("X-A") != "1" {
				t.Fatalf("got %v, %v", response, err)
			}
			return readAnswer(t, response)
		}
		first := Transport(parseOne(t, yaml), base, TransportOptions{})
		if got := ask(first); got != "answer 1" {
			t.Errorf("got %q", got)
		}
		settleTransport(t, first)
		second := Transport(parseOne(t, yaml), base, TransportOptions{})
		if got := ask(second); got != "answer 1" || attempts != 1 {
			t.Errorf("the next program got %q after %d attempts, want what the first one kept", got, attempts)
		}
		time.Sleep(90 * time.Second)
		if got := ask(second); got != "answer 1" {
			t.Errorf("got %q, want the stale answer at once", got)
		}
		settleTransport(t, second)
		if got := ask(second); got != "answer 2" || attempts != 2 {
			t.Errorf("got %q after %d attempts, want the refreshed answer", got, attempts)
		}
		wantCounts(t, second, map[string]int64{"calls_degraded": 1, "calls_ok": 2, "attempts": 1})
	})
}
