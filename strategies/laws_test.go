package strategies

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/headroom-dev/headroom/sim"
)

// kinds are what every law is held against: all kinds there are, with their defaults, and stacks.
func kinds() []Entry {
	return append(slices.Clone(All),
		Entry{"stack resilient", "", func() Strategy { return Stack(NewCache(), NewBackoff(), NewPooled()) }},
		Entry{"stack queued", "", func() Strategy { return Stack(NewCache(), NewAsyncQueue(), NewBackoff()) }},
		Entry{"stack twice", "", func() Strategy { return Stack(NewBackoff(), NewPooled(), NewBackoff(), NewPooled()) }},
		Entry{"backoff budgeted", "", func() Strategy {
			b := NewBackoff()
			b.Budget, b.Clients = Budget{NewEnvoyBudget()}, 3
			return b
		}},
		Entry{"stack of nothing", "", func() Strategy { return Stack() }},
	)
}

// sideBySide is how many calls are carried at once, a minute after all others have left, where it is not
// the 64 of a pool.
var sideBySide = map[string]int{
	"async-queue":  256, // workers
	"stack queued": 256,
}

// harmless are the decisions that an idle service may see.
var harmless = []string{"hit_fresh", "hit_joined", "miss"}

// moody is a service that can be told what to do while it runs.
func moody(env sim.Env, mood *string) sim.Handler {
	return func(r sim.Request) sim.Reply {
		switch *mood {
		case "silent":
			env.Await(sim.Forever, nil, r.Gone)
			return sim.Reply{Outcome: sim.Timeout}
		case "busy":
			return busy
		case "slowly busy":
			if !sim.Sleep(env, 150*time.Millisecond, r.Gone) {
				return sim.Reply{Outcome: sim.Timeout}
			}
			return busy
		}
		sim.Sleep(env, time.Second, r.Gone)
		return good
	}
}

// A Handler returns in the very instant in which its Gone fires, wherever its call stands: under way,
// in a queue, between attempts, in another's flight. Afterwards everything it held is back.
func TestCallsLeaveWithTheirCaller(t *testing.T) {
	const callers = 700
	for _, kind := range kinds() {
		again, known := sideBySide[kind.Name]
		if !known {
			again = 64 // the size of every pool
		}
		for _, mood := range []string{"silent", "busy", "slowly busy"} {
			t.Run(kind.Name+", "+mood+" service", func(t *testing.T) {
				w := sim.NewWorld(2)
				s := kind.New()
				now := mood
				stack := s.Wrap(w, moody(w, &now))
				draws := w.Rand("test")
				late, left := 0, 0
				for call := range callers {
					random := draws.For(call, 0)
					start := time.Duration(random.Int64N(int64(100 * time.Millisecond)))
					leave := start + time.Duration(random.Int64N(int64(3*time.Second)))
					key := random.Uint64N(50)
					gone := new(sim.Signal)
					w.At(leave, gone.Fire)
					w.At(start, func() {
						w.Go(func() {
							reply := stack(sim.Request{Call: call, Key: key, Gone: gone})
							if w.Now() > leave {
								late++
							}
							if w.Now() == leave {
								left++
								if reply.Outcome == sim.OK || reply.Outcome == sim.Unsent {
									t.Errorf("call %d left and got %v", call, reply.Outcome)
								}
							}
						})
					})
				}
				// When all have left, the service is well again, and answers after a second. As many calls as
				// there are permits are then under way at once, none of them waiting for another.
				served := 0
				w.At(time.Minute, func() {
					now = "well"
					for call := range again {
						w.Go(func() {
							reply := stack(sim.Request{Call: callers + call, Key: uint64(1000 + call)})
							if reply.Outcome == sim.OK && w.Now() == time.Minute+time.Second {
								served++
							}
						})
					}
				})
				if blocked := w.Run(sim.Forever); blocked != 0 {
					t.Errorf("%d processes left over, want 0", blocked)
				}
				if late != 0 {
					t.Errorf("%d calls outlived their caller", late)
				}
				if mood == "silent" && left < callers*3/4 {
					t.Errorf("only %d calls were left waiting: the test does not test", left)
				}
				if served != again {
					t.Errorf("%d of %d calls served side by side after all had left: the others' permits are lost", served, again)
				}
			})
		}
	}
}

// A permit may come in the very instant in which its caller leaves. It is taken, and goes back unused:
// nobody would wait for that attempt.
func TestAPermitForTheAbsentGoesBack(t *testing.T) {
	queue := NewAsyncQueue()
	queue.Workers = 1
	for _, row := range []struct {
		name, reason string
		s            Strategy
	}{
		{"pooled", "wait", &Pooled{Size: 1, Wait: year}},
		{"async-queue", "expired", queue},
	} {
		run(t, func(w *sim.World) {
			asked := []int{}
			stack := row.s.Wrap(w, func(r sim.Request) sim.Reply {
				asked = append(asked, r.Call)
				sim.Sleep(w, time.Second, r.Gone)
				return good
			})
			leaves := new(sim.Signal)
			w.Go(func() { stack(sim.Request{Call: 0}) })
			w.Go(func() {
				w.At(time.Second, leaves.Fire) // after call 0, which has begun to sleep before
				reply := stack(sim.Request{Call: 1, Gone: leaves})
				if reply.Outcome != sim.Timeout || reply.Reason != row.reason || w.Now() != time.Second {
					t.Errorf("%s: %v %q at %v, want timeout %q at 1s", row.name, reply.Outcome, reply.Reason, w.Now(), row.reason)
				}
			})
			w.Go(func() { stack(sim.Request{Call: 2}) })
			sim.Sleep(w, 3*time.Second, nil)
			if diff := cmp.Diff([]int{0, 2}, asked); diff != "" {
				t.Errorf("%s: attempts (-want +got):\n%s", row.name, diff)
			}
		})
	}
}

// A run may be cut at any time. Who still waits is unwound, oldest first, and gives back what it holds
// to others that are unwound next.
func TestARunMayBeCut(t *testing.T) {
	_, key := zipf(1000, .9)
	for _, kind := range kinds() {
		w := sim.NewWorld(4)
		s := kind.New()
		ended := 0
		l := load{calls: 3000, rate: steady(900), patience: time.Minute, keys: key}
		drive(w, s, overloaded.start(w), l, func(record) { ended++ })
		if blocked := w.Run(1500 * time.Millisecond); blocked == 0 && kind.Name == "pooled" {
			t.Errorf("%s: nobody waited when the run was cut: the test does not test", kind.Name)
		}
		if ended > l.calls {
			t.Errorf("%s: %d calls ended, of %d", kind.Name, ended, l.calls)
		}
	}
}

// overloaded carries 30 calls a second, a third of what the tests of sameness offer.
var overloaded = mmc{servers: 6, mean: 200 * time.Millisecond, limit: 10}

func TestSameSeedSameReplies(t *testing.T) {
	_, key := zipf(100_000, .7) // hardly any two calls ask the same, so that a cache does not help
	for _, kind := range kinds() {
		l := load{calls: 3000, rate: steady(90), patience: 4 * time.Second, keys: key}
		first := play(t, 9, kind.New(), overloaded, l)
		if again := play(t, 9, kind.New(), overloaded, l); !slices.Equal(first, again) {
			t.Errorf("%s: two runs of one seed differ:\n%.3000s", kind.Name, cmp.Diff(first, again))
		}
		if slices.Equal(first, play(t, 10, kind.New(), overloaded, l)) {
			t.Errorf("%s: two seeds give the same run", kind.Name)
		}
		if ok := share(first, isOK); ok < .1 || ok > .9 {
			t.Errorf("%s: success %.2f, so this is no overload", kind.Name, ok)
		}
	}
}

func TestIdleServiceAnswersAll(t *testing.T) {
	idle := mmc{servers: 1000, mean: 50 * time.Millisecond, limit: 0}
	for _, kind := range kinds() {
		s := kind.New()
		_, key := zipf(1000, .9)
		records := play(t, 3, s, idle, load{calls: 2000, rate: steady(50), patience: 30 * time.Second, keys: key})
		attempts := 0
		for _, r := range records {
			attempts += r.Attempts
			if !isOK(r) {
				t.Fatalf("%s: call %d ended %v %q, want ok", kind.Name, r.Call, r.Reply.Outcome, r.Reply.Reason)
			}
		}
		if attempts > len(records) {
			t.Errorf("%s: %d attempts for %d calls, want at most 1 each", kind.Name, attempts, len(records))
		}
		for name, n := range counts(s) {
			if n != 0 && !slices.Contains(harmless, name) {
				t.Errorf("%s: %s counted %d times on an idle service, want 0", kind.Name, name, n)
			}
		}
		if g, ok := s.(Gauged); ok {
			for _, gauge := range g.Gauges() {
				if level := gauge.Read(); level != 0 && !strings.HasPrefix(gauge.Name, "cache ") {
					t.Errorf("%s: %s is %v after the run, want 0", kind.Name, gauge.Name, level)
				}
			}
		}
	}
}

// One strategy, two times: what a World does, a Wall does call by call, to the nanosecond. Random
// times of nanosecond grain leave no two causes to one instant, whose order a Wall does not promise.
// (Hence no async-queue under the cache here: when its worker drops a call, the next in the queue and
// the next leader of that call's flight both have their turn in that instant, and either may be first.)
func TestWorldAndWallAgree(t *testing.T) {
	_, key := zipf(1000, .9)
	l := load{calls: 5000, rate: steady(90), patience: 2 * time.Second, keys: key}
	backoff := func() *Backoff {
		b := NewBackoff()
		b.Base, b.Cap = 100*time.Millisecond, time.Second
		return b
	}
	cache := func() *Cache {
		c := NewCache()
		c.Entries, c.TTL, c.Jitter, c.Stale, c.Fallback = 100, 2*time.Second, .3, 700*time.Millisecond, Fallback{Age: 5 * time.Second}
		return c
	}
	queue := func() *AsyncQueue {
		q := NewAsyncQueue()
		q.Workers, q.Size, q.Deadline = 10, 80, 1500*time.Millisecond
		return q
	}
	for _, row := range []struct {
		name string
		new  func() Strategy
	}{
		{"sync", func() Strategy { return &Sync{Timeout: 500 * time.Millisecond, Connections: "fresh"} }},
		{"pooled", func() Strategy { return &Pooled{Size: 12, Wait: 700 * time.Millisecond} }},
		{"async-queue", func() Strategy { return queue() }},
		{"cache", func() Strategy { return cache() }},
		{"backoff", func() Strategy { return backoff() }},
		{"backoff with a budget", func() Strategy {
			b := backoff()
			b.Budget = Budget{NewFinagleBudget()}
			return b
		}},
		{"stack", func() Strategy {
			return Stack(cache(), backoff(), &Pooled{Size: 8, Wait: 300 * time.Millisecond})
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			inWorld := row.new()
			want := play(t, 9, inWorld, overloaded, l)
			if row.name != "cache" && row.name != "stack" && share(want, isOK) > .9 {
				t.Errorf("success %.2f: nothing happens here that could differ", share(want, isOK))
			}
			inWall := row.new()
			var got []record
			synctest.Test(t, func(*testing.T) {
				wall := sim.NewWall(9)
				wall.Do(func() {
					drive(wall, inWall, overloaded.start(wall), l, func(r record) { got = append(got, r) })
				})
				wall.Wait()
			})
			slices.SortFunc(got, func(a, b record) int { return a.Call - b.Call })
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("records differ (-world +wall):\n%.3000s", diff)
			}
			if diff := cmp.Diff(counts(inWorld), counts(inWall)); diff != "" {
				t.Errorf("decisions differ (-world +wall):\n%s", diff)
			}
		})
	}
}
