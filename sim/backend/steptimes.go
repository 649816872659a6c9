package backend

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// StepTimes says how long a step takes, by one word or by one entry with figures of its own:
//
//	step_time: physics                      # eight coefficients and the datasheets
//	step_time: {physics: {a: 1.1, b: 1.6}}  # other coefficients; those left out keep their values
//	step_time: linear                       # the line nearest to physics about a typical batch
//	step_time: {linear: {base: 8ms, per_prefill_token: 20us, per_sequence: 500us}}
//	step_time: roofline                     # a bound for hardware nobody has measured
//
// The zero value is physics. What a word stands for is worked out anew from model and card wherever it
// is needed, so that a scenario with another card is not left with the times of the first.
type StepTimes struct {
	Word     string        // physics, linear or roofline, where no figures are given; "" is physics
	Physics  *Coefficients // at most one of these three
	Linear   *Linear
	Roofline *Roofline
}

var stepTimeWords = []string{"physics", "linear", "roofline"}

// UnmarshalYAML reads a word or an entry.
func (s *StepTimes) UnmarshalYAML(decode func(any) error) error {
	*s = StepTimes{}
	var form any
	if err := decode(&form); err != nil {
		return err
	}
	if word, ok := form.(string); ok {
		if !slices.Contains(stepTimeWords, word) {
			return sim.Faults{{Found: fmt.Sprintf("unknown step time %q", word), Allowed: strings.Join(stepTimeWords, ", ")}}
		}
		s.Word = word
		return nil
	}
	var entries map[string]raw
	if err := decode(&entries); err != nil {
		return err
	}
	given := slices.Sorted(maps.Keys(entries))
	if len(given) != 1 || !slices.Contains(stepTimeWords, given[0]) {
		return sim.Faults{{Found: "step time " + strings.Join(given, " and "), Allowed: "exactly one of " + strings.Join(stepTimeWords, ", ")}}
	}
	var into any
	switch given[0] {
	case "physics":
		c := DefaultCoefficients()
		s.Physics, into = &c, &c
	case "linear":
		s.Linear = new(Linear)
		into = s.Linear
	default:
		r := DefaultRoofline()
		s.Roofline, into = &r, &r
	}
	return entries[given[0]].decode(into)
}

// MarshalYAML writes the word, or the entry.
func (s StepTimes) MarshalYAML() (any, error) {
	switch {
	case s.Physics != nil:
		return map[string]*Coefficients{"physics": s.Physics}, nil
	case s.Linear != nil:
		return map[string]*Linear{"linear": s.Linear}, nil
	case s.Roofline != nil:
		return map[string]*Roofline{"roofline": s.Roofline}, nil
	}
	return s.word(), nil
}

func (s StepTimes) word() string {
	if s.Word == "" {
		return stepTimeWords[0]
	}
	return s.Word
}

// Schema describes a step time.
func (StepTimes) Schema() map[string]any {
	duration := map[string]any{"type": "string", "pattern": sim.DurationPattern}
	number := map[string]any{"type": "number", "minimum": 0}
	form := func(properties map[string]any) map[string]any {
		return map[string]any{"type": "object", "additionalProperties": false, "properties": properties}
	}
	words := make([]any, len(stepTimeWords))
	for i, w := range stepTimeWords {
		words[i] = w
	}
	return map[string]any{"description": "how long an engine step takes; default physics", "anyOf": []any{
		map[string]any{"enum": words},
		map[string]any{
			"type": "object", "additionalProperties": false, "minProperties": 1, "maxProperties": 1,
			"properties": map[string]any{
				"physics": form(map[string]any{
					"a": number, "b": number, "ckv": number, "cat": number, "ctb": number,
					"car": duration, "cl": duration, "cr": duration,
				}),
				"linear":   form(map[string]any{"base": duration, "per_prefill_token": duration, "per_sequence": duration}),
				"roofline": form(map[string]any{"mfu_prefill": number, "mfu_decode": number}),
			},
		},
	}}
}

// stepTime returns the step time of the configuration, which Validate has passed.
func (m *LLM) stepTime() StepTime {
	switch s := m.StepTime; {
	case s.Linear != nil:
		return *s.Linear
	case s.Physics != nil || s.word() == "physics":
		return m.physics()
	case s.word() == "linear":
		return m.physics().linearise(m.maxSeqs())
	default:
		return m.roofline()
	}
}

// checkStepTime notes a step time out of range.
func (m *LLM) checkStepTime(f *sim.Faults) {
	switch s := m.StepTime; {
	case s.Linear != nil:
		s.Linear.check(f, "step_time.linear")
		return
	case s.Physics != nil:
		s.Physics.check(f, "step_time.physics")
	case s.Roofline != nil:
		s.Roofline.check(f, "step_time.roofline")
	case !slices.Contains(stepTimeWords, s.word()):
		f.Add("step_time", s.Word, strings.Join(stepTimeWords, ", "))
	}
	if len(*f) > 0 {
		return
	}
	if t := m.stepTime().StepTime(Batch{Decode: 1, Seqs: 1, Context: 1}); t < time.Microsecond || t > time.Hour {
		f.Add("step_time", fmt.Sprintf("%v for a step of one token", t), "figures that give 1us to 1h")
	}
}

// finite notes a number that is negative or no number.
func finite(f *sim.Faults, path string, v float64) {
	if !(v >= 0) || math.IsInf(v, 1) {
		f.Add(path, fmt.Sprint(v), "0 or more")
	}
}
