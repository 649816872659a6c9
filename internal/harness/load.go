package harness

import (
	"io"

	"github.com/headroom-dev/headroom/scenarios"
	"github.com/headroom-dev/headroom/sim/backend"
	"github.com/headroom-dev/headroom/strategies"
)

// Load reads a scenario: a built-in one by name, a file by its path, or "-" for stdin. The edits are
// applied before decoding. Every fault of the scenario, of its strategies and of its service comes
// back at once, as *scenarios.Error.
func Load(name string, stdin io.Reader, edits ...scenarios.Edit) (*Plan, error) {
	return decode(scenarios.Open(name, stdin, edits...))
}

// Read reads a scenario from r; its faults name it by name.
func Read(name string, r io.Reader, edits ...scenarios.Edit) (*Plan, error) {
	return decode(scenarios.Parse(name, r, edits...))
}

// decode decodes the parts that other packages own. A scenario that came with faults still has the
// parts that could be read, so that theirs are found too.
func decode(s *scenarios.Scenario, err error) (*Plan, error) {
	if s == nil {
		return nil, err
	}
	p := &Plan{Scenario: s, Service: *backend.NewService(), Warnings: s.Warnings()}
	p.Service.Classes = s.Requests.Priority.Names()
	if s.Load.Arrivals.Trace == nil {
		p.Service.Load = s.Rate
	}
	faults := []error{err}
	if s.Service.Present() {
		faults = append(faults, s.Service.Decode(&p.Service))
	}
	faults = append(faults, s.Network.Decode(&p.Network))
	for _, choice := range s.Strategies {
		c, err := contender(choice)
		faults = append(faults, err)
		p.Strategies = append(p.Strategies, c)
	}
	gates, err := demands(p)
	p.Demands = gates
	if err := scenarios.Join(append(faults, err)...); err != nil {
		return nil, err
	}
	if err := checkFits(p); err != nil {
		return nil, err
	}
	return p, nil
}

// contender decodes one entry of a scenario's strategies.
func contender(choice scenarios.Choice) (Contender, error) {
	c := Contender{Name: choice.Name, Kind: choice.Kind}
	var err error
	if c.model, c.shown, err = strategies.Decode(choice); err != nil {
		return c, err
	}
	c.About = c.shown.String()
	return c, nil
}

// EffectiveYAML returns the scenario with all defaults filled in: what `headroom show` prints, and what
// Load reads back to the same plan.
func (p *Plan) EffectiveYAML() ([]byte, error) {
	full, err := p.effective()
	if err != nil {
		return nil, err
	}
	return scenarios.EffectiveYAML(full)
}

// EffectiveJSON is the same for run.json, with the keys in the same order.
func (p *Plan) EffectiveJSON() ([]byte, error) {
	full, err := p.effective()
	if err != nil {
		return nil, err
	}
	return scenarios.EffectiveJSON(full)
}

// effective is the scenario with the sections that other packages own written out.
func (p *Plan) effective() (*scenarios.Scenario, error) {
	full := *p.Scenario
	var err error
	if full.Network, err = scenarios.NewSection(p.Network); err != nil {
		return nil, err
	}
	if p.Service.Model.Model != nil {
		if full.Service, err = scenarios.NewSection(p.Service); err != nil {
			return nil, err
		}
	}
	full.Strategies = nil
	for _, c := range p.Strategies {
		full.Strategies = append(full.Strategies, c.shown)
	}
	return &full, nil
}
