package harness

import (
	"math"

	"github.com/headroom-dev/headroom/scenarios"
	"github.com/headroom-dev/headroom/sim"
	"github.com/headroom-dev/headroom/strategies"
)

// fill brings a strategy that asks for it the answers to the most asked keys of a scenario, before the
// first call of a run in virtual time. Nobody is asked for them, so they enter no figure; they are as long
// as an answer of the scenario is on average.
func fill(st strategies.Strategy, s *scenarios.Scenario) {
	w, ok := st.(strategies.Warming)
	if !ok || w.Wanted() == 0 {
		return
	}
	answer := sim.Reply{Outcome: sim.OK, Status: 200}
	if !s.Requests.Output.IsZero() {
		answer.Tokens = int(math.Round(s.Requests.Output.Mean()))
	}
	w.Fill(s.Requests.Keys.MostAsked(w.Wanted()), answer)
}

// unhonoured warns of settings of the contenders that this kind of run cannot honour.
func (p *Plan) unhonoured(contenders []Contender, live bool) []string {
	var all []string
	for _, c := range contenders {
		if w, ok := c.model.(strategies.Warning); ok {
			for _, text := range w.Warnings(live) {
				all = append(all, c.Name+": "+text)
			}
		}
		if w, ok := c.model.(strategies.Warming); ok && !live && w.Wanted() > 0 && p.Scenario.Requests.Keys.IsZero() {
			all = append(all, c.Name+": warm fills nothing, for no two calls of this scenario ask the same; requests.keys says which do")
		}
	}
	return all
}
