package backend

import (
	"net/http"
	"slices"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// An engine is one replica of the llm model: it computes in steps, and every step carries one token
// of each decoding sequence and, in what is left of its token budget, chunks of prompts (schedule.go).
// Its events are steps, never tokens or processes; a stretch of steps in which nothing can change is
// one event (stretch.go). Nothing is done per sequence and step: decoders share a count of epochs, a
// sum of shares and counters of the blocks they need, so that a step costs what joins and leaves in it.
//
// Step times are picoseconds, whole nanoseconds where they leave the engine: a boundary is seen at the
// next whole nanosecond. A step begins at the boundary before it, not at the moment at which its event
// ran, so that late timers in wall-clock time do not slow the service. What comes or goes in the very
// instant of a boundary counts from the next one on, whatever the order of events in that instant: so
// it does not matter which boundaries had an event.
type engine struct {
	engineSize
	env    sim.Env
	time   StepTime
	affine Affine // the step time again, if it can tell the time of many decode steps; nil: it cannot
	single bool   // every step is an event of its own, formed by the book: for the test that short cuts change nothing

	arriving   roster      // on their way in
	waiting    waitList    // can be scheduled
	running    roster      // hold slots, in order of admission
	prefilling []*sequence // of them those that do not decode, in order of admission
	decoding   decoders    // and those that do
	stalled    []*sequence // decoders that have no part in the step under way
	watched    []*sequence // running sequences whose every token is asked for
	leaving    []*sequence // running sequences whose callers have gone, to drop at a boundary
	pool       *kvPool
	phases     []int // decoders by (computed - epoch) mod block: who needs a block in which step
	gaps       []gapGroup
	context    int64 // tokens computed before, over the decoding sequences
	epoch      int64 // steps with decoding sequences so far
	share      int64 // sum over these of step time / tokens computed: what each decoder has used
	orders     int64 // sequences that began to decode so far

	busy     bool          // a stretch of steps is under way
	waking   bool          // idle, and about to begin
	blocked  bool          // memory holds up the first that waits
	clock    time.Duration // the boundary at which the stretch began
	part     int64         // and picoseconds behind that, below 1000
	previous time.Duration // when the step before began
	stretch  stretch
	pace     float64       // all steps take so many times as long
	stopped  bool          // the pace is infinite
	since    time.Duration // from when on
	boundary func()        // stepped, made once
	begin    func()        // started, made once
	timer    sim.Timer
	outbox   outbox
	unused   []*sequence
	finished []*sequence // those of a step that emit, while they do
	watchers []func(Step)

	totals engineTotals
}

// engineSize is what bounds an engine, and its rules.
type engineSize struct {
	seqs      int // running sequences
	tokens    int // computed in a step; at least seqs, so that decoders always have room
	limit     int // waiting sequences; negative: no limit
	length    int // tokens of prompt and output together; 0: what the memory holds
	block     int // tokens of a block
	blocks    int // of keys and values, those that sequences can use
	watermark int // of them those that admission leaves free
	threshold int // tokens of one prompt in one step; 0: no limit
	whole     bool
	caching   bool
	reserve   bool // admission wants room for all tokens there are so far, not only for the first chunk
	byClass   bool
	async     bool
	ingress   time.Duration
	response  time.Duration
	cancel    Cancel
	ablation  Ablation
}

// engineTotals count what an engine has done.
type engineTotals struct {
	arrived, refused, finished, abandoned int64
	dropped                               int64 // sequences that ended before their last token
	steps, events                         int64
	prefilled, decoded                    int64 // tokens computed, those computed again included
	emitted                               int64 // tokens
	prompted                              int64 // prompt tokens computed or found
	queried, hits                         int64 // prompt tokens looked up in the cache, and found
	preempted                             int64
	pending                               int64 // prompt tokens inside, of prompts not done yet
	busy                                  int64 // picoseconds of steps
}

func newEngine(env sim.Env, size engineSize, t StepTime) *engine {
	e := &engine{engineSize: size, env: env, time: t, pace: 1}
	e.affine, _ = t.(Affine)
	e.waiting.byClass = size.byClass
	e.pool = newKVPool(size.blocks, size.caching)
	e.phases = make([]int, size.block)
	e.boundary, e.begin = e.stepped, e.started
	e.outbox.deliver = e.deliver
	return e
}

// handle carries one call.
func (e *engine) handle(r sim.Request) sim.Reply {
	if r.Gone.Fired() {
		return abandoned
	}
	e.totals.arrived++
	prompt, output := max(r.Prompt, 1), max(r.Output, 1)
	switch {
	case !e.fits(prompt, output):
		e.totals.refused++
		return refuse(http.StatusBadRequest, ReasonTooLong)
	case e.limit >= 0 && e.queued() >= e.limit+e.free():
		e.totals.refused++
		return refuse(http.StatusServiceUnavailable, ReasonQueueFull)
	}
	s := e.fresh()
	s.cost, s.token, s.priority, s.prompt, s.output = r.Cost, r.Token, r.Priority, prompt, output
	s.names = promptNames{prefix: r.Prefix, key: r.Key, owner: uint64(e.totals.arrived), prompt: prompt, block: e.block}
	s.arrival, s.visible = e.totals.arrived, e.env.Now()+e.ingress
	e.arriving.join(s)
	e.totals.pending += int64(prompt)
	e.noticeArrival(s)
	if !e.env.Await(sim.Forever, &s.done, r.Gone) {
		e.abandon(s)
		return abandoned
	}
	reply := e.reply(s)
	e.recycle(s)
	return reply
}

func (e *engine) reply(s *sequence) sim.Reply {
	if s.reset {
		return broken(ReasonReset)
	}
	reply := answer(s.first, s.output, time.Duration(s.work/picoseconds))
	reply.Began, reply.Cached = s.began, s.cached
	return reply
}

// longest returns the most tokens of a call that are ever computed: the last token of its output is
// emitted, and nothing comes after it.
func longest(prompt, output int) int { return prompt + output - 1 }

// fits reports whether a call can be carried at all. Thrown out before its last token, it must come in
// again with all tokens before that.
func (e *engine) fits(prompt, output int) bool {
	most := longest(prompt, output)
	return e.blocksFor(most)+e.watermark <= e.blocks && !(e.whole && most > e.tokens) &&
		(e.length == 0 || prompt+output <= e.length)
}

func (e *engine) blocksFor(tokens int) int { return (tokens + e.block - 1) / e.block }

// fresh returns a sequence to use, stage arriving.
func (e *engine) fresh() *sequence {
	last := len(e.unused) - 1
	if last < 0 {
		return new(sequence)
	}
	s := e.unused[last]
	e.unused = e.unused[:last]
	*s = sequence{life: s.life, kv: holding{parts: s.kv.parts}}
	return s
}

// recycle takes back a sequence that neither a caller nor the engine needs any more.
func (e *engine) recycle(s *sequence) {
	s.life++
	e.unused = append(e.unused, s)
}

// queued returns how many calls have been taken in and hold no slot.
func (e *engine) queued() int { return e.arriving.length + e.waiting.length }

// free returns how many waiting sequences could begin without waiting for another to end: the free
// slots, or none where memory holds up the first that waits.
func (e *engine) free() int {
	if e.blocked && e.waiting.length > 0 {
		return 0
	}
	return e.seqs - e.running.length
}

// noticeArrival makes an idle engine begin when the arrival can be seen, or ends the stretch under way
// early if the arrival could join at a boundary inside it.
func (e *engine) noticeArrival(s *sequence) {
	switch {
	case e.stopped:
	case !e.busy:
		if !e.waking {
			e.wake(s.visible)
		}
	case e.arriving.first == s && e.arrivalsMatter():
		e.shorten(e.boundaryFor(s.visible))
	}
}

// arrivalsMatter reports whether one that arrives can change anything before a sequence ends. Behind
// others that wait it cannot: they wait for a slot or for memory, and only what leaves gives those. By
// class it may go before them, and need less memory.
func (e *engine) arrivalsMatter() bool {
	return e.running.length < e.seqs && (e.waiting.length == 0 || e.byClass)
}

// wake lets an idle engine begin at the given time, after all that is due in that instant, so that
// calls which come together are in the first step together.
func (e *engine) wake(at time.Duration) {
	e.waking = true
	e.timer = e.env.At(at, e.begin)
}

func (e *engine) started() {
	e.totals.events++
	e.waking = false
	now := e.env.Now()
	e.clock, e.part, e.previous = now, 0, now
	e.form(now, now+1)
}

// abandon is what a caller's process calls when its caller has gone. It must not touch s afterwards.
func (e *engine) abandon(s *sequence) {
	e.totals.abandoned++
	s.gone = true
	switch s.stage {
	case arriving, queued:
		if e.cancel.leavesQueue() {
			e.leaveQueue(s)
		}
	case prefilling, decoding:
		if e.cancel.stopsRunning() {
			s.left = e.env.Now()
			e.leaving = append(e.leaving, s)
			e.shorten(e.boundaryAfter(s.left))
		}
	case ended: // its answer is on its way, to nobody
	}
}

// leaveQueue drops a sequence that holds no slot.
func (e *engine) leaveQueue(s *sequence) {
	if s.stage == arriving {
		e.arriving.leave(s)
	} else {
		head := e.waiting.first() == s
		e.waiting.leave(s)
		if head {
			e.shorten(e.boundaryAfter(e.env.Now())) // the next may need less memory
		}
	}
	e.end(s)
}

// end is the end of a sequence that holds nothing and will not go on.
func (e *engine) end(s *sequence) {
	e.totals.dropped++
	e.unpend(s)
	e.book(s)
	e.recycle(s)
}

// unpend counts the prompt of s as one that is not inside any more, unless it is done.
func (e *engine) unpend(s *sequence) {
	if s.first == 0 {
		e.totals.pending -= int64(s.prompt)
	}
}

// stepped is the boundary that ends a stretch.
func (e *engine) stepped() {
	e.totals.events++
	tokens := e.stretch.tokens
	now, cut := e.advance()
	e.drop(now)
	if len(e.watchers) > 0 {
		step := Step{Tokens: tokens, Lag: e.env.Now() - now}
		for _, see := range e.watchers {
			see(step)
		}
	}
	e.form(now, cut)
}

// drop takes the sequences off whose callers went before the boundary now.
func (e *engine) drop(now time.Duration) {
	kept := e.leaving[:0]
	for _, s := range e.leaving {
		switch {
		case s.stage == ended: // in the very step that still carried it
			e.recycle(s)
		case s.left >= now:
			kept = append(kept, s)
		case s.stage == queued: // thrown out meanwhile
			e.leaveQueue(s)
		default:
			e.release(s, true)
			e.end(s)
		}
	}
	clear(e.leaving[len(kept):])
	e.leaving = kept
}

// without takes s out of a list that holds it.
func without(list []*sequence, s *sequence) []*sequence {
	i := slices.Index(list, s)
	return slices.Delete(list, i, i+1)
}

// release takes a sequence off the running: its slot and blocks are free. final says that it will not
// come back.
func (e *engine) release(s *sequence, final bool) {
	if s.stage == decoding {
		e.decoding.remove(s.place)
		e.settle(s)
	} else if i := slices.Index(e.prefilling, s); i >= 0 {
		e.prefilling = slices.Delete(e.prefilling, i, i+1)
	} else if i := slices.Index(e.stalled, s); i >= 0 {
		e.stalled = slices.Delete(e.stalled, i, i+1)
	}
	if s.token != nil {
		e.watched = without(e.watched, s)
	}
	s.stage = ended
	e.running.leave(s)
	if !final {
		e.pool.fill(&s.kv, s.computed) // its outputs can be found when it comes in again
	}
	e.pool.release(&s.kv)
}

// finish ends a sequence whose last token has come at the boundary now, and sends its answer.
func (e *engine) finish(s *sequence, now time.Duration) {
	e.release(s, true)
	e.totals.finished++
	if s.gone && e.cancel.stopsRunning() {
		e.book(s) // drop, which has it on its list, does the rest
		return
	}
	e.send(parcel{s: s, life: s.life}, now)
}

// book books what a sequence has used, as wasted if its caller has gone.
func (e *engine) book(s *sequence) {
	if s.cost == nil {
		return
	}
	s.cost.Book(time.Duration(s.work/picoseconds), s.gone || s.reset)
	s.cost.Recomputed += time.Duration(s.again / picoseconds)
}
