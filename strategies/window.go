package strategies

import (
	"slices"
	"time"
)

// A window holds the latest n durations, and holds them in order too, so that a quantile is one
// look-up. A new one takes the oldest one's place by moving what lies between: for a thousand that is
// some 3 kB, a tenth of a microsecond, and unlike a sketch it is exact and depends on nothing but the
// values.
type window struct {
	latest  []time.Duration // in a circle: next is the oldest once it is full
	ordered []time.Duration
	next    int
}

func newWindow(n int) *window {
	return &window{latest: make([]time.Duration, 0, n), ordered: make([]time.Duration, 0, n)}
}

func (w *window) len() int { return len(w.ordered) }

// add takes d in, and lets the oldest go if the window is full.
func (w *window) add(d time.Duration) {
	if len(w.latest) < cap(w.latest) {
		w.latest = append(w.latest, d)
		at, _ := slices.BinarySearch(w.ordered, d)
		w.ordered = slices.Insert(w.ordered, at, d)
		return
	}
	oldest := w.latest[w.next]
	w.latest[w.next] = d
	w.next = (w.next + 1) % len(w.latest)

	from, _ := slices.BinarySearch(w.ordered, oldest)
	to, _ := slices.BinarySearch(w.ordered, d) // the first that is not below d
	if to > from {
		copy(w.ordered[from:], w.ordered[from+1:to]) // what lies between moves down over the oldest
		w.ordered[to-1] = d
	} else {
		copy(w.ordered[to+1:from+1], w.ordered[to:from])
		w.ordered[to] = d
	}
}

// quantile returns the nearest rank at the share part/whole: the ceil(n part/whole)-th smallest of
// the n there are, which must be at least one.
func (w *window) quantile(part, whole int) time.Duration {
	rank := (len(w.ordered)*part + whole - 1) / whole
	return w.ordered[max(rank, 1)-1]
}
