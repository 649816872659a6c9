package strategies

import (
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// BrookerBudget is the bucket of Brooker's "Fixing retries with token buckets and circuit breakers"
// (2022): every call deposits Ratio at its start, and a retry needs more than one token and costs one.
//
// While attempts fail with f <= r/(1+r) the bucket stays full and retries are unlimited; above, the load
// is 1 + r + (b-1)·clients/calls.
type BrookerBudget struct {
	Ratio float64 `yaml:"ratio"` // r: tokens that a call deposits; 0 to 1000
	Cap   float64 `yaml:"cap"`   // b: tokens that the bucket holds, all there at first; above 1, or nothing is ever retried
}

// NewBrookerBudget returns the defaults of his simulation: 0.1 and 5.
func NewBrookerBudget() *BrookerBudget { return &BrookerBudget{Ratio: .1, Cap: 5} }

var _ BudgetRule = (*BrookerBudget)(nil)

// Validate names what is out of range.
func (b *BrookerBudget) Validate() error {
	var f sim.Faults
	within(&f, "ratio", b.Ratio, 0, 1000, false)
	within(&f, "cap", b.Cap, 1, maxTokens, true)
	return f.Err()
}

func (b *BrookerBudget) budget() budget {
	return &brookerState{bucket: fullBucket(b.Cap), deposit: tokens(b.Ratio)}
}

type brookerState struct {
	bucket
	deposit int64
}

func (s *brookerState) sent(_ time.Duration, n int) {
	if n == 0 {
		s.put(s.deposit)
	}
}

// may asks for more than one token, not for one: so his code says, and what is left is above zero.
func (s *brookerState) may(time.Duration, int, sim.Reply) (int64, bool) {
	return token, s.level > token && s.take(token)
}

func (s *brookerState) ended(time.Duration, int, int64, finish) {}
func (s *brookerState) over(time.Duration)                      {}
