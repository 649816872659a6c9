package sim_test

import (
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

//go:noinline
func divideTheUndividable(by int) int { return 1 / by }

// TestPanicCarriesTheProcessesOwnStack: the trace of Run's own panic shows only Run, so the stack of
// the process must come along.
func TestPanicCarriesTheProcessesOwnStack(t *testing.T) {
	noneLeft(t, func() {
		w := sim.NewWorld(1)
		unwound := false
		w.Go(func() {
			defer func() { unwound = true }()
			sim.Sleep(w, sim.Forever, nil)
		})
		w.Go(func() {
			sim.Sleep(w, time.Second, nil)
			t.Error("divided: ", divideTheUndividable(0))
		})
		w.At(time.Second+1, func() { t.Error("the run went on after a panic") })
		p, ok := panicOf(func() { w.Run(sim.Forever) }).(*sim.Panic)
		if !ok {
			t.Fatalf("got %v, want a *sim.Panic", p)
		}
		if err, ok := p.Value.(runtime.Error); !ok || !strings.Contains(err.Error(), "divide by zero") {
			t.Errorf("got value %v, want the division by zero", p.Value)
		}
		if !strings.Contains(string(p.Stack), "divideTheUndividable") {
			t.Errorf("the stack does not name the function that panicked:\n%s", p.Stack)
		}
		if !unwound {
			t.Error("the other process was not unwound")
		}
		if got := w.Now(); got != time.Second {
			t.Errorf("got the clock at %v, want 1s", got)
		}
	})
}

func TestOnlyTheFirstPanicSurfaces(t *testing.T) {
	noneLeft(t, func() {
		w := sim.NewWorld(1)
		first, second := errors.New("first"), errors.New("second")
		w.Go(func() {
			defer func() { panic(second) }()
			sim.Sleep(w, sim.Forever, nil)
		})
		w.Go(func() { panic(first) })
		p, _ := panicOf(func() { w.Run(sim.Forever) }).(*sim.Panic)
		if p == nil || p.Value != first {
			t.Errorf("got %v, want %v", p, first)
		}
	})
}

func TestPanicInACallIsAnOrdinaryOne(t *testing.T) {
	noneLeft(t, func() {
		w := sim.NewWorld(1)
		unwound := false
		w.Go(func() {
			defer func() { unwound = true }()
			sim.Sleep(w, sim.Forever, nil)
		})
		w.At(1, func() { panic("call") })
		if got := panicOf(func() { w.Run(sim.Forever) }); got != "call" {
			t.Errorf("got panic %v, want the call's own", got)
		}
		if !unwound {
			t.Error("the process that waited was not unwound")
		}
	})
}

// goexit runs f on a goroutine of its own and reports whether it returned: Goexit ends it instead.
func goexit(f func()) (returned bool) {
	done := make(chan bool)
	go func() {
		returned := false
		defer func() { done <- returned }()
		f()
		returned = true
	}()
	return <-done
}

// TestGoexitReachesRun is t.Fatal inside a process: the test must end, and nothing may leak.
func TestGoexitReachesRun(t *testing.T) {
	t.Run("in a process", func(t *testing.T) {
		unwound := 0
		returned := goexit(func() {
			w := sim.NewWorld(1)
			for range 3 {
				w.Go(func() {
					defer func() { unwound++ }()
					sim.Sleep(w, sim.Forever, nil)
				})
			}
			w.Go(func() {}) // an idle coroutine
			w.Go(func() {
				defer func() { unwound++ }()
				sim.Sleep(w, time.Second, nil)
				runtime.Goexit()
			})
			w.Run(sim.Forever)
		})
		if returned {
			t.Error("Run returned, want Goexit to go through it")
		}
		if unwound != 4 {
			t.Errorf("got %d processes unwound, want 4", unwound)
		}
	})
	t.Run("in a deferred call of a process that is unwound", func(t *testing.T) {
		unwound := 0
		returned := goexit(func() {
			w := sim.NewWorld(1)
			for i := range 5 {
				w.Go(func() {
					defer func() {
						unwound++
						if i%2 == 0 {
							runtime.Goexit()
						}
					}()
					sim.Sleep(w, sim.Forever, nil)
				})
			}
			w.Go(func() {})
			w.Run(time.Second)
		})
		if returned {
			t.Error("Run returned, want Goexit to go through it")
		}
		if unwound != 5 {
			t.Errorf("got %d processes unwound, want 5", unwound)
		}
	})
	// That no coroutine is left is TestMain's to see.
}

func TestAwaitOutsideAProcessPanics(t *testing.T) {
	const want = "sim: Await outside a process: an At callback must not block"
	w := sim.NewWorld(1)
	if got := panicOf(func() { sim.Sleep(w, 1, nil) }); got != want {
		t.Errorf("outside Run: got panic %v, want %q", got, want)
	}
	w.At(1, func() { sim.NewQueue[int](w, 1).Get(1, nil) })
	if got := panicOf(func() { w.Run(sim.Forever) }); got != want {
		t.Errorf("in a call: got panic %v, want %q", got, want)
	}
	if got := panicOf(func() { sim.Sleep(w, 1, nil) }); got != want {
		t.Errorf("after Run: got panic %v, want %q", got, want)
	}
}

// TestALoopThatWaitsForNothingPanics has the loops that would hang a run in one instant.
func TestALoopThatWaitsForNothingPanics(t *testing.T) {
	const want = "sim: more than 10000000 turns at 1s: a loop waits for nothing"
	for _, row := range []struct {
		name string
		loop func(w *sim.World)
	}{
		{"a sleep of no length", func(w *sim.World) {
			for {
				sim.Sleep(w, 0, nil)
			}
		}},
		{"a sleep that does not look whether its caller is gone", func(w *sim.World) {
			var gone sim.Signal
			gone.Fire()
			for {
				sim.Sleep(w, time.Second, &gone)
			}
		}},
		{"a wait for what has happened", func(w *sim.World) {
			var done sim.Signal
			done.Fire()
			for {
				w.Await(sim.Forever, &done, nil)
			}
		}},
		{"a call that calls itself", func(w *sim.World) {
			var again func()
			again = func() { w.At(w.Now(), again) }
			again()
			sim.Sleep(w, sim.Forever, nil)
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			noneLeft(t, func() {
				w := sim.NewWorld(1)
				w.Go(func() {
					sim.Sleep(w, time.Second, nil)
					row.loop(w)
				})
				got := panicOf(func() { w.Run(sim.Forever) })
				if p, ok := got.(*sim.Panic); ok {
					got = p.Value
				}
				if got != want {
					t.Errorf("got panic %v, want %q", got, want)
				}
			})
		})
	}
}

// TestTenMillionTurnsAreCountedByInstant: many turns are no loop if the clock moves.
func TestTenMillionTurnsAreCountedByInstant(t *testing.T) {
	w := sim.NewWorld(1)
	turns := 0
	w.Go(func() {
		for range 4 {
			for range 3_000_000 {
				sim.Sleep(w, 0, nil)
				turns++
			}
			sim.Sleep(w, 1, nil)
		}
	})
	w.Run(sim.Forever)
	if turns != 12_000_000 {
		t.Errorf("got %d turns, want 12000000", turns)
	}
}

func TestConstructionMistakesPanic(t *testing.T) {
	w := sim.NewWorld(1)
	for name, f := range map[string]func(){
		"no permits":         func() { sim.NewPermits(w, 0) },
		"fewer than none":    func() { sim.NewPermits(w, -1) },
		"a negative room":    func() { sim.NewQueue[int](w, -1) },
		"Await, no process":  func() { sim.NewWall(1).Await(1, nil, nil) },
		"Block, no process":  func() { sim.NewWall(1).Block(func() {}) },
		"Sleep, no process":  func() { sim.Sleep(sim.NewWall(1), 1, nil) },
		"Sleep 0, no proc":   func() { sim.Sleep(sim.NewWall(1), 0, nil) },
		"World 0, no proc":   func() { sim.Sleep(w, 0, nil) },
		"World Await, fired": func() { var s sim.Signal; s.Fire(); w.Await(1, &s, nil) },
	} {
		if got, ok := panicOf(f).(string); !ok || !strings.HasPrefix(got, "sim: ") {
			t.Errorf("%s: got panic %v, want one that begins with \"sim: \"", name, got)
		}
	}
}
