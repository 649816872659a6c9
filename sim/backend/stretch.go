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

// start begins the step of this batch at the boundary now, and with it as many steps of decoding as
// nothing can change in.
func (e *engine) start(b Batch, preempted bool, now time.Duration) {
	e.busy = true
	e.stretch = stretch{steps: 1, decode: len(e.decoding), tokens: b.Decode + b.Prefill}
	if b.Prefill > 0 || e.affine == nil {
		e.stretch.first = paced(int64(e.time.StepTime(b))*picoseconds, e.pace)
	} else {
		base, slope := e.affine.Affine(b)
		slope = paced(slope, e.pace)
		e.stretch.first = paced(base, e.pace) + slope*b.Context
		e.stretch.growth = slope * int64(b.Decode)
		if !preempted && len(e.prefilling)+len(e.stalled) == 0 {
			e.stretch.steps = e.horizon()
		}
	}
	e.timer = e.env.At(e.seen(e.stretch.steps), e.boundary)
}

// horizon returns for how many steps of decoding nothing can change unless something arrives or goes:
// until the first sequence ends, blocks run out, or one that is on its way in could be admitted. If the
// head of the queue is held up it is so until then: what it needs can only grow while blocks are taken,
// but where its first chunk alone must fit, and shrinks with what is found in the cache.
func (e *engine) horizon() int64 {
	if e.single || len(e.watched)+len(e.watchers)+len(e.leaving) > 0 ||
		e.blocked && e.caching && !e.reserve {
		return 1
	}
	e.stretch.steps = e.lasting(e.decoding[0].ends - e.epoch)
	if e.arriving.first != nil && e.arrivalsMatter() {
		return e.boundaryFor(e.arriving.first.visible)
	}
	return e.stretch.steps
}

// phase returns the decoders that need a block in the step i steps from now, as an index of phases.
func (e *engine) phase(i int64) int {
	block := int64(e.block)
	return int((block - (e.epoch+i)%block) % block)
}

// needs returns how many blocks the decoders take at the beginning of the step i steps from now.
func (e *engine) needs(i int64) int { return e.phases[e.phase(i)] }

// needed returns how many they take at the beginnings of steps 1 to n-1; step 0 has its blocks. Every
// decoder takes one in as many steps as a block has tokens.
func (e *engine) needed(n int64) int {
	if n <= 1 {
		return 0
	}
	rounds := (n - 1) / int64(e.block)
	sum := int(rounds) * len(e.decoding)
	for i := 1 + rounds*int64(e.block); i < n; i++ {
		sum += e.needs(i)
	}
	return sum
}

// lasting returns for how many steps, at most `most`, the free blocks last; step 0 has its own.
func (e *engine) lasting(most int64) int64 {
	block, decoders, free := int64(e.block), len(e.decoding), e.pool.free()
	rounds := (most - 1 + block - 1) / block
	if int64(free) >= rounds*int64(decoders) {
		return most
	}
	rounds = int64(free / decoders)
	free -= int(rounds) * decoders
	steps := 1 + rounds*block
	for ; steps < most; steps++ {
		if free -= e.needs(steps); free < 0 {
			break
		}
	}
	return min(steps, most)
}

// boundaryFor returns the boundary of the stretch under way at which one that can be seen at the given
// time can be admitted: the first after it, or, where a step's batch is formed while the one before
// runs, the one after that.
func (e *engine) boundaryFor(visible time.Duration) int64 {
	j := e.boundaryAfter(visible)
	if e.async {
		if e.seen(0) > visible {
			j = 0
		}
		j++
	}
	return min(j, e.stretch.steps)
}

// boundaryAfter returns the first boundary of the stretch under way that is seen after the given time,
// or the last.
func (e *engine) boundaryAfter(t time.Duration) int64 {
	return 1 + int64(sort.Search(int(max(e.stretch.steps-1, 0)), func(i int) bool { return e.seen(int64(i)+1) > t }))
}

// passed returns how many steps of the stretch under way have ended, without the last.
func (e *engine) passed(now time.Duration) int64 { return e.boundaryAfter(now) - 1 }

// shorten ends the stretch under way at boundary j.
func (e *engine) shorten(j int64) {
	if !e.busy || e.stopped || j >= e.stretch.steps {
		return
	}
	e.timer.Stop()
	e.stretch.steps = j
	e.timer = e.env.At(e.seen(j), e.boundary)
}

// carry carries out the first j steps of the stretch under way, as far as nothing else changes in them,
// and takes the blocks of the one after them if there is one. It returns what one token cost.
func (e *engine) carry(j int64) (share int64) {
	st := &e.stretch
	took := st.after(j)
	share = st.share(j)
	if st.steps > 1 {
		e.pool.takeBlank(e.needed(min(j+1, st.steps)))
	}
	if j > 0 {
		e.previous = e.seen(j - 1)
	}
	part := e.part + took
	e.clock += time.Duration(part / picoseconds)
	e.part = part % picoseconds
	e.totals.steps += j
	e.totals.busy += took
	if st.decode > 0 {
		e.bookGaps(st, j)
		n := int64(st.decode) * j
		e.epoch += j
		e.share += share
		e.context += n
		e.totals.decoded += n
		e.totals.emitted += n
	}
	st.first += st.growth * j
	st.steps -= j
	return share
}

// advance ends the stretch under way and returns its boundary, and before when one must have been seen
// to be admitted there: tokens come, prompts that are done begin to decode, and sequences whose last
// token came end.
func (e *engine) advance() (now, cut time.Duration) {
	share := e.carry(e.stretch.steps)
	now = e.clock
	if e.part > 0 {
		now++
	}
	cut = now
	if e.async {
		cut = e.previous
	}
	e.stretch = stretch{}
	for _, s := range e.watched {
		if s.stage == decoding && !s.gone {
			e.send(parcel{s: s, life: s.life, token: s.emitted + int(e.epoch-s.joined)}, now)
		}
	}
	e.computed(share, now)
	e.unstall()
	for len(e.decoding) > 0 && e.decoding[0].ends <= e.epoch {
		e.finish(e.decoding[0].sequence, now)
	}
	return now, cut
}

// unstall lets those decode again that had no part in a step.
func (e *engine) unstall() {
	for _, s := range e.stalled {
		e.decode(s)
	}
	clear(e.stalled)
	e.stalled = e.stalled[:0]
}

// computed counts the chunks of the step that has ended at the boundary now. One that computes the last
// of a sequence's tokens yields another.
func (e *engine) computed(share int64, now time.Duration) {
	kept, done := e.prefilling[:0], e.finished[:0]
	for _, s := range e.prefilling {
		again := min(s.chunk, max(s.peak-s.computed, 0))
		s.computed += s.chunk
		s.work += int64(s.chunk) * share
		s.again += int64(again) * share
		e.totals.prefilled += int64(s.chunk)
		ready := s.chunk > 0 && s.computed == s.tokens()
		s.chunk, s.took = 0, 0
		if ready {
			done = append(done, s)
		} else {
			kept = append(kept, s)
		}
	}
	clear(e.prefilling[len(kept):])
	e.prefilling = kept
	for _, s := range done {
		e.emit(s, now)
	}
	clear(done)
	e.finished = done[:0]
}

// emit is a token of a sequence that did not decode, at the boundary now.
func (e *engine) emit(s *sequence, now time.Duration) {
	s.emitted++
	e.totals.emitted++
	if s.first == 0 {
		e.totals.pending -= int64(s.prompt)
		e.totals.prompted += int64(s.prompt)
		s.first = now + e.response
	} else {
		s.bookGap(now)
	}
	if s.token != nil && !s.gone {
		e.send(parcel{s: s, life: s.life, token: s.emitted}, now)
	}
	s.last = now
	if s.emitted == s.output {
		e.finish(s, now)
		return
	}
	e.decode(s)
}

// decode lets a sequence take part in the steps from the next on, one token in each.
func (e *engine) decode(s *sequence) {
	s.stage = decoding
	s.joined, s.before = e.epoch, e.share
	e.context += int64(s.computed)
	e.phases[e.phaseOf(s)]++
	e.joinGaps(s)
	e.decoding.push(decoder{ends: e.epoch + int64(s.output-s.emitted), order: e.orders, sequence: s})
	e.orders++
}

func (e *engine) phaseOf(s *sequence) int {
	block := int64(e.block)
	return int(((int64(s.computed)-s.joined)%block + block) % block)
}

// settle writes down what a sequence has done as a decoder, which it is no more.
func (e *engine) settle(s *sequence) {
	steps := e.epoch - s.joined
	e.phases[e.phaseOf(s)]--
	e.leaveGaps(s)
	s.computed += int(steps)
	s.emitted += int(steps)
	s.work += e.share - s.before
	e.context -= int64(s.computed)
	e.pool.adopt(&s.kv, e.blocksFor(s.computed)+s.took)
	s.joined, s.took = e.epoch, 0
}
