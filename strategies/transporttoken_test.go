package strategies

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

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
		s := &firstToken{limit: 2 * streamTick}
		rt := Transport(Stack(watchedReply{&last}, s), base, TransportOptions{})
		began := time.Now()
		response, err := rt.RoundTrip(newRequest(t, "GET", "http://service/", ""))
		if err != nil || time.Since(began) != streamTick {
			t.Fatalf("got %v after %v, want the stream with its first token, after %v", err, time.Since(began), streamTick)
		}
		if got := readAnswer(t, response); got != strings.Repeat("data: word\n\n", 3) {
			t.Errorf("got %q", got)
		}
		settleTransport(t, rt)
		if last.Tokens != 3 || last.First != streamTick || last.Outcome != sim.OK {
			t.Errorf("the strategy sees %+v", last)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		rt := Transport(Stack(parseOne(t, "backoff: {tries: 2, base: 1ms, jitter: none}"), &firstToken{limit: streamTick / 2}), &ticking{events: 3}, TransportOptions{})
		began := time.Now()
		_, err := rt.RoundTrip(newRequest(t, "GET", "http://service/", ""))
		var timeout *CallError
		if !errors.As(err, &timeout) || time.Since(began) != streamTick+time.Millisecond {
			t.Errorf("got %v after %v, want a timeout after two attempts of %v", err, time.Since(began), streamTick/2)
		}
		wantCounts(t, rt, map[string]int64{"attempts": 2})
		synctest.Wait()
		time.Sleep(5 * streamTick) // the base's writers
	})
}

type watchedReply struct{ last *sim.Reply }

func (w watchedReply) Wrap(_ sim.Env, next sim.Handler) sim.Handler {
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
