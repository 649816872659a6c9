package plan

import (
	"context"
	"math"
	"slices"

	"github.com/headroom-dev/headroom/internal/harness"
	"github.com/headroom-dev/headroom/report"
	"github.com/headroom-dev/headroom/sim"
)

// simulate runs one seed of a scenario and returns the figures of each phase.
func simulate(ctx context.Context, p *harness.Plan, seed uint64) ([]Figures, error) {
	stages := make([]samples, len(p.Scenario.Spans()))
	reason := ""
	_, err := harness.Virtual(ctx, p, p.Strategies[0].New(), seed, func(r report.Record) {
		if r.Reason == tooLong {
			reason = r.Reason
		}
		stages[r.Phase].add(&r)
	})
	if err != nil {
		return nil, err
	}
	if reason != "" {
		return nil, skipped("a call has more tokens than the memory of the cards holds")
	}
	out := make([]Figures, len(stages))
	for i := range stages {
		out[i] = stages[i].figures()
	}
	return out, nil
}

// tooLong is the reason of a call that no memory of the cards could ever hold.
const tooLong = "too-long"

// samples are the times of the calls of a phase, in milliseconds.
type samples struct {
	calls            int
	first, gap, last []float64
}

func (s *samples) add(r *report.Record) {
	s.calls++
	if r.Outcome != sim.OK {
		return
	}
	const ms = 1e-6
	s.first = append(s.first, float64(r.First-r.Intended)*ms)
	s.last = append(s.last, float64(r.Done-r.Intended)*ms)
	if r.Tokens > 1 {
		s.gap = append(s.gap, float64(r.Done-r.First)*ms/float64(r.Tokens-1))
	}
}

func (s *samples) figures() Figures {
	f := noFigures()
	f[success] = float64(len(s.last)) / float64(s.calls)
	f[tpot] = mean(s.gap)
	for _, one := range []struct {
		mean   metric
		values []float64
	}{{ttft, s.first}, {e2e, s.last}} {
		f[one.mean] = mean(one.values)
		slices.Sort(one.values)
		f[one.mean+1], f[one.mean+2], f[one.mean+3] = quantile(one.values, 0.5), quantile(one.values, 0.9), quantile(one.values, 0.99)
	}
	return f
}

// mean returns the mean, NaN of nothing.
func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// quantile returns the q-th quantile of sorted values, between neighbours (type 7, as NumPy's), NaN of
// nothing.
func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 == len(sorted) {
		return sorted[i]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}
