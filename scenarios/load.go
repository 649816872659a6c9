package scenarios

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// A Load says when calls arrive.
type Load struct {
	Arrivals Arrivals `yaml:"arrivals"` // default poisson
	Phases   []Phase  `yaml:"phases,omitempty"`
}

// A Phase is a named stretch of the load. In an open phase calls come at Rate whatever becomes of
// them. A phase with Concurrency is a closed loop: so many callers, each starting its next call when
// its last has ended, until Calls have been made; only the last phase can be one. Of a trace the
// phases say only where it is divided.
type Phase struct {
	Name        string        `yaml:"name" jsonschema:"required"`
	Rate        *sim.Rate     `yaml:"rate,omitempty"`                  // calls per second; 0 is a quiet stretch; nil in a closed loop and for a trace
	For         time.Duration `yaml:"for,omitempty" check:"positive"`  // length
	Ramp        time.Duration `yaml:"ramp,omitempty" check:"positive"` // the rate moves linearly from the phase before to Rate in this time, at most For; 0 jumps
	Concurrency int           `yaml:"concurrency,omitempty" check:"positive"`
	Calls       int           `yaml:"calls,omitempty" check:"positive"`
}

// closed reports whether the phase is a closed loop.
func (p Phase) closed() bool { return p.Concurrency != 0 || p.Calls != 0 }

// rate is calls per second at the end of the phase, 0 where none is given.
func (p Phase) rate() float64 {
	if p.Rate == nil {
		return 0
	}
	return float64(*p.Rate)
}

// A Span is where a phase lies.
type Span struct {
	Name     string
	From, To time.Duration // of a closed loop To is From: it ends when its calls have
	Rate     sim.Rate      // after the ramp; of a trace, the mean
	Ramp     time.Duration
	Closed   bool
	Peak     bool // the open phase with the highest rate, the first of equals: the spike
}

// longestLoad is the length of a load that is run at all.
const longestLoad = 10 * 365 * 24 * time.Hour

// Validate checks each phase and how they follow each other.
func (l *Load) Validate() error {
	var faults sim.Faults
	trace := l.Arrivals.Kind == "trace"
	if len(l.Phases) == 0 && !trace {
		faults.Add("phases", "", "at least one phase, as {name: steady, rate: 100/s, for: 30s}")
		return faults
	}
	names, length := map[string]int{}, 0.0
	for i, p := range l.Phases {
		path := "phases[" + strconv.Itoa(i) + "]"
		if fault := nameFault(p.Name); p.Name == "" {
			faults.Add(path+".name", "", namesAre)
		} else if fault != "" {
			faults.Add(path+".name", fault, namesAre)
		} else if first, twice := names[p.Name]; twice {
			faults.Add(path+".name", fmt.Sprintf("%q is the name of phases[%d] too", p.Name, first), "names that differ")
		} else {
			names[p.Name] = i
		}
		if p.closed() {
			p.validateClosed(&faults, path, i == len(l.Phases)-1, trace)
		} else {
			p.validateOpen(&faults, path, trace)
		}
		length += p.For.Seconds()
	}
	if length > longestLoad.Seconds() {
		faults.Add("phases", fmt.Sprintf("last %.0f hours", length/3600), fmt.Sprintf("at most %.0f hours", longestLoad.Hours()))
	}
	if len(faults) == 0 && !trace {
		l.validateCalls(&faults)
	}
	return faults.Err()
}

func (p Phase) validateOpen(faults *sim.Faults, path string, trace bool) {
	switch {
	case p.Rate == nil && !trace:
		faults.Add(path+".rate", "", "a rate such as 100/s")
	case p.Rate != nil && trace:
		faults.Add(path+".rate", "stands beside a trace", "nothing: the trace has its own rate")
	case p.Rate != nil && !(*p.Rate >= 0 && !math.IsInf(float64(*p.Rate), 0)):
		faults.Add(path+".rate", p.Rate.String(), "0 or more")
	}
	if p.For <= 0 {
		faults.Add(path+".for", "", durationsAre+", above 0")
	}
	if p.Ramp > 0 && trace {
		faults.Add(path+".ramp", "stands beside a trace", "nothing: the trace has its own rate")
	} else if p.Ramp < 0 || p.Ramp > p.For {
		faults.Add(path+".ramp", durationText(p.Ramp), "at most the length of the phase, "+durationText(p.For))
	}
}

func (p Phase) validateClosed(faults *sim.Faults, path string, last, trace bool) {
	if !last {
		faults.Add(path+".concurrency", "in a phase that others follow", "a closed loop as the last phase: nobody knows when it ends")
	}
	if trace {
		faults.Add(path, "is a closed loop behind a trace", "phases with name and for")
	}
	if p.Rate != nil {
		faults.Add(path+".rate", "in a closed loop", "concurrency and calls: answers set the rate")
	}
	if p.For != 0 {
		faults.Add(path+".for", "in a closed loop", "concurrency and calls: it ends when its calls have")
	}
	if p.Ramp != 0 {
		faults.Add(path+".ramp", "in a closed loop", "concurrency and calls")
	}
	if p.Concurrency < 1 || p.Concurrency > 1_000_000 {
		faults.Add(path+".concurrency", foundCount(p.Concurrency), "1 to 1000000 callers")
	}
	if p.Calls < 1 || p.Calls > MostCalls {
		faults.Add(path+".calls", foundCount(p.Calls), fmt.Sprintf("1 to %d calls", MostCalls))
	}
}

func foundCount(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// validateCalls refuses a load without calls, and one that would never be done.
func (l *Load) validateCalls(faults *sim.Faults) {
	total, most, where := 0.0, 0.0, 0
	before := 0.0
	for i, p := range l.Phases {
		calls := float64(p.Calls)
		if !p.closed() {
			calls = p.expected(before)
			before = p.rate()
		}
		total += calls
		if calls > most {
			most, where = calls, i
		}
	}
	switch path := fmt.Sprintf("phases[%d]", where); {
	case total == 0:
		faults.Add("phases", "have no calls at all: every rate is 0", "a rate above 0 somewhere")
	case total > MostCalls && !l.Phases[where].closed():
		p := l.Phases[where]
		faults.Add(path+".rate", fmt.Sprintf("%s for %s makes %s calls per seed", p.Rate, durationText(p.For), thousands(total)),
			fmt.Sprintf("at most %s calls per seed over all phases", thousands(MostCalls)))
	case total > MostCalls:
		faults.Add(path, fmt.Sprintf("brings the load to %s calls per seed", thousands(total)),
			fmt.Sprintf("at most %s calls per seed over all phases", thousands(MostCalls)))
	}
}

// expected is the number of calls of an open phase: its integrated rate.
func (p Phase) expected(before float64) float64 {
	rate := p.rate()
	return rate*p.For.Seconds() - (rate-before)/2*p.Ramp.Seconds()
}

// thousands writes a number of calls with separators.
func thousands(x float64) string {
	digits := strconv.FormatFloat(math.Round(x), 'f', 0, 64)
	if len(digits) > 30 || math.IsInf(x, 0) {
		return strconv.FormatFloat(x, 'g', 3, 64)
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// Calls is the expected number of calls of one seed; of a trace, the exact one.
func (s *Scenario) Calls() float64 {
	if trace := s.Load.Arrivals.Trace; trace != nil {
		n := 0
		for length := s.Length(); n < len(trace.rows) && trace.at(n) < length; n++ {
		}
		return float64(n)
	}
	total, before := 0.0, 0.0
	for _, p := range s.Load.Phases {
		if p.closed() {
			total += float64(p.Calls)
			continue
		}
		calls := p.expected(before)
		if s.Load.Arrivals.Exact {
			calls = math.Round(calls)
		}
		total += calls
		before = p.rate()
	}
	return total
}

// Length is how long the open phases last. A closed loop begins then.
func (s *Scenario) Length() time.Duration {
	var sum time.Duration
	for _, p := range s.Load.Phases {
		sum += p.For
	}
	if trace := s.Load.Arrivals.Trace; trace != nil && len(s.Load.Phases) == 0 {
		return trace.length()
	}
	return sum
}

// Spans are the phases in time. A trace without phases is one that is called "trace".
func (s *Scenario) Spans() []Span {
	trace := s.Load.Arrivals.Trace
	phases := s.Load.Phases
	if trace != nil && len(phases) == 0 {
		phases = []Phase{{Name: "trace", For: trace.length()}}
	}
	spans := make([]Span, len(phases))
	var from time.Duration
	peak, row := -1, 0
	for i, p := range phases {
		span := Span{Name: p.Name, From: from, To: from + p.For, Ramp: p.Ramp, Closed: p.closed()}
		switch {
		case trace != nil:
			first := row
			for row < len(trace.rows) && trace.at(row) < span.To {
				row++
			}
			span.Rate = sim.Rate(float64(row-first) / p.For.Seconds())
		case p.Rate != nil:
			span.Rate = *p.Rate
		}
		if !span.Closed && (peak < 0 || span.Rate > spans[peak].Rate) {
			peak = i
		}
		spans[i], from = span, span.To
	}
	if peak >= 0 {
		spans[peak].Peak = true
	}
	return spans
}
