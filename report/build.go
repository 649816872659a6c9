package report

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// build makes the Result of what was collected.
func (c *Collector) build() *Result {
	r := c.given
	r.Schema = Schema
	r.Objective, r.Priorities = c.config.Objective, slices.Clone(c.config.Priorities)
	r.Phases = c.phases()
	r.Seeds = c.completed()
	r.Offered = c.offered()
	r.Warnings = slices.Clone(r.Warnings)
	r.Strategies = make([]Strategy, 0, len(c.per))
	r.Targets = nil
	r.Validity = Validity{}
	weights := make(map[int][][]int64) // by number of batches: drawn once for all figures
	for _, one := range c.per {
		s := c.strategy(one, weights)
		r.Strategies = append(r.Strategies, s)
		r.Validity.add(&s.Validity)
		r.Targets = append(r.Targets, one.targets(&c.config)...)
		for _, text := range one.warnings(c.config.Objective) {
			r.warn(text)
		}
	}
	c.warnOfOneSample(&r)
	if n := len(r.Seeds); n > 1 && n < 10 {
		r.warn("intervals from fewer than 10 seeds are rough")
	}
	if c.config.Phases[len(c.config.Phases)-1].Closed {
		r.warn("the last phase is a closed loop: callers wait before they call again, so slow answers hide the load that did not come")
	}
	if r.Gates == nil {
		r.Gates = []GateResult{}
	}
	if r.Warnings == nil {
		r.Warnings = []string{}
	}
	return &r
}

// warn adds a warning, once.
func (r *Result) warn(text string) {
	if !slices.Contains(r.Warnings, text) {
		r.Warnings = append(r.Warnings, text)
	}
}

// phases are the Config's, with the end of a closed one as the runs found it.
func (c *Collector) phases() []PhaseInfo {
	phases := slices.Clone(c.config.Phases)
	last := len(phases) - 1
	if phases[last].Closed {
		for _, one := range c.per {
			phases[last].ToS = max(phases[last].ToS, one.tally.phases[last].lastDone.Seconds())
		}
	}
	return phases
}

// completed returns the seeds that all strategies completed; where there is none, those that any did.
func (c *Collector) completed() []uint64 {
	all, some := []uint64{}, []uint64{}
	for i, seed := range c.seeds {
		n := 0
		for _, one := range c.per {
			if one.runs[i] != nil {
				n++
			}
		}
		if n == len(c.per) {
			all = append(all, seed)
		}
		if n > 0 {
			some = append(some, seed)
		}
	}
	if len(all) == 0 {
		return some
	}
	return all
}

// offered is the traffic as the first strategy with a run met it: the same for all, but for a closed
// loop.
func (c *Collector) offered() Offered {
	o := c.given.Offered
	o.PerSec, o.StepS = []float64{}, 1
	for _, one := range c.per {
		done := one.done()
		if len(done) == 0 {
			continue
		}
		k := float64(len(done))
		var calls int64
		var span time.Duration
		step := one.tally.seconds.step
		for _, r := range done {
			calls += r.total.Calls
			span += r.total.Span
			if peak := float64(r.peak) / step.Seconds(); peak > o.PeakQPS {
				o.PeakQPS, o.PeakAtS = peak, (time.Duration(r.peakAt) * step).Seconds()
			}
		}
		o.Calls = float64(calls) / k
		if span > 0 {
			o.MeanRate = float64(calls) / span.Seconds()
		}
		var width time.Duration
		o.PerSec, width = one.offered(len(done))
		o.StepS = width.Seconds()
		break
	}
	return o
}

// done returns the completed runs in the order of their seeds.
func (one *collected) done() []*run {
	var done []*run
	for _, r := range one.runs {
		if r != nil {
			done = append(done, r)
		}
	}
	return done
}

// warnOfOneSample says which strategies have no interval because nothing varied by seed.
func (c *Collector) warnOfOneSample(r *Result) {
	var names []string
	for _, one := range c.per {
		if one.identical() {
			names = append(names, one.strategy.Name)
		}
	}
	switch len(names) {
	case 0:
	case len(c.per):
		r.warn("every seed gave the same run, so there is no interval: a trace is one sample")
	default:
		r.warn(strings.Join(names, ", ") + ": every seed gave the same run, so there is no interval: a trace is one sample")
	}
}

// identical reports whether several runs all counted the same: then nothing varies by seed.
func (one *collected) identical() bool {
	done := one.done()
	for _, r := range done[:min(len(done), 1)] {
		for _, other := range done[1:] {
			for i := range r.phases {
				if !r.phases[i].same(&other.phases[i]) {
					return false
				}
			}
		}
	}
	return len(done) > 1
}

// strategy makes one strategy's part of the Result.
func (c *Collector) strategy(one *collected, weights map[int][][]int64) Strategy {
	s := one.strategy
	done := one.done()
	s.Counts = make(map[string]int64, len(one.counts))
	for name, n := range one.counts {
		s.Counts[name] = int64(n)
	}
	s.Validity = Validity{}
	recoveries := make([]recovery, 0, len(done))
	s.Runs = make([]Run, 0, len(done))
	for i, r := range one.runs {
		if r == nil {
			continue
		}
		s.Validity.add(&r.validity)
		row := Run{Seed: c.seeds[i], Phases: r.rows, Recovered: r.recovery.recovered, Asked: r.asked}
		if r.recovery.recovered {
			after := r.recovery.after.Seconds()
			row.RecoveryS = &after
		}
		s.Runs = append(s.Runs, row)
		if r.recovery.shown {
			s.RecoveryShown = true
			recoveries = append(recoveries, r.recovery)
		}
	}
	if median, ci := medianRecovery(recoveries); finite(median) {
		s.RecoveryS, s.RecoveryCI, s.Recovered = &median, ci, true
	}

	e := c.estimator(one, weights)
	runs := make([]*Summary, len(done))
	var all measured
	for i, p := range c.config.Phases {
		for j, r := range done {
			runs[j] = &r.phases[i]
		}
		m := one.tally.phases[i].measured()
		f := e.figures(p.Name, runs, m, e.batches[i])
		f.Resources = one.gauges.resources(p)
		s.Phases = append(s.Phases, f)
		all.add(m)
	}
	for j, r := range done {
		runs[j] = &r.total
	}
	s.Total = e.figures("total", runs, all, e.pooled())
	s.Against = c.against(one)
	s.Series = one.series(max(len(done), 1))
	return s
}

// against compares with the first strategy in the phase of highest rate, or over all where no phase
// is; nil for the first strategy itself.
func (c *Collector) against(one *collected) *Paired {
	first := c.per[0]
	if one == first {
		return nil
	}
	name, pick := "total", func(r *run) *Summary { return &r.total }
	for i, p := range c.config.Phases {
		if p.IsPeak {
			name, pick = p.Name, func(r *run) *Summary { return &r.phases[i] }
			break
		}
	}
	var a, b []*Summary
	for i := range one.runs {
		if one.runs[i] != nil && first.runs[i] != nil {
			a, b = append(a, pick(one.runs[i])), append(b, pick(first.runs[i]))
		}
	}
	return paired(name, a, b)
}

// warnings are what the reader must know of all of one strategy's figures.
func (one *collected) warnings(o *Objective) (texts []string) {
	for _, r := range one.done() {
		texts = append(texts, r.warnings...)
	}
	name := one.strategy.Name
	var clamped, ok, seen int64
	for i := range one.tally.phases {
		p := &one.tally.phases[i]
		clamped += p.clamped()
		ok += p.response[sim.OK].count()
		seen += p.ttft.count()
	}
	if clamped > 0 {
		texts = append(texts, fmt.Sprintf("%s: %d times lay outside 0 to 10 minutes and were counted at the end of that range", name, clamped))
	}
	if o != nil && (o.TTFTP99MS != nil || o.TPOTP99MS != nil) && ok > 0 && seen == 0 {
		texts = append(texts, name+": the objective limits the first token or the time per token, but no answer told when its tokens came")
	}
	return texts
}

// finite reports whether x is a number that a file can hold.
func finite(x float64) bool {
	return !math.IsNaN(x) && !math.IsInf(x, 0)
}
