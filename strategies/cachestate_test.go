package strategies

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/headroom-dev/headroom/sim"
)

// asking returns a service that notes which keys it is asked for.
func asking(keys *[]uint64) sim.Handler {
	return func(r sim.Request) sim.Reply {
		*keys = append(*keys, r.Key)
		return good
	}
}

func TestCachePrivateKeepsUsersApart(t *testing.T) {
	for _, private := range []bool{false, true} {
		run(t, func(w *sim.World) {
			c := NewCache()
			c.Private = private
			asked := 0
			stack := c.Wrap(w, func(r sim.Request) sim.Reply {
				asked++
				sim.Sleep(w, time.Second, r.Gone)
				return sim.Reply{Outcome: sim.OK, Tokens: int(r.User)}
			})
			for user := range uint64(3) { // at once, where flights would be shared
				w.Go(func() {
					got := stack(sim.Request{Call: int(user), Key: 5, User: user})
					if private && got.Tokens != int(user) {
						t.Errorf("user %d got the answer of user %d", user, got.Tokens)
					}
				})
			}
			sim.Sleep(w, 2*time.Second, nil)
			for user := range uint64(3) { // and later, from the cache
				if got := stack(sim.Request{Call: 9, Key: 5, User: user}); private && got.Tokens != int(user) {
					t.Errorf("user %d got the kept answer of user %d", user, got.Tokens)
				}
			}
			if want := map[bool]int{false: 1, true: 3}[private]; asked != want {
				t.Errorf("private %v: asked %d times, want %d", private, asked, want)
			}
		})
	}
}

func TestCacheWarm(t *testing.T) {
	run(t, func(w *sim.World) {
		var asked []uint64
		c := NewCache()
		c.Entries, c.Warm, c.TTL = 3, 2, time.Minute
		stack := c.Wrap(w, asking(&asked))
		c.Fill([]uint64{11, 12, 13, 14}, sim.Reply{Outcome: sim.OK, Tokens: 40})
		ask := func(keys ...uint64) {
			for i, key := range keys {
				if got := stack(sim.Request{Call: i, Key: key}); got.Outcome != sim.OK {
					t.Errorf("key %d: %v, want ok", key, got.Outcome)
				}
			}
		}
		ask(11, 12, 13) // 13 is beyond what was wanted
		ask(14)         // drives out the least recently asked, 11
		ask(11)
		sim.Sleep(w, time.Minute, nil)
		ask(14)
		if diff := cmp.Diff([]uint64{13, 14, 11, 14}, asked); diff != "" {
			t.Errorf("the service was asked for (-want +got):\n%s", diff)
		}
		if n := c.Gauges()[0].Read(); n != 3 {
			t.Errorf("%v answers kept, want 3", n)
		}
	})
}

func TestCacheWarmsTheMostAskedToLeaveLast(t *testing.T) {
	run(t, func(w *sim.World) {
		c := NewCache()
		c.Entries, c.Warm, c.Jitter = 100, 100, .5
		stack := c.Wrap(w, always(good))
		keys := make([]uint64, 100)
		for i := range keys {
			keys[i] = uint64(i)
		}
		c.Fill(keys, good)
		var until []time.Duration
		for _, key := range keys {
			kept, _ := c.answers.Peek(question{key: key})
			until = append(until, kept.until)
		}
		for i := range 60 {
			stack(sim.Request{Call: i, Key: 1000 + uint64(i)})
		}
		if !c.answers.Contains(question{key: 39}) || c.answers.Contains(question{key: 40}) {
			t.Error("60 new answers did not drive out the 60 least asked")
		}
		slices.Sort(until)
		if len(slices.Compact(until)) < 99 || until[0] < 30*time.Second || until[99] > time.Minute {
			t.Errorf("answers of the start expire from %v to %v, want each at its own time within 30s to 1m", until[0], until[99])
		}
	})
}

// Two levels in a stack: a small one that forgets soon before a large one. Calls are hits of the one,
// hits of the other, or attempts.
func TestCacheLevels(t *testing.T) {
	_, key := zipf(2000, .9)
	for _, stale := range []time.Duration{0, time.Second} {
		outer, inner := NewCache(), NewCache()
		outer.Entries, outer.TTL, outer.Stale = 20, 2*time.Second, stale
		inner.TTL, inner.Stale = 20*time.Second, stale
		s := Stack(outer, inner)
		const calls = 20_000
		records := play(t, 5, s, mmc{servers: 1000, mean: 200 * time.Millisecond, limit: -1}, load{calls: calls, rate: steady(100), keys: key})
		got := counts(s)
		hits := func(level string) int64 {
			return got["hit_fresh"+level] + got["hit_stale"+level] + got["hit_joined"+level]
		}
		refreshes := got["refreshed"] + got["refresh_failed"]
		toInner := got["miss"] - got["hit_joined"] + refreshes
		if sum := got["hit_fresh 2"] + got["hit_stale 2"] + got["miss 2"]; sum != toInner {
			t.Errorf("stale %v: the inner cache was asked %d times, the outer one asked %d times: %v", stale, sum, toInner, got)
		}
		attempts := got["miss 2"] - got["hit_joined 2"] // those of its refreshes come on top
		if sum := hits("") + hits(" 2") + attempts - refreshes; sum != calls {
			t.Errorf("stale %v: hits of both levels and misses are %d, want the %d calls: %v", stale, sum, calls, got)
		}
		if hits("") < calls/10 || hits(" 2") < calls/10 {
			t.Errorf("stale %v: a level hardly hits: %v", stale, got)
		}
		if stale == 0 {
			sent := int64(0)
			for _, r := range records {
				sent += int64(r.Attempts)
			}
			if sent != attempts {
				t.Errorf("%d attempts, want %d", sent, attempts)
			}
		}
	}
}

// What the inner cache gives as stale is degraded, and the outer one does not keep it as good.
func TestCacheKeepsNoStaleAnswer(t *testing.T) {
	run(t, func(w *sim.World) {
		outer, inner := NewCache(), NewCache()
		outer.TTL = time.Second
		inner.TTL, inner.Stale = time.Second, time.Minute
		calls := 0
		stack := Stack(outer, inner).Wrap(w, func(sim.Request) sim.Reply {
			if calls++; calls == 1 {
				return good
			}
			return busy
		})
		stack(sim.Request{})
		for i := range 5 {
			sim.Sleep(w, 2*time.Second, nil)
			if got := stack(sim.Request{Call: 1 + i}); got.Outcome != sim.Degraded {
				t.Errorf("%v, want degraded each time", got.Outcome)
			}
		}
	})
}

func TestCacheKeepsOnlyOK(t *testing.T) {
	for _, outcome := range []sim.Outcome{sim.Degraded, sim.Refused, sim.Busy, sim.Error, sim.Timeout, sim.Shed} {
		run(t, func(w *sim.World) {
			c := NewCache()
			asked := 0
			stack := c.Wrap(w, func(sim.Request) sim.Reply { asked++; return sim.Reply{Outcome: outcome} })
			for i := range 3 {
				if got := stack(sim.Request{Call: i}); got.Outcome != outcome {
					t.Errorf("%v became %v", outcome, got.Outcome)
				}
			}
			if asked != 3 || c.answers.Len() != 0 {
				t.Errorf("%v: asked %d times with %d answers kept, want 3 and 0", outcome, asked, c.answers.Len())
			}
		})
	}
}

// An answer out of the cache carries nothing that was true of its first attempt only: neither work that
// could be called wasted once more, nor a wish of the service.
func TestCacheAnswersAreNobodysAttempt(t *testing.T) {
	run(t, func(w *sim.World) {
		stack := NewCache().Wrap(w, func(sim.Request) sim.Reply {
			return sim.Reply{Outcome: sim.OK, Status: 200, Tokens: 7, Cached: 3, Work: time.Second, Began: 1, RetryAfter: time.Second, Retry: sim.Do}
		})
		if got := stack(sim.Request{}); got.Work != time.Second {
			t.Errorf("the first answer has work %v, want the service's 1s", got.Work)
		}
		sim.Sleep(w, time.Second, nil)
		want := sim.Reply{Outcome: sim.OK, Status: 200, Tokens: 7, Cached: 3, First: time.Second}
		if diff := cmp.Diff(want, stack(sim.Request{Call: 1})); diff != "" {
			t.Errorf("the second (-want +got):\n%s", diff)
		}
	})
}

// A flight may bring what is degraded, from a fallback further in: all who joined have it, as such.
func TestCacheCountsWhoJoinedADegradedAnswer(t *testing.T) {
	run(t, func(w *sim.World) {
		c := NewCache()
		stack := c.Wrap(w, func(r sim.Request) sim.Reply {
			sim.Sleep(w, time.Second, r.Gone)
			return sim.Reply{Outcome: sim.Degraded, Work: time.Second}
		})
		worked := 0
		for call := range 3 {
			w.Go(func() {
				got := stack(sim.Request{Call: call})
				if got.Outcome != sim.Degraded {
					t.Errorf("%v, want degraded", got.Outcome)
				}
				if got.Work > 0 {
					worked++
				}
			})
		}
		sim.Sleep(w, 2*time.Second, nil)
		if got := counts(c); got["hit_joined"] != 2 || worked != 1 {
			t.Errorf("counted %v, and the work %d times, want 2 who joined and the leader's work alone", got, worked)
		}
	})
}

func TestCacheHitRateGauge(t *testing.T) {
	run(t, func(w *sim.World) {
		c := NewCache()
		stack := c.Wrap(w, always(good))
		rate := c.Gauges()[1].Read
		if got := rate(); !math.IsNaN(got) {
			t.Errorf("%v before the first call, want no number", got)
		}
		for i, key := range []uint64{1, 1, 1, 2} {
			stack(sim.Request{Call: i, Key: key})
		}
		if got := rate(); got != .5 {
			t.Errorf("%v after 2 hits of 4 calls, want 0.5", got)
		}
		stack(sim.Request{Call: 4, Key: 2})
		if got := rate(); got != 1 {
			t.Errorf("%v since then, want 1", got)
		}
	})
}

// What happens to most calls costs no memory: a hit, fresh or stale with its refresh under way.
func TestCacheHitsAllocateNothing(t *testing.T) {
	if raced {
		t.Skip("the race detector allocates")
	}
	run(t, func(w *sim.World) {
		c := NewCache()
		c.TTL, c.Stale = time.Minute, time.Minute
		stack := c.Wrap(w, func(r sim.Request) sim.Reply { sim.Sleep(w, time.Second, r.Gone); return good })
		stack(sim.Request{})
		for _, hit := range []string{"fresh", "stale"} {
			stack(sim.Request{Call: 1}) // begins the refresh
			if n := testing.AllocsPerRun(100, func() { stack(sim.Request{Call: 2}) }); n != 0 {
				t.Errorf("a %s hit allocates %v times, want 0", hit, n)
			}
			sim.Sleep(w, time.Minute, nil)
		}
		if got := counts(c); got["hit_fresh"] < 100 || got["hit_stale"] < 100 {
			t.Errorf("counted %v: the test does not test", got)
		}
	})
}

func TestCacheWarnsOfWhatARunCannotHonour(t *testing.T) {
	plain, c := NewCache(), NewCache()
	c.Warm, c.Dir = 5, "somewhere"
	for _, live := range []bool{false, true} {
		if got := Stack(plain, c, NewPooled()).(Warning).Warnings(live); len(got) != 1 {
			t.Errorf("live %v: %q, want one warning", live, got)
		}
	}
	if got := Stack(plain, c).(Warming).Wanted(); got != 5 {
		t.Errorf("a stack wants %d keys, want the 5 of its layer", got)
	}
}
