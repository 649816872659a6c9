package sim

import "time"

// An entry is one event to come. Events are ordered by (at, seq): seq counts schedulings, so that
// of two events of one instant the one scheduled first comes first.
type entry struct {
	at   time.Duration
	seq  uint64
	node *node
}

func (e *entry) before(f *entry) bool { return e.at < f.at || e.at == f.at && e.seq < f.seq }

// A heap is a 4-ary heap of events, kept as values: half the depth of a binary heap and no pointer
// chased while comparing. Each node knows its place, so that what is cancelled leaves at once.
type heap []entry

func (h *heap) push(e entry) {
	*h = append(*h, e)
	h.up(len(*h)-1, e)
}

// pop takes the earliest event; the heap must not be empty.
func (h *heap) pop() entry {
	top := (*h)[0]
	h.remove(0)
	return top
}

func (h *heap) remove(i int) {
	old := *h
	old[i].node.index = -1
	last := len(old) - 1
	moved := old[last]
	old[last] = entry{}
	*h = old[:last]
	if i == last {
		return
	}
	if i > 0 && moved.before(&old[(i-1)/4]) {
		h.up(i, moved)
	} else {
		h.down(i, moved)
	}
}

// up places e at i or above.
func (h *heap) up(i int, e entry) {
	a := *h
	for i > 0 {
		parent := (i - 1) / 4
		if !e.before(&a[parent]) {
			break
		}
		a[i] = a[parent]
		a[i].node.index = i
		i = parent
	}
	a[i] = e
	e.node.index = i
}

// down places e at i or below.
func (h *heap) down(i int, e entry) {
	a := *h
	for {
		first := 4*i + 1
		if first >= len(a) {
			break
		}
		least := first
		for child := first + 1; child < min(first+4, len(a)); child++ {
			if a[child].before(&a[least]) {
				least = child
			}
		}
		if !a[least].before(&e) {
			break
		}
		a[i] = a[least]
		a[i].node.index = i
		i = least
	}
	a[i] = e
	e.node.index = i
}

// A node is what an event is about: a call to make, or the end of a process's wait. A process owns
// one node, for it waits for one thing at a time; calls take theirs from a free list.
type node struct {
	world      *World
	index      int    // place in the heap; -1 if it is not there
	generation uint64 // counts its uses, never reset: what is due in this instant and was taken back is struck out by it
	process    *process
	call       func()
	next       *node // in the free list
}

// stop takes a call back, for Timer.
func (n *node) stop(generation uint64) bool {
	if n.generation != generation {
		return false // it has been made or taken back
	}
	if n.index >= 0 {
		n.world.heap.remove(n.index)
	}
	n.world.free(n)
	return true
}
