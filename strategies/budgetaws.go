package strategies

import (
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// AWSBudget is the retry quota of the AWS SDKs: a retry takes its cost before the wait, and gets it back
// if it succeeds; what was taken for one that fails stays taken, so only successes fill the quota again.
//
// With 3 attempts that fail with f each the tokens stop drifting where (1-f³) = c·f²(1-f) + 2c·f³, for
// c = 5 at f = .3719. Above, the quota empties and retries stop.
type AWSBudget struct {
	Cap     float64 `yaml:"cap"`     // tokens, all there at first; at least 1
	Gain    float64 `yaml:"gain"`    // tokens for each attempt that succeeds, a retry or not; 0 or more
	Cost    float64 `yaml:"cost"`    // tokens for a retry; above 0
	Timeout float64 `yaml:"timeout"` // tokens for a retry after a timeout; above 0
}

// NewAWSBudget returns the SDK's defaults: 500, 1, 5 and 10.
func NewAWSBudget() *AWSBudget { return &AWSBudget{Cap: 500, Gain: 1, Cost: 5, Timeout: 10} }

// AWS2026Budget is the quota of the same SDKs with AWS_NEW_RETRIES_2026=true: a retry costs more, one
// after a throttling (429) less, and only a first attempt that succeeds deposits.
//
// The drift stops where (1-f) = c·f²(1-f) + 2c·f³, for c = 14 at f = .2149.
type AWS2026Budget struct {
	Cap       float64 `yaml:"cap"`       // tokens, all there at first; at least 1
	Gain      float64 `yaml:"gain"`      // tokens for each call that succeeds at its first attempt; 0 or more
	Cost      float64 `yaml:"cost"`      // tokens for a retry; above 0
	Throttled float64 `yaml:"throttled"` // tokens for a retry after a 429; above 0
}

// NewAWS2026Budget returns the SDK's defaults: 500, 1, 14 and 5.
func NewAWS2026Budget() *AWS2026Budget {
	return &AWS2026Budget{Cap: 500, Gain: 1, Cost: 14, Throttled: 5}
}

var (
	_ BudgetRule = (*AWSBudget)(nil)
	_ BudgetRule = (*AWS2026Budget)(nil)
)

// Validate names what is out of range.
func (b *AWSBudget) Validate() error {
	return validateQuota(b.Cap, b.Gain, b.Cost, "timeout", b.Timeout)
}

// Validate names what is out of range.
func (b *AWS2026Budget) Validate() error {
	return validateQuota(b.Cap, b.Gain, b.Cost, "throttled", b.Throttled)
}

func validateQuota(cap, gain, cost float64, special string, other float64) error {
	var f sim.Faults
	within(&f, "cap", cap, 1, maxTokens, false)
	within(&f, "gain", gain, 0, maxTokens, false)
	within(&f, "cost", cost, 0, maxTokens, true)
	within(&f, special, other, 0, maxTokens, true)
	return f.Err()
}

func (b *AWSBudget) budget() budget {
	return &quota{bucket: fullBucket(b.Cap), gain: tokens(b.Gain), cost: tokens(b.Cost),
		special: sim.Timeout, specialCost: tokens(b.Timeout), fromRetries: true}
}

func (b *AWS2026Budget) budget() budget {
	return &quota{bucket: fullBucket(b.Cap), gain: tokens(b.Gain), cost: tokens(b.Cost),
		special: sim.Refused, specialCost: tokens(b.Throttled)}
}

// quota is the state of both.
type quota struct {
	unwatched
	bucket
	gain, cost  int64
	special     sim.Outcome // the failure after which a retry costs specialCost
	specialCost int64
	fromRetries bool // a retry that succeeds brings the gain too
}

func (q *quota) may(_ time.Duration, _ int, failed sim.Reply) (int64, bool) {
	cost := q.cost
	if failed.Outcome == q.special {
		cost = q.specialCost
	}
	return cost, q.take(cost)
}

func (q *quota) ended(_ time.Duration, n int, cost int64, how finish) {
	if how != endedOK {
		return
	}
	q.put(cost)
	if n == 0 || q.fromRetries {
		q.put(q.gain)
	}
}
