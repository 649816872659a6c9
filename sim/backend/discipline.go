package backend

import (
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// A Discipline is the order in which waiting calls are served.
type Discipline string

const (
	// FIFO serves in order of arrival.
	FIFO Discipline = "fifo"
	// LIFO serves who came last, without taking a server from anybody.
	LIFO Discipline = "lifo"
	// ByPriority serves the highest class first; every Age of waiting is worth one class.
	ByPriority Discipline = "priority"
	// PS lets all calls share the servers: nobody waits, all are slower (sharing.go).
	PS Discipline = "ps"
)

// disciplines are those there are.
var disciplines = []Discipline{FIFO, LIFO, ByPriority, PS}

// waitingRoom is who waits for a server, in the order of a discipline.
//
// With ageing, the effective class of a call that has waited for w is class - w/age. That falls at the
// same speed for all, so the order never changes while they wait: it is that of the fixed key
// arrival + class*age, in a plain heap. Strict classes are the key class. Equal keys go by arrival.
type waitingRoom struct {
	discipline Discipline
	age        time.Duration
	line       line[job]     // fifo, lifo
	ranked     ranked[int64] // priority
	arrivals   int64         // so far
	prompts    int           // tokens
}

func (w *waitingRoom) length() int { return w.line.length + len(w.ranked) }

func (w *waitingRoom) join(j *job, class sim.Priority, now time.Duration) {
	w.prompts += j.prompt
	if w.discipline != ByPriority {
		w.line.join(&j.place, j)
		return
	}
	key := int64(class)
	if w.age > 0 {
		key = int64(now) + int64(class)*int64(w.age)
	}
	w.arrivals++
	w.ranked.push(rank[int64]{key: key, order: w.arrivals, job: j})
}

func (w *waitingRoom) leave(j *job) {
	w.prompts -= j.prompt
	if w.discipline == ByPriority {
		w.ranked.remove(j.index)
		return
	}
	w.line.leave(&j.place)
}

// next returns who is served next; nil if nobody waits.
func (w *waitingRoom) next() *job {
	switch w.discipline {
	case ByPriority:
		if len(w.ranked) == 0 {
			return nil
		}
		return w.ranked[0].job
	case LIFO:
		if last := w.line.chain.Last(); last != nil {
			return last.Of
		}
		return nil
	}
	return w.line.first()
}
