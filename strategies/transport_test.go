package strategies

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

const (
	quickBackoff = "backoff: {tries: 3, base: 1ms, jitter: none}"
	cachedStack  = "[cache, {backoff: {tries: 3, base: 1ms, jitter: none}}, pooled]"
)

// Every answer of base is closed: those that are tried again, and those that callers have in memory.
func TestAnswersOfBaseAreClosed(t *testing.T) {
	var bodies []*watchedBody
	rt := Transport(parseOne(t, quickBackoff), roundTripper(func(*http.Request) (*http.Response, error) {
		body := &watchedBody{Reader: strings.NewReader("busy")}
		bodies = append(bodies, body)
		response := newAnswer(503, "")
		response.Body, response.ContentLength = body, -1
		return response, nil
	}), TransportOptions{})
	if _, err := rt.RoundTrip(newRequest(t, "GET", "http://service/", "")); err != nil {
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
		s := parseOne(t, "pooled: {size: 1, wait: 0s}")
		base := roundTripper(func(*http.Request) (*http.Response, error) { time.Sleep(time.Second); return newAnswer(200, ""), nil })
		var group sync.WaitGroup
		for range 2 {
			rt := Transport(s, base, TransportOptions{})
			group.Go(func() {
				if _, err := rt.RoundTrip(newRequest(t, "GET", "http://service/", "")); err != nil {
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
		{"an answer", t.Context(), strings.NewReader("x"), func(*http.Request) (*http.Response, error) { return newAnswer(200, "ok"), nil }},
		{"an error", t.Context(), strings.NewReader("x"), func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }},
		{"a context that has ended", ended, strings.NewReader("x"), nil},
		{"a body that cannot be read", t.Context(), io.MultiReader(strings.NewReader("x"), brokenReader{}), nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			body := &watchedBody{Reader: row.body}
			req := newRequest(t, "PUT", "http://service/x?q=1", "", "X-A", "1").WithContext(row.ctx)
			req.Body, req.ContentLength = body, -1
			before := req.Clone(req.Context())
			rt := Transport(parseOne(t, "[sync, "+quickBackoff+"]"), roundTripper(func(out *http.Request) (*http.Response, error) {
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
			settleTransport(t, rt)
		})
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("the disk is gone") }

// Via says how an attempt is sent.
func TestVia(t *testing.T) {
	var hosts []string
	var closed bool
	base := roundTripper(func(out *http.Request) (*http.Response, error) {
		hosts, closed = append(hosts, out.URL.Scheme+" "+out.URL.Host+" "+out.Host), out.Close
		return newAnswer(503, ""), nil
	})
	ask := func(s Strategy, o TransportOptions) {
		hosts = nil
		if _, err := Transport(s, base, o).RoundTrip(newRequest(t, "GET", "http://service/x", "")); err != nil {
			t.Fatal(err)
		}
	}
	ask(parseOne(t, "sync"), TransportOptions{})
	if !closed || !slices.Equal(hosts, []string{"http service service"}) {
		t.Errorf("sync: sent to %q, connection closed %v, want it closed", hosts, closed)
	}
	ask(parseOne(t, "pooled"), TransportOptions{})
	if closed {
		t.Error("pooled: the connection is closed, want it kept")
	}
	endpoints := TransportOptions{Endpoints: []*url.URL{{Scheme: "http", Host: "a"}, {Scheme: "https", Host: "b:8443"}}}
	ask(parseOne(t, quickBackoff), endpoints)
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
		rt := Transport(parseOne(t, "cache"), roundTripper(func(*http.Request) (*http.Response, error) {
			response := newAnswer(row.status, "", "Content-Type", "text/event-stream")
			response.ContentLength = 50_000_000
			if row.method == "GET" {
				response.ContentLength = 50
			}
			return response, nil
		}), TransportOptions{})
		response, err := rt.RoundTrip(newRequest(t, row.method, "http://service/", ""))
		if err != nil {
			t.Fatal(err)
		}
		if length := response.ContentLength; readAnswer(t, response) != "" || length != 50_000_000 && length != 50 {
			t.Errorf("%s %d: got length %d", row.method, row.status, length)
		}
		settleTransport(t, rt)
	}
}
