package scenarios

import (
	"fmt"
	"strings"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// ParseStages reads the phases of --stage flags, each of which is
//
//	stages = stage { "," stage } ;
//	stage  = duration "@" rate ;
//
// so "30s@100,10s@1000,60s@100" is what three flags would say. Three stages of which the second is
// the fastest are before, spike and recovery; otherwise they are stage1, stage2 and so on.
func ParseStages(flags []string) ([]Phase, error) {
	var phases []Phase
	var faults []Fault
	for _, flag := range flags {
		for _, stage := range strings.Split(flag, ",") {
			phase, err := parseStage(strings.TrimSpace(stage))
			for _, f := range faultsOf(err, nil, "") {
				f.From, f.whole = "--stage "+flag, true
				faults = append(faults, f)
			}
			phases = append(phases, phase)
		}
	}
	if len(faults) > 0 {
		return nil, &Error{faults}
	}
	for i := range phases {
		phases[i].Name = fmt.Sprintf("stage%d", i+1)
	}
	if len(phases) == 3 && *phases[1].Rate > *phases[0].Rate && *phases[1].Rate > *phases[2].Rate {
		phases[0].Name, phases[1].Name, phases[2].Name = "before", "spike", "recovery"
	}
	return phases, nil
}

func parseStage(stage string) (Phase, error) {
	length, text, found := strings.Cut(stage, "@")
	if !found {
		return Phase{}, sim.Faults{{Found: fmt.Sprintf("%q has no @", stage), Allowed: "DURATION@RATE, as 30s@100"}}
	}
	d, err := time.ParseDuration(length)
	if err != nil || d <= 0 {
		return Phase{}, sim.Faults{{Found: fmt.Sprintf("%q is no duration above 0", length), Allowed: "DURATION@RATE, as 30s@100"}}
	}
	rate := new(sim.Rate)
	if err := rate.UnmarshalText([]byte(text)); err != nil {
		return Phase{}, err
	}
	return Phase{Rate: rate, For: d}, nil
}

// PhasesEdit puts phases in the place of a scenario's own; from is how faults name the flag.
func PhasesEdit(phases []Phase, from string) ([]Edit, error) {
	n, err := encode(phases)
	if err != nil {
		return nil, err
	}
	return []Edit{{Path: "load.phases", Value: n.flow(), From: from}}, nil
}

// TraceEdits put a trace in the place of a scenario's load: its arrivals, phases and token counts.
func TraceEdits(file, from string) []Edit {
	return []Edit{
		{Path: "load", Value: "{arrivals: {trace: {}}}", From: from},
		{Path: "load.arrivals.trace.file", Value: file, Text: true, From: from},
		{Path: "requests.prompt", Value: "null", From: from},
		{Path: "requests.output", Value: "null", From: from},
	}
}
