package backend

import (
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// StartUp is how long a replica takes from being asked for to being ready: `start_up: 120s`, any
// random length of time, or the parts it is made of, which add up:
//
//	start_up: {pending: 20s, image: 40s, weights: {uniform: {min: 30s, max: 60s}}, graph: 30s}
//
// Published start-ups of LLM servers are 60 to 600 s. A nil StartUp takes no time.
type StartUp struct {
	Whole sim.DurationDist
	Parts *StartUpParts // nil: given as a whole
}

// StartUpParts are what a start-up is made of. A part that is unset takes no time.
type StartUpParts struct {
	Pending sim.DurationDist `yaml:"pending,omitempty"` // until a machine is there
	Image   sim.DurationDist `yaml:"image,omitempty"`   // pulling the container's image
	Weights sim.DurationDist `yaml:"weights,omitempty"` // loading the model
	Graph   sim.DurationDist `yaml:"graph,omitempty"`   // capturing graphs, warming up
}

var startUpParts = []string{"pending", "image", "weights", "graph"}

// draw returns one length of it.
func (s *StartUp) draw(r *rand.Rand) time.Duration {
	return s.sum(func(one sim.DurationDist) time.Duration { return one.Duration(r) })
}

// mean returns its expected length.
func (s *StartUp) mean() time.Duration { return s.sum(sim.DurationDist.Mean) }

func (s *StartUp) sum(of func(sim.DurationDist) time.Duration) (total time.Duration) {
	if s == nil {
		return 0
	}
	all := []sim.DurationDist{s.Whole}
	if s.Parts != nil {
		all = []sim.DurationDist{s.Parts.Pending, s.Parts.Image, s.Parts.Weights, s.Parts.Graph}
	}
	for _, one := range all {
		if !one.IsZero() {
			total += of(one)
		}
	}
	return total
}

// UnmarshalYAML reads either form.
func (s *StartUp) UnmarshalYAML(decode func(any) error) error {
	var form any
	if err := decode(&form); err != nil {
		return err
	}
	*s = StartUp{}
	if fields, ok := form.(map[string]any); ok {
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			if slices.Contains(startUpParts, name) {
				s.Parts = new(StartUpParts)
				return decode(s.Parts)
			}
		}
	}
	return decode(&s.Whole)
}

// MarshalYAML writes it in the form in which it was read.
func (s StartUp) MarshalYAML() (any, error) {
	if s.Parts != nil {
		return *s.Parts, nil
	}
	return s.Whole.MarshalYAML()
}

// Schema describes both forms.
func (StartUp) Schema() map[string]any {
	one := sim.DurationDist{}.Schema()
	part := map[string]any{"anyOf": []any{ // laws stand in full above
		map[string]any{"type": "string", "pattern": sim.DurationPattern}, map[string]any{"const": 0}, map[string]any{"type": "object"}}}
	parts := map[string]any{}
	for _, name := range startUpParts {
		parts[name] = part
	}
	return map[string]any{
		"description": "time from being asked for to being ready: a duration, a law, or parts that add up",
		"anyOf": []any{one, map[string]any{
			"type": "object", "additionalProperties": false, "properties": parts, "minProperties": 1}},
	}
}
