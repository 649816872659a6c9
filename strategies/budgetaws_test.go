package strategies

import (
	"math"
	"testing"

	"github.com/headroom-dev/headroom/sim"
)

// The quotas of the AWS SDKs gain and lose equally many tokens at one share of failures. Below it
// retries are unlimited, above it the quota empties.
func TestAWSQuotasDrift(t *testing.T) {
	long(t)
	for _, row := range []struct {
		name  string
		rule  BudgetRule
		still float64 // as printed
		drift func(f float64) float64
	}{
		{"aws", NewAWSBudget(), .3719, func(f float64) float64 { return 1 - f*f*f - 5*f*f*(1-f) - 10*f*f*f }},
		{"aws-2026", NewAWS2026Budget(), .2149, func(f float64) float64 { return 1 - f - 14*f*f*(1-f) - 28*f*f*f }},
		{"aws, costs 3", &AWSBudget{Cap: 500, Gain: 1, Cost: 3, Timeout: 10}, 0, func(f float64) float64 { return 1 - f*f*f - 3*f*f*(1-f) - 6*f*f*f }},
	} {
		low, high := 0.0, 1.0
		for range 60 {
			if mid := (low + high) / 2; row.drift(mid) > 0 {
				low = mid
			} else {
				high = mid
			}
		}
		if row.still > 0 && math.Abs(low-row.still) > 5e-5 {
			t.Errorf("%s: the formula's drift ends at %.5f, printed %.4f", row.name, low, row.still)
		}
		for _, f := range []float64{low - .1, low, low + .1} {
			drift := over(12, func(seed uint64) float64 { return quotaDrift(seed, row.rule, f) })
			if want := row.drift(f); math.Abs(drift.mean-want) > 4*drift.se {
				t.Errorf("%s, f %.3f: %.4f tokens a call, want %.4f within 4 standard errors of %.4f", row.name, f, drift.mean, want, drift.se)
			}
		}
		free := func(f float64) float64 { return (1 - f*f*f) / (1 - f) }
		below, _ := both(8, func(seed uint64) (float64, float64) {
			return open(t, seed, atOnce(3, row.rule, 1), []uint64{0}, 20_000, 100, 0, low-.05)
		})
		below.holds(t, row.name+": load below", free(low-.05))
		above, _ := both(4, func(seed uint64) (float64, float64) {
			return open(t, seed, atOnce(3, row.rule, 1), []uint64{0}, 20_000, 100, 0, low+.2)
		})
		if above.mean > free(low+.2)-.05 {
			t.Errorf("%s: load %.3f above, as if retries were unlimited (%.3f)", row.name, above.mean, free(low+.2))
		}
	}
}

// quotaDrift returns the tokens a call gains on average, far from empty and from full.
func quotaDrift(seed uint64, rule BudgetRule, f float64) float64 {
	state := rule.budget().(*quota)
	state.cap, state.level = 1<<60, 1<<59
	random := sim.NewStream(seed, "drift")
	const calls = 20_000
	for call := range calls {
		draws := random.For(call, 0)
		cost := int64(0)
		for n := 0; ; n++ {
			state.sent(0, n)
			if draws.Float64() >= f {
				state.ended(0, n, cost, endedOK)
				break
			}
			state.ended(0, n, cost, endedRetryable)
			if n == 2 {
				break
			}
			cost, _ = state.may(0, n+1, busy)
		}
		state.over(0)
	}
	return float64(state.level-1<<59) / token / calls
}
