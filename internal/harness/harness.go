// Package harness runs a scenario: it carries every call of the schedule through a strategy to a
// service, and hands out a record as each call ends. Virtual does it in virtual time against the
// simulated service, Wall in wall-clock time against a real endpoint; Run repeats either over
// strategies and seeds and gathers the result.
package harness

import (
	"time"

	"github.com/headroom-dev/headroom/report"
	"github.com/headroom-dev/headroom/scenarios"
	"github.com/headroom-dev/headroom/sim"
	"github.com/headroom-dev/headroom/sim/backend"
	"github.com/headroom-dev/headroom/strategies"
)

// A Plan is a scenario with all its parts decoded and checked: what Run runs.
type Plan struct {
	Scenario   *scenarios.Scenario
	Network    backend.Network
	Service    backend.Service
	Strategies []Contender
	Demands    []report.Demand // the scenario's gates
	Warnings   []string
}

// A Contender is one of the strategies to compare.
type Contender struct {
	Name  string
	About string // its stack and parameters in one line
	Kind  string // its kind; "stack" for several layers
	model strategies.Strategy
	shown scenarios.Choice // as written, with all defaults
}

// New returns the contender's strategy for one run.
func (c Contender) New() strategies.Strategy { return strategies.Fresh(c.model) }

// patienceSeconds is how long the callers are told to wait at most; nil is for ever.
func (c Contender) patienceSeconds(own time.Duration) *float64 {
	longest := patience(c.model, sim.Request{}, own)
	if longest == 0 {
		return nil
	}
	s := longest.Seconds()
	return &s
}

// patience returns how long the callers of a strategy wait: the scenario's patience, unless the
// strategy tells them to wait longer. Zero is for ever.
func patience(s strategies.Strategy, r sim.Request, own time.Duration) time.Duration {
	if p, ok := s.(strategies.Patient); ok && own > 0 {
		return p.Patience(r, own)
	}
	return own
}

// A book is where one run's attempts are counted, beside the records of its calls.
type book struct {
	costs   []sim.Cost
	causes  []report.CauseCounts
	seconds []report.SecondTotals
}

func newBook(phases int) *book {
	return &book{costs: make([]sim.Cost, phases), causes: make([]report.CauseCounts, phases)}
}

// attempt counts one attempt of a call of that phase, sent now.
func (b *book) attempt(phase int, cause sim.Cause, now time.Duration) {
	b.causes[phase][cause]++
	second := int(now / time.Second)
	for len(b.seconds) <= second {
		b.seconds = append(b.seconds, report.SecondTotals{})
	}
	b.seconds[second].Attempts++
}

// decisions asks a strategy what it decided, if it counts that.
func decisions(s strategies.Strategy) map[string]int {
	counter, ok := s.(strategies.Counting)
	if !ok {
		return nil
	}
	counts := make(map[string]int)
	counter.Counts(func(name string, n int64) { counts[name] += int(n) })
	return counts
}

// spread tells a strategy that chooses endpoints how many there are; 0 is unknown.
func spread(s strategies.Strategy, endpoints int) {
	if sharded, ok := s.(strategies.Sharded); ok && endpoints > 0 {
		sharded.Endpoints(endpoints)
	}
}

// linked puts the network before a service, for calls of that strategy.
func (p *Plan) linked(env sim.Env, s strategies.Strategy, service sim.Handler) backend.Link {
	network := p.Network
	if c, ok := s.(strategies.Compressing); ok {
		network.Encodes = c.Compresses()
	}
	return network.Start(env, service)
}
