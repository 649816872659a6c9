package harness

import (
	"errors"
	"strings"

	"github.com/headroom-dev/headroom/report"
	"github.com/headroom-dev/headroom/scenarios"
)

// demands parses the gates of a scenario, all before anything runs: each fault points at its gate, with
// its column, what is known there and what was probably meant.
func demands(p *Plan) ([]report.Demand, error) {
	names := p.names()
	var all []report.Demand
	var faults []error
	for _, written := range p.Scenario.Gates {
		g, err := report.ParseGate(written.Expr)
		if err == nil {
			err = g.Resolve(names)
		}
		if err != nil {
			faults = append(faults, gateFault(written, err))
			continue
		}
		all = append(all, report.Demand{
			Gate: g, Strict: written.Strict, Confidence: written.Confidence, MinCalls: written.MinCalls,
			NoDataPass: written.OnNoData == "pass", AbortOnFail: written.AbortOnFail, DelayAbort: written.DelayAbort,
		})
	}
	return all, scenarios.Join(faults...)
}

// names are what the gates of a plan may select by.
func (p *Plan) names() report.Names {
	n := report.Names{Priorities: p.Scenario.Requests.Priority.Names()}
	for _, span := range p.Scenario.Spans() {
		n.Phases = append(n.Phases, span.Name)
	}
	for _, c := range p.Strategies {
		n.Strategies = append(n.Strategies, c.Name)
	}
	return n
}

// gateFault is the fault of a gate's expression, at the gate.
func gateFault(g scenarios.Gate, err error) error {
	var fault *report.GateError
	if !errors.As(err, &fault) {
		return g.Fault(err.Error(), "")
	}
	return g.Fault(fault.Place(), fault.Allowed+known(fault))
}

// known lists the words that a gate may have at the place of a fault, and the one probably meant.
func known(fault *report.GateError) string {
	if len(fault.Known) == 0 {
		return ""
	}
	text := strings.Join(fault.Known, ", ")
	if near, ok := scenarios.Nearest(strings.Trim(fault.Word(), `"`), fault.Known); ok {
		text += " (did you mean " + near + "?)"
	}
	return text
}

// GateFault is the error of an expression that was given by a flag, with what was probably meant.
func GateFault(err error) error {
	var fault *report.GateError
	if !errors.As(err, &fault) {
		return err
	}
	text := fault.Place()
	if allowed := fault.Allowed + known(fault); allowed != "" {
		text += "; allowed: " + allowed
	}
	return errors.New(text + "\n  " + strings.ReplaceAll(fault.Caret(), "\n", "\n  "))
}
