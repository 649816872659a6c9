package sim

import "time"

// Queue is a bounded first-in, first-out queue between processes. Nobody overtakes, neither among
// those who put nor among those who get.
type Queue[T any] struct {
	env     Env
	size    int
	items   []T
	head    int
	putters line[T]
	getters line[T]
}

// NewQueue returns a queue that holds up to size items; with 0 each Put waits for its Get.
func NewQueue[T any](e Env, size int) *Queue[T] {
	if size < 0 {
		panic("sim: NewQueue wants a size of at least 0")
	}
	return &Queue[T]{env: e, size: size}
}

// Put puts v in, waiting at most d for room, and reports whether it did; it gives up when gone
// fires. With d <= 0 it tries without waiting.
func (q *Queue[T]) Put(v T, d time.Duration, gone *Signal) bool {
	if first := q.getters.first(); first != nil { // so nothing is in the queue
		first.item = v
		q.getters.serve()
		return true
	}
	if q.Len() < q.size {
		q.items = append(q.items, v)
		return true
	}
	if d <= 0 || gone.Fired() {
		return false
	}
	place := &place[T]{item: v}
	q.putters.join(place)
	defer place.leave()
	return q.env.Await(d, &place.served, gone)
}

// Get takes the oldest item, waiting at most d for one; it gives up when gone fires. With d <= 0 it
// tries without waiting.
func (q *Queue[T]) Get(d time.Duration, gone *Signal) (v T, ok bool) {
	if q.Len() > 0 {
		v = q.pop()
		if p := q.putters.serve(); p != nil {
			q.items = append(q.items, p.item)
		}
		return v, true
	}
	if p := q.putters.serve(); p != nil { // a queue of size 0
		return p.item, true
	}
	if d <= 0 || gone.Fired() {
		return v, false
	}
	place := new(place[T])
	q.getters.join(place)
	defer place.leave()
	if !q.env.Await(d, &place.served, gone) {
		return v, false
	}
	return place.item, true
}

// Len returns how many items are in the queue.
func (q *Queue[T]) Len() int { return len(q.items) - q.head }

func (q *Queue[T]) pop() T {
	var none T
	v := q.items[q.head]
	q.items[q.head] = none
	q.head++
	if q.head > 32 && q.head*2 >= len(q.items) { // shift when half is spent: constant work per item
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
	return v
}
