package backend

import (
	"fmt"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// A Batch is what one step of an engine computes.
type Batch struct {
	Prefill int     // prompt tokens
	Decode  int     // sequences that each compute one token
	Seqs    int     // sequences in all
	Pairs   float64 // sum of n (computed + n/2) over the prompt chunks: pairs of tokens that attend
	Context int64   // sum of the tokens computed before, over the decoding sequences
}

// A StepTime says how long an engine takes for a step.
type StepTime interface{ StepTime(Batch) time.Duration }

// An Affine step time grows in proportion to Context while the rest of a batch stays the same:
// base + perContextToken Context, in picoseconds. So the engine knows the time of many decode steps
// in closed form and may take them as one, exactly; whole nanoseconds would gather rounding.
type Affine interface {
	Affine(Batch) (base, perContextToken int64)
}

// Linear is the step time
//
//	t = b0 + b1 prompt tokens + b2 decoding sequences
//
// All zero: it is derived from the model and the card (linearise). A published example, inference-sim's
// earlier default for Llama-3.1-8B on A100, is 16442 us, 47.8 us, 18.2 us.
type Linear struct {
	Base            time.Duration `yaml:"base"`              // b0, at least 1us
	PerPrefillToken time.Duration `yaml:"per_prefill_token"` // b1, zero or more
	PerSequence     time.Duration `yaml:"per_sequence"`      // b2, zero or more
}

var (
	_ StepTime = Linear{}
	_ Affine   = Linear{}
)

// StepTime returns how long a step takes.
func (l Linear) StepTime(b Batch) time.Duration {
	return l.Base + time.Duration(b.Prefill)*l.PerPrefillToken + time.Duration(b.Decode)*l.PerSequence
}

// Affine returns the same in picoseconds. The context does not count by itself: its reading at a
// typical length is part of PerSequence.
func (l Linear) Affine(b Batch) (base, perContextToken int64) {
	return int64(l.StepTime(b)) * picoseconds, 0
}

// picoseconds in a nanosecond: the engine counts in these, and int64 holds 106 days of them.
const picoseconds = 1000

func (l Linear) check(f *sim.Faults, path string) {
	if l.Base < time.Microsecond || l.Base > time.Hour {
		f.Add(path+".base", l.Base.String(), "1us to 1h")
	}
	for _, one := range []struct {
		name  string
		value time.Duration
	}{{"per_prefill_token", l.PerPrefillToken}, {"per_sequence", l.PerSequence}} {
		if one.value < 0 || one.value > time.Minute {
			f.Add(path+"."+one.name, fmt.Sprint(one.value), "0s to 1m")
		}
	}
}
