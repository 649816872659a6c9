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
	if err := scenarios.Join(faults...); err != nil {
		return nil, err
	}
	return p, nil
}

// contender decodes one entry of a scenario's strategies.
func contender(choice scenarios.Choice) (Contender, error) {
	c := Contender{Name: choice.Name, Kind: choice.Kind}
	if len(choice.Stack) == 0 {
		layer, shown, err := layer(choice)
		if err != nil {
			return c, err
		}
		c.model, c.shown = layer, shown
	} else {
		var layers []strategies.Strategy
		var faults []error
		shown := choice
		shown.Stack = nil
		for _, one := range choice.Stack {
			made, full, err := layer(one)
			faults = append(faults, err)
			layers, shown.Stack = append(layers, made), append(shown.Stack, full)
		}
		if err := scenarios.Join(faults...); err != nil {
			return c, err
		}
		c.model, c.shown = strategies.Stack(layers...), shown
	}
	c.About = c.shown.String()
	return c, nil
}

// layer decodes one strategy over its defaults, and returns it with the choice as it would be written
// with all of them.
func layer(choice scenarios.Choice) (strategies.Strategy, scenarios.Choice, error) {
	var names []string
	for _, entry := range strategies.All {
		names = append(names, entry.Name)
		if entry.Name != choice.Kind {
			continue
		}
		s := entry.New()
		if err := choice.Decode(s); err != nil {
			return nil, choice, err
		}
		full, err := choice.With(s)
		return s, full, err
	}
	return nil, choice, choice.Unknown("strategy", append(names, "stack"))
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
