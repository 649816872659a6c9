package sim

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestQueueAgainstTheNaiveModel puts and gets with limits and callers that go. No item is lost, none
// is doubled, nobody overtakes: all of that is agreement with three slices.
func TestQueueAgainstTheNaiveModel(t *testing.T) {
	type end struct {
		Ok   bool
		Item int
	}
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(0, 3).Draw(t, "size")
		const callers = 3
		blocked := inWorld(func(w *World) {
			queue := NewQueue[int](w, size)
			gone := make([]Signal, callers)
			fired := make([]bool, callers)
			got, want := map[int]end{}, map[int]end{}

			n := &naive{}
			var items []int
			var putters, getters, waiting []*party

			id := 0
			begin := func(t *rapid.T) (me, limit int, d time.Duration, caller int, signal *Signal) {
				id++
				limit, d = drawLimit(t)
				caller = rapid.IntRange(-1, callers-1).Draw(t, "caller")
				if caller >= 0 {
					signal = &gone[caller]
				}
				return id, limit, d, caller, signal
			}
			wait := func(line *[]*party, limit, caller, item, me int) {
				p := &party{n: n, gone: caller, item: item}
				p.finish = func(ok bool, item int) {
					if !ok {
						item = 0
					}
					want[me] = end{ok, item}
				}
				p.join(line, limit)
				waiting = append(waiting, p)
			}
			put := func(t *rapid.T) {
				me, limit, d, caller, signal := begin(t)
				w.Go(func() {
					if queue.Put(me, d, signal) {
						got[me] = end{true, me}
					} else {
						got[me] = end{}
					}
				})
				n.due = append(n.due, func() {
					switch {
					case len(getters) > 0:
						getters[0].item = me
						serve(&getters)
						want[me] = end{true, me}
					case len(items) < size:
						items = append(items, me)
						want[me] = end{true, me}
					case limit <= 0 || caller >= 0 && fired[caller]:
						want[me] = end{}
					default:
						wait(&putters, limit, caller, me, me)
					}
				})
			}
			get := func(t *rapid.T) {
				me, limit, d, caller, signal := begin(t)
				w.Go(func() {
					item, ok := queue.Get(d, signal)
					got[me] = end{ok, item}
				})
				n.due = append(n.due, func() {
					switch {
					case len(items) > 0:
						want[me] = end{true, items[0]}
						items = items[1:]
						if p := serve(&putters); p != nil {
							items = append(items, p.item)
						}
					case len(putters) > 0:
						want[me] = end{true, serve(&putters).item}
					case limit <= 0 || caller >= 0 && fired[caller]:
						want[me] = end{}
					default:
						wait(&getters, limit, caller, 0, me)
					}
				})
			}
			tick := func(*rapid.T) {
				n.tick()
				Sleep(w, 1, nil)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("how each Put and Get ended, at %d (-want +got):\n%s", n.now, diff)
				}
				if queue.Len() != len(items) || queue.putters.length != len(putters) || queue.getters.length != len(getters) {
					t.Fatalf("items, putters, getters: got %d, %d, %d, want %d, %d, %d", queue.Len(),
						queue.putters.length, queue.getters.length, len(items), len(putters), len(getters))
				}
			}
			t.Repeat(map[string]func(*rapid.T){
				"put":      put,
				"put more": put,
				"get":      get,
				"get more": get,
				"a caller goes": func(t *rapid.T) {
					c := rapid.IntRange(0, callers-1).Draw(t, "caller")
					if fired[c] {
						t.Skip("that one is gone")
					}
					gone[c].Fire()
					fired[c] = true
					for _, p := range waiting {
						if p.gone == c {
							p.wake()
						}
					}
				},
				"tick": tick,
				"":     func(*rapid.T) {},
			})
			tick(t)
			for _, s := range []int{len(items) + len(putters), len(getters)} { // get all, then feed all
				for range s {
					if len(getters) > 0 {
						put(t)
					} else {
						get(t)
					}
				}
				tick(t)
			}
			for len(getters)+len(putters) > 0 { // whoever drew a wait meanwhile
				if len(getters) > 0 {
					put(t)
				} else {
					get(t)
				}
				tick(t)
			}
		})
		if blocked != 0 {
			t.Fatalf("got %d blocked, want 0", blocked)
		}
	})
}

// TestQueueAsASlice lets one process put and get without waiting: the spent front of the slice must
// not grow with what has passed through.
func TestQueueAsASlice(t *testing.T) {
	w := NewWorld(1)
	queue := NewQueue[*int](w, 100)
	var model []*int
	next := 0
	for round := range 2000 {
		for range round % 7 {
			next++
			v := new(int)
			*v = next
			if got, want := queue.Put(v, 0, nil), len(model) < 100; got != want {
				t.Fatalf("Put with %d in it: got %v, want %v", len(model), got, want)
			} else if got {
				model = append(model, v)
			}
		}
		for range (round + 3) % 7 {
			got, ok := queue.Get(0, nil)
			if ok != (len(model) > 0) {
				t.Fatalf("Get with %d in it: got %v", len(model), ok)
			}
			if ok {
				if got != model[0] {
					t.Fatalf("Get: got %d, want %d", *got, *model[0])
				}
				model = model[1:]
			}
		}
		if queue.Len() != len(model) {
			t.Fatalf("Len: got %d, want %d", queue.Len(), len(model))
		}
		for i, v := range queue.items[:queue.head] {
			if v != nil {
				t.Fatalf("the spent place %d still holds an item", i)
			}
		}
	}
	if got := cap(queue.items); got > 4*(100+64) {
		t.Errorf("room for %d items was made for a queue of 100", got)
	}
}

// TestAnItemHandedOverInTheSameInstantCounts is law 4 for Queue, in the words of Permits' test.
func TestAnItemHandedOverInTheSameInstantCounts(t *testing.T) {
	for _, row := range []struct {
		name  string
		other func(w *World, hand, leave func())
		want  bool
	}{
		{"it comes before the limit", func(w *World, hand, leave func()) { w.At(10, hand) }, true},
		{"the caller goes, and it comes before the waiter's turn", func(w *World, hand, leave func()) {
			w.At(5, leave)
			w.At(5, hand)
		}, true},
		{"the caller goes, and it comes behind the waiter's turn", func(w *World, hand, leave func()) {
			w.At(5, func() { leave(); w.At(5, hand) })
		}, false},
	} {
		t.Run("Get: "+row.name, func(t *testing.T) {
			w := NewWorld(1)
			queue := NewQueue[string](w, 1)
			var gone Signal
			row.other(w, func() { queue.Put("item", 0, nil) }, gone.Fire)
			w.Go(func() {
				item, ok := queue.Get(10, &gone)
				if want := map[bool]string{true: "item"}[row.want]; ok != row.want || item != want {
					t.Errorf("Get: got %q, %v, want %q, %v", item, ok, want, row.want)
				}
			})
			w.Run(Forever)
			if got, want := queue.Len(), map[bool]int{false: 1}[row.want]; got != want {
				t.Errorf("left in the queue: got %d, want %d", got, want)
			}
		})
		t.Run("Put: "+row.name, func(t *testing.T) {
			w := NewWorld(1)
			queue := NewQueue[string](w, 1)
			var gone Signal
			queue.Put("first", 0, nil)
			row.other(w, func() { queue.Get(0, nil) }, gone.Fire)
			w.Go(func() {
				if got := queue.Put("second", 10, &gone); got != row.want {
					t.Errorf("Put: got %v, want %v", got, row.want)
				}
			})
			w.Run(Forever)
			if got, want := queue.Len(), map[bool]int{true: 1}[row.want]; got != want {
				t.Errorf("left in the queue: got %d, want %d", got, want)
			}
		})
	}
}

// TestAQueueOfNoRoomIsAMeeting: each Put waits for its Get.
func TestAQueueOfNoRoomIsAMeeting(t *testing.T) {
	w := NewWorld(1)
	queue := NewQueue[int](w, 0)
	var log []string
	note := func(what string, v int) { log = append(log, fmt.Sprintf("%d %s %d", w.Now(), what, v)) }
	for i := range 3 {
		w.Go(func() { queue.Put(i, Forever, nil); note("put", i) })
	}
	w.Go(func() {
		for range 3 {
			Sleep(w, 5, nil)
			v, _ := queue.Get(Forever, nil)
			note("got", v)
		}
	})
	if blocked := w.Run(Forever); blocked != 0 {
		t.Errorf("got %d blocked, want 0", blocked)
	}
	want := []string{"5 got 0", "5 put 0", "10 got 1", "10 put 1", "15 got 2", "15 put 2"}
	if diff := cmp.Diff(want, log); diff != "" {
		t.Errorf("meetings (-want +got):\n%s", diff)
	}
}
