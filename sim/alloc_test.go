package sim_test

import (
	"testing"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// TestAllocations asserts what the speed of a run rests on. Time is the benchmarks' matter: a timed
// assertion on a shared machine would be a flaky test.
func TestAllocations(t *testing.T) {
	for _, row := range []struct {
		name string
		most float64
		// operation returns what is done again and again, in a process.
		operation func(w *sim.World) func()
	}{
		{"Sleep", 0, func(w *sim.World) func() {
			return func() { sim.Sleep(w, time.Microsecond, nil) }
		}},
		{"Sleep with a caller who may go", 0, func(w *sim.World) func() {
			var gone sim.Signal
			return func() { sim.Sleep(w, time.Microsecond, &gone) }
		}},
		{"At, with the turn of its call", 0, func(w *sim.World) func() {
			nothing := func() {}
			return func() { w.At(w.Now()+1, nothing); sim.Sleep(w, 2, nil) }
		}},
		{"At that is taken back", 0, func(w *sim.World) func() {
			nothing := func() {}
			return func() { w.At(w.Now()+1, nothing).Stop() }
		}},
		{"Go of a process that sleeps", 0, func(w *sim.World) func() {
			sleep := func() { sim.Sleep(w, 1, nil) }
			return func() { w.Go(sleep); sim.Sleep(w, 2, nil) }
		}},
		{"Take that does not block", 0, func(w *sim.World) func() {
			permits := sim.NewPermits(w, 1)
			return func() { permits.Take(sim.Forever, nil); permits.Give() }
		}},
		{"Take that blocks, with its Give", 1, func(w *sim.World) func() {
			permits := sim.NewPermits(w, 1)
			permits.Take(0, nil)
			give := permits.Give
			return func() { w.At(w.Now()+1, give); permits.Take(sim.Forever, nil) }
		}},
		{"Take that times out", 1, func(w *sim.World) func() {
			permits := sim.NewPermits(w, 1)
			permits.Take(0, nil)
			return func() { permits.Take(1, nil) }
		}},
		{"Put and Get that do not block", 0, func(w *sim.World) func() {
			queue := sim.NewQueue[int](w, 1000)
			for range 200 {
				queue.Put(0, 0, nil)
			}
			return func() { queue.Put(1, 0, nil); queue.Get(0, nil) }
		}},
		{"Get that blocks, with its Put", 1, func(w *sim.World) func() {
			queue := sim.NewQueue[int](w, 1)
			put := func() { queue.Put(1, 0, nil) }
			return func() { w.At(w.Now()+1, put); queue.Get(sim.Forever, nil) }
		}},
		{"Within", 2, func(w *sim.World) func() {
			answer := answerAfter(w, 1, sim.Reply{Outcome: sim.OK})
			return func() { sim.Within(w, time.Second, answer, sim.Request{}) }
		}},
		{"Within a caller's own patience", 2, func(w *sim.World) func() {
			var gone sim.Signal
			answer := answerAfter(w, 1, sim.Reply{Outcome: sim.OK})
			return func() { sim.Within(w, time.Second, answer, sim.Request{Gone: &gone}) }
		}},
		{"the draws of a call", 0, func(w *sim.World) func() {
			call := 0
			return func() { call++; w.Rand("service").For(call, 0).ExpFloat64() }
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := sim.NewWorld(1)
			w.Go(func() {
				operation := row.operation(w)
				for range 300 { // the lists that only grow have grown
					operation()
				}
				if got := testing.AllocsPerRun(500, operation); got > row.most {
					t.Errorf("got %v allocations, want at most %v", got, row.most)
				}
			})
			w.Run(sim.Forever)
		})
	}
}
