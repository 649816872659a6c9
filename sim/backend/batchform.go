package backend

import (
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// How batches are put together (Triton's dynamic batcher; a static batch is the case without preferred
// sizes):
//
//  1. A level that is full refuses at once.
//  2. Where an instance is free, calls are taken from the highest level; from a lower one only when
//     those above are empty. There is no ageing.
//  3. The largest preferred size that can be formed is sent. Where none can, the oldest call waits for
//     at most the delay, then what is there is sent. Without preferred sizes the largest batch is the
//     one preferred, and with no delay either, whatever waits is sent at once.
//  4. Who is late is found out only while a batch is formed, so a refusal may come late: with all
//     instances at work nobody looks.

// limit returns when a call that comes now will be late.
func (p *QueuePolicy) limit(now, patience time.Duration) time.Duration {
	timeout := p.DefaultTimeout
	if p.AllowTimeoutOverride && patience != sim.Forever && (timeout == 0 || patience < timeout) {
		timeout = max(patience, 1)
	}
	if timeout == 0 || timeout > sim.Forever-now {
		return sim.Forever
	}
	return now + timeout
}

func (l *standing) length() int { return l.onTime.length + l.late.length }

// next returns who is taken next from the level; nil if nobody waits there.
func (l *standing) next() *ticket {
	if t := l.onTime.first(); t != nil {
		return t
	}
	return l.late.first()
}

// form sends as many batches as there are to send, from the given time on.
func (b *batcher) form(from time.Duration) {
	b.timer.Stop()
	for len(b.idle) > 0 && b.waiting > 0 {
		now := b.env.Now()
		there, first := b.look(now)
		size := b.worthwhile(there)
		if size == 0 && there > 0 {
			due := b.oldest() + b.delay
			if due > now {
				b.timer = b.env.At(min(due, first), b.wake)
				return
			}
			size = there
		}
		if size == 0 {
			return // all were late
		}
		b.send(from, size)
	}
}

// worthwhile returns the size of the batch to send at once where so many calls are there, at most
// those of the largest batch; 0: it is worth waiting for more.
func (b *batcher) worthwhile(there int) int {
	for i := len(b.preferred) - 1; i >= 0; i-- {
		if b.preferred[i] <= there {
			return b.preferred[i]
		}
	}
	if there == b.most || b.delay == 0 {
		return there
	}
	return 0
}

// look applies the timeouts to the calls that the next batch may take, and returns how many those are
// and when the first of them will be late.
func (b *batcher) look(now time.Duration) (there int, first time.Duration) {
	first = sim.Forever
	if !b.timeouts {
		return min(b.waiting, b.most), first
	}
	for at := range b.levels {
		l := &b.levels[at]
		place := l.onTime.chain.First()
		for place != nil && there < b.most {
			t := place.Of
			place = place.Next()
			if t.limit > now {
				first = min(first, t.limit)
				there++
				continue
			}
			b.late(t)
		}
		there = min(there+l.late.length, b.most)
	}
	return there, first
}

// late does with a call that is late what its level says.
func (b *batcher) late(t *ticket) {
	l := &b.levels[t.level]
	if l.TimeoutAction == TimeoutDelay {
		l.onTime.leave(&t.place)
		t.late = true
		l.late.join(&t.place, t)
		return
	}
	b.leave(t)
	t.refused = true
	if t.gone {
		b.recycle(t)
		return
	}
	t.done.Fire()
}

// oldest returns when the call came that has waited longest. Those that were put back count by the one
// that was put back first.
func (b *batcher) oldest() time.Duration {
	oldest := sim.Forever
	for at := range b.levels {
		l := &b.levels[at]
		if t := l.onTime.first(); t != nil {
			oldest = min(oldest, t.arrived)
		}
		if t := l.late.first(); t != nil {
			oldest = min(oldest, t.arrived)
		}
	}
	return oldest
}
