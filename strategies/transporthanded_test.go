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
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// hedgeTwice starts a second copy of a call after a second, and takes the first success: a hedge that knows
// nothing of streams.
type hedgeTwice struct{}

// An answer that its caller is reading is not hedged: no second copy is sent, and none ends the first.
func TestOpenAnswersAreNotHedged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := &ticking{events: 4}
		rt := Transport(hedgeTwice{}, base, TransportOptions{})
		response, err := rt.RoundTrip(newRequest(t, "GET", "http://service/", ""))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(readAnswer(t, response), "data:"); got != 4 || base.all != 1 {
			t.Errorf("%d events by %d requests, want 4 by 1", got, base.all)
		}
		settleTransport(t, rt)
		wantCounts(t, rt, map[string]int64{"calls_ok": 1, "attempts": 1})
	})
}

// When one of two copies under way turns out to be a stream, the other is called off.
func TestTheOtherCopyOfAStreamIsCalledOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		streams := &ticking{events: 4}
		var n atomic.Int32
		calledOff, late := false, &watchedBody{Reader: strings.NewReader("data: late\n\n")}
		rt := Transport(hedgeTwice{}, roundTripper(func(req *http.Request) (*http.Response, error) {
			if n.Add(1) == 1 { // the first copy hangs
				<-req.Context().Done()
				calledOff = true
				response := newAnswer(200, "", "Content-Type", "text/event-stream") // from a base that does not mind
				response.Body = late
				return response, nil
			}
			return streams.RoundTrip(req)
		}), TransportOptions{})
		response, err := rt.RoundTrip(newRequest(t, "GET", "http://service/", ""))
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if !calledOff || late.closes() != 1 {
			t.Error("the other copy still runs, or its answer is open")
		}
		if got := strings.Count(readAnswer(t, response), "data:"); got != 4 {
			t.Errorf("%d events, want 4", got)
		}
		settleTransport(t, rt)
	})
}

// A stream that nobody announced may meet a flight of others who ask the same: each gets one of its own,
// and a leader who leaves takes his own with him.
func TestStreamsAreNotSharedByAFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := &ticking{events: 3}
		rt := Transport(parseOne(t, "cache"), base, TransportOptions{})
		var group sync.WaitGroup
		var got []int
		var lock sync.Mutex
		for i := range 3 {
			group.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if i == 0 {
					time.AfterFunc(3*streamTick/2, cancel)
				}
				response, err := rt.RoundTrip(newRequest(t, "GET", "http://service/", "").WithContext(ctx))
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
		settleTransport(t, rt)
		if !slices.Equal(got, []int{1, 3, 3}) || base.all != 3 {
			t.Errorf("callers got %v events by %d requests, want 1, 3 and 3 by 3", got, base.all)
		}
		wantCounts(t, rt, map[string]int64{"hit_joined": 0, "hit_fresh": 0})
	})
}

// The patience of a caller who leads a flight ends his stream, though the flight goes on for others.
func TestPatienceEndsAStreamWithinAFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := Transport(parseOne(t, "cache"), &ticking{events: 1000}, TransportOptions{Patience: 7 * streamTick / 2})
		var group sync.WaitGroup
		for i := range 2 {
			group.Go(func() {
				time.Sleep(time.Duration(i) * streamTick)
				began := time.Now()
				response, err := rt.RoundTrip(newRequest(t, "GET", "http://service/", ""))
				if err != nil {
					t.Errorf("caller %d: %v", i, err)
					return
				}
				var timeout *CallError
				if err := readOn(t, nil, response.Body); !errors.As(err, &timeout) || time.Since(began) != 7*streamTick/2 {
					t.Errorf("caller %d: %v after %v, want a timeout after %v", i, err, time.Since(began), 7*streamTick/2)
				}
				_ = response.Body.Close()
			})
		}
		group.Wait()
		settleTransport(t, rt)
		time.Sleep(2 * streamTick)
	})
}

// A stream that comes when the caller who asked for it has left is closed, and who waits asks for one.
func TestAStreamForTheAbsentIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var bodies []*watchedBody
		rt := Transport(parseOne(t, "cache"), roundTripper(func(*http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			response := newAnswer(200, "", "Content-Type", "text/event-stream")
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
				response, err := rt.RoundTrip(newRequest(t, "GET", "http://service/", "").WithContext(ctx))
				switch {
				case i == 0 && !errors.Is(err, context.Canceled):
					t.Errorf("who left got %v, %v", response, err)
				case i == 1 && (err != nil || len(bodies) != 2 || bodies[0].closes() != 1 || readAnswer(t, response) != "data: x\n\n"):
					t.Errorf("who waited got %v, %v, of %d streams", response, err, len(bodies))
				}
			})
		}
		group.Wait()
		settleTransport(t, rt)
	})
}

// refreshing starts work of its own beside each call, and before it.
type refreshing struct{}

// What a strategy asks for itself is not the caller's stream.
func TestARefreshIsNotHandedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		rt := Transport(refreshing{}, roundTripper(func(*http.Request) (*http.Response, error) {
			n++
			return newAnswer(200, fmt.Sprintf("data: %d\n\n", n), "Content-Type", "text/event-stream"), nil
		}), TransportOptions{})
		response, err := rt.RoundTrip(newRequest(t, "GET", "http://service/", ""))
		if err != nil || readAnswer(t, response) != "data: 2\n\n" {
			t.Errorf("got %v, %v, want the second stream", response, err)
		}
		settleTransport(t, rt)
	})
}
