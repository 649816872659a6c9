package sim_test

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/headroom-dev/headroom/sim"
)

// The clock of a synctest bubble stands still while anything runs, so Wall's times are exact in it; its
// goroutines are real ones and run side by side if the lock lets them.

// TestWallOneProcessAtATime yields the processor in the middle of what must not be interrupted.
func TestWallOneProcessAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := sim.NewWall(1)
		var permits *sim.Permits
		inside, most, turns, blocks := 0, 0, 0, atomic.Int64{}
		stretch := func() {
			inside++
			for range 3 {
				runtime.Gosched()
				most = max(most, inside)
			}
			inside--
			turns++
		}
		var bell sim.Signal
		process := func() {
			for range 10 {
				stretch()
				w.At(w.Now(), stretch)
				permits.Take(sim.Forever, nil)
				stretch()
				sim.Sleep(w, time.Millisecond, nil)
				stretch()
				permits.Give()
				w.Block(func() { blocks.Add(1); time.Sleep(time.Millisecond) })
				stretch()
				sim.Sleep(w, 0, nil)
			}
			w.Await(time.Second, nil, &bell)
			stretch()
		}
		w.Do(func() {
			permits = sim.NewPermits(w, 3)
			for range 20 {
				w.Go(process)
			}
		})
		var outside sync.WaitGroup
		for range 20 {
			outside.Go(func() { w.Do(process) })
		}
		w.Do(func() { w.At(w.Now()+500*time.Millisecond, bell.Fire) })
		outside.Wait()
		w.Wait()
		synctest.Wait()
		w.Do(func() {
			if most != 1 {
				t.Errorf("got %d inside at once, want 1", most)
			}
			if want := 40 * (10*5 + 1); turns != want {
				t.Errorf("got %d stretches, want %d", turns, want)
			}
			if got := permits.Free(); got != 3 {
				t.Errorf("permits at the end: got %d, want 3", got)
			}
		})
		if got := blocks.Load(); got != 400 {
			t.Errorf("got %d blocks, want 400", got)
		}
	})
}

// TestWallBlockGivesUpTheTurn: while one process does input or output another runs.
func TestWallBlockGivesUpTheTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := sim.NewWall(1)
		var log []string
		answered := make(chan struct{})
		w.Do(func() {
			w.Go(func() {
				log = append(log, "other")
				close(answered)
			})
			w.Block(func() { <-answered })
			log = append(log, "back")
			sim.Sleep(w, time.Second, nil) // the turn is ours again, so we may block
			if got := w.Now(); got != time.Second {
				t.Errorf("got %v, want 1s", got)
			}
		})
		if diff := cmp.Diff([]string{"other", "back"}, log); diff != "" {
			t.Errorf("order (-want +got):\n%s", diff)
		}
	})
}

func TestWallTimers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := sim.NewWall(1)
		var log []string
		call := func(name string) func() { return func() { log = append(log, name) } }
		w.Do(func() {
			w.At(3*time.Second, call("3"))
			w.At(time.Second, call("1"))
			back := w.At(2*time.Second, call("taken back"))
			never := w.At(sim.Forever, call("never"))
			sim.Sleep(w, 1500*time.Millisecond, nil)
			for _, timer := range []sim.Timer{back, never} {
				if !timer.Stop() {
					t.Error("Stop: got false, want true")
				}
				if timer.Stop() {
					t.Error("a second Stop: got true, want false")
				}
			}
			passed := w.At(time.Second, call("passed"))
			sim.Sleep(w, time.Millisecond, nil)
			if passed.Stop() {
				t.Error("Stop of a call that was made: got true, want false")
			}
			sim.Sleep(w, time.Minute, nil)
		})
		if diff := cmp.Diff([]string{"1", "passed", "3"}, log); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
	})
}

// TestWallStopWinsAgainstACallThatWaitsForTheTurn: time has run out, but the call has not been made.
func TestWallStopWinsAgainstACallThatWaitsForTheTurn(t *testing.T) {
	w := sim.NewWall(1)
	w.Do(func() {
		timer := w.At(0, func() { t.Error("a call taken back was made") })
		for start := time.Now(); time.Since(start) < 2*time.Millisecond; { // keeps the turn while it comes due
			runtime.Gosched()
		}
		if !timer.Stop() {
			t.Error("Stop: got false, want true")
		}
	})
	w.Do(func() {})
}

// TestWallBegin sets the zero behind, at, and ahead of the moment of NewWall.
func TestWallBegin(t *testing.T) {
	for _, ahead := range []time.Duration{-time.Hour, 0, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			w := sim.NewWall(1)
			w.Begin(time.Now().Add(ahead))
			w.Do(func() {
				if got := w.Now(); got != -ahead {
					t.Errorf("Now: got %v, want %v", got, -ahead)
				}
				came := w.At(sim.Forever, func() { t.Error("a call at Forever came") })
				reply := sim.Within(w, time.Second, func(r sim.Request) sim.Reply {
					sim.Sleep(w, 2*time.Second, r.Gone)
					return sim.Reply{}
				}, sim.Request{})
				if reply.Outcome != sim.Timeout {
					t.Errorf("Within: got %v, want timeout", reply.Outcome)
				}
				if got, want := w.Now(), time.Second-ahead; got != want {
					t.Errorf("after a limit of 1s: got %v, want %v", got, want)
				}
				var bell sim.Signal
				w.At(w.Now()+time.Second, bell.Fire)
				if !w.Await(sim.Forever, &bell, nil) {
					t.Error("a wait without a limit: got false, want true")
				}
				came.Stop()
			})
		})
	}
}

// TestWallLimitAndSignalInOneInstant runs the two into each other many times: the wait ends once, the
// next is not cut short by a wake that came late, and a permit handed over is never lost.
func TestWallLimitAndSignalInOneInstant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := sim.NewWall(1)
		var permits *sim.Permits
		granted := 0
		w.Do(func() {
			permits = sim.NewPermits(w, 1)
			permits.Take(0, nil)
			for range 500 {
				w.At(w.Now()+time.Millisecond, permits.Give)
				if !permits.Take(time.Millisecond, nil) {
					sim.Sleep(w, time.Nanosecond, nil)
					if !permits.Take(0, nil) {
						t.Fatal("the permit is lost")
					}
				} else {
					granted++
				}
				before := w.Now()
				sim.Sleep(w, time.Second, nil)
				if got := w.Now() - before; got != time.Second {
					t.Fatalf("slept %v, want 1s: an old wake ended it", got)
				}
			}
		})
		t.Logf("the permit won %d of 500 times", granted)
	})
}

// TestWallPanicLeavesTheTurnFree: on a Wall a panic is an ordinary one, as net/http recovers it.
func TestWallPanicLeavesTheTurnFree(t *testing.T) {
	w := sim.NewWall(1)
	if got := panicOf(func() { w.Do(func() { panic("mine") }) }); got != "mine" {
		t.Errorf("in Do: got panic %v, want mine", got)
	}
	if got := panicOf(func() { w.Do(func() { w.Block(func() { panic("blocked") }) }) }); got != "blocked" {
		t.Errorf("in Block: got panic %v, want blocked", got)
	}
	if goexit(func() { w.Do(runtime.Goexit) }) {
		t.Error("Goexit did not go through Do")
	}
	ran := false
	w.Do(func() { ran = true })
	if !ran {
		t.Error("nobody gets the turn any more")
	}
	if got := panicOf(func() { w.Block(func() {}) }); got == nil {
		t.Error("Block behind a process that panicked: got no panic, want one")
	}
}

// TestWallAwaitInACallPanics on the goroutine of the timer, which only the call itself can see.
func TestWallAwaitInACallPanics(t *testing.T) {
	w := sim.NewWall(1)
	got := make(chan any, 1)
	var over sim.Signal
	sleep := func() { got <- panicOf(func() { sim.Sleep(w, 1, nil) }); over.Fire() }
	for during, wait := range map[string]func() any{
		"a Block": func() (p any) { w.Block(func() { p = <-got }); return p },
		"a wait":  func() any { w.Await(sim.Forever, &over, nil); return <-got },
	} {
		w.Do(func() {
			over = sim.Signal{}
			w.At(0, sleep)
			if got, want := wait(), "sim: Await outside a process: an At callback must not block"; got != want {
				t.Errorf("during %s: got panic %v, want %q", during, got, want)
			}
		})
	}
}

// TestWallWaitReturnsWhenAllHaveEnded also when the processes start more.
func TestWallWaitReturnsWhenAllHaveEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := sim.NewWall(1)
		w.Wait() // nobody was started
		ended := 0
		var start func(depth int)
		start = func(depth int) {
			w.Go(func() {
				sim.Sleep(w, time.Second, nil)
				if depth > 0 {
					start(depth - 1)
					start(depth - 1)
				}
				ended++
			})
		}
		w.Do(func() { start(5) })
		w.Wait()
		if ended != 63 {
			t.Errorf("got %d ended, want 63", ended)
		}
	})
}

// TestWallDoorForContexts is how serve lets a caller go: the context fires the request's signal.
func TestWallDoorForContexts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := sim.NewWall(1)
		ctx, cancel := context.WithCancel(t.Context())
		var gone sim.Signal
		stop := context.AfterFunc(ctx, func() { w.Do(gone.Fire) })
		defer stop()
		time.AfterFunc(3*time.Second, cancel)
		w.Do(func() {
			if sim.Sleep(w, time.Minute, &gone) {
				t.Error("slept to the end, want the context to end it")
			}
			if got := w.Now(); got != 3*time.Second {
				t.Errorf("it ended at %v, want 3s", got)
			}
		})
	})
}
