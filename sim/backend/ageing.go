package backend

import (
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// Priority orders the calls that wait at the gateway by class, the highest first, with ageing: every
// Age of waiting is worth one class.
//
// The effective class, class - wait/age, falls at the same speed for all who wait, so the order is
// that of the fixed key arrival + class*age.
type Priority struct {
	Age time.Duration `yaml:"age"` // 10s; 0: strict classes, where low ones may wait for ever
}

// UnmarshalYAML reads {age: 10s} over the default.
func (p *Priority) UnmarshalYAML(decode func(any) error) error {
	type form Priority
	read := form{Age: 10 * time.Second}
	if err := decode(&read); err != nil {
		return err
	}
	*p = Priority(read)
	return nil
}

// mostAge keeps arrival + class*age inside the clock.
const mostAge = 8760 * time.Hour

func (p *Priority) check(f *sim.Faults) {
	if p.Age < 0 || p.Age > mostAge {
		f.Add("priority.age", p.Age.String(), "0s (strict classes) to 8760h")
	}
}

// A waiter is a call that waits at the gateway. It is used again when its caller has left it.
type waiter struct {
	served  sim.Signal
	place   sim.Link[*waiter]
	class   int
	prompt  int
	arrived int64         // calls that came to wait before it: of equal keys the earlier goes first
	key     time.Duration // arrival + class*age
	pool    int           // whose slot it got
	out     bool          // it got none: one of a higher class took its place in the queue
}

// turns are the calls that wait at the gateway. Each class has a row in order of arrival, in which the
// keys only grow, so who goes first is at the head of a row and who goes last at the end of one:
// joining and leaving cost nothing, and finding either costs as much as there are classes.
type turns struct {
	rows    []row
	length  int
	joined  int64
	ordered bool // by class; else by arrival alone
	age     time.Duration
}

type row struct {
	chain  sim.Chain[*waiter]
	length int
}

// admit numbers a call that comes to wait, without putting it in.
func (t *turns) admit(w *waiter, class int, now time.Duration) {
	t.joined++
	w.class, w.arrived, w.key = class, t.joined, now
	if t.ordered {
		w.key += time.Duration(class) * t.age
	}
}

func (t *turns) join(w *waiter) {
	w.place.Of = w
	t.rows[w.class].chain.Join(&w.place)
	t.rows[w.class].length++
	t.length++
}

func (t *turns) leave(w *waiter) {
	w.place.Leave()
	t.rows[w.class].length--
	t.length--
}

// before reports whether a goes before b.
func (t *turns) before(a, b *waiter) bool {
	switch {
	case !t.ordered:
	case t.age == 0 && a.class != b.class:
		return a.class < b.class
	case a.key != b.key:
		return a.key < b.key
	}
	return a.arrived < b.arrived
}

// last returns who goes last; nil if nobody waits.
func (t *turns) last() *waiter {
	var last *waiter
	for i := range t.rows {
		if end := t.rows[i].chain.Last(); end != nil && (last == nil || t.before(last, end.Of)) {
			last = end.Of
		}
	}
	return last
}
