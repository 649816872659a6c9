package report

import (
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// steps returns how many entries of which width a series of one strategy has: so many that all that
// was counted lies inside, at most maxPoints.
func (one *collected) steps() (n int, step time.Duration) {
	l := &one.tally.seconds
	span := max(
		time.Duration(len(l.at))*l.step,
		time.Duration(max(len(one.attempts), one.gauges.seconds()))*time.Second,
	)
	step = l.step
	for span > step*maxPoints {
		step = widen(step)
	}
	return int((span + step - 1) / step), step
}

// offered returns the calls per second that were intended in each step, a mean over k runs.
func (one *collected) offered(k int) (perSecond []float64, step time.Duration) {
	s := one.series(k)
	return s.Offered, time.Duration(s.StepS * float64(time.Second))
}

// series returns the figures over time, a mean over k runs.
func (one *collected) series(k int) Series {
	n, step := one.steps()
	s := Series{
		StepS: step.Seconds(), LatencyStepS: one.tally.latency.step.Seconds(),
		Offered: make([]float64, n), Good: make([]float64, n), Achieved: make([]float64, n), Attempts: make([]float64, n),
		Outcomes: make(map[string][]float64, sim.NumOutcomes), Gauges: one.gauges.series(n, step),
	}
	for o := range sim.NumOutcomes {
		s.Outcomes[o.String()] = make([]float64, n)
	}
	l := timeline{step: one.tally.seconds.step, at: append([]second(nil), one.tally.seconds.at...)}
	l.fold(step)
	per := 1 / (float64(k) * step.Seconds())
	for i := range l.at {
		at := &l.at[i]
		s.Offered[i] = float64(at.calls()) * per
		s.Good[i] = float64(at.good) * per
		s.Achieved[i] = float64(at.achieved) * per
		for o, count := range at.outcomes {
			s.Outcomes[sim.Outcome(o).String()][i] = float64(count) * per
		}
	}
	width := int(step / time.Second)
	sent := make([]int64, n)
	for i, count := range one.attempts {
		sent[i/width] += count
	}
	for i, count := range sent {
		s.Attempts[i] = float64(count) * per
	}
	s.percentiles(&one.tally.latency, n, step)
	s.Heat = one.tally.latency.heat()
	return s
}

// leastInCell is how many times the cell of a drawn quantile holds at least: fewer, and it would be
// the largest of them. A point of a chart asks less than a printed figure.
func leastInCell(q quantile) int64 {
	return (q.below + q.below - q.above - 1) / (q.below - q.above)
}

// percentiles fills in the response times over time: each entry shows the cell that covers it.
func (s *Series) percentiles(c *cells, n int, step time.Duration) {
	s.P50MS, s.P95MS, s.P99MS, s.MaxMS = make([]*float64, n), make([]*float64, n), make([]*float64, n), make([]*float64, n)
	shown := -1 // the cell that the values below are of
	var values [4]*float64
	for i := range n {
		cell := int(time.Duration(i) * step / c.step)
		if cell >= len(c.at) {
			return
		}
		if cell != shown {
			shown, values = cell, [4]*float64{}
			if d := c.at[cell].distribution(); d.n > 0 {
				for j, q := range []quantile{p50, p95, p99} {
					if d.n >= leastInCell(q) {
						ms := milliseconds(d.ranked(q.rank(d.n)))
						values[j] = &ms
					}
				}
				most := milliseconds(d.max)
				values[3] = &most
			}
		}
		s.P50MS[i], s.P95MS[i], s.P99MS[i], s.MaxMS[i] = values[0], values[1], values[2], values[3]
	}
}

// targets returns the figures by live request; none without several requests.
func (one *collected) targets(c *Config) []TargetResult {
	var results []TargetResult
	for i := range one.tally.targets {
		t := &one.tally.targets[i]
		d := t.response.distribution()
		r := TargetResult{Name: c.Targets[i], Strategy: one.strategy.Name, Outcomes: outcomeCounts(t.outcomes), P95MS: p95.ms(d), P99MS: p99.ms(d)}
		if i == maxTargets-1 && len(c.Targets) > maxTargets {
			r.Name = "all other requests"
		}
		for _, n := range t.outcomes {
			r.Calls += n
		}
		r.Success = per(float64(t.outcomes[sim.OK]), float64(r.Calls))
		results = append(results, r)
	}
	return results
}
