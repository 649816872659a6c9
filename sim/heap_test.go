package sim

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestHeapAgainstASortedSlice pushes, pops and removes at random. The model is a slice kept in the
// order of (at, seq).
func TestHeapAgainstASortedSlice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h heap
		var model []entry
		var gone []*node
		seq := uint64(0)
		leave := func(i int) {
			gone = append(gone, model[i].node)
			model = slices.Delete(model, i, i+1)
		}
		t.Repeat(map[string]func(*rapid.T){
			"push some": func(t *rapid.T) {
				for range rapid.IntRange(1, 12).Draw(t, "some") {
					seq++
					e := entry{at: time.Duration(rapid.IntRange(0, 20).Draw(t, "at")), seq: seq, node: &node{index: -1}}
					h.push(e)
					i, _ := slices.BinarySearchFunc(model, e, func(a, b entry) int {
						if a.before(&b) {
							return -1
						}
						return 1
					})
					model = slices.Insert(model, i, e)
				}
			},
			"pop": func(t *rapid.T) {
				if len(model) == 0 {
					t.Skip("empty")
				}
				if got, want := h.pop(), model[0]; got != want {
					t.Fatalf("pop: got (%d, %d), want (%d, %d)", got.at, got.seq, want.at, want.seq)
				}
				leave(0)
			},
			"remove": func(t *rapid.T) {
				if len(model) == 0 {
					t.Skip("empty")
				}
				i := rapid.IntRange(0, len(model)-1).Draw(t, "which")
				h.remove(model[i].node.index)
				leave(i)
			},
			"": func(t *rapid.T) {
				if len(h) != len(model) {
					t.Fatalf("got %d entries, want %d", len(h), len(model))
				}
				for i, e := range h {
					if e.node.index != i {
						t.Fatalf("the node at %d thinks it is at %d", i, e.node.index)
					}
					if i > 0 && e.before(&h[(i-1)/4]) {
						t.Fatalf("the entry at %d comes before its parent at %d", i, (i-1)/4)
					}
				}
				for _, n := range gone {
					if n.index != -1 {
						t.Fatalf("a node that left thinks it is at %d", n.index)
					}
				}
			},
		})
		for _, want := range model {
			if got := h.pop(); got != want {
				t.Fatalf("draining: got (%d, %d), want (%d, %d)", got.at, got.seq, want.at, want.seq)
			}
		}
	})
}

// TestRingAgainstASlice lets the ring wrap round and grow at every offset.
func TestRingAgainstASlice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r ring
		var model []uint64
		next := uint64(0)
		push := func(t *rapid.T) {
			for range rapid.IntRange(1, 60).Draw(t, "pushes") {
				next++
				r.push(turn{generation: next})
				model = append(model, next)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"push":     push,
			"and push": push,
			"pop": func(t *rapid.T) {
				for range rapid.IntRange(1, 60).Draw(t, "pops") {
					got, ok := r.pop()
					if ok != (len(model) > 0) {
						t.Fatalf("pop: got %v with %d in the ring", ok, len(model))
					}
					if !ok {
						return
					}
					if got.generation != model[0] {
						t.Fatalf("pop: got %d, want %d", got.generation, model[0])
					}
					model = model[1:]
				}
			},
			"": func(t *rapid.T) {
				if r.size != len(model) {
					t.Fatalf("got size %d, want %d", r.size, len(model))
				}
			},
		})
	})
}

// TestCancellingIsEager: what is taken back, and a wait that is over, has left the heap at once; only
// what is due in this instant waits in the ring to be struck out.
func TestCancellingIsEager(t *testing.T) {
	w := NewWorld(1)
	var timers []Timer
	for i := range 1000 {
		timers = append(timers, w.At(time.Duration(1+i*7919%1000), func() { t.Error("a call taken back was made") }))
	}
	for i, timer := range timers {
		if !timer.Stop() {
			t.Fatalf("Stop of timer %d: got false, want true", i)
		}
		if got, want := len(w.heap), 1000-i-1; got != want {
			t.Fatalf("heap after %d stops: got %d, want %d", i+1, got, want)
		}
	}
	inHeap := func(when string, want int) {
		t.Helper()
		if got := len(w.heap); got != want {
			t.Errorf("heap %s: got %d, want %d", when, got, want)
		}
	}
	var done, gone Signal
	permits, queue := NewPermits(w, 1), NewQueue[int](w, 1)
	permits.Take(0, nil)
	w.Go(func() { w.Await(1000, &done, nil) })
	w.Go(func() { Sleep(w, 1000, &gone) })
	w.Go(func() { permits.Take(1000, nil) })
	w.Go(func() { queue.Get(1000, nil) })
	w.Go(func() {
		Within(w, 1000, func(r Request) Reply { Sleep(w, 1, nil); return Reply{Outcome: OK} }, Request{})
		inHeap("after the reply, which took its limit along", 7)
	})
	w.At(1, func() { inHeap("with three calls, four waits, a limit and a sleep", 9) })
	w.At(2, func() {
		inHeap("with four waits and two calls", 6)
		done.Fire()
		inHeap("after the first wait is over", 5)
		gone.Fire()
		inHeap("after the second", 4)
		permits.Give()
		inHeap("after the third", 3)
		queue.Put(1, 0, nil)
		inHeap("after the fourth", 2)
		due := w.At(2, func() { t.Error("a call taken back was made") })
		inHeap("with one more call due in this instant", 2)
		due.Stop()
		if got, want := w.due.size, 5; got != want {
			t.Errorf("due in this instant: got %d, want the 4 woken and the one struck out", got)
		}
	})
	w.At(3, func() { inHeap("with one call left", 1) })
	w.At(4, func() { inHeap("at the end", 0) })
	if blocked := w.Run(Forever); blocked != 0 {
		t.Errorf("got %d blocked, want 0", blocked)
	}
}

// TestNodesAndCoroutinesAreUsedAgain: memory follows what is to come and who waits at once, not what
// has been.
func TestNodesAndCoroutinesAreUsedAgain(t *testing.T) {
	w := NewWorld(1)
	seen := map[any]bool{}
	w.Go(func() {
		for range 1000 {
			timer := w.At(w.Now()+1, func() {})
			seen[timer.what] = true
			w.Go(func() { seen[w.current] = true; Sleep(w, 1, nil) })
			Sleep(w, 2, nil)
		}
	})
	w.Run(Forever)
	if got, want := len(seen), 2; got != want {
		t.Errorf("got %d nodes and coroutines for 1000 calls and 1000 processes, want %d", got, want)
	}
	if w.living.First() != nil {
		t.Error("a process that ended is still among the living")
	}
}

// TestUntilDoesNotOverflow holds until at both ends of the clock.
func TestUntilDoesNotOverflow(t *testing.T) {
	for _, row := range []struct{ now, d, want time.Duration }{
		{0, 0, 0},
		{5, 7, 12},
		{5, -7, -2},
		{0, Forever, Forever},
		{1, Forever, Forever},
		{1, Forever - 1, Forever},
		{2, Forever - 1, Forever},
		{Forever, 1, Forever},
		{-5, 7, 2}, // before the zero that Wall.Begin set
		{-5, Forever, Forever},
		{-5, Forever - 1, Forever - 6},
	} {
		t.Run(fmt.Sprintf("%d after %d", row.d, row.now), func(t *testing.T) {
			if got := until(row.now, row.d); got != row.want {
				t.Errorf("got %d, want %d", got, row.want)
			}
		})
	}
}
