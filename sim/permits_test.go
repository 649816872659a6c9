package sim

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestPermitsAgainstTheNaiveModel takes with limits and callers that go, gives, and lets time pass,
// one tick at a time, so that limits, callers and permits meet in the same instant often.
func TestPermitsAgainstTheNaiveModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 3).Draw(t, "permits")
		const callers = 3
		blocked := inWorld(func(w *World) {
			permits := NewPermits(w, size)
			gone := make([]Signal, callers)
			fired := make([]bool, callers)
			got, want := map[int]bool{}, map[int]bool{} // how each Take ended
			gotHeld, wantHeld := 0, 0

			n := &naive{}
			free := size
			var line []*party
			var waiting []*party // and those whose turn to leave has not come

			id := 0
			take := func(t *rapid.T) {
				id++
				me := id
				limit, d := drawLimit(t)
				caller := rapid.IntRange(-1, callers-1).Draw(t, "caller")
				var signal *Signal
				if caller >= 0 {
					signal = &gone[caller]
				}
				w.Go(func() {
					ok := permits.Take(d, signal)
					got[me] = ok
					if ok {
						gotHeld++
					}
				})
				n.due = append(n.due, func() {
					finish := func(ok bool, _ int) {
						want[me] = ok
						if ok {
							wantHeld++
						}
					}
					switch {
					case free > 0 && len(line) == 0:
						free--
						finish(true, 0)
					case limit <= 0 || caller >= 0 && fired[caller]:
						finish(false, 0)
					default:
						p := &party{n: n, gone: caller, finish: finish}
						p.join(&line, limit)
						waiting = append(waiting, p)
					}
				})
			}
			tick := func(*rapid.T) {
				n.tick()
				Sleep(w, 1, nil)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("how each Take ended, at %d (-want +got):\n%s", n.now, diff)
				}
			}
			t.Repeat(map[string]func(*rapid.T){
				"take":      take,
				"take more": take,
				"give": func(t *rapid.T) {
					if gotHeld == 0 {
						t.Skip("nobody holds a permit")
					}
					permits.Give()
					gotHeld--
					wantHeld--
					if serve(&line) == nil {
						free++
					}
				},
				"a caller goes": func(t *rapid.T) {
					c := rapid.IntRange(0, callers-1).Draw(t, "caller")
					gone[c].Fire()
					if fired[c] {
						return
					}
					fired[c] = true
					for _, p := range waiting {
						if p.gone == c {
							p.wake()
						}
					}
				},
				"a caller comes": func(t *rapid.T) {
					c := rapid.IntRange(0, callers-1).Draw(t, "caller")
					if !fired[c] || len(n.due) > 0 {
						t.Skip("that one is here")
					}
					gone[c], fired[c] = Signal{}, false
					for _, p := range waiting {
						if p.gone == c {
							p.gone = -1
						}
					}
				},
				"tick": tick,
				"":     func(*rapid.T) { permitsAgree(t, permits, len(line), free, gotHeld, wantHeld, size) },
			})
			tick(t)
			for len(line) > 0 || gotHeld > 0 { // nobody may be left over
				for range gotHeld {
					permits.Give()
					gotHeld--
					wantHeld--
					if serve(&line) == nil {
						free++
					}
				}
				tick(t)
			}
			permitsAgree(t, permits, 0, size, 0, 0, size)
			for i := range gone {
				if !gone[i].Fired() && gone[i].waiters.First() != nil {
					t.Fatalf("caller %d's signal still has a waiter", i)
				}
			}
		})
		if blocked != 0 {
			t.Fatalf("got %d blocked, want 0", blocked)
		}
	})
}

func permitsAgree(t *rapid.T, p *Permits, waiting, free, gotHeld, wantHeld, size int) {
	if got := p.Waiting(); got != waiting {
		t.Fatalf("waiting: got %d, want %d", got, waiting)
	}
	if got := p.Free(); got != free {
		t.Fatalf("free: got %d, want %d", got, free)
	}
	if gotHeld != wantHeld {
		t.Fatalf("held: got %d, want %d", gotHeld, wantHeld)
	}
	if p.Free() > 0 && p.Waiting() > 0 {
		t.Fatalf("%d are free while %d wait", p.Free(), p.Waiting())
	}
	if p.Free() > size {
		t.Fatalf("free: got %d of %d", p.Free(), size)
	}
}

// TestAPermitHandedOverInTheSameInstantCounts has the permit and the end of the wait meet, in every
// order that one instant can have. A permit is never given to somebody who then says he has none.
func TestAPermitHandedOverInTheSameInstantCounts(t *testing.T) {
	for _, row := range []struct {
		name  string
		first func(w *World, give, leave func()) // before the wait begins
		later func(w *World, give, leave func()) // after it began
		want  bool
	}{
		{"the permit comes before the limit", func(w *World, give, leave func()) { w.At(10, give) }, nil, true},
		{"the permit comes behind the limit", nil, func(w *World, give, leave func()) { w.At(10, give) }, false},
		{"the permit comes before the caller goes", func(w *World, give, leave func()) {
			w.At(5, give)
			w.At(5, leave)
		}, nil, true},
		{"the caller goes, and the permit comes before the waiter's turn", func(w *World, give, leave func()) {
			w.At(5, leave)
			w.At(5, give)
		}, nil, true},
		{"the caller goes, and the permit comes behind the waiter's turn", func(w *World, give, leave func()) {
			w.At(5, func() { leave(); w.At(5, give) })
		}, nil, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := NewWorld(1)
			permits := NewPermits(w, 1)
			permits.Take(0, nil)
			var gone Signal
			if row.first != nil {
				row.first(w, permits.Give, gone.Fire)
			}
			ended := false
			w.Go(func() {
				if got := permits.Take(10, &gone); got != row.want {
					t.Errorf("Take: got %v, want %v", got, row.want)
				}
				if permits.Waiting() != 0 {
					t.Error("the waiter has not left the line")
				}
				ended = true
			})
			if row.later != nil {
				w.At(1, func() { row.later(w, permits.Give, gone.Fire) })
			}
			w.Run(Forever)
			free := 1
			if row.want {
				free = 0
			}
			if got := permits.Free(); got != free || !ended {
				t.Errorf("free at the end: got %d, want %d", got, free)
			}
		})
	}
}

// TestATimedOutWaiterLeavesEveryList: ten thousand waits under one long-lived signal leave nothing
// behind in it, nor in the line, nor in the heap.
func TestATimedOutWaiterLeavesEveryList(t *testing.T) {
	w := NewWorld(1)
	var service, call Signal // both live as long as the run
	permits := NewPermits(w, 1)
	empty, full := NewQueue[int](w, 1), NewQueue[int](w, 0)
	w.Go(func() {
		permits.Take(0, nil)
		for range 2500 {
			if permits.Take(3, &service) {
				t.Error("Take: got a permit, want none")
			}
			if _, ok := empty.Get(3, &service); ok {
				t.Error("Get: got an item, want none")
			}
			if full.Put(1, 3, &service) {
				t.Error("Put: got true, want no room")
			}
			w.Await(3, &call, &service)
			reply := Within(w, 3, func(r Request) Reply {
				Sleep(w, Forever, r.Gone)
				return Reply{}
			}, Request{Gone: &service})
			if reply.Outcome != Timeout {
				t.Errorf("Within: got %v, want timeout", reply.Outcome)
			}
			reply = Within(w, 3, func(Request) Reply { return Reply{Outcome: OK} }, Request{Gone: &service})
			if reply.Outcome != OK {
				t.Errorf("Within: got %v, want ok", reply.Outcome)
			}
			service.Child().Fire()
			service.Then(func() {}).Stop()
			if len(w.heap) != 0 {
				t.Fatalf("heap: got %d, want it empty", len(w.heap))
			}
		}
	})
	w.Run(Forever)
	if permits.Waiting() != 0 || permits.line.first() != nil {
		t.Errorf("in line for a permit: got %d, want nobody", permits.Waiting())
	}
	if empty.getters.first() != nil || full.putters.first() != nil || full.Len() != 0 {
		t.Error("somebody is still in a line of a queue")
	}
	for name, s := range map[string]*Signal{"service": &service, "call": &call} {
		if s.waiters.First() != nil {
			t.Errorf("%s: a waiter stayed behind", name)
		}
		if s.followers.First() != nil {
			t.Errorf("%s: a follower stayed behind", name)
		}
	}
	if got, want := w.Now(), time.Duration(2500*5*3); got != want {
		t.Errorf("got the clock at %d, want %d", got, want)
	}
}

// TestPermitsAreFirstComeFirstServed also when those in the middle leave.
func TestPermitsAreFirstComeFirstServed(t *testing.T) {
	w := NewWorld(1)
	permits := NewPermits(w, 2)
	var order []int
	for i := range 10 {
		w.Go(func() {
			limit := Forever
			if i%3 == 2 {
				limit = 4
			}
			if permits.Take(limit, nil) {
				order = append(order, i)
				Sleep(w, 5, nil)
				permits.Give()
			}
		})
	}
	if blocked := w.Run(Forever); blocked != 0 {
		t.Errorf("got %d blocked, want 0", blocked)
	}
	if diff := cmp.Diff([]int{0, 1, 3, 4, 6, 7, 9}, order); diff != "" {
		t.Errorf("order of permits (-want +got):\n%s", diff)
	}
	if permits.Free() != 2 {
		t.Errorf("free at the end: got %d, want 2", permits.Free())
	}
}
