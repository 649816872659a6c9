package sim_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/headroom-dev/headroom/sim"
	"pgregory.net/rapid"
)

func TestOrderIsTimeThenSequenceOfScheduling(t *testing.T) {
	const ms = time.Millisecond
	for _, row := range []struct {
		name    string
		program func(w *sim.World, log func(string))
		want    string
	}{
		{"an earlier call comes first, whenever it was scheduled", func(w *sim.World, log func(string)) {
			w.At(3*ms, func() { log("c") })
			w.At(1*ms, func() { log("a") })
			w.At(2*ms, func() { log("b") })
		}, "0.001:a 0.002:b 0.003:c"},
		{"calls of one instant come as they were scheduled", func(w *sim.World, log func(string)) {
			for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
				w.At(ms, func() { log(name) })
			}
		}, "0.001:a 0.001:b 0.001:c 0.001:d 0.001:e 0.001:f"},
		{"a call for a moment that has passed comes now, behind all that is due", func(w *sim.World, log func(string)) {
			w.At(5*ms, func() {
				log("a")
				w.At(2*ms, func() { log("late") })
				w.At(5*ms, func() { log("now") })
			})
			w.At(5*ms, func() { log("b") })
		}, "0.005:a 0.005:b 0.005:late 0.005:now"},
		{"a new process has its first turn behind all that is due", func(w *sim.World, log func(string)) {
			w.At(ms, func() {
				w.Go(func() { log("process") })
				log("a")
			})
			w.At(ms, func() { log("b") })
		}, "0.001:a 0.001:b 0.001:process"},
		{"processes and calls share one sequence", func(w *sim.World, log func(string)) {
			w.Go(func() { log("1") })
			w.At(0, func() { log("2") })
			w.Go(func() { log("3") })
			w.At(0, func() { log("4") })
		}, "0:1 0:2 0:3 0:4"},
		{"a woken process goes behind all that is due", func(w *sim.World, log func(string)) {
			var bell sim.Signal
			w.Go(func() { w.Await(sim.Forever, &bell, nil); log("woken") })
			w.At(ms, func() {
				w.At(ms, func() { log("due before the bell") })
				bell.Fire()
				w.At(ms, func() { log("due after the bell") })
				log("bell")
			})
			w.At(ms, func() { log("scheduled long ago") })
		}, "0.001:bell 0.001:scheduled long ago 0.001:due before the bell 0.001:woken 0.001:due after the bell"},
		{"the end of a sleep keeps the place it got when the sleep began", func(w *sim.World, log func(string)) {
			w.At(2*ms, func() { log("before") })
			w.Go(func() { sim.Sleep(w, 2*ms, nil); log("slept") })
			w.At(ms, func() { w.At(2*ms, func() { log("after") }) })
		}, "0.002:before 0.002:slept 0.002:after"},
		{"a process keeps its turn until it blocks", func(w *sim.World, log func(string)) {
			w.Go(func() {
				w.Go(func() { log("child") })
				w.At(0, func() { log("call") })
				log("still here")
				sim.Sleep(w, 0, nil)
				sim.Sleep(w, -ms, nil)
				log("no length, no turn given up")
				sim.Sleep(w, 1, nil)
				log("back")
			})
		}, "0:still here 0:no length, no turn given up 0:child 0:call 0.000000001:back"},
		{"a wait on a signal that has fired keeps the turn", func(w *sim.World, log func(string)) {
			var fired sim.Signal
			fired.Fire()
			w.Go(func() {
				w.At(0, func() { log("call") })
				w.Await(sim.Forever, &fired, nil)
				w.Await(sim.Forever, nil, &fired)
				log("still here")
			})
		}, "0:still here 0:call"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := sim.NewWorld(1)
			var got []string
			row.program(w, func(what string) {
				got = append(got, fmt.Sprintf("%v:%s", w.Now().Seconds(), what))
			})
			if blocked := w.Run(sim.Forever); blocked != 0 {
				t.Errorf("Run: got %d blocked, want 0", blocked)
			}
			want := strings.ReplaceAll(row.want, "0.000000001:", "1e-09:")
			if got := strings.Join(got, " "); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

// TestOrderOfAnyProgram lets random programs of calls, processes, sleeps and wakings note when they
// were scheduled and for when: what comes is always in the order of (time, sequence).
func TestOrderOfAnyProgram(t *testing.T) {
	type place struct {
		at  time.Duration
		seq int
	}
	rapid.Check(t, func(t *rapid.T) {
		w := sim.NewWorld(1)
		seq, budget := 0, 200
		var came []place
		scheduled := func(at time.Duration) place {
			seq++
			return place{max(at, w.Now()), seq}
		}
		bells := map[*sim.Signal]*place{} // who waits, and what its waking was worth
		var order []*sim.Signal
		var step func(inProcess bool)
		step = func(inProcess bool) {
			for range rapid.IntRange(0, 3).Draw(t, "steps") {
				if budget--; budget < 0 {
					return
				}
				switch kind := rapid.IntRange(0, 4).Draw(t, "kind"); {
				case kind == 0:
					at := w.Now() + time.Duration(rapid.IntRange(-1, 3).Draw(t, "in"))
					p := scheduled(at)
					w.At(at, func() { came = append(came, p); step(false) })
				case kind == 1:
					p := scheduled(w.Now())
					w.Go(func() { came = append(came, p); step(true) })
				case kind == 2 && inProcess:
					d := time.Duration(rapid.IntRange(1, 3).Draw(t, "sleep"))
					p := scheduled(w.Now() + d)
					sim.Sleep(w, d, nil)
					came = append(came, p)
				case kind == 3 && inProcess:
					bell, woken := new(sim.Signal), new(place)
					bells[bell], order = woken, append(order, bell)
					w.Await(sim.Forever, bell, nil)
					came = append(came, *woken)
				case kind == 4 && len(order) > 0:
					bell := order[0]
					order = order[1:]
					*bells[bell] = scheduled(w.Now())
					bell.Fire()
				}
			}
		}
		for range rapid.IntRange(1, 5).Draw(t, "seeds") {
			at := time.Duration(rapid.IntRange(0, 3).Draw(t, "at"))
			p := scheduled(at)
			w.At(at, func() { came = append(came, p); step(false) })
		}
		w.Run(sim.Forever)
		for i := 1; i < len(came); i++ {
			a, b := came[i-1], came[i]
			if a.at > b.at || a.at == b.at && a.seq >= b.seq {
				t.Fatalf("%v came before %v, want the order of (time, sequence)", a, b)
			}
		}
	})
}
