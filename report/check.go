package report

import (
	"errors"
	"fmt"

	"github.com/headroom-dev/headroom/sim"
)

// Check holds a Tally against the laws of counting: every call has one outcome and one cell, every ok
// call one response time, and no part is larger than its whole. A violation is a defect of what fed
// it, not of the run.
func (t *Tally) Check() error {
	var faults faults
	var offered, answered, achieved, delivered int64
	for i := range t.phases {
		p := &t.phases[i]
		in := t.config.Phases[i].Name
		outcomes := p.outcomes()
		var calls int64
		for o, n := range outcomes {
			calls += n
			faults.equal(in+": response times of "+sim.Outcome(o).String(), p.response[o].count(), n)
		}
		ok := outcomes[sim.OK]
		offered += calls
		answered += ok
		delivered += p.delivered
		faults.equal(in+": waiting times", p.wait.count(), calls)
		faults.most(in+": service times", p.service.count(), ok)
		faults.most(in+": first tokens", p.ttft.count(), ok)
		faults.most(in+": times per token", p.tpot.count(), p.ttft.count())
		faults.most(in+": good calls", p.good, ok)
		faults.most(in+": ok calls within patience", p.atPatience, ok)
		for l, n := range p.over {
			faults.most(in+": ok calls over "+limitNames[l], n, ok)
		}
		var reasons int64
		for _, n := range p.reasons {
			reasons += n
		}
		faults.most(in+": reasons", reasons, calls-ok)
	}
	var inSeconds, inCells int64
	for i := range t.seconds.at {
		inSeconds += t.seconds.at[i].calls()
		achieved += int64(t.seconds.at[i].achieved)
	}
	for _, h := range t.latency.at {
		inCells += h.count()
	}
	faults.equal("calls by second", inSeconds, offered)
	faults.equal("answers by second", achieved, answered)
	faults.equal("response times over time", inCells, answered)
	faults.most("answers during the load", delivered, answered)
	return faults.err()
}

// Check holds a Result against the laws of conservation: planned calls = calls with an outcome, runs
// add up to phases and phases to the total, attempts by cause add up, wasted work is part of the
// work, quantiles rise, shares lie in 0 to 1 and intervals around what they are of.
func Check(r *Result) error {
	var faults faults
	if err := r.fits(); err != nil {
		return err
	}
	for i := range r.Strategies {
		s := &r.Strategies[i]
		var calls int64
		for j := range s.Phases {
			f := &s.Phases[j]
			calls += f.Calls
			in := s.Name + ", " + f.Name
			var runs, attempts int64
			for _, run := range s.Runs {
				runs += run.Phases[j].Calls
				attempts += run.Phases[j].Attempts
				row := &run.Phases[j]
				faults.equal(fmt.Sprintf("%s, seed %d: outcomes", in, run.Seed), total(row.Outcomes), row.Calls)
				if row.Histogram != "" {
					faults.histogram(fmt.Sprintf("%s, seed %d", in, run.Seed), row.Histogram, row.Outcomes[sim.OK.String()])
				}
			}
			faults.equal(in+": calls of all runs", runs, f.Calls)
			if n := total(f.Attempts); n > 0 {
				faults.equal(in+": attempts by cause", n, attempts)
			}
			f.check(in, &faults)
		}
		faults.equal(s.Name+": calls of all phases", calls, s.Total.Calls)
		s.Total.check(s.Name+", total", &faults)
		v := &s.Validity
		if r.Interrupted { // what was planned after the interrupt has no outcome
			faults.most(s.Name+": calls", s.Total.Calls+v.Cut, v.Planned)
			faults.most(s.Name+": sent calls", v.Sent, v.Planned)
		} else {
			faults.equal(s.Name+": planned calls", s.Total.Calls+v.Cut, v.Planned)
			faults.equal(s.Name+": sent and unsent calls", v.Sent+v.Unsent, v.Planned)
		}
		faults.equal(s.Name+": processes left over", v.Blocked, 0)
	}
	return faults.err()
}

// check holds the figures of one phase against the laws.
func (f *Figures) check(in string, faults *faults) {
	faults.equal(in+": outcomes", total(f.Outcomes), f.Calls)
	var cells int64
	for _, c := range f.Cells {
		cells += c.Calls
	}
	faults.equal(in+": cells", cells, f.Calls)
	faults.histogram(in, f.Histogram, f.Outcomes[sim.OK.String()])
	for o, h := range f.Histograms {
		faults.histogram(in+", "+o, h, f.Outcomes[o])
	}
	faults.rising(in+": response times", f.MinMS, f.P50MS, f.P95MS, f.P99MS, f.P999MS, f.MaxMS)
	faults.rising(in+": good calls among ok ones", f.Good, f.Success)
	faults.rising(in+": ok within patience among ok", f.SuccessAtPatience, f.Success)
	zero, one := 0.0, 1.0
	for _, share := range []*float64{f.Success, f.SuccessFirstAttempt, f.Degraded, f.WastedWork} {
		faults.rising(in+": shares", &zero, share, &one)
	}
	for _, of := range []struct {
		name  string
		value *float64
		ci    *Interval
	}{
		{"success", f.Success, f.SuccessCI}, {"success_at_patience", f.SuccessAtPatience, f.SuccessAtPatienceCI},
		{"good", f.Good, f.GoodCI}, {"mean_ms", f.MeanMS, f.MeanCI}, {"amplification", f.Amplification, f.AmplificationCI},
		{"wasted_work", f.WastedWork, f.WastedWorkCI}, {"goodput_qps", f.GoodputQPS, f.GoodputCI},
		{"throughput_qps", f.ThroughputQPS, f.ThroughputCI},
	} {
		if of.ci != nil {
			faults.rising(in+": "+of.name+" in its interval", &of.ci[0], of.value, &of.ci[1])
		}
	}
	for _, ci := range []*Interval{f.P50CI, f.P95CI, f.P99CI} {
		if ci != nil {
			faults.rising(in+": an interval", &zero, &ci[0], &ci[1])
		}
	}
}

func total(counts map[string]int64) (n int64) {
	for _, c := range counts {
		n += c
	}
	return n
}

// faults are broken laws.
type faults []error

func (f *faults) equal(what string, got, want int64) {
	if got != want {
		*f = append(*f, fmt.Errorf("%s: got %d, want %d", what, got, want))
	}
}

func (f *faults) most(what string, got, most int64) {
	if got < 0 || got > most {
		*f = append(*f, fmt.Errorf("%s: got %d, want 0 to %d", what, got, most))
	}
}

// histogram demands that an encoded histogram can be read and holds want times.
func (f *faults) histogram(what, text string, want int64) {
	d, err := decodeDistribution(text)
	if err != nil {
		*f = append(*f, fmt.Errorf("%s: %w", what, err))
		return
	}
	f.equal(what+": times in the histogram", d.n, want)
}

// rising demands that the values there are do not fall; a millionth of rounding is allowed.
func (f *faults) rising(what string, values ...*float64) {
	var before *float64
	for _, v := range values {
		if v == nil {
			continue
		}
		if before != nil && *v < *before-1e-6*max(*before, 1e-6) {
			*f = append(*f, fmt.Errorf("%s: %v comes after %v", what, *v, *before))
		}
		before = v
	}
}

func (f faults) err() error { return errors.Join(f...) }
