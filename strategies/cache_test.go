package strategies

import (
	"fmt"
	"math"
	"sort"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/headroom-dev/headroom/sim"
	"pgregory.net/rapid"
)

// zipf returns the probabilities p_i = i^-s / sum of n keys, and a function from a uniform draw to a
// key.
func zipf(n int, s float64) (p []float64, key func(u float64) uint64) {
	p, upTo := make([]float64, n), make([]float64, n)
	var sum float64
	for i := range p {
		p[i] = math.Pow(float64(i+1), -s)
		sum += p[i]
		upTo[i] = sum
	}
	for i := range p {
		p[i] /= sum
	}
	return p, func(u float64) uint64 { return uint64(sort.SearchFloat64s(upTo, u*sum)) }
}

// che is the hit rate of an LRU cache (Che, Tung, Wang 2002): t solves sum(1 - e^{-p_i t}) = size,
// and the rate is sum p_i (1 - e^{-p_i t}).
func che(p []float64, size float64) float64 {
	low, high := 0.0, 1e9
	for range 200 {
		t, filled := (low+high)/2, 0.0
		for _, pi := range p {
			filled -= math.Expm1(-pi * t)
		}
		if filled < size {
			low = t
		} else {
			high = t
		}
	}
	hit := 0.0
	for _, pi := range p {
		hit -= pi * math.Expm1(-pi*low)
	}
	return hit
}

func TestCacheHitsAsCheSays(t *testing.T) {
	long(t)
	for _, row := range []struct {
		n         int
		s         float64
		size      int
		che       float64
		simulated float64 // elsewhere: Che's formula is an approximation, by so much
	}{
		{10_000, 1, 1000, .67560, .67509},
		{1000, 1.2, 50, .66516, .66543},
	} {
		p, key := zipf(row.n, row.s)
		if got := che(p, float64(row.size)); math.Abs(got-row.che) > 1e-5 {
			t.Errorf("Che for %d of %d keys is %.5f, want %.5f", row.size, row.n, got, row.che)
		}
		over(12, func(seed uint64) float64 {
			const calls, warm = 60_000, 15_000
			draws := sim.NewStream(seed, "keys")
			hits := 0
			run(t, func(w *sim.World) {
				c := NewCache()
				c.Entries, c.TTL = row.size, year
				asked := false
				stack := c.Wrap(w, func(sim.Request) sim.Reply { asked = true; return good })
				for call := range calls {
					asked = false
					stack(sim.Request{Call: call, Key: key(draws.For(call, 0).Float64())})
					if !asked && call >= warm {
						hits++
					}
				}
			})
			return float64(hits) / (calls - warm)
		}).holds(t, "hit rate", row.simulated)
	}
}

// With T from insertion and no renewal, hit_i = l_i T/(1 + l_i T). A round of a key is one miss and the
// calls within its ttl, so where T is drawn its mean stands in the formula: T(1 - jitter/2).
func TestCacheHitsAsTTLSays(t *testing.T) {
	long(t)
	const n, rate = 1000, 100.0
	p, key := zipf(n, 1)
	for _, row := range []struct {
		ttl    time.Duration
		jitter sim.Share
		want   float64
	}{{10 * time.Second, 0, .714773}, {time.Minute, 0, .891856}, {16 * time.Second, .75, .714773}} {
		formula := 0.0
		for _, pi := range p {
			l := pi * rate * row.ttl.Seconds() * float64(1-row.jitter/2)
			formula += pi * l / (1 + l)
		}
		if math.Abs(formula-row.want) > 1e-6 {
			t.Errorf("the formula says %.6f for %v, want %.6f", formula, row.ttl, row.want)
		}
		over(12, func(seed uint64) float64 {
			c := NewCache()
			c.TTL, c.Jitter = row.ttl, row.jitter
			records := play(t, seed, c, mmc{servers: 1, limit: -1}, load{calls: 60_000, rate: steady(rate), keys: key})
			return share(records[30_000:], func(r record) bool { return r.Attempts == 0 })
		}).holds(t, fmt.Sprintf("hit rate at %+v", row), row.want)
	}
}

// One key asked at rate l, fetched in S: the service sees 1/(S + 1/l), with a ttl 1/(S + T + 1/l).
func TestCacheFetchesOncePerFlight(t *testing.T) {
	long(t)
	for _, row := range []struct{ l, s, ttl float64 }{{3, 1, 0}, {3, 1, 5}, {.5, 4, 0}, {1, .25, .5}} {
		over(12, func(seed uint64) float64 {
			const calls = 6000
			c := staleCache(row.ttl, 0)
			records := playOneKey(t, seed, c, row.l, row.s, calls)
			fetches := 0
			for _, r := range records {
				fetches += r.Attempts
			}
			got := counts(c)
			if got["hit_fresh"]+got["miss"] != calls || got["hit_joined"]+int64(fetches) != got["miss"] {
				t.Fatalf("%d calls and %d fetches counted as %v", calls, fetches, got)
			}
			return float64(fetches) / records[calls-1].Arrived.Seconds()
		}).holds(t, fmt.Sprintf("fetches per second at %+v", row), 1/(row.s+row.ttl+1/row.l))
	}
}

// Without flights the cache does, step by step, what a list does that is searched from end to end.
func TestCacheIsItsNaiveModel(t *testing.T) {
	type kept struct {
		key    question
		tokens int
		stored time.Duration
	}
	rapid.Check(t, func(t *rapid.T) {
		c := NewCache()
		c.Coalesce = rapid.Bool().Draw(t, "coalesce") // one call at a time: no difference
		c.Entries = rapid.IntRange(1, 5).Draw(t, "entries")
		c.TTL = time.Duration(rapid.IntRange(0, 50).Draw(t, "ttl"))
		c.Fallback.Age = time.Duration(rapid.IntRange(0, 80).Draw(t, "fallback"))
		c.Private = rapid.Bool().Draw(t, "private")
		type step struct {
			key  question
			wait time.Duration
			ok   bool
		}
		steps := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
			return step{question{rapid.Uint64Range(0, 4).Draw(t, "key"), rapid.Uint64Range(0, 1).Draw(t, "user")}, time.Duration(rapid.IntRange(0, 20).Draw(t, "wait")), rapid.Bool().Draw(t, "ok")}
		}), 1, 60).Draw(t, "steps")

		w := sim.NewWorld(1)
		var model []kept // the least recently asked first
		w.Go(func() {
			ok, fetched := false, 0
			stack := c.Wrap(w, func(r sim.Request) sim.Reply {
				fetched = r.Call + 1
				if ok {
					return sim.Reply{Outcome: sim.OK, Tokens: fetched}
				}
				return busy
			})
			for i, s := range steps {
				sim.Sleep(w, s.wait, nil)
				ok, fetched = s.ok, 0
				got := stack(sim.Request{Call: i, Key: s.key.key, User: s.key.user})
				if !c.Private {
					s.key.user = 0
				}

				at := -1
				for j, k := range model {
					if k.key == s.key {
						at = j
					}
				}
				now := w.Now()
				want := sim.Reply{Outcome: sim.Busy}
				wantFetch := 0
				if at >= 0 { // asked: the most recent now, fresh or not
					k := model[at]
					model = append(append(model[:at:at], model[at+1:]...), k)
					at = len(model) - 1
				}
				switch {
				case at >= 0 && now-model[at].stored < c.TTL:
					want = sim.Reply{Outcome: sim.OK, Tokens: model[at].tokens}
				case s.ok:
					wantFetch = i + 1
					want = sim.Reply{Outcome: sim.OK, Tokens: i + 1}
					if c.TTL > 0 {
						if at >= 0 {
							model = model[:at]
						}
						model = append(model, kept{s.key, i + 1, now})
						if len(model) > c.Entries {
							model = model[1:]
						}
					}
				default:
					wantFetch = i + 1
					if at >= 0 && c.Fallback.Age > 0 && now-model[at].stored <= c.Fallback.Age {
						want = sim.Reply{Outcome: sim.Degraded, Tokens: model[at].tokens}
					}
				}
				if got.Outcome != want.Outcome || got.Tokens != want.Tokens || fetched != wantFetch {
					t.Fatalf("step %d at %v: %v with %d tokens, fetched %d; want %v, %d, %d", i, now,
						got.Outcome, got.Tokens, fetched, want.Outcome, want.Tokens, wantFetch)
				}
			}
		})
		w.Run(sim.Forever)
	})
}

func TestCacheFallback(t *testing.T) {
	for _, row := range []struct {
		name     string
		fallback Fallback
		wait     time.Duration // after the good answer, which is fresh for 1 s
		want     sim.Reply
		counted  int64
	}{
		{"without one the failure stays", Fallback{}, 2 * time.Second, busy, 0},
		{"a last good answer is degraded, not ok", Fallback{Age: time.Minute}, 2 * time.Second,
			sim.Reply{Outcome: sim.Degraded, Reason: "fallback", Status: 200, First: 2 * time.Second}, 1},
		{"up to its age", Fallback{Age: time.Minute}, time.Minute,
			sim.Reply{Outcome: sim.Degraded, Reason: "fallback", Status: 200, First: time.Minute}, 1},
		{"and no longer", Fallback{Age: time.Minute}, time.Minute + 1, busy, 0},
		{"a canned one has no age", Fallback{Canned: true}, time.Hour,
			sim.Reply{Outcome: sim.Degraded, Reason: "fallback", First: time.Hour}, 1},
	} {
		run(t, func(w *sim.World) {
			c := NewCache()
			c.TTL, c.Fallback = time.Second, row.fallback
			calls := 0
			stack := c.Wrap(w, func(sim.Request) sim.Reply {
				if calls++; calls == 1 {
					return good
				}
				return busy
			})
			stack(sim.Request{Key: 1})
			sim.Sleep(w, row.wait, nil)
			got := stack(sim.Request{Key: 1})
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", row.name, diff)
			}
			if n := counts(c)["hit_fallback"]; n != row.counted {
				t.Errorf("%s: counted %d times, want %d", row.name, n, row.counted)
			}
		})
	}
}

// A fallback is local, so it can be had in the very instant in which the patience ends.
func TestCacheFallsBackWhenPatienceEnds(t *testing.T) {
	run(t, func(w *sim.World) {
		c := NewCache()
		c.Fallback.Canned = true
		got := sim.Within(w, time.Second, c.Wrap(w, silent(w)), sim.Request{})
		if got.Outcome != sim.Degraded || w.Now() != time.Second {
			t.Errorf("%v at %v, want degraded at 1s", got.Outcome, w.Now())
		}
	})
}

func TestCacheAnswersAreFreshForTheirTTL(t *testing.T) {
	for _, row := range []struct {
		after time.Duration
		asks  int
	}{{0, 1}, {time.Minute - 1, 1}, {time.Minute, 2}} {
		run(t, func(w *sim.World) {
			asked := 0
			stack := NewCache().Wrap(w, func(sim.Request) sim.Reply { asked++; return good })
			stack(sim.Request{})
			sim.Sleep(w, row.after, nil)
			if stack(sim.Request{Call: 1}); asked != row.asks {
				t.Errorf("asked again after %v: the service was asked %d times, want %d", row.after, asked, row.asks)
			}
		})
	}
}

func TestCacheJitterSpreadsExpiry(t *testing.T) {
	run(t, func(w *sim.World) {
		c := NewCache()
		c.TTL, c.Jitter = 100*time.Second, .5
		stack := c.Wrap(w, always(good))
		least, most := year, time.Duration(0)
		for key := range uint64(500) {
			stack(sim.Request{Call: int(key), Key: key})
			kept, _ := c.answers.Peek(question{key: key})
			least, most = min(least, kept.until), max(most, kept.until)
		}
		if least < 50*time.Second || least > 51*time.Second || most > 100*time.Second || most < 99*time.Second {
			t.Errorf("500 answers expire between %v and %v, want from 50 s to 100 s", least, most)
		}
	})
}
