package backend

import (
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// A sequence is one call inside an engine. It belongs to the caller's process and to the engine at
// once, and is used again when both have let go of it.
type sequence struct {
	done     sim.Signal
	cost     *sim.Cost
	token    func(n int)
	priority sim.Priority
	prompt   int // tokens
	output   int // tokens to emit

	stage   stage
	arrival int64         // how manieth call of the engine it is
	visible time.Duration // from when on it can be scheduled
	began   time.Duration // when it was first scheduled
	first   time.Duration // when its first token was seen
	last    time.Duration // when its last token came, while it is not decoding
	left    time.Duration // when its caller went
	gone    bool          // its caller went and left it here
	started bool          // it was scheduled before
	reset   bool          // the engine died with it inside
	gapped  bool          // it is counted in engine.gaps

	// What it has computed and emitted; of a decoding sequence, when it joined the decoders.
	computed int // tokens whose keys and values are there
	emitted  int // tokens
	chunk    int // tokens it computes in the step under way
	took     int // blocks it took for that, while a step is formed
	peak     int // tokens it had computed when it was last thrown out: up to there work is done again
	cached   int // prompt tokens found in the cache when it was first scheduled

	joined int64 // the engine's epoch when it began to decode
	before int64 // the engine's share at that moment
	work   int64 // picoseconds of step time it has used, decoding since joined excepted
	again  int64 // the part of it that was done before
	place  int   // in the heap of decoders
	life   int   // how often it has been used again

	names promptNames
	kv    holding

	prev, next *sequence // in its roster
}

// tokens returns how many tokens there are to compute so far. The last one emitted is not computed
// before the step that emits the next.
func (s *sequence) tokens() int { return s.prompt + s.emitted }

// A stage is where a sequence is.
type stage uint8

const (
	arriving   stage = iota // on its way in
	queued                  // waits for a slot
	prefilling              // holds a slot; more than one of its tokens may have to be computed
	decoding                // holds a slot; computes one token a step
	ended
)

// decoders are the decoding sequences by the epoch in which they end: a binary heap. All of them
// compute one token in every step, so an epoch is a step in which there were any, and no step has to
// look at each of them. Sequences that end together leave in the order in which they joined.
type decoders []decoder
type decoder struct {
	ends  int64 // epoch
	order int64 // in which it joined
	*sequence
}

func (d decoder) before(e decoder) bool {
	return d.ends < e.ends || d.ends == e.ends && d.order < e.order
}

func (h *decoders) push(d decoder) {
	*h = append(*h, d)
	h.up(len(*h)-1, d)
}

// remove takes out the decoder at place i.
func (h *decoders) remove(i int) decoder {
	old := *h
	out, last := old[i], len(old)-1
	moved := old[last]
	old[last] = decoder{}
	*h = old[:last]
	if i == last {
		return out
	}
	if i > 0 && moved.before(old[(i-1)/2]) {
		h.up(i, moved)
	} else {
		h.down(i, moved)
	}
	return out
}

func (h decoders) up(i int, d decoder) {
	for i > 0 {
		parent := (i - 1) / 2
		if !d.before(h[parent]) {
			break
		}
		h[i] = h[parent]
		h[i].place = i
		i = parent
	}
	h[i] = d
	d.place = i
}

func (h decoders) down(i int, d decoder) {
	for {
		least := 2*i + 1
		if least >= len(h) {
			break
		}
		if right := least + 1; right < len(h) && h[right].before(h[least]) {
			least = right
		}
		if !h[least].before(d) {
			break
		}
		h[i] = h[least]
		h[i].place = i
		i = least
	}
	h[i] = d
	d.place = i
}
