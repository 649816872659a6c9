// Package scenarios describes an experiment: the load, what is asked, the service, the strategies to
// compare and the objective. A scenario and a seed yield a schedule of intended arrivals before any
// strategy runs, so that every strategy meets the same traffic.
package scenarios

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/headroom-dev/headroom/sim"
)

// A Scenario is one YAML file, decoded and checked. Network, Service and Strategies stay undecoded
// here: the packages that own their keys decode them.
type Scenario struct {
	Name       string    `yaml:"name"` // default: the file's name without directory and ending
	About      string    `yaml:"about,omitempty"`
	Seeds      int       `yaml:"seeds"` // runs of each strategy, 1 to 10,000; default 20
	Load       Load      `yaml:"load"`
	Requests   Requests  `yaml:"requests"`
	Network    Section   `yaml:"network,omitempty"` // not there: all prices zero
	Service    Section   `yaml:"service,omitempty"`
	Strategies []Choice  `yaml:"strategies,omitempty"`
	Objective  Objective `yaml:"objective,omitempty"`
	Gates      Gates     `yaml:"gates,omitempty"`

	source  *source
	traffic []File // those of Load and Requests
}

// DefaultSeeds is how often each strategy is run where a scenario does not say.
const DefaultSeeds = 20

// MostCalls is the largest number of calls of one seed that is run at all: about an hour of
// computing. What lies above is nearly always a slip of units.
const MostCalls = 1_000_000_000

// An Arrival is one call of the schedule.
type Arrival struct {
	At      time.Duration // intended start; in a closed-loop phase, when the phase starts
	Phase   int           // index in Spans
	Request sim.Request   // Call, User, Key, Priority, Prompt, Output, Prefix, Work: nothing else is set
}

// Files are the files that the scenario named and that were read so far, with their hashes.
func (s *Scenario) Files() []File {
	if s.source == nil {
		return nil
	}
	return *s.source.files
}

// Traffic is what decides the schedule of a seed, for EffectiveJSON: two scenarios with the same one
// meet the same calls.
func (s *Scenario) Traffic() any {
	return sim.Fields{{Name: "load", Value: s.Load}, {Name: "requests", Value: s.Requests}, {Name: "files", Value: s.traffic}}
}

// Warnings are what a reader of the results must know about the scenario's input.
func (s *Scenario) Warnings() []string {
	var all []string
	if s.Load.Arrivals.Trace != nil {
		all = s.Load.Arrivals.Trace.Warnings()
	}
	return all
}

// Validate checks what only the whole scenario shows.
func (s *Scenario) Validate() error {
	var faults sim.Faults
	if fault := nameFault(s.Name); fault != "" {
		faults.Add("name", fault, namesAre)
	}
	if s.Seeds < 1 || s.Seeds > 10_000 {
		faults.Add("seeds", fmt.Sprint(s.Seeds), "1 to 10000")
	}
	seen := map[string]int{}
	for i, choice := range s.Strategies {
		if first, twice := seen[choice.Name]; twice {
			faults.Add(fmt.Sprintf("strategies[%d]", i), fmt.Sprintf("is called %q, as strategies[%d] is", choice.Name, first),
				"names that differ: {name: ..., "+choice.Kind+": ...}")
		} else {
			seen[choice.Name] = i
		}
	}
	if len(s.Load.Phases) == 0 && s.Load.Arrivals.Kind != "trace" {
		faults.Add("load.phases", "", "at least one phase, as {name: steady, rate: 100/s, for: 30s}")
	}
	if s.Load.Arrivals.Kind == "trace" {
		if !s.Requests.Prompt.IsZero() {
			faults.Add("requests.prompt", "stands beside a trace", "nothing: the trace has each call's prompt")
		}
		if !s.Requests.Output.IsZero() {
			faults.Add("requests.output", "stands beside a trace", "nothing: the trace has each call's output")
		}
		if trace := s.Load.Arrivals.Trace; trace != nil && trace.named() && !s.Requests.Prefix.IsZero() {
			faults.Add("requests.prefix", "stands beside a trace", "nothing: the trace says what its prompts have in common")
		}
	}
	return faults.Err()
}

const namesAre = "1 to 64 printable characters, no space at the ends"

// nameFault says what is wrong with the name of a scenario, phase, class or strategy, or "".
func nameFault(name string) string {
	switch {
	case name == "":
		return "empty"
	case utf8.RuneCountInString(name) > 64:
		return fmt.Sprintf("of %d characters", utf8.RuneCountInString(name))
	case name != strings.TrimSpace(name):
		return fmt.Sprintf("%q has a space at its end", name)
	case strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return fmt.Sprintf("%q has characters that cannot be printed", name)
	}
	return ""
}
