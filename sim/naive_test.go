package sim

import (
	"slices"
	"time"

	"pgregory.net/rapid"
)

// A naive clock is the model that the state machines hold World against: a slice searched for the
// least (time, sequence), continuations instead of processes, and a tick for the time between two
// turns of the test itself.
type naive struct {
	now, seq int
	ahead    []*step
	due      []func()
}

type step struct {
	at, seq int
	do      func()
}

func (n *naive) after(d int, do func()) *step {
	n.seq++
	s := &step{n.now + d, n.seq, do}
	n.ahead = append(n.ahead, s)
	return s
}

func (n *naive) cancel(s *step) {
	n.ahead = slices.DeleteFunc(n.ahead, func(o *step) bool { return o == s })
}

// tick is the test's own Sleep of 1: the rest of this instant, then what comes at the next one before
// the test's turn, which was scheduled first of all.
func (n *naive) tick() {
	n.seq++
	mine := n.seq
	n.run(func(s *step) bool { return s.at == n.now })
	for len(n.due) > 0 {
		do := n.due[0]
		n.due = n.due[1:]
		do()
	}
	n.now++
	n.run(func(s *step) bool { return s.at == n.now && s.seq < mine })
}

func (n *naive) run(which func(*step) bool) {
	for {
		var first *step
		for _, s := range n.ahead {
			if which(s) && (first == nil || s.seq < first.seq) {
				first = s
			}
		}
		if first == nil {
			return
		}
		n.cancel(first)
		first.do()
	}
}

// A party is a modelled process that stands in a line, with a limit and a caller who may go.
type party struct {
	n      *naive
	line   *[]*party
	item   int
	gone   int // which of the callers' signals; -1 none
	served bool
	woken  bool
	limit  *step
	finish func(served bool, item int)
}

// join puts p at the end of a line.
func (p *party) join(line *[]*party, d int) {
	p.line = line
	*line = append(*line, p)
	if d < forever {
		p.limit = p.n.after(d, p.end)
	}
}

func (p *party) wake() {
	if p.woken {
		return
	}
	p.woken = true
	if p.limit != nil {
		p.n.cancel(p.limit)
	}
	p.n.due = append(p.n.due, p.end)
}

func (p *party) end() {
	p.woken = true
	*p.line = slices.DeleteFunc(*p.line, func(o *party) bool { return o == p })
	p.finish(p.served, p.item)
}

// serve takes the first off a line and wakes it; nil if nobody stands there.
func serve(line *[]*party) *party {
	if len(*line) == 0 {
		return nil
	}
	p := (*line)[0]
	*line = (*line)[1:]
	p.served = true
	p.wake()
	return p
}

// forever is Forever in ticks.
const forever = 1000

// drawLimit draws the limit of a wait, in ticks, and as a Duration.
func drawLimit(t *rapid.T) (int, time.Duration) {
	d := rapid.SampledFrom([]int{-1, 0, 1, 1, 2, 3, 4, 6, forever, forever}).Draw(t, "limit")
	if d == forever {
		return d, Forever
	}
	return d, time.Duration(d)
}

// inWorld runs a state machine as a process of a World, so that its actions may start processes,
// fire and sleep. A failure of rapid is a panic; it is handed on as it was, without World's wrapping.
func inWorld(machine func(w *World)) (blocked int) {
	w := NewWorld(1)
	defer func() {
		switch p := recover().(type) {
		case nil:
		case *Panic:
			panic(p.Value)
		default:
			panic(p)
		}
	}()
	w.Go(func() { machine(w) })
	return w.Run(Forever)
}
