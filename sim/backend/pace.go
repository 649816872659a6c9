package backend

import (
	"math"
	"time"
)

// paced returns how long something takes at a pace, in picoseconds.
func paced(d int64, pace float64) int64 {
	if pace == 1 {
		return d
	}
	return int64(math.Round(float64(d) * pace))
}

// setPace makes all steps take factor times as long from now on, what is left of the one under way
// included; +Inf stops the engine.
func (e *engine) setPace(factor float64) {
	now := e.env.Now()
	if math.IsInf(factor, 1) {
		if !e.stopped {
			e.cut(now)
			e.timer.Stop()
			e.stopped, e.since = true, now
			e.waking = false
		}
		return
	}
	if e.stopped {
		if e.busy {
			e.clock += now - e.since
		}
		e.stopped = false
	} else {
		e.cut(now)
	}
	change := factor / e.pace
	e.pace = factor
	if e.busy {
		e.timer.Stop()
		elapsed := min(e.elapsed(), e.stretch.first)
		e.stretch.first = elapsed + paced(e.stretch.first-elapsed, change)
		e.timer = e.env.At(e.seen(1), e.boundary)
	} else if first := e.arriving.first; first != nil && !e.waking {
		e.wake(max(first.visible, now))
	}
}

// cut carries out the steps that have ended, so that the one under way stands alone.
func (e *engine) cut(now time.Duration) {
	if !e.busy {
		return
	}
	if done := e.passed(now); done > 0 {
		e.carry(done)
	}
	e.stretch.steps, e.stretch.growth = 1, 0
}

// kill ends all at once. What was used so far, the part of the step under way included, is wasted.
func (e *engine) kill() {
	if !e.stopped {
		e.cut(e.env.Now())
	}
	if elapsed := e.elapsed(); elapsed > 0 {
		share := elapsed / int64(e.stretch.tokens)
		e.totals.busy += elapsed
		e.share += share
		for _, s := range e.prefilling {
			s.work += share * int64(s.chunk)
		}
		for _, s := range e.stalled {
			s.before = e.share
		}
	}
	e.timer.Stop()
	e.busy, e.waking, e.stretch = false, false, stretch{}
	clear(e.leaving)
	e.leaving = e.leaving[:0]
	for s := e.running.first; s != nil; s = e.running.first {
		e.release(s, true)
		e.die(s)
	}
	for s := e.waiting.first(); s != nil; s = e.waiting.first() {
		e.waiting.leave(s)
		e.die(s)
	}
	for s := e.arriving.first; s != nil; s = e.arriving.first {
		e.arriving.leave(s)
		e.die(s)
	}
	lost := e.outbox.parcels[e.outbox.next:]
	e.outbox.parcels, e.outbox.next = nil, 0
	for _, p := range lost {
		if p.token == 0 {
			e.die(p.s)
		}
	}
	e.totals.pending = 0
}

// die tells the caller of a sequence that its connection broke.
func (e *engine) die(s *sequence) {
	s.stage, s.reset = ended, true
	e.book(s)
	if !s.gone {
		s.done.Fire()
	}
}
