package sim_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/headroom-dev/headroom/sim"
)

// TestWorldOneProcessAtATime has a hundred processes do, between two blocking calls, all that makes
// another one's turn due: never may one begin before the first blocks.
func TestWorldOneProcessAtATime(t *testing.T) {
	w := sim.NewWorld(1)
	permits, queue := sim.NewPermits(w, 1), sim.NewQueue[int](w, 1)
	inside, most, turns := 0, 0, 0
	stretch := func(f func()) {
		inside++
		most = max(most, inside)
		f()
		inside--
		turns++
	}
	nothing := func() { stretch(func() {}) }
	w.Go(func() { permits.Take(0, nil) })
	for i := range 100 {
		w.Go(func() {
			for range 10 {
				var bell, gone sim.Signal
				gone.Then(nothing) // the one thing that runs at once, and in our own turn
				w.Go(func() { w.Await(sim.Forever, &bell, nil); nothing() })
				w.Go(func() { permits.Take(sim.Forever, nil); nothing() })
				w.Go(func() { queue.Get(sim.Forever, nil); nothing() })
				sim.Sleep(w, time.Duration(1+i%7), nil)
				stretch(func() {
					w.Go(nothing)
					w.At(w.Now(), nothing)
					bell.Fire()
					permits.Give()
					queue.Put(1, 0, nil)
				})
				gone.Fire()
			}
		})
	}
	if blocked := w.Run(sim.Forever); blocked != 0 {
		t.Errorf("got %d blocked, want 0", blocked)
	}
	if most != 1 {
		t.Errorf("got %d inside at once, want 1", most)
	}
	if want := 100 * 10 * 7; turns != want {
		t.Errorf("got %d stretches, want %d", turns, want)
	}
}

func TestRunEnds(t *testing.T) {
	const s = time.Second
	for _, row := range []struct {
		name    string
		program func(w *sim.World, turn func())
		until   time.Duration
		now     time.Duration
		turns   int
		blocked int
	}{
		{"an empty world ends at once", func(*sim.World, func()) {}, sim.Forever, 0, 0, 0},
		{"an empty world with an end runs to that end", func(*sim.World, func()) {}, 5 * s, 5 * s, 0, 0},
		{"when nothing is to come the clock stays at the last event", func(w *sim.World, turn func()) {
			w.At(2*s, turn)
		}, sim.Forever, 2 * s, 1, 0},
		{"what comes at the end itself still comes, with all that follows in that instant", func(w *sim.World, turn func()) {
			w.At(5*s, func() { turn(); w.Go(func() { turn(); w.At(0, turn) }) })
		}, 5 * s, 5 * s, 3, 0},
		{"what comes a nanosecond later does not", func(w *sim.World, turn func()) {
			w.At(5*s+1, turn)
		}, 5 * s, 5 * s, 0, 0},
		{"a run to time zero has what is due at once", func(w *sim.World, turn func()) {
			w.At(0, turn)
			w.Go(turn)
			w.At(1, turn)
		}, 0, 0, 2, 0},
		{"a sleep over the end is cut", func(w *sim.World, turn func()) {
			w.Go(func() { turn(); sim.Sleep(w, 6*s, nil); turn() })
		}, 5 * s, 5 * s, 1, 1},
		{"a wait for ever does not keep the world alive", func(w *sim.World, turn func()) {
			w.Go(func() { turn(); sim.Sleep(w, sim.Forever, nil); turn() })
		}, sim.Forever, 0, 1, 1},
		{"a wait that reaches beyond the end of the clock is one for ever", func(w *sim.World, turn func()) {
			w.Go(func() { sim.Sleep(w, s, nil); turn(); sim.Sleep(w, sim.Forever-1, nil); turn() })
		}, sim.Forever, s, 1, 1},
		{"a call at Forever never comes", func(w *sim.World, turn func()) {
			w.At(sim.Forever, turn)
			w.At(s, turn)
		}, sim.Forever, s, 1, 0},
		{"Stop ends the run after the turn", func(w *sim.World, turn func()) {
			w.At(s, func() { w.Stop(); turn() })
			w.At(s, turn)
		}, sim.Forever, s, 1, 0},
		{"Stop leaves the clock where it is", func(w *sim.World, turn func()) { w.At(s, w.Stop) }, 5 * s, s, 0, 0},
		{"Stop in a process lets it go on until it blocks", func(w *sim.World, turn func()) {
			w.Go(func() { w.Stop(); w.At(0, turn); turn(); sim.Sleep(w, s, nil); turn() })
		}, sim.Forever, 0, 1, 1},
		{"a process that never had a turn is not counted", func(w *sim.World, turn func()) {
			w.Go(turn)
			w.Stop()
		}, sim.Forever, 0, 0, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			noneLeft(t, func() {
				w := sim.NewWorld(1)
				turns := 0
				row.program(w, func() { turns++ })
				if got := w.Run(row.until); got != row.blocked {
					t.Errorf("got %d blocked, want %d", got, row.blocked)
				}
				if got := w.Now(); got != row.now {
					t.Errorf("got the clock at %v, want %v", got, row.now)
				}
				if turns != row.turns {
					t.Errorf("got %d turns, want %d", turns, row.turns)
				}
			})
		})
	}
}

func TestRunTwicePanics(t *testing.T) {
	w := sim.NewWorld(1)
	w.Run(sim.Forever)
	got := panicOf(func() { w.Run(sim.Forever) })
	if want := "sim: a World runs only once"; got != want {
		t.Errorf("got panic %v, want %q", got, want)
	}
}

// TestLeftoversAreUnwoundOldestFirst has processes that wait in all the ways there are when the run
// ends, and in an order of waiting that is not that of their age.
func TestLeftoversAreUnwoundOldestFirst(t *testing.T) {
	noneLeft(t, func() {
		w := sim.NewWorld(1)
		permits, queue, full := sim.NewPermits(w, 1), sim.NewQueue[int](w, 1), sim.NewQueue[int](w, 0)
		var never, gone sim.Signal
		var log []string
		for i, wait := range []func(){
			func() { sim.Sleep(w, time.Hour, nil) },
			func() { w.Await(sim.Forever, &never, &gone) },
			func() { permits.Take(sim.Forever, &gone) },
			func() { queue.Get(time.Hour, nil) },
			func() { full.Put(1, sim.Forever, nil) },
			func() {
				sim.Within(w, time.Hour, func(r sim.Request) sim.Reply {
					sim.Sleep(w, sim.Forever, r.Gone)
					return sim.Reply{}
				}, sim.Request{Gone: &gone})
			},
			func() {}, // ends in time, so it is not left over
			func() { sim.Sleep(w, sim.Forever, nil) },
		} {
			w.Go(func() {
				defer func() { log = append(log, fmt.Sprint(i)) }()
				defer permits.Give() // a deferred call may wake others: they are unwound, not run
				sim.Sleep(w, time.Duration(10-i), nil)
				permits.Take(0, nil)
				wait()
				if i != 6 {
					t.Errorf("process %d went on after the end of the run", i)
				}
			})
		}
		blocked := w.Run(time.Minute)
		if blocked != 7 {
			t.Errorf("got %d blocked, want 7", blocked)
		}
		if got, want := strings.Join(log, ""), "60123457"; got != want {
			t.Errorf("unwound in the order %s, want %s: the oldest first", got, want)
		}
	})
}

// TestUnwindingOnlyEnds holds what a deferred call may do when the world is over: fire, give, start
// and schedule without effect; but not block.
func TestUnwindingOnlyEnds(t *testing.T) {
	t.Run("what a deferred call starts never runs", func(t *testing.T) {
		noneLeft(t, func() {
			w := sim.NewWorld(1)
			var bell sim.Signal
			w.Go(func() {
				defer func() {
					bell.Fire()
					w.Go(func() { t.Error("a process started after the end") })
					w.At(w.Now(), func() { t.Error("a call made after the end") })
				}()
				sim.Sleep(w, sim.Forever, nil)
			})
			w.Go(func() { w.Await(sim.Forever, &bell, nil); t.Error("a wait ended after the end") })
			w.Go(func() {}) // leaves an idle coroutine to start again with
			if got := w.Run(time.Second); got != 2 {
				t.Errorf("got %d blocked, want 2", got)
			}
		})
	})
	t.Run("a deferred call that blocks panics", func(t *testing.T) {
		noneLeft(t, func() {
			w := sim.NewWorld(1)
			ended := false
			w.Go(func() {
				defer func() { sim.Sleep(w, time.Second, nil) }()
				sim.Sleep(w, sim.Forever, nil)
			})
			w.Go(func() {
				defer func() { ended = true }()
				sim.Sleep(w, sim.Forever, nil)
			})
			got, _ := panicOf(func() { w.Run(sim.Forever) }).(*sim.Panic)
			if want := "sim: Await in a deferred call after the end of the run"; got == nil || got.Value != want {
				t.Errorf("got panic %v, want %q", got, want)
			}
			if !ended {
				t.Error("the next process was not unwound")
			}
		})
	})
}

func TestTimerStop(t *testing.T) {
	w := sim.NewWorld(1)
	var log []string
	call := func(name string) func() { return func() { log = append(log, name) } }
	stop := func(name string, timer sim.Timer, want bool) {
		t.Helper()
		if got := timer.Stop(); got != want {
			t.Errorf("Stop of %s: got %v, want %v", name, got, want)
		}
	}
	stop("the zero Timer", sim.Timer{}, false)
	ahead := w.At(5, call("ahead"))
	stop("a call ahead", ahead, true)
	stop("a call taken back already", ahead, false)
	never := w.At(sim.Forever, call("never"))
	stop("a call at Forever", never, true)
	made := w.At(1, call("made"))
	var self, due sim.Timer
	w.At(2, func() {
		stop("a call that was made", made, false)
		due = w.At(2, call("due"))
		stop("a call due in this instant", due, true)
		reused := w.At(2, call("another in its place"))
		stop("a call whose place was given to another", due, false)
		_ = reused
	})
	self = w.At(3, func() { stop("a call by itself", self, false) })
	over := w.At(100, call("after the end"))
	w.Run(10)
	stop("a call the run never reached", over, false)
	if diff := cmp.Diff([]string{"made", "another in its place"}, log); diff != "" {
		t.Errorf("calls made (-want +got):\n%s", diff)
	}
}

// TestAwaitReportsWhetherItsFirstSignalFired is the table of Await: what fires when, and what it
// then says and how long it took.
func TestAwaitReportsWhetherItsFirstSignalFired(t *testing.T) {
	const never = -1
	for _, row := range []struct {
		name string
		d    time.Duration
		a, b time.Duration // when the signals fire
		want bool
		took time.Duration
	}{
		{"nothing fires", 10, never, never, false, 10},
		{"a fires first", 10, 4, 6, true, 4},
		{"b fires first", 10, 6, 4, false, 4},
		{"both fire after the limit", 10, 11, 12, false, 10},
		{"both fire in one instant, b before a", 10, 4, 4, true, 4},
		{"a has fired already", 10, 0, never, true, 0},
		{"b has fired already", 10, never, 0, false, 0},
		{"both have fired already", 10, 0, 0, true, 0},
		{"a has fired and there is no time", 0, 0, never, true, 0},
		{"no time", 0, 4, 4, false, 0},
		{"a limit that has passed", -5, 4, 4, false, 0},
		{"no limit", sim.Forever, 4, never, true, 4},
		{"b, and no limit", sim.Forever, never, 4, false, 4},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := sim.NewWorld(1)
			var a, b sim.Signal
			fire := func(s *sim.Signal, at time.Duration) {
				switch {
				case at == 0:
					s.Fire()
				case at > 0:
					w.At(at, s.Fire)
				}
			}
			fire(&b, row.b) // b before a, so that one instant is the harder case
			fire(&a, row.a)
			w.Go(func() {
				if got := w.Await(row.d, &a, &b); got != row.want {
					t.Errorf("got %v, want %v", got, row.want)
				}
				if got := w.Now(); got != row.took {
					t.Errorf("it took %v, want %v", got, row.took)
				}
			})
			w.Run(sim.Forever)
		})
	}
}

func TestSleepReportsWhetherItSleptToTheEnd(t *testing.T) {
	w := sim.NewWorld(1)
	var gone sim.Signal
	w.At(5, gone.Fire)
	check := func(d time.Duration, gone *sim.Signal, want bool, at time.Duration) {
		t.Helper()
		if got := sim.Sleep(w, d, gone); got != want || w.Now() != at {
			t.Errorf("Sleep(%d) at last: got %v at %d, want %v at %d", d, got, w.Now(), want, at)
		}
	}
	w.Go(func() {
		check(3, nil, true, 3)
		check(0, &gone, true, 3)
		check(-1, &gone, true, 3)
		check(10, &gone, false, 5)
		check(10, &gone, false, 5)
		check(10, nil, true, 15)
	})
	if blocked := w.Run(sim.Forever); blocked != 0 {
		t.Errorf("got %d blocked, want 0", blocked)
	}
}

// TestWorldInAWorld runs a whole run inside a process of another, as a search over runs may.
func TestWorldInAWorld(t *testing.T) {
	noneLeft(t, func() {
		outer := sim.NewWorld(1)
		var inner time.Duration
		outer.Go(func() {
			sim.Sleep(outer, time.Second, nil)
			w := sim.NewWorld(2)
			w.Go(func() { sim.Sleep(w, time.Minute, nil); inner = w.Now() })
			w.Run(sim.Forever)
			sim.Sleep(outer, time.Second, nil)
		})
		if blocked := outer.Run(sim.Forever); blocked != 0 {
			t.Errorf("got %d blocked, want 0", blocked)
		}
		if inner != time.Minute || outer.Now() != 2*time.Second {
			t.Errorf("got clocks %v and %v, want 1m and 2s", inner, outer.Now())
		}
	})
}
