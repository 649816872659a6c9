package backend

import "time"

// An Ablation switches rules of the scheduler off, for tests that a rule matters: that the result gets
// worse without it. No scenario can name it. All false is the model; prefix caching, admission in order
// of memory and asynchronous scheduling have settings of their own.
type Ablation struct {
	Redecode             bool // a preempted sequence loses its outputs and decodes them again
	PrefillFirst         bool // prompts go before decoding, which waits while there are any
	AdmitAfterPreemption bool // sequences are admitted in a step that threw others out
	ForgetUnheld         bool // cached blocks that nobody holds do not count against free ones
}

// promptsFirst schedules prompts alone, if there are any that can begin or go on: engines did so before
// they computed prompts in chunks beside decoding.
func (e *engine) promptsFirst(budget *int, now time.Duration) bool {
	e.blocked = false
	for _, s := range e.prefilling {
		n := e.chunkOf(s.tokens()-s.computed, *budget)
		if e.blocksFor(s.computed+n)-e.blocksFor(s.computed) > e.pool.free() {
			n = 0
		}
		e.extend(s, n)
		*budget -= n
	}
	e.admit(budget, now)
	if *budget == e.tokens {
		return false
	}
	for len(e.decoding) > 0 {
		e.standAside(e.decoding[0].sequence, now)
	}
	return true
}
