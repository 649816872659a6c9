package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/headroom-dev/headroom/sim"
)

// measured is what is known of one phase over all runs and needs no seed: its times and its cells.
type measured struct {
	response                  [sim.NumOutcomes]distribution
	service, ttft, tpot, wait distribution
	cells                     []int64
	reasons                   map[string]int64
}

func (p *phaseTally) measured() measured {
	m := measured{
		service: p.service.distribution(), ttft: p.ttft.distribution(), tpot: p.tpot.distribution(),
		wait: p.wait.distribution(), cells: slices.Clone(p.cells), reasons: maps.Clone(p.reasons),
	}
	for o, h := range p.response {
		m.response[o] = h.distribution()
	}
	return m
}

// add adds another phase.
func (m *measured) add(u measured) {
	for o := range m.response {
		m.response[o] = m.response[o].plus(u.response[o])
	}
	m.service, m.ttft = m.service.plus(u.service), m.ttft.plus(u.ttft)
	m.tpot, m.wait = m.tpot.plus(u.tpot), m.wait.plus(u.wait)
	if m.cells == nil {
		m.cells, m.reasons = make([]int64, len(u.cells)), make(map[string]int64)
	}
	for i, n := range u.cells {
		m.cells[i] += n
	}
	for reason, n := range u.reasons {
		m.reasons[reason] += n
	}
}

// figures are those of one phase, or of all: runs are its Summaries in the order of seeds, batches
// the response times of its ok calls.
func (e *estimator) figures(name string, runs []*Summary, m measured, batches []distribution) Figures {
	var all Summary
	for _, r := range runs {
		all.add(r)
	}
	ok := m.response[sim.OK]
	f := Figures{
		Name: name, Calls: all.Calls, Outcomes: outcomeCounts(all.Outcomes), Reasons: commonest(m.reasons),
		Success: all.success(), MeanMS: all.mean(), WorkS: all.Work.Seconds(),
		Histogram: ok.encode(), Curve: ok.curve(), Warnings: []string{},
	}
	if f.Curve == nil {
		f.Curve = []CurvePoint{}
	}
	calls := float64(all.Calls)
	f.SuccessFirstAttempt = per(float64(all.FirstOK), calls)
	f.SuccessAtPatience = per(float64(all.AtPatience), calls)
	f.Degraded = per(float64(all.Outcomes[sim.Degraded]), calls)
	f.Amplification = per(float64(all.Attempts), calls)
	f.WastedWork = per(all.Wasted.Seconds(), all.Work.Seconds())
	if o := e.config.Objective; o != nil && all.Calls > 0 {
		f.Good = per(float64(all.Good), calls)
		kept := met(o, all.Calls, all.Outcomes[sim.OK], all.Over)
		f.MeetsObjective = &kept
	}
	f.GoodputQPS = per(float64(all.Good), all.Span.Seconds())
	f.ThroughputQPS = per(float64(all.Delivered), all.Span.Seconds())
	if all.Tokens > 0 {
		f.TokensPerS = per(float64(all.Tokens), all.Span.Seconds())
	}
	f.Attempts = make(map[string]int64, sim.NumCauses)
	for c := range sim.NumCauses {
		f.Attempts[c.String()] = all.Causes[c]
	}
	f.times(&m)
	f.Cells = e.cells(m.cells)
	if !e.identical {
		e.intervals(&f, runs, ok, batches)
	}
	f.warn(ok.n)
	return f
}

// times fills in the quantiles.
func (f *Figures) times(m *measured) {
	ok := m.response[sim.OK]
	if ok.n > 0 {
		least, most := milliseconds(ok.min), milliseconds(ok.max)
		f.MinMS, f.MaxMS = &least, &most
	}
	f.P50MS, f.P95MS, f.P99MS, f.P999MS = p50.ms(ok), p95.ms(ok), p99.ms(ok), p999.ms(ok)
	f.ServiceP95MS, f.ServiceP99MS = p95.ms(m.service), p99.ms(m.service)
	f.TTFTP50MS, f.TTFTP99MS = p50.ms(m.ttft), p99.ms(m.ttft)
	f.TPOTP50MS, f.TPOTP99MS = p50.ms(m.tpot), p99.ms(m.tpot)
	f.WaitP50MS, f.WaitP99MS = p50.ms(m.wait), p99.ms(m.wait)
	for o := range sim.NumOutcomes {
		if o == sim.OK || m.response[o].n == 0 {
			continue
		}
		if f.Histograms == nil {
			f.Histograms = make(map[string]string)
		}
		f.Histograms[o.String()] = m.response[o].encode()
	}
}

// cells lists the cells that hold calls, by class, first and last outcome.
func (e *estimator) cells(counts []int64) []Cell {
	cells := []Cell{}
	for i, n := range counts {
		if n == 0 {
			continue
		}
		pair := i % pairs
		cells = append(cells, Cell{
			Priority: e.class(i / pairs), Calls: n,
			First: sim.Outcome(pair / int(sim.NumOutcomes)).String(), Final: sim.Outcome(pair % int(sim.NumOutcomes)).String(),
		})
	}
	return cells
}

// class names a class of calls.
func (e *estimator) class(i int) string {
	switch {
	case i < len(e.config.Priorities):
		return e.config.Priorities[i]
	case len(e.config.Priorities) == 0 && i == 0:
		return "all"
	}
	return fmt.Sprintf("class %d", i)
}

// commonest returns the maxReasons commonest reasons; the others are counted together.
func commonest(reasons map[string]int64) map[string]int64 {
	kept := make(map[string]int64, min(len(reasons), maxReasons+1))
	names := slices.SortedFunc(maps.Keys(reasons), func(a, b string) int {
		return cmp.Or(cmp.Compare(reasons[b], reasons[a]), cmp.Compare(a, b))
	})
	for i, name := range names {
		n := reasons[name]
		if i >= maxReasons {
			name = otherReason
		}
		kept[name] += n
	}
	return kept
}

// warn says what the figures lack because too few of n ok calls came.
func (f *Figures) warn(n int64) {
	switch {
	case f.Calls == 0:
		f.Warnings = append(f.Warnings, "no call was offered")
		return
	case n == 0:
		f.Warnings = append(f.Warnings, "no call was ok: there are no percentiles")
		return
	}
	for _, q := range []quantile{p50, p95, p99} {
		if n < q.least {
			f.Warnings = append(f.Warnings, q.need())
		}
	}
}
