package backend

import (
	"sort"
	"time"
)

// A stretch is one event's worth of steps: a single step, or a run of decode steps in which nothing
// can change. Its first step takes `first` and each one `growth` more than the one before, as every
// decoder's context grows by a token:
//
//	T(j) = j first + growth j (j-1)/2
//
// in integer picoseconds, so that k steps at once end at the same moment as k steps one by one.
type stretch struct {
	steps         int64
	first, growth int64 // picoseconds
	decode        int   // decoding sequences
	tokens        int   // computed in each step
}

// after returns the time of the first j steps.
func (s *stretch) after(j int64) int64 { return j*s.first + s.growth*(j*(j-1)/2) }

// share returns what one token costs over j steps: each step's time divided by its tokens. It is the
// same however a stretch is cut, since in a stretch of decode steps growth is a multiple of tokens.
func (s *stretch) share(j int64) int64 {
	tokens := int64(s.tokens)
	return j*(s.first/tokens) + s.growth/tokens*(j*(j-1)/2)
}

// seen returns when the boundary after j steps of the stretch under way is seen.
func (e *engine) seen(j int64) time.Duration {
	return e.clock + time.Duration((e.part+e.stretch.after(j)+picoseconds-1)/picoseconds)
}

// form begins the next step at the boundary now, or lets the engine go idle: decoding sequences
// first, then the prompts begun before, then who waits, in order of arrival. The first that waits
// holds up the others (head-of-line blocking), for want of a slot or of memory. Blocks for prompt and
// output together are reserved at admission, so nothing is ever preempted in this form of the model.
func (e *engine) form(now time.Duration) {
	budget := e.tokens - len(e.decoding)
	batch := Batch{Decode: len(e.decoding), Context: e.context}
	for _, s := range e.prefilling {
		budget -= batch.prefill(s, budget)
	}
	for budget > 0 && e.running() < e.seqs {
		s := e.waiting.first()
		if s == nil || s.blocks > e.blocks-e.held || s.arrived >= now {
			break
		}
		e.waiting.leave(&s.waits)
		s.stage = prefilling
		e.held += s.blocks
		e.prefilling = append(e.prefilling, s)
		if s.token != nil {
			e.watched = append(e.watched, s)
		}
		budget -= batch.prefill(s, budget)
	}
	batch.Seqs = e.running()
	if batch.Seqs == 0 {
		e.busy = false
		if e.waiting.length > 0 {
			e.wake() // they came in this very instant
		}
		return
	}
	e.stretch = stretch{steps: 1, decode: batch.Decode, tokens: batch.Decode + batch.Prefill}
	if batch.Prefill > 0 || e.affine == nil {
		e.stretch.first = int64(e.time.StepTime(batch)) * picoseconds
	} else {
		base, slope := e.affine.Affine(batch)
		e.stretch.first = base + slope*e.context
		e.stretch.growth = slope * int64(batch.Decode)
		e.stretch.steps = e.horizon(now)
	}
	e.timer = e.env.At(e.seen(e.stretch.steps), e.boundary)
}

// prefill adds the next chunk of a prompt to the batch and returns its tokens, at most budget.
func (b *Batch) prefill(s *sequence, budget int) int {
	n := min(s.prompt-s.computed, budget)
	s.chunk = n
	b.Prefill += n
	b.Pairs += float64(n) * (float64(s.computed) + float64(n)/2)
	return n
}

// horizon returns for how many steps of decoding nothing can change unless something arrives or
// goes: until the first sequence ends. If the head of the queue is held up, it is so until then.
func (e *engine) horizon(now time.Duration) int64 {
	unseen := e.waiting.first() != nil && e.waiting.first().arrived >= now
	if e.single || unseen || len(e.watched) > 0 {
		return 1
	}
	return e.decoding[0].ends - e.epoch
}

// interrupt ends the stretch under way at the first boundary after now.
func (e *engine) interrupt() {
	steps := e.stretch.steps
	if !e.busy || steps <= 1 {
		return
	}
	now := e.env.Now()
	j := 1 + int64(sort.Search(int(steps-1), func(i int) bool { return e.seen(int64(i)+1) > now }))
	if j == steps {
		return
	}
	e.timer.Stop()
	e.stretch.steps = j
	e.timer = e.env.At(e.seen(j), e.boundary)
}

// advance carries out the stretch under way and returns its boundary: tokens come, prompts that are
// done begin to decode, and sequences whose last token came end.
func (e *engine) advance() time.Duration {
	st := e.stretch
	took := st.after(st.steps)
	part := e.part + took
	e.clock += time.Duration(part / picoseconds)
	e.part = part % picoseconds
	now := e.seen(0)
	e.stretch = stretch{}

	e.totals.steps += st.steps
	e.totals.busy += took
	share := st.share(st.steps)
	if st.decode > 0 {
		e.epoch += st.steps
		e.share += share
		e.context += int64(st.decode) * st.steps
		e.totals.decoded += int64(st.decode) * st.steps
	}
	for _, s := range e.watched {
		if s.stage == decoding && !s.gone {
			s.token(1 + int(e.epoch-s.joined))
		}
	}
	e.prompted(now, share)
	for len(e.decoding) > 0 && e.decoding[0].ends <= e.epoch {
		e.finish(e.decoding.remove(0).sequence)
	}
	return now
}

// prompted counts the chunks of the step that has ended. A prompt that is done yields the first token.
func (e *engine) prompted(now time.Duration, share int64) {
	kept := e.prefilling[:0]
	for i, s := range e.prefilling {
		s.computed += s.chunk
		s.work += int64(s.chunk) * share
		e.totals.prefilled += int64(s.chunk)
		s.chunk = 0
		if s.computed < s.prompt {
			kept = append(kept, e.prefilling[i])
			continue
		}
		s.first = now
		if s.token != nil && !s.gone {
			s.token(1)
		}
		if s.output == 1 {
			e.finish(s)
			continue
		}
		s.stage = decoding
		s.joined, s.before = e.epoch, e.share
		e.context += int64(s.prompt)
		e.decoding.push(decoder{ends: e.epoch + int64(s.output) - 1, order: e.orders, sequence: s})
		e.orders++
	}
	clear(e.prefilling[len(kept):])
	e.prefilling = kept
}
