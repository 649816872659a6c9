package backend

import (
	"net/http"
	"slices"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// An engine is one replica of the llm model: it computes in steps, and every step carries one token
// of each decoding sequence and, in what is left of its token budget, chunks of prompts. Its events
// are steps, never tokens or processes; a stretch of steps in which nothing can change is one event
// (stretch.go). Nothing is done per sequence and step: decoders share a count of epochs and a sum of
// shares, so that a step costs what joins and leaves in it.
//
// Step times are picoseconds, whole nanoseconds where they leave the engine: a boundary is seen at the
// next whole nanosecond. A step begins at the boundary before it, not at the moment at which its event
// ran, so that late timers in wall-clock time do not slow the service. What arrives in the very instant
// of a boundary joins at the next one, whatever the order of events in that instant: so it does not
// matter which boundaries had an event.
type engine struct {
	engineSize
	env    sim.Env
	time   StepTime
	affine Affine // the step time again, if it can tell the time of many decode steps; nil: it cannot
	single bool   // every step is an event of its own: for the test that skipping changes nothing

	waiting    line[sequence]
	prefilling []*sequence // in order of admission; all but the last get their prompts done in the step under way
	decoding   decoders
	watched    []*sequence // running sequences whose every token is asked for
	leaving    []*sequence // running sequences whose callers have gone, to drop at a boundary
	held       int         // blocks
	context    int64       // tokens computed before, over the decoding sequences
	epoch      int64       // steps with decoding sequences so far
	share      int64       // sum over these of step time / tokens computed: what each decoder has used
	orders     int64       // sequences that began to decode so far

	busy     bool          // a stretch of steps is under way, or about to begin
	clock    time.Duration // the boundary at which it began
	part     int64         // and picoseconds behind that, below 1000
	stretch  stretch
	boundary func() // stepped, made once
	begin    func() // started, made once
	timer    sim.Timer
	unused   []*sequence

	totals engineTotals
}

// engineSize is what bounds an engine.
type engineSize struct {
	seqs   int // running sequences
	tokens int // computed in a step; at least seqs, so that decoders always have room
	limit  int // waiting sequences; negative: no limit
	length int // tokens of prompt and output together; 0: what the memory holds
	block  int // tokens of a block
	blocks int // of keys and values, those that sequences can use
	cancel Cancel
}

// engineTotals count what an engine has done, for conservation tests.
type engineTotals struct {
	arrived, refused, finished, abandoned int64
	steps, events                         int64
	prefilled, decoded                    int64 // tokens
	busy                                  int64 // picoseconds of steps
}

func newEngine(env sim.Env, size engineSize, t StepTime) *engine {
	e := &engine{engineSize: size, env: env, time: t}
	e.affine, _ = t.(Affine)
	e.boundary, e.begin = e.stepped, e.started
	return e
}

// handle carries one call.
func (e *engine) handle(r sim.Request) sim.Reply {
	if r.Gone.Fired() {
		return abandoned
	}
	e.totals.arrived++
	prompt, output := max(r.Prompt, 1), max(r.Output, 1)
	blocks := (prompt + output + e.block - 1) / e.block
	switch {
	case blocks > e.blocks || e.length > 0 && prompt+output > e.length:
		e.totals.refused++
		return refuse(http.StatusBadRequest, ReasonTooLong)
	case e.limit >= 0 && e.waiting.length >= e.limit+e.free():
		e.totals.refused++
		return refuse(http.StatusServiceUnavailable, ReasonQueueFull)
	}
	s := e.fresh()
	s.cost, s.token, s.prompt, s.output, s.blocks = r.Cost, r.Token, prompt, output, blocks
	s.arrived = e.env.Now()
	e.waiting.join(&s.waits, s)
	e.noticeArrival()
	if !e.env.Await(sim.Forever, &s.done, r.Gone) {
		e.abandon(s)
		return abandoned
	}
	reply := answer(s.first, s.output, time.Duration(s.work/picoseconds))
	e.recycle(s)
	return reply
}

// fresh returns a sequence to use, stage queued.
func (e *engine) fresh() *sequence {
	last := len(e.unused) - 1
	if last < 0 {
		return new(sequence)
	}
	s := e.unused[last]
	e.unused = e.unused[:last]
	*s = sequence{}
	return s
}

// recycle takes back a sequence that neither a caller nor the engine needs any more.
func (e *engine) recycle(s *sequence) { e.unused = append(e.unused, s) }

// free returns how many waiting sequences could begin at the next boundary without waiting for
// another to end: the free slots, or none where memory holds up the first that waits.
func (e *engine) free() int {
	if head := e.waiting.first(); head != nil && head.blocks > e.blocks-e.held {
		return 0
	}
	return e.seqs - e.running()
}

func (e *engine) running() int { return len(e.prefilling) + len(e.decoding) }

// noticeArrival begins a stretch if the engine is idle, or ends the stretch under way early if the
// arrival could join at a boundary inside it. An arrival behind others changes nothing: they wait for
// a slot or for memory, and only what leaves gives those.
func (e *engine) noticeArrival() {
	if !e.busy {
		e.wake()
	} else if e.waiting.length == 1 && e.running() < e.seqs {
		e.interrupt()
	}
}

// wake lets an idle engine begin after all that is due in this instant, so that calls which come
// together are in the first step together.
func (e *engine) wake() {
	e.busy = true
	e.stretch = stretch{}
	e.timer = e.env.At(e.env.Now(), e.begin)
}

func (e *engine) started() {
	e.totals.events++
	now := e.env.Now()
	e.clock, e.part = now, 0
	e.form(now + 1)
}

// abandon is what a caller's process calls when its caller has gone. It must not touch s afterwards.
func (e *engine) abandon(s *sequence) {
	e.totals.abandoned++
	if s.stage == queued && e.cancel.leavesQueue() {
		head := e.waiting.first() == s
		e.waiting.leave(&s.waits)
		e.recycle(s)
		if head && e.waiting.length > 0 {
			e.interrupt() // the next may need less memory
		}
		return
	}
	s.gone = true
	if s.stage != queued && e.cancel.stopsRunning() {
		e.leaving = append(e.leaving, s)
		e.interrupt()
	}
}

// stepped is the boundary that ends a stretch.
func (e *engine) stepped() {
	e.totals.events++
	now := e.advance()
	e.drop()
	e.form(now)
}

// drop takes the sequences off whose callers went during the stretch that has ended.
func (e *engine) drop() {
	for _, s := range e.leaving {
		switch s.stage {
		case decoding:
			e.decoding.remove(s.place)
			e.release(s)
		case prefilling:
			e.prefilling = without(e.prefilling, s)
			e.release(s)
		case ended: // in the very step that still carried it
		}
		e.recycle(s)
	}
	clear(e.leaving)
	e.leaving = e.leaving[:0]
}

// without takes s out of a list that holds it.
func without(list []*sequence, s *sequence) []*sequence {
	i := slices.Index(list, s)
	return slices.Delete(list, i, i+1)
}

// release ends a sequence that ran: its slot and blocks are free and its work is booked.
func (e *engine) release(s *sequence) {
	if s.stage == decoding {
		s.work += e.share - s.before
		e.context -= int64(s.prompt) + e.epoch - s.joined
	}
	if s.token != nil {
		e.watched = without(e.watched, s)
	}
	s.stage = ended
	e.held -= s.blocks
	s.cost.Book(time.Duration(s.work/picoseconds), s.gone)
}

// finish ends a sequence whose last token has come.
func (e *engine) finish(s *sequence) {
	e.release(s)
	e.totals.finished++
	switch {
	case !s.gone:
		s.done.Fire()
	case !e.cancel.stopsRunning():
		e.recycle(s) // otherwise drop does, which has it on its list
	}
}
