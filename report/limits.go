package report

import (
	"math"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// A limit is one of the times an objective may name.
type limit int

// The limits, in the order of Objective.
const (
	limitP50 limit = iota
	limitP95
	limitP99
	limitTTFT
	limitTPOT
	numLimits
)

// limitNames are the keys of RunPhase.Over: those of the objective.
var limitNames = [numLimits]string{"p50", "p95", "p99", "ttft_p99", "tpot_p99"}

// limitQuantiles are the quantiles that the limits bound.
var limitQuantiles = [numLimits]quantile{p50, p95, p99, p99, p99}

// unbound is the limit that nothing is over.
const unbound = time.Duration(math.MaxInt64)

// limits are an objective's times, ready to be compared with. An exact counter for each of them is
// kept while recording, because a histogram knows a time only within a thousandth.
type limits struct {
	each [numLimits]time.Duration // unbound where the objective names none
	call time.Duration            // response time of a good call: the limit of P99, else of P95, else of P50
}

func newLimits(o *Objective) limits {
	l := limits{call: unbound}
	for i := range l.each {
		l.each[i] = unbound
	}
	if o == nil {
		return l
	}
	for i, ms := range [numLimits]*float64{o.P50MS, o.P95MS, o.P99MS, o.TTFTP99MS, o.TPOTP99MS} {
		if ms != nil {
			l.each[i] = time.Duration(math.Round(*ms * float64(time.Millisecond)))
		}
	}
	for _, i := range []limit{limitP50, limitP95, limitP99} {
		if l.each[i] != unbound {
			l.call = l.each[i]
		}
	}
	return l
}

// over tells which limits an ok call broke, and whether it was good: ok, and inside the objective's
// time limits. Of a call whose first token was not seen, only that it came no later than the last
// byte is known, and that is what it is held to. A call of fewer than two tokens has no TPOT.
func (l *limits) over(response, ttft, tpot time.Duration) (broken [numLimits]bool, good bool) {
	broken[limitP50] = response > l.each[limitP50]
	broken[limitP95] = response > l.each[limitP95]
	broken[limitP99] = response > l.each[limitP99]
	broken[limitTTFT] = ttft > l.each[limitTTFT]
	broken[limitTPOT] = tpot > l.each[limitTPOT]
	return broken, response <= l.call && !broken[limitTTFT] && !broken[limitTPOT]
}

// met reports whether counts of calls satisfy the objective. A quantile is within its limit exactly
// when of n ok calls at most n - ceil(n q) were over it. Without an objective, 99 % of the calls must
// be ok: what counts as recovered where nothing was promised.
func met(o *Objective, calls, ok int64, over [numLimits]int64) bool {
	least := defaultSuccess
	if o != nil {
		least = 0
		if o.Success != nil {
			least = *o.Success
		}
	}
	// Shares such as 0.99 are not exact in binary: 99 of 100 calls must meet them all the same.
	if float64(ok) < least*float64(calls)*(1-1e-12) {
		return false
	}
	for i, n := range over {
		if n > 0 && n > ok-limitQuantiles[i].rank(ok) {
			return false
		}
	}
	return true
}

// defaultSuccess is the share of ok calls that counts as recovered without an objective.
const defaultSuccess = 0.99

// firstToken returns the time to the first token and the time per further token, each with whether
// it is known.
func (r *Record) firstToken() (ttft time.Duration, seen bool, tpot time.Duration, paced bool) {
	if r.First <= 0 {
		return 0, false, 0, false
	}
	ttft = r.First - r.Intended
	if r.Tokens < 2 {
		return ttft, true, 0, false
	}
	return ttft, true, (r.Done - r.First) / time.Duration(r.Tokens-1), true
}

// outcomeCounts writes counts by outcome with all names, as files do.
func outcomeCounts(counts [sim.NumOutcomes]int64) map[string]int64 {
	m := make(map[string]int64, sim.NumOutcomes)
	for o := range sim.NumOutcomes {
		m[o.String()] = counts[o]
	}
	return m
}
