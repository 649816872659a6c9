package backend

import (
	"fmt"
	"math"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// Roofline is the step time
//
//	t = max(FLOPs / (peak mfu), bytes / bandwidth),  bytes = weights + keys and values
//
// (Williams, Waterman and Patterson, 2009). It knows no cost of launching, of the host or of sending
// between cards, and came out 35 to 45 % too fast on measured points: a bound for hardware that nobody
// has measured, never a default. It is not affine in the context, since arithmetic hides reading until
// reading is longer, so the engine takes its steps one by one.
type Roofline struct {
	MFUPrefill float64 `yaml:"mfu_prefill"` // share of the peak that prompts reach; 0.45
	MFUDecode  float64 `yaml:"mfu_decode"`  // and decoding tokens; 0.30
}

// DefaultRoofline returns the usual shares.
func DefaultRoofline() Roofline { return Roofline{MFUPrefill: 0.45, MFUDecode: 0.30} }

func (r Roofline) check(f *sim.Faults, path string) {
	if !(r.MFUPrefill > 0 && r.MFUPrefill <= 1) {
		f.Add(path+".mfu_prefill", fmt.Sprint(r.MFUPrefill), "above 0, at most 1")
	}
	if !(r.MFUDecode > 0 && r.MFUDecode <= 1) {
		f.Add(path+".mfu_decode", fmt.Sprint(r.MFUDecode), "above 0, at most 1")
	}
}

// roofline is a Roofline with the costs of a model and its cards.
type roofline struct {
	Roofline
	costs
	multiply float64 // seconds at the peak of one pair of tokens that attend
}

var _ StepTime = roofline{}

func (m *LLM) roofline() roofline {
	share := DefaultRoofline()
	if m.StepTime.Roofline != nil {
		share = *m.StepTime.Roofline
	}
	c := m.costs()
	return roofline{share, c, c.perPair}
}

// StepTime returns how long a step takes at least.
func (r roofline) StepTime(b Batch) time.Duration {
	prefill := (r.perToken*float64(b.Prefill) + r.multiply*b.Pairs) / r.MFUPrefill
	decode := (r.perToken*float64(b.Decode) + r.multiply*float64(b.Context)) / r.MFUDecode
	reading := r.weights + r.experts*r.distinct(float64(b.Prefill+b.Decode)) + r.perContext*float64(b.Context)
	return time.Duration(math.Round(max(prefill+decode, reading) * 1e9))
}
