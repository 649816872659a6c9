package report

import "math"

// paired compares a strategy with the first one in one phase, seed by seed: both met the same
// traffic, so the differences of single seeds are much more alike than the figures. a and b are the
// Summaries of the seeds that both completed, in the same order; b is the first strategy's.
//
// Shares are compared by plain differences d_i, because a share can be 0; times by d_i = ln(a_i/b_i)
// over the seeds in which both have the quantile. The interval is mean d +- t_(k-1) s_d / sqrt k,
// mapped back.
func paired(phase string, a, b []*Summary) *Paired {
	p := &Paired{Phase: phase}
	var shares, logs []float64
	for i := range a {
		sa, sb := a[i].success(), b[i].success()
		if sa == nil || sb == nil {
			continue
		}
		shares = append(shares, *sa-*sb)
		p.Of++
		if *sa > *sb {
			p.Better++
		}
		qa, qb := a[i].p99, b[i].p99
		if qa != nil && qb != nil && *qa > 0 && *qb > 0 {
			logs = append(logs, math.Log(*qa / *qb))
		}
	}
	if p.Of == 0 {
		return nil
	}
	p.Success, p.SuccessCI = meanInterval(shares)
	if len(logs) > 0 {
		mean, ci := meanInterval(logs)
		r := math.Exp(mean)
		p.P99Ratio = &r
		if ci != nil {
			p.P99CI = interval(math.Exp(ci[0]), math.Exp(ci[1]))
		}
	}
	return p
}
