package harness

import (
	"math"

	"github.com/headroom-dev/headroom/sim/backend"
)

// checkFits returns a fault where every call of the scenario has the same tokens and the service's
// model can never carry them. Where lengths are drawn, the calls that are too long are refused one by
// one, as a real server does.
func checkFits(p *Plan) error {
	m, ok := p.Service.Model.Model.(*backend.LLM)
	r := &p.Scenario.Requests
	if !ok || p.Scenario.Load.Arrivals.Trace != nil || !r.Prompt.Constant() || !r.Output.Constant() {
		return nil
	}
	err := m.Fits(int(math.Round(r.Prompt.Mean())), int(math.Round(r.Output.Mean())))
	if err == nil {
		return nil
	}
	return p.Scenario.Service.Fault("model.llm", "is too small: "+err.Error(), "fewer tokens in requests, a larger gpu, a higher tp, or a smaller precision")
}
