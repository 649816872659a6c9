package strategies

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/headroom-dev/headroom/sim"
	"pgregory.net/rapid"
)

// An answer of 10 s, stale for 5 s more, of a service that takes 1 s. Calls ask at these times, each with
// 2 s of patience, but half a second for call 2 where there is a call 3 long after.
func TestCacheStale(t *testing.T) {
	const s = time.Second
	for _, row := range []struct {
		name  string
		fails func(call int) bool
		at    []time.Duration
		once  bool // the last call must not be asked twice
		want  []string
		log   []string // of the service
	}{
		{"fresh until the ttl, stale from then on", nil, []time.Duration{0, 11*s - 1, 11 * s}, false,
			[]string{"ok  at 1s", "ok  at 10.999999999s", "degraded stale at 11s"},
			[]string{"0: first at 0s", "2: refresh at 11s"}},
		{"refreshed once, in the background, for all who ask meanwhile", nil, []time.Duration{0, 12 * s, 12*s + 5, 13*s - 1, 13*s + 1}, false,
			[]string{"ok  at 1s", "degraded stale at 12s", "degraded stale at 12.000000005s", "degraded stale at 12.999999999s", "ok  at 13.000000001s"},
			[]string{"0: first at 0s", "1: refresh at 12s"}},
		{"stale to its end, and no longer", nil, []time.Duration{0, 16*s - 1, 16 * s}, false,
			[]string{"ok  at 1s", "degraded stale at 15.999999999s", "ok  at 16.999999999s"}, // joins the refresh
			[]string{"0: first at 0s", "1: refresh at 15.999999999s"}},
		{"a miss after its end", nil, []time.Duration{0, 16 * s}, false,
			[]string{"ok  at 1s", "ok  at 17s"}, []string{"0: first at 0s", "1: first at 16s"}},
		{"a failed refresh leaves the stale answer, and the next call tries again", func(call int) bool { return call > 0 },
			[]time.Duration{0, 12 * s, 14 * s, 16 * s}, false,
			[]string{"ok  at 1s", "degraded stale at 12s", "degraded stale at 14s", "busy queue-full at 17s"},
			[]string{"0: first at 0s", "1: refresh at 12s", "2: refresh at 14s", "3: first at 16s"}},
		{"who joined a refresh that fails leads the next fetch", func(call int) bool { return call == 1 },
			[]time.Duration{0, 15500 * time.Millisecond, 16200 * time.Millisecond}, false,
			[]string{"ok  at 1s", "degraded stale at 15.5s", "ok  at 17.5s"},
			[]string{"0: first at 0s", "1: refresh at 15.5s", "2: first at 16.5s"}},
		{"who joined a refresh may leave it, and it goes on", nil, []time.Duration{0, 15999 * time.Millisecond, 16 * s, 18 * s}, false,
			[]string{"ok  at 1s", "degraded stale at 15.999s", "timeout flight at 16.5s", "ok  at 18s"},
			[]string{"0: first at 0s", "1: refresh at 15.999s"}},
		{"one that must not be asked twice waits for its own answer", nil, []time.Duration{0, 12 * s}, true,
			[]string{"ok  at 1s", "ok  at 13s"}, []string{"0: first at 0s", "1: first at 12s"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			w, c := sim.NewWorld(1), NewCache()
			c.TTL, c.Stale = 10*s, 5*s
			var log []string
			stack := c.Wrap(w, func(r sim.Request) sim.Reply {
				log = append(log, fmt.Sprintf("%d: %v at %v", r.Call, r.Cause, w.Now()))
				if r.Cause == sim.Refresh && r.Token != nil {
					t.Error("a refresh tells tokens to a caller who reads another answer")
				}
				sim.Sleep(w, s, r.Gone)
				if row.fails != nil && row.fails(r.Call) {
					return busy
				}
				return good
			})
			got := make([]string, len(row.at))
			for call, at := range row.at {
				w.At(at, func() {
					w.Go(func() {
						r := sim.Request{Call: call, Token: func(int) {}, Once: row.once && call == len(row.at)-1}
						patience := 2 * s
						if call == 2 && row.at[len(row.at)-1] == 18*s {
							patience = s / 2
						}
						reply := sim.Within(w, patience, stack, r)
						got[call] = fmt.Sprintf("%v %s at %v", reply.Outcome, reply.Reason, w.Now())
					})
				})
			}
			if blocked := w.Run(sim.Forever); blocked != 0 || len(c.flights) != 0 {
				t.Errorf("%d processes and %d flights left over, want none", blocked, len(c.flights))
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(row.log, log); diff != "" {
				t.Errorf("attempts (-want +got):\n%s", diff)
			}
		})
	}
}

// A refresh that hangs ends with the patience of the call that began it, or with the life of an answer
// where callers wait for ever; who joined it keeps a patience of its own.
func TestCacheRefreshHasALimit(t *testing.T) {
	for _, row := range []struct {
		name                  string
		patience, stale, want time.Duration
	}{
		{"the caller's patience", 3 * time.Second, 20 * time.Second, 3 * time.Second},
		{"the life of an answer", 0, 20 * time.Second, 30 * time.Second},
		{"ten minutes of a longer one", 0, time.Hour, 10 * time.Minute},
	} {
		t.Run(row.name, func(t *testing.T) {
			w, c := sim.NewWorld(1), NewCache()
			c.TTL, c.Stale = 10*time.Second, row.stale
			var ended time.Duration
			stack := c.Wrap(w, func(r sim.Request) sim.Reply {
				if r.Cause != sim.Refresh {
					return good
				}
				sim.Sleep(w, sim.Forever, r.Gone)
				ended = w.Now()
				return sim.Reply{Outcome: sim.Timeout}
			})
			w.Go(func() {
				stack(sim.Request{})
				sim.Sleep(w, 12*time.Second, nil)
				r := sim.Request{Call: 1}
				if row.patience > 0 {
					sim.Within(w, row.patience, stack, r)
				} else {
					stack(r)
				}
			})
			if blocked := w.Run(sim.Forever); blocked != 0 {
				t.Errorf("%d processes left over, want 0", blocked)
			}
			if got := ended - 12*time.Second; got != row.want {
				t.Errorf("the refresh ended after %v, want %v", got, row.want)
			}
			if got := counts(c); got["refresh_failed"] != 1 || got["refreshed"] != 0 {
				t.Errorf("counted %v, want one failed refresh", got)
			}
		})
	}
}

// A refresh is nobody's: it goes on when the caller who began it gives up what else it waits for.
func TestCacheRefreshOutlivesItsCaller(t *testing.T) {
	run(t, func(w *sim.World) {
		c := staleCache(10, 10)
		stack := c.Wrap(w, func(r sim.Request) sim.Reply {
			if !sim.Sleep(w, time.Second, r.Gone) {
				return sim.Reply{Outcome: sim.Timeout}
			}
			return good
		})
		stack(sim.Request{})
		sim.Sleep(w, 12*time.Second, nil)
		gone := new(sim.Signal)
		stack(sim.Request{Call: 1, Gone: gone})
		gone.Fire()
		sim.Sleep(w, time.Second+1, nil)
		if got := stack(sim.Request{Call: 2}); got.Outcome != sim.OK {
			t.Errorf("%v after the refresh, want ok", got.Outcome)
		}
	})
}

// One key asked at rate l, fetched in S, fresh for T, stale for W. A round begins when an answer is stored
// and lasts T + 1/l + S, whether the first call after T finds it stale (and refreshes it) or gone. Its
// calls are 1 + l(T + S), those answered stale
//
//	1 + lS - e^{-l(W-S)}   where W >= S (our own sum over when that first call comes)
//	lW                     where W <= S
func TestCacheStaleRates(t *testing.T) {
	long(t)
	for _, row := range []struct{ l, s, ttl, stale float64 }{
		{3, 1, 5, 10}, {3, 1, 5, 1.2}, {3, 1, 5, .5}, {.5, 2, 1, 4}, {.2, 2, 3, 1},
	} {
		stale := row.l * row.stale
		if row.stale >= row.s {
			stale = 1 + row.l*row.s - math.Exp(-row.l*(row.stale-row.s))
		}
		const calls = 6000
		var shares [13]float64 // by seed
		rates := over(12, func(seed uint64) float64 {
			c := staleCache(row.ttl, row.stale)
			records := playOneKey(t, seed, c, row.l, row.s, calls)
			shares[seed] = share(records, func(r record) bool { return r.Reply.Outcome == sim.Degraded })
			got := counts(c)
			return float64(got["refreshed"]+got["miss"]-got["hit_joined"]) / records[calls-1].Arrived.Seconds()
		})
		rates.holds(t, fmt.Sprintf("fetches per second at %+v", row), 1/(row.ttl+1/row.l+row.s))
		over(12, func(seed uint64) float64 { return shares[seed] }).
			holds(t, fmt.Sprintf("stale answers at %+v", row), stale/(1+row.l*(row.ttl+row.s)))
	}
}

func staleCache(ttl, stale float64) *Cache {
	c := NewCache()
	c.TTL, c.Stale = time.Duration(ttl*1e9), time.Duration(stale*1e9)
	return c
}

func playOneKey(t *testing.T, seed uint64, c *Cache, l, s float64, calls int) []record {
	service := mmc{servers: 1000, mean: time.Duration(s * 1e9), constant: true, limit: -1}
	return play(t, seed, c, service, load{calls: calls, rate: steady(l), keys: func(float64) uint64 { return 1 }})
}

// What a service under a failing refresh costs is told: degraded for as long as stale says, never ok.
func TestCacheStaleForEverEnds(t *testing.T) {
	run(t, func(w *sim.World) {
		c := NewCache()
		c.TTL, c.Stale = 10*time.Second, time.Minute
		calls := 0
		stack := c.Wrap(w, func(sim.Request) sim.Reply {
			if calls++; calls == 1 {
				return good
			}
			return busy
		})
		outcomes := map[sim.Outcome]int{}
		for call := range 100 {
			outcomes[stack(sim.Request{Call: call}).Outcome]++
			sim.Sleep(w, time.Second, nil)
		}
		want := map[sim.Outcome]int{sim.OK: 10, sim.Degraded: 60, sim.Busy: 30}
		if diff := cmp.Diff(want, outcomes); diff != "" {
			t.Errorf("outcomes (-want +got):\n%s", diff)
		}
		if got := counts(c)["refresh_failed"]; got != 60 {
			t.Errorf("%d failed refreshes, want one for each of 60 stale answers", got)
		}
	})
}

// Whatever callers, patiences and failures come: at most one fetch per key at a time, none for what is
// fresh, and each call ends as the log of fetches says: at once with what is kept, else at the first of a
// good landing, its own failed fetch, and its patience.
func TestCacheKeepsItsPromise(t *testing.T) {
	type fetch struct {
		call       int
		key        uint64
		cause      sim.Cause
		start, end time.Duration
		ok         bool
	}
	type caller struct{ gap, patience, key int }
	rapid.Check(t, func(t *rapid.T) {
		callers := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) caller {
			return caller{rapid.IntRange(1, 30).Draw(t, "gap"), rapid.IntRange(1, 90).Draw(t, "patience"), rapid.IntRange(0, 2).Draw(t, "key")}
		}), 1, 40).Draw(t, "callers")
		fails := rapid.SliceOfN(rapid.Bool(), 40, 40).Draw(t, "fails")
		w, c := sim.NewWorld(1), NewCache()
		// No two causes of one instant: arrivals end in 1 to 40 ns, limits 211 ns later, expiries 500 ns.
		c.TTL = time.Duration(rapid.IntRange(0, 80).Draw(t, "ttl"))*time.Microsecond + 500
		c.Stale = time.Duration(rapid.IntRange(0, 60).Draw(t, "stale")) * time.Microsecond

		var fetches []*fetch
		under := make(map[uint64]int)
		stack := c.Wrap(w, func(r sim.Request) sim.Reply {
			one := &fetch{call: r.Call, key: r.Key, cause: r.Cause, start: w.Now(), end: sim.Forever}
			fetches = append(fetches, one)
			if under[r.Key]++; under[r.Key] > 1 {
				t.Fatalf("%d fetches of key %d at once", under[r.Key], r.Key)
			}
			done := sim.Sleep(w, 37*time.Microsecond, r.Gone)
			under[r.Key]--
			one.end, one.ok = w.Now(), done && !fails[r.Call]
			if one.ok {
				return good
			}
			return busy
		})
		type ended struct {
			arrived, limit, at time.Duration
			outcome            sim.Outcome
		}
		ends := make([]ended, len(callers))
		var at time.Duration
		for i, one := range callers {
			at += time.Duration(one.gap)*time.Microsecond + 1
			patience := time.Duration(one.patience)*time.Microsecond + 211
			ends[i] = ended{arrived: at, limit: at + patience}
			w.At(at, func() {
				w.Go(func() {
					ends[i].outcome = sim.Within(w, patience, stack, sim.Request{Call: i, Key: uint64(one.key)}).Outcome
					ends[i].at = w.Now()
				})
			})
		}
		if blocked := w.Run(sim.Forever); blocked != 0 || len(c.flights) != 0 {
			t.Fatalf("%d processes and %d flights left over, want none", blocked, len(c.flights))
		}

		kept := func(key uint64, now time.Duration) (stored time.Duration, ok bool) {
			for _, f := range fetches {
				if f.key == key && f.ok && f.end < now && (!ok || f.end > stored) {
					stored, ok = f.end, true
				}
			}
			return stored, ok
		}
		refreshes := int64(0)
		for _, f := range fetches {
			stored, ok := kept(f.key, f.start)
			if ok && f.start < stored+c.TTL {
				t.Fatalf("call %d fetches at %v what is fresh until %v", f.call, f.start, stored+c.TTL)
			}
			if f.cause == sim.Refresh {
				refreshes++
			}
		}
		for i, e := range ends {
			key := uint64(callers[i].key)
			want, outcome := e.limit, sim.Timeout
			stored, ok := kept(key, e.arrived)
			switch {
			case ok && e.arrived < stored+c.TTL:
				want, outcome = e.arrived, sim.OK
			case ok && e.arrived < stored+c.TTL+c.Stale:
				want, outcome = e.arrived, sim.Degraded
				refreshing := false
				for _, f := range fetches {
					refreshing = refreshing || f.key == key && f.start <= e.arrived && e.arrived < f.end
				}
				if !refreshing {
					t.Fatalf("call %d got a stale answer at %v, and nobody refreshes it", i, e.arrived)
				}
			default:
				for _, f := range fetches {
					own := f.call == i && !f.ok && f.end < e.limit
					landed := f.ok && f.key == key && f.end >= e.arrived && f.start < e.limit
					if (own || landed) && f.end < want {
						want, outcome = f.end, map[bool]sim.Outcome{true: sim.OK, false: sim.Busy}[f.ok]
					}
				}
			}
			if e.at != want || e.outcome != outcome {
				t.Fatalf("call %d of [%v, %v) ended %v at %v, want %v at %v", i, e.arrived, e.limit, e.outcome, e.at, outcome, want)
			}
		}
		got := counts(c)
		if got["hit_fresh"]+got["hit_stale"]+got["miss"] != int64(len(callers)) || got["refreshed"]+got["refresh_failed"] != refreshes {
			t.Fatalf("%d calls with %d refreshes counted as %v", len(callers), refreshes, got)
		}
	})
}
