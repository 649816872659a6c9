package backend

import "time"

// form begins the next step at the boundary now, or lets the engine go idle. Only who could be seen
// before cut can be admitted.
func (e *engine) form(now, cut time.Duration) {
	for {
		e.reveal(cut)
		preempted := e.schedule(now)
		batch := e.batch()
		if batch.Prefill+batch.Decode > 0 {
			e.start(batch, preempted, now)
			return
		}
		if preempted {
			e.unstall() // the step threw sequences out and computed nothing
			continue
		}
		// Nothing runs, so nothing waits but on its way in.
		first := e.arriving.first
		if first == nil {
			e.busy = false
			return
		}
		if first.visible >= now {
			e.busy = false
			e.wake(first.visible)
			return
		}
		cut = now // an idle engine takes at once what it sees
	}
}

// reveal lets those wait that could be seen before cut.
func (e *engine) reveal(cut time.Duration) {
	for s := e.arriving.first; s != nil && s.visible < cut; s = e.arriving.first {
		e.arriving.leave(s)
		s.stage = queued
		e.waiting.join(s)
	}
}

// schedule says what the next step computes, as vLLM's scheduler does (vllm/v1/core/sched/scheduler.py):
// first the running sequences in the order of their admission, each as many of its tokens as the budget
// leaves; then, unless one was thrown out for want of memory, who waits. It reports whether one was.
func (e *engine) schedule(now time.Duration) (preempted bool) {
	budget := e.tokens
	if e.ablation.PrefillFirst && e.promptsFirst(&budget, now) {
		return false
	}
	if !e.allFit(&budget) {
		preempted = e.inOrder(&budget, now)
	}
	e.blocked = false
	if !preempted || e.ablation.AdmitAfterPreemption {
		e.admit(&budget, now)
	}
	return preempted
}

// chunkOf returns how many tokens of a prompt with so many left one step computes. A sequence never
// grows beyond max_model_len, as its call would have been refused.
func (e *engine) chunkOf(left, budget int) int {
	if e.threshold > 0 {
		left = min(left, e.threshold)
	}
	return min(left, budget)
}

// allFit schedules all running sequences at once, if it is plain that their order does not matter: the
// budget is enough for all, or only the last ones admitted can be short of it, and memory is enough.
// Otherwise it does nothing and reports false.
func (e *engine) allFit(budget *int) bool {
	if e.single {
		return false
	}
	wanted := len(e.decoding)
	for _, s := range e.prefilling {
		wanted += e.chunkOf(s.tokens()-s.computed, e.tokens)
	}
	if wanted > e.tokens && !e.prefillLast() {
		return false
	}
	left := e.tokens - len(e.decoding)
	need := e.needs(0)
	for _, s := range e.prefilling {
		s.chunk = e.chunkOf(s.tokens()-s.computed, left)
		left -= s.chunk
		need += e.blocksFor(s.computed+s.chunk) - e.blocksFor(s.computed)
	}
	if need > e.pool.free() {
		return false
	}
	e.pool.takeBlank(e.needs(0))
	for _, s := range e.prefilling {
		e.extend(s, s.chunk)
	}
	*budget = left
	return true
}

// prefillLast reports whether all that do not decode were admitted after all that do.
func (e *engine) prefillLast() bool {
	s := e.running.last
	for range e.prefilling {
		if s.stage != prefilling {
			return false
		}
		s = s.prev
	}
	return true
}

// extend gives a sequence that does not decode a chunk of n tokens and the blocks for it.
func (e *engine) extend(s *sequence, n int) {
	s.chunk = n
	if n == 0 {
		return
	}
	s.took = e.blocksFor(s.computed+n) - e.blocksFor(s.computed)
	e.pool.grow(&s.kv, s.took)
	e.pool.fill(&s.kv, s.computed+n)
}

// inOrder schedules the running sequences one by one. Where memory is short the last one admitted
// gives way, or the least important, until there is enough; if that is the sequence itself the step
// ends with those before it. Decoders that got no turn stand aside for this step.
func (e *engine) inOrder(budget *int, now time.Duration) (preempted bool) {
	for _, s := range e.prefilling {
		s.chunk = 0
	}
	s := e.running.first
	for s != nil && *budget > 0 {
		computed, n := s.computed, 1
		if s.stage == decoding {
			computed += int(e.epoch - s.joined)
		} else {
			n = e.chunkOf(s.tokens()-s.computed, *budget)
		}
		need := e.blocksFor(computed+n) - e.blocksFor(computed)
		after, out := s.next, false
		for need > e.pool.free() && !out {
			victim := e.victim()
			if victim == after {
				after = after.next
			}
			out = victim == s
			*budget += victim.chunk
			e.preempt(victim, now)
			preempted = true
		}
		if out {
			s = after
			break
		}
		if s.stage == decoding {
			s.chunk, s.took = 1, need
			e.pool.takeBlank(need)
		} else {
			e.extend(s, n)
		}
		*budget -= n
		s = s.next
	}
	for ; s != nil; s = s.next {
		e.standAside(s, now)
	}
	for _, d := range e.decoding {
		d.chunk, d.took = 0, 0
	}
	return preempted
}

// standAside lets a decoder without a turn pass the step.
func (e *engine) standAside(s *sequence, now time.Duration) {
	if s.stage != decoding {
		return
	}
	e.decoding.remove(s.place)
	e.settle(s)
	s.stage, s.last = prefilling, now
	e.stalled = append(e.stalled, s)
}

// victim returns the running sequence that gives way.
func (e *engine) victim() *sequence {
	worst := e.running.last
	if e.byClass {
		for s := e.running.first; s != nil; s = s.next {
			if s.priority > worst.priority || s.priority == worst.priority && s.arrival > worst.arrival {
				worst = s
			}
		}
	}
	return worst
}

// preempt throws a running sequence out: its blocks are free, and it waits again, before all who came
// later, to compute its prompt and what it has put out so far as one prompt. Its outputs are kept, and
// its caller has seen its first token when it came.
func (e *engine) preempt(s *sequence, now time.Duration) {
	if s.stage == decoding {
		s.last = now
	}
	s.names.thrown = true
	e.release(s, false)
	s.peak = max(s.peak, s.computed)
	s.computed, s.chunk, s.took = 0, 0, 0
	e.totals.preempted++
	if e.ablation.Redecode {
		s.emitted = 0
	}
	if s.gone && e.cancel == CancelQueued {
		e.end(s)
		return
	}
	s.stage = queued
	e.waiting.rejoin(s)
}

// admit gives slots to who waits, in order. The first that cannot begin holds up the others, for want
// of a slot, of budget or of memory (head-of-line blocking).
func (e *engine) admit(budget *int, now time.Duration) {
	for *budget > 0 && e.running.length < e.seqs {
		s := e.waiting.first()
		if s == nil {
			return
		}
		tokens := s.tokens()
		hit, unheld := 0, 0
		if e.caching {
			hit, unheld = e.pool.hit(&s.names, (tokens-1)/e.block)
		}
		computed := hit * e.block
		if e.whole && tokens-computed > *budget {
			return
		}
		n := e.chunkOf(tokens-computed, *budget)
		until := computed + n
		if e.reserve {
			until = tokens
		}
		if e.ablation.ForgetUnheld {
			unheld = 0
		}
		if e.blocksFor(until)-hit+unheld+e.watermark > e.pool.free() {
			e.blocked = true
			return
		}
		e.waiting.leave(s)
		e.take(s, hit, n, now)
		*budget -= n
	}
}

// take gives a waiting sequence a slot, `hit` cached blocks and a first chunk of n tokens.
func (e *engine) take(s *sequence, hit, n int, now time.Duration) {
	computed := hit * e.block
	e.pool.admit(&s.kv, &s.names, hit, e.blocksFor(computed+n)-hit)
	e.pool.fill(&s.kv, computed+n)
	if !s.started {
		s.started, s.began, s.cached = true, now, min(computed, s.prompt)
		if e.caching {
			e.totals.queried += int64(s.prompt)
			e.totals.hits += int64(s.cached)
		}
	}
	s.stage, s.computed, s.chunk = prefilling, computed, n
	e.running.join(s)
	e.prefilling = append(e.prefilling, s)
	if s.token != nil {
		e.watched = append(e.watched, s)
	}
}

// batch returns what the step computes.
func (e *engine) batch() Batch {
	b := Batch{Decode: len(e.decoding), Seqs: len(e.decoding), Context: e.context}
	for _, s := range e.prefilling {
		switch {
		case s.chunk == 0:
			continue
		case s.chunk == 1 && s.computed >= s.prompt:
			b.Decode++
			b.Context += int64(s.computed)
		default:
			b.Prefill += s.chunk
			b.Pairs += float64(s.chunk) * (float64(s.computed) + float64(s.chunk)/2)
		}
		b.Seqs++
	}
	return b
}
