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
			req := newRequest(t, "PUT", "http://service/x", "")
			row.body(req)
			var o TransportOptions
			if req.Header.Get("Small") != "" {
				o.MaxRequest = 5
			}
			var seen []string
			rt := Transport(parseOne(t, quickBackoff), roundTripper(func(out *http.Request) (*http.Response, error) {
				got, err := io.ReadAll(out.Body)
				seen = append(seen, string(got))
				if out == req || err != nil {
					t.Errorf("the caller's own request went out, or reading it: %v", err)
				}
				return newAnswer(503, "busy"), nil
			}), o)
			response, err := rt.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			if got := readAnswer(t, response); response.StatusCode != 503 || got != "busy" {
				t.Errorf("got %d %q, want the last attempt's answer", response.StatusCode, got)
			}
			if want := []string{text, text, text}; !slices.Equal(seen, want) {
				t.Errorf("attempts sent %q, want %q", seen, want)
			}
			settleTransport(t, rt)
		})
	}
}

// A body that is too long to be kept and cannot be had again goes out once, whole, past the strategy.
func TestALongBodyGoesOutOnce(t *testing.T) {
	for _, length := range []int64{-1, 100_000} {
		text := strings.Repeat("x", 100_000)
		req := newRequest(t, "PUT", "http://service/x", "")
		body := &watchedBody{Reader: strings.NewReader(text)}
		req.Body, req.ContentLength = body, length
		attempts := 0
		rt := Transport(parseOne(t, quickBackoff), roundTripper(func(out *http.Request) (*http.Response, error) {
			attempts++
			got, _ := io.ReadAll(out.Body)
			out.Body.Close()
			if string(got) != text {
				t.Errorf("got %d bytes, want all %d", len(got), len(text))
			}
			return newAnswer(503, "busy"), nil
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
			rt := Transport(parseOne(t, quickBackoff), roundTripper(func(out *http.Request) (*http.Response, error) {
				attempts++
				if attempts == 2 {
					return nil, errors.New("reset")
				}
				return newAnswer(503, ""), nil
			}), TransportOptions{RepeatPOST: row.repeatPOST})
			if _, err := rt.RoundTrip(newRequest(t, row.method, "http://service/x", "", row.header...)); err != nil {
				t.Fatal(err)
			}
			if attempts != row.attempts {
				t.Errorf("%d attempts, want %d", attempts, row.attempts)
			}
		})
	}
}

// Where others wait for what a call began, its attempts go on without it: with the request as it was, which
// the caller has back, and without its context.
func TestAttemptsOutliveTheirCallerForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent []string
		rt := Transport(parseOne(t, "[cache, {backoff: {tries: 3, base: 1s, jitter: none}}]"), roundTripper(func(out *http.Request) (*http.Response, error) {
			sent = append(sent, out.Header.Get("X-A"))
			select {
			case <-time.After(time.Second):
			case <-out.Context().Done():
				t.Errorf("attempt %d was ended, though somebody waits", len(sent))
				return nil, out.Context().Err()
			}
			if len(sent) < 2 {
				return newAnswer(503, ""), nil
			}
			return newAnswer(200, "ok"), nil
		}), TransportOptions{})
		ctx, cancel := context.WithCancel(t.Context())
		leader := newRequest(t, "GET", "http://service/", "", "X-A", "leader").WithContext(ctx)
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
			response, err := rt.RoundTrip(newRequest(t, "GET", "http://service/", "", "X-A", "other"))
			if err != nil || response.StatusCode != 200 {
				t.Errorf("got %v, %v", response, err)
			}
		})
		time.AfterFunc(500*time.Millisecond, cancel)
		group.Wait()
		settleTransport(t, rt)
		if want := []string{"leader", "leader"}; !slices.Equal(sent, want) {
			t.Errorf("sent by %q, want %q", sent, want)
		}
	})
}

// A context that ends also ends the reading of a body that never comes.
func TestABodyThatNeverComesIsNotWaitedFor(t *testing.T) {
	never, writer := io.Pipe()
	defer writer.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	req := newRequest(t, "PUT", "http://service/x", "").WithContext(ctx)
	req.Body, req.ContentLength = never, -1
	if _, err := Transport(Stack(), nil, TransportOptions{}).RoundTrip(req); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the context's error", err)
	}
}

// A conversation cannot be repeated: tunnels, changes of protocol, trailers.
func TestConversationsGoPastTheStrategy(t *testing.T) {
	trailer := newRequest(t, "PUT", "http://service/", "x")
	trailer.Trailer = http.Header{"X-Sum": nil}
	for _, req := range []*http.Request{
		newRequest(t, "CONNECT", "http://service/", ""),
		newRequest(t, "GET", "http://service/", "", "Connection", "Upgrade", "Upgrade", "websocket"),
		newRequest(t, "POST", "http://service/", "x", "Content-Type", "application/grpc+proto"),
		trailer,
	} {
		rt := Transport(decided{sim.Reply{Outcome: sim.Shed}}, roundTripper(func(out *http.Request) (*http.Response, error) {
			if out != req {
				t.Errorf("%v was copied", req.Header)
			}
			return newAnswer(101, ""), nil
		}), TransportOptions{})
		if response, err := rt.RoundTrip(req); err != nil || response.StatusCode != 101 {
			t.Errorf("got %v, %v", response, err)
		}
		wantCounts(t, rt, map[string]int64{"passed_by": 1})
	}
}
