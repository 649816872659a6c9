package cli

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/headroom-dev/headroom/scenarios"
)

// mostInput bounds what is read from stdin, as the loader bounds a file.
const mostInput = 64 << 20

// readInput reads stdin, if the scenario or --targets is "-", or --body "@-": one of them.
func (r *run) readInput() error {
	var users []string
	if r.name == "-" {
		users = append(users, "the scenario")
	}
	if r.flags.targetsFile == "-" {
		users = append(users, "--targets")
	}
	if r.flags.body == "@-" {
		users = append(users, "--body")
	}
	if len(users) == 0 {
		return nil
	}
	if len(users) > 1 {
		return usage("%s all read stdin; only one may", strings.Join(users, " and "))
	}
	input, err := io.ReadAll(io.LimitReader(r.stdin, mostInput+1))
	if err != nil {
		return fmt.Errorf("reading stdin: %w", err)
	}
	if len(input) > mostInput {
		return usage("stdin holds more than 64 MiB")
	}
	r.input = input
	return nil
}

// origin says how a value came here, for messages: the flag with its value, or the variable of the
// environment that stands for it.
func (r *run) origin(flag, value string) string {
	name := "--" + flag
	if r.fromVariable[flag] {
		name = variableOf(flag)
	}
	if value == "" {
		return name
	}
	return name + " " + value
}

// edits turns the flags that stand for fields of the scenario into edits of it. --set comes last: it
// says most exactly what is meant.
func (r *run) edits() ([]scenarios.Edit, error) {
	edits, err := r.loadEdits()
	if err != nil {
		return nil, err
	}
	f := r.flags
	if f.patience != "" {
		edits = append(edits, scenarios.Edit{Path: "requests.patience", Value: f.patience, From: r.origin("patience", f.patience)})
	}
	switch {
	case f.seeds != "":
		edits = append(edits, scenarios.Edit{Path: "seeds", Value: f.seeds, From: r.origin("seeds", f.seeds)})
	case r.live != nil: // a live seed costs real time: more than one must be asked for
		edits = append(edits, scenarios.Edit{Path: "seeds", Value: "1", From: "one seed for a live run"})
	}
	for _, text := range f.set {
		path, value, ok := strings.Cut(text, "=")
		if !ok || path == "" {
			return nil, usage("%s: allowed: PATH=VALUE, as load.phases.spike.rate=800/s", r.origin("set", text))
		}
		edits = append(edits, scenarios.Edit{Path: path, Value: value, From: r.origin("set", text)})
	}
	return edits, nil
}

// loadEdits are the edits of --rate, --stage and --trace, which each replace the scenario's load.
func (r *run) loadEdits() ([]scenarios.Edit, error) {
	r.dropOverruledLoads()
	f := r.flags
	var given []string
	for _, one := range []struct {
		flag string
		set  bool
	}{{"rate", f.rate != ""}, {"stage", len(f.stages) > 0}, {"trace", f.trace != ""}} {
		if one.set {
			given = append(given, r.origin(one.flag, ""))
		}
	}
	switch {
	case len(given) > 1:
		return nil, usage("%s: each replaces the whole load; only one may", strings.Join(given, " and "))
	case f.duration != "" && f.rate == "":
		return nil, usage("%s needs --rate; the phases of a scenario are set by --stage, or by --set load.phases.NAME.for=%s", r.origin("duration", f.duration), f.duration)
	case len(given) == 0:
		return nil, nil
	}
	own, err := scenarios.Open(r.name, bytes.NewReader(r.input))
	if err != nil {
		return nil, asUsage(err)
	}
	switch {
	case f.rate != "":
		return r.rateEdits(own)
	case f.trace != "":
		return r.traceEdits(own), nil
	}
	return r.stageEdits(own)
}

// loads are the flags that replace the scenario's load, those together that say one.
var loads = [][]string{{"rate", "duration"}, {"stage"}, {"trace"}}

// dropOverruledLoads takes back what the environment says of the load where the command line says
// another one: flags go before variables.
func (r *run) dropOverruledLoads() {
	flags := r.cmd.Flags()
	typed := func(load []string) bool {
		return slices.ContainsFunc(load, func(name string) bool { return flags.Changed(name) && !r.fromVariable[name] })
	}
	if !slices.ContainsFunc(loads, typed) {
		return
	}
	for _, name := range slices.Concat(slices.DeleteFunc(slices.Clone(loads), typed)...) {
		if !r.fromVariable[name] {
			continue
		}
		f := flags.Lookup(name)
		if list, ok := f.Value.(pflag.SliceValue); ok {
			_ = list.Replace(nil) // a list of texts takes any
		} else {
			_ = f.Value.Set("") // so does a text
		}
		f.Changed = false // so that it is not in the command that repeats the run
	}
}

// rateEdits make the load one phase, as long as the scenario's own load unless --duration says
// otherwise.
func (r *run) rateEdits(own *scenarios.Scenario) ([]scenarios.Edit, error) {
	f := r.flags
	rate := r.origin("rate", f.rate)
	edits := append(withoutTrace(own, rate), scenarios.Edit{Path: "load.phases", Value: "[{name: steady}]", From: rate},
		scenarios.Edit{Path: "load.phases.steady.rate", Value: f.rate, From: rate})
	if f.duration != "" {
		return append(edits, scenarios.Edit{Path: "load.phases.steady.for", Value: f.duration, From: r.origin("duration", f.duration)}), nil
	}
	if own.Length() <= 0 {
		return nil, usage("%s needs --duration: %s has no length of its own", rate, r.name)
	}
	return append(edits, scenarios.Edit{Path: "load.phases.steady.for", Value: own.Length().String(), From: rate}), nil
}

// stageEdits make the load the phases of --stage.
func (r *run) stageEdits(own *scenarios.Scenario) ([]scenarios.Edit, error) {
	phases, err := scenarios.ParseStages(r.flags.stages)
	if err != nil {
		return nil, err
	}
	from := r.origin("stage", strings.Join(r.flags.stages, ","))
	edits, err := scenarios.PhasesEdit(phases, from)
	return append(withoutTrace(own, from), edits...), err
}

// traceEdits make the arrivals those of a file, with the speed and the window that the scenario has
// for its own trace.
func (r *run) traceEdits(own *scenarios.Scenario) []scenarios.Edit {
	from := r.origin("trace", r.flags.trace)
	if own.Load.Arrivals.Trace != nil {
		return []scenarios.Edit{{Path: "load.arrivals.trace.file", Value: r.flags.trace, Text: true, From: from}}
	}
	return scenarios.TraceEdits(r.flags.trace, from)
}

// withoutTrace makes the arrivals of a scenario random where they were a trace's: phases have rates,
// and a trace has none.
func withoutTrace(own *scenarios.Scenario, from string) []scenarios.Edit {
	if own.Load.Arrivals.Trace == nil {
		return nil
	}
	return []scenarios.Edit{{Path: "load.arrivals", Value: "poisson", From: from}}
}
