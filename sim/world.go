package sim

import (
	"fmt"
	"time"
)

// maxTurns is how many turns one instant may have: more is a loop that waits for nothing.
const maxTurns = 10_000_000

// A World is an Env in virtual time: its clock jumps from event to event. The same seed gives the
// same run, to the nanosecond. It belongs to one goroutine; runs in parallel are Worlds in parallel.
//
// The order of events is (time, sequence of scheduling). What lies ahead is in the heap; what is due
// now is in a ring. Whatever the heap holds of this instant was scheduled before the clock reached
// it, and so before all that is in the ring: heap first, then ring, is that order.
type World struct {
	now     time.Duration
	turns   int // in this instant
	seq     uint64
	heap    heap
	due     ring
	current *process        // who has the turn; nil in a call
	living  Chain[*process] // oldest first
	idle    []*process
	spare   *node
	random  streams
	failure *Panic
	stopped bool
	ran     bool
}

var _ Env = (*World)(nil)

// NewWorld returns a World at time zero whose every draw follows from seed.
func NewWorld(seed uint64) *World {
	return &World{random: streams{seed: seed}}
}

// Now returns the time since the run began.
func (w *World) Now() time.Duration { return w.now }

// Rand returns the stream of randomness of that name.
func (w *World) Rand(stream string) *Stream { return w.random.get(stream) }

// Go starts f as a process; its first turn comes after all that is already due.
func (w *World) Go(f func()) {
	var p *process
	if last := len(w.idle) - 1; last >= 0 {
		p = w.idle[last]
		w.idle = w.idle[:last]
	} else {
		p = newProcess(w)
	}
	p.run = f
	w.living.Join(&p.place)
	w.due.push(turn{&p.node, p.node.generation})
}

// At calls f, which must not block, at time t, or after all that is due if t has passed; at Forever
// it never does.
func (w *World) At(t time.Duration, f func()) Timer {
	n := w.spare
	if n == nil {
		n = &node{world: w, index: -1}
	} else {
		w.spare = n.next
		n.next = nil
	}
	n.call = f
	w.schedule(t, n)
	return Timer{what: n, generation: n.generation}
}

func (w *World) schedule(t time.Duration, n *node) {
	if t <= w.now {
		w.due.push(turn{n, n.generation})
		return
	}
	if t == Forever {
		return // it never comes, so the run does not wait for it
	}
	w.seq++
	w.heap.push(entry{at: t, seq: w.seq, node: n})
}

// free returns a call's node to the free list; whoever still holds its generation is too late.
func (w *World) free(n *node) {
	n.generation++
	n.call = nil
	n.next = w.spare
	w.spare = n
}

// Await blocks the calling process until a or b fires or d has passed, and reports whether a has
// fired. It panics outside a process, and in a deferred call that runs because the World is over.
func (w *World) Await(d time.Duration, a, b *Signal) bool {
	p := w.current
	if p == nil {
		panic("sim: Await outside a process: an At callback must not block")
	}
	if p.unwinding {
		panic("sim: Await in a deferred call after the end of the run")
	}
	if a.Fired() || b.Fired() || d <= 0 {
		w.countTurn() // so that a loop on waits of no length is found out
		return a.Fired()
	}
	if a != nil {
		a.waiters.Join(&p.waits[0])
	}
	if b != nil {
		b.waiters.Join(&p.waits[1])
	}
	w.schedule(until(w.now, d), &p.node)
	w.current = nil
	if !p.yield(struct{}{}) {
		p.endWait()
		panic(unwound{})
	}
	return a.Fired()
}

// Run lets the World run until nothing is to come, until the clock would pass the given time, or
// until Stop. Then it unwinds who still waits, oldest first, and returns how many those were. A
// World runs once. A panic of a process surfaces here as *Panic.
func (w *World) Run(until time.Duration) (blocked int) {
	if w.ran {
		panic("sim: a World runs only once")
	}
	w.ran = true
	defer func() {
		blocked = w.end()
		if w.failure != nil {
			panic(w.failure)
		}
	}()
	for !w.stopped && w.failure == nil {
		n := w.next(until)
		if n == nil {
			break
		}
		w.countTurn()
		if n.process == nil {
			call := n.call
			w.free(n)
			call()
			continue
		}
		n.generation++
		n.process.endWait()
		w.current = n.process
		n.process.resume()
		w.current = nil
	}
	return 0
}

// next returns what comes next and moves the clock there, or nil if the run is over.
func (w *World) next(until time.Duration) *node {
	for {
		if len(w.heap) > 0 && w.heap[0].at == w.now {
			return w.heap.pop().node
		}
		if t, ok := w.due.pop(); ok {
			if t.node.generation == t.generation {
				return t.node
			}
			continue // taken back
		}
		if len(w.heap) == 0 || w.heap[0].at > until {
			if until != Forever && !w.stopped {
				w.now = max(w.now, until)
			}
			return nil
		}
		w.now = w.heap[0].at
		w.turns = 0
	}
}

func (w *World) countTurn() {
	if w.turns++; w.turns > maxTurns {
		panic(fmt.Sprintf("sim: more than %d turns at %v: a loop waits for nothing", maxTurns, w.now))
	}
}

// Stop ends Run after the current turn.
func (w *World) Stop() { w.stopped = true }

// end unwinds the processes that still wait and counts them, then lets the idle ones go: a
// coroutine left behind is a leak. What was to come is taken back, so that a Timer that outlives the
// run knows.
func (w *World) end() (blocked int) {
	over := false
	defer func() {
		if !over { // a deferred call said Goexit, as t.Fatal does: the other processes go all the same
			w.end()
		}
	}()
	for place := w.living.First(); place != nil; place = w.living.First() {
		p := place.Of
		place.Leave()
		p.unwinding = true
		if p.started {
			blocked++
		}
		w.current = p
		p.stop()
		w.current = nil
	}
	for _, p := range w.idle {
		p.stop()
	}
	for _, e := range w.heap {
		e.node.index = -1
		e.node.generation++
	}
	for t, ok := w.due.pop(); ok; t, ok = w.due.pop() {
		t.node.generation++
	}
	w.idle, w.heap, w.due = nil, nil, ring{}
	over = true
	return blocked
}

// A turn is an event that is due now: struck out if its node's generation has moved on.
type turn struct {
	node       *node
	generation uint64
}

// A ring is a first-in, first-out queue in a circle whose length is a power of two.
type ring struct {
	turns      []turn
	head, size int
}

func (r *ring) push(t turn) {
	if r.size == len(r.turns) {
		grown := make([]turn, max(64, 2*len(r.turns)))
		n := copy(grown, r.turns[r.head:])
		copy(grown[n:], r.turns[:r.head])
		r.turns, r.head = grown, 0
	}
	r.turns[(r.head+r.size)&(len(r.turns)-1)] = t
	r.size++
}

func (r *ring) pop() (turn, bool) {
	if r.size == 0 {
		return turn{}, false
	}
	t := r.turns[r.head]
	r.turns[r.head] = turn{}
	r.head = (r.head + 1) & (len(r.turns) - 1)
	r.size--
	return t, true
}
