package strategies

import (
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// RetryBreakerBudget is Brooker's retry breaker: first attempts are always sent, and retries only while
// the failures so far are at most Rate of the calls so far. It counts from the start of the run and never
// forgets, so a client that has failed much stays shut for as long again.
type RetryBreakerBudget struct {
	Rate float64 `yaml:"rate"` // failed attempts for each call; 0 to 1000
}

// NewRetryBreakerBudget returns the default of his simulation: 0.1.
func NewRetryBreakerBudget() *RetryBreakerBudget { return &RetryBreakerBudget{Rate: .1} }

var _ BudgetRule = (*RetryBreakerBudget)(nil)

// Validate names what is out of range.
func (b *RetryBreakerBudget) Validate() error {
	var f sim.Faults
	within(&f, "rate", b.Rate, 0, 1000, false)
	return f.Err()
}

func (b *RetryBreakerBudget) budget() budget { return &retryBreakerState{rate: b.Rate} }

type retryBreakerState struct {
	rate            float64
	calls, failures int64
}

func (s *retryBreakerState) sent(_ time.Duration, n int) {
	if n == 0 {
		s.calls++
	}
}

func (s *retryBreakerState) may(time.Duration, int, sim.Reply) (int64, bool) {
	return 0, float64(s.failures) <= s.rate*float64(s.calls)
}

func (s *retryBreakerState) ended(_ time.Duration, _ int, _ int64, how finish) {
	if how == endedRetryable {
		s.failures++
	}
}

func (s *retryBreakerState) over(time.Duration) {}
