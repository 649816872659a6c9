package strategies

import (
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// GRPCBudget is gRPC's retryThrottling: every failure that could be retried takes one token, the last
// ones of a call too, every call that succeeds brings Ratio, and retries (and hedges) are made while more
// than half of Max is left.
//
// It is a cliff at a share of failures of r/(1+r), and not a cap on the share of retries.
type GRPCBudget struct {
	Max   float64 `yaml:"max"`   // tokens, all there at first; above 0, at most 1000 (A6)
	Ratio float64 `yaml:"ratio"` // r: tokens for each call that succeeds; above 0
}

// NewGRPCBudget returns the example of A6: 10 and 0.1. grpc-go has no default of its own.
func NewGRPCBudget() *GRPCBudget { return &GRPCBudget{Max: 10, Ratio: .1} }

var _ BudgetRule = (*GRPCBudget)(nil)

// Validate names what is out of range.
func (b *GRPCBudget) Validate() error {
	var f sim.Faults
	within(&f, "max", b.Max, 0, 1000, true)
	within(&f, "ratio", b.Ratio, 0, 1000, true)
	return f.Err()
}

func (b *GRPCBudget) budget() budget {
	return &grpcState{bucket: fullBucket(b.Max), ratio: tokens(b.Ratio)}
}

type grpcState struct {
	unwatched
	bucket
	ratio int64
}

// may takes nothing: the failure that made the retry necessary has been paid for when it ended.
func (s *grpcState) may(time.Duration, int, sim.Reply) (int64, bool) { return 0, 2*s.level > s.cap }

func (s *grpcState) ended(_ time.Duration, _ int, _ int64, how finish) {
	switch how {
	case endedOK:
		s.put(s.ratio)
	case endedRetryable:
		s.level = max(0, s.level-token)
	}
}
