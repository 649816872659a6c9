package report

import (
	"time"

	"github.com/headroom-dev/headroom/sim"
)

const (
	maxSeconds = 100_000 // entries of a timeline before its step widens: 27 hours at one second
	maxCells   = 300     // cells of latency over time before their step widens
	maxPoints  = 10_000  // entries of a series in a Result before its step widens
)

// ladder are the widths of a step in seconds that people read easily.
var ladder = []int64{1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 43200, 86400}

// stepFor returns the narrowest step that covers span with at most most entries.
func stepFor(span time.Duration, most int64) time.Duration {
	for _, s := range ladder {
		if step := time.Duration(s) * time.Second; span <= step*time.Duration(most) {
			return step
		}
	}
	step := time.Duration(ladder[len(ladder)-1]) * time.Second
	for span > step*time.Duration(most) {
		step *= 2
	}
	return step
}

// widen returns the next step of the ladder that is a multiple of this one, so that entries can be
// folded into it.
func widen(step time.Duration) time.Duration {
	for _, s := range ladder {
		if wide := time.Duration(s) * time.Second; wide > step && wide%step == 0 {
			return wide
		}
	}
	return 2 * step
}

// A second is what is counted of one step of a run, by intended start if nothing else is said.
type second struct {
	outcomes [sim.NumOutcomes]int32
	good     int32
	over     [numLimits]int32 // ok calls over each limit of the objective
	achieved int32            // ok calls by the time their last byte came
	response int64            // sum of the response times of the ok calls, in µs
}

func (s *second) calls() (n int64) {
	for _, c := range s.outcomes {
		n += int64(c)
	}
	return n
}

func (s *second) add(t *second) {
	for o := range s.outcomes {
		s.outcomes[o] += t.outcomes[o]
	}
	s.good += t.good
	for i := range s.over {
		s.over[i] += t.over[i]
	}
	s.achieved += t.achieved
	s.response += t.response
}

// A timeline counts by the second, and by wider steps where a run is longer than maxSeconds.
type timeline struct {
	step time.Duration
	at   []second
}

// second returns the entry of time t, which becomes the last if it lies beyond the end.
func (l *timeline) second(t time.Duration) *second {
	i := int(max(t, 0) / l.step)
	if i >= len(l.at) {
		for i >= maxSeconds {
			l.fold(widen(l.step))
			i = int(t / l.step)
		}
		for i >= len(l.at) {
			l.at = append(l.at, second{})
		}
	}
	return &l.at[i]
}

// fold widens the step to a multiple of it.
func (l *timeline) fold(step time.Duration) {
	if step == l.step {
		return
	}
	n := int(step / l.step)
	for i := range l.at {
		if i%n == 0 {
			l.at[i/n] = l.at[i]
		} else {
			l.at[i/n].add(&l.at[i])
		}
	}
	l.at = l.at[:(len(l.at)+n-1)/n]
	l.step = step
}

// merge adds what u counted; the wider step stays. Both steps lie on one path of widen.
func (l *timeline) merge(u *timeline) {
	for l.step < u.step {
		l.fold(widen(l.step))
	}
	for i := range u.at {
		if u.at[i] != (second{}) {
			l.second(time.Duration(i) * u.step).add(&u.at[i])
		}
	}
}

// reset forgets the counts and keeps the memory.
func (l *timeline) reset(step time.Duration) {
	clear(l.at)
	l.at, l.step = l.at[:0], step
}

// Cells are small histograms of the response times of ok calls by intended start.
type cells struct {
	step time.Duration
	at   []*histogram // nil where there was no ok call yet
}

// cell returns the histogram of time t.
func (c *cells) cell(t time.Duration) *histogram {
	i := int(max(t, 0) / c.step)
	for i >= maxCells {
		c.fold(widen(c.step))
		i = int(t / c.step)
	}
	for i >= len(c.at) {
		c.at = append(c.at, nil)
	}
	if c.at[i] == nil {
		c.at[i] = newHistogram(coarseDigits)
	}
	return c.at[i]
}

// fold widens the step to a multiple of it.
func (c *cells) fold(step time.Duration) {
	if step == c.step {
		return
	}
	n := int(step / c.step)
	for i, h := range c.at {
		switch {
		case i%n == 0:
			c.at[i/n] = h
		case c.at[i/n] == nil:
			c.at[i/n] = h
		case h != nil:
			c.at[i/n].merge(h)
		}
	}
	kept := (len(c.at) + n - 1) / n
	clear(c.at[kept:])
	c.at = c.at[:kept]
	c.step = step
}

// merge adds what u counted; the wider step stays.
func (c *cells) merge(u *cells) {
	for c.step < u.step {
		c.fold(widen(c.step))
	}
	for i, h := range u.at {
		if h.count() > 0 {
			c.cell(time.Duration(i) * u.step).merge(h)
		}
	}
}

// reset forgets the times and keeps the memory.
func (c *cells) reset(step time.Duration) {
	for _, h := range c.at {
		h.reset()
	}
	c.step = step
}
