package strategies

import (
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// EnvoyBudget allows a retry while fewer retries are under way than Share of all attempts under way, or
// than Min, whichever is more. A retry is under way from when it is granted, its wait included, to its
// end. Where retries last as long as first attempts the load is at most 1/(1 - share): 1.25.
type EnvoyBudget struct {
	Share sim.Share `yaml:"share"` // of the attempts under way; 0 to 100%
	Min   int       `yaml:"min"`   // retries that are always allowed; 0 to 1000000
}

// NewEnvoyBudget returns Envoy's defaults: 20 % and 3.
func NewEnvoyBudget() *EnvoyBudget { return &EnvoyBudget{Share: .2, Min: 3} }

// FailsafeBudget is failsafe-go's budget: retries under way are at most Share of the calls and retries
// under way, or fewer than Min. A call counts through its waits. It is asked when the wait for a retry is
// over, so a call that is refused has waited for nothing.
type FailsafeBudget struct {
	Share sim.Share `yaml:"share"` // of the calls and retries under way; 0 to 100%
	Min   int       `yaml:"min"`   // retries that are always allowed; 0 to 1000000
}

// NewFailsafeBudget returns failsafe-go's defaults: 20 % and 3.
func NewFailsafeBudget() *FailsafeBudget { return &FailsafeBudget{Share: .2, Min: 3} }

var (
	_ BudgetRule = (*EnvoyBudget)(nil)
	_ BudgetRule = (*FailsafeBudget)(nil)
)

// Validate names what is out of range.
func (b *EnvoyBudget) Validate() error { return validateConcurrent(b.Share, b.Min) }

// Validate names what is out of range.
func (b *FailsafeBudget) Validate() error { return validateConcurrent(b.Share, b.Min) }

func validateConcurrent(share sim.Share, least int) error {
	var f sim.Faults
	within(&f, "share", float64(share), 0, 1, false)
	between(&f, "min", least, 0, maxTokens)
	return f.Err()
}

func (b *EnvoyBudget) budget() budget { return &envoyState{rule: *b} }

func (b *FailsafeBudget) budget() budget { return &failsafeState{rule: *b} }

type envoyState struct {
	rule            EnvoyBudget
	active, retries int // attempts under way; those granted and not ended
}

func (s *envoyState) sent(time.Duration, int) { s.active++ }

func (s *envoyState) may(time.Duration, int, sim.Reply) (int64, bool) {
	// Envoy cuts the share to a whole number before it compares.
	if s.retries >= max(s.rule.Min, int(float64(s.rule.Share)*float64(s.active))) {
		return 0, false
	}
	s.retries++
	return 0, true
}

func (s *envoyState) ended(_ time.Duration, n int, _ int64, how finish) {
	if how != endedUnsent {
		s.active--
	}
	if n > 0 {
		s.retries--
	}
}

func (s *envoyState) over(time.Duration) {}

type failsafeState struct {
	rule           FailsafeBudget
	calls, retries int // under way
}

func (s *failsafeState) sent(_ time.Duration, n int) {
	if n == 0 {
		s.calls++
	}
}

// may compares what is under way already, so one more than the share may be.
func (s *failsafeState) may(time.Duration, int, sim.Reply) (int64, bool) {
	if s.retries >= s.rule.Min && float64(s.retries) > float64(s.rule.Share)*float64(s.calls+s.retries) {
		return 0, false
	}
	s.retries++
	return 0, true
}

func (s *failsafeState) ended(_ time.Duration, n int, _ int64, _ finish) {
	if n > 0 {
		s.retries--
	}
}

func (s *failsafeState) over(time.Duration) { s.calls-- }
