package strategies

import (
	"strings"

	"github.com/headroom-dev/headroom/scenarios"
)

// Parse reads a strategy from YAML, as an entry of a scenario's strategies is written or a list of
// entries, which makes a stack with the first outermost:
//
//	backoff
//	backoff: {preset: openai, tries: 4}
//	[cache, {backoff: {budget: envoy}}, {pooled: {size: 64}}]
//	{name: resilient, stack: [cache, backoff, pooled]}
//
// The error is a *scenarios.Error with every fault there is, each with its line, what was found and
// what is allowed.
func Parse(yaml []byte) (Strategy, error) {
	choices, err := scenarios.ParseChoices("strategy", strings.NewReader(string(yaml)))
	if err != nil {
		return nil, err
	}
	var layers []Strategy
	var faults []error
	for _, choice := range choices {
		s, _, err := Decode(choice)
		faults, layers = append(faults, err), append(layers, s)
	}
	if err := scenarios.Join(faults...); err != nil {
		return nil, err
	}
	if len(layers) == 1 {
		return layers[0], nil
	}
	return Stack(layers...), nil
}

// Decode makes the strategy that an entry of a scenario describes, over the defaults of its kind and
// preset, and returns it with the entry as it would be written with all of them.
func Decode(choice scenarios.Choice) (Strategy, scenarios.Choice, error) {
	if len(choice.Stack) == 0 {
		return decodeLayer(choice)
	}
	var layers []Strategy
	var faults []error
	shown := choice
	shown.Stack = nil
	for _, one := range choice.Stack {
		made, full, err := decodeLayer(one)
		faults = append(faults, err)
		layers, shown.Stack = append(layers, made), append(shown.Stack, full)
	}
	if err := scenarios.Join(faults...); err != nil {
		return nil, choice, err
	}
	return Stack(layers...), shown, nil
}

func decodeLayer(choice scenarios.Choice) (Strategy, scenarios.Choice, error) {
	var names []string
	for _, entry := range All {
		names = append(names, entry.Name)
		if entry.Name != choice.Kind {
			continue
		}
		s, err := defaults(entry, choice)
		if err != nil {
			return nil, choice, err
		}
		if err := choice.Decode(s); err != nil {
			return nil, choice, err
		}
		full, err := choice.With(s)
		return s, full, err
	}
	return nil, choice, choice.Unknown("strategy", append(names, "stack"))
}

// defaults returns what a choice's settings are decoded over: the kind's defaults, or its preset's.
func defaults(entry Entry, choice scenarios.Choice) (Strategy, error) {
	s := entry.New()
	name, given := choice.Word("preset")
	if !given {
		return s, nil
	}
	var names []string
	for _, p := range PresetsOf(s) {
		names = append(names, p.Name)
		if p.Name == name {
			return p.New(), nil
		}
	}
	if len(names) == 0 {
		return s, nil // the decoder says that there is no such setting
	}
	return nil, choice.UnknownWord("preset", names)
}
