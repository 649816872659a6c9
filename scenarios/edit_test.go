package scenarios

import (
	"strings"
	"testing"
)

const edited = `load:
  arrivals: poisson
  phases:
    - {name: before, rate: 100/s, for: 30s}
    - {name: spike, rate: 1000/s, for: 10s}
requests: {patience: 30s, users: 5}
strategies:
  - sync
  - {pooled: {size: 192}}
  - {name: x, pooled: {size: 5}}
  - {name: resilient, stack: [cache, {backoff: {tries: 7}}, pooled]}
`

func TestEditsSetWhatTheirPathNames(t *testing.T) {
	for _, row := range []struct{ path, value, want string }{
		{"load.phases.spike.rate", "800/s", "{name: spike, rate: 800/s, for: 10s}"},
		{"load.phases.1.rate", "800/s", "{name: spike, rate: 800/s, for: 10s}"},
		{"load.phases[1].rate", "800/s", "{name: spike, rate: 800/s, for: 10s}"},
		{`load.phases."spike".rate`, "800/s", "{name: spike, rate: 800/s, for: 10s}"},
		{"load.phases.spike", "{name: peak, rate: 5, for: 1s}", "- {name: peak, rate: 5/s, for: 1s}"},
		{"load.phases.spike.ramp", "2s", "{name: spike, rate: 1000/s, for: 10s, ramp: 2s}"},
		{"load.arrivals.gamma.cv", "2", "arrivals: {gamma: {cv: 2}}"},
		{"seeds", "3", "seeds: 3\n"},
		{"requests.keys.zipf", "{s: 1, n: 10}", "requests: {keys: {zipf: {s: 1, n: 10}}, users: 5, patience: 30s}"},
		{"requests.users", "null", "requests: {patience: 30s}\n"},
		{"service.model.queue.servers", "3", "service: {model: {queue: {servers: 3}}}\n"},
		{"objective", "llama3.1-8b", "objective: {preset: llama3.1-8b, ttft_p99: 2s, tpot_p99: 100ms}"},
		{"gates", "[success >= 85%]", "gates: [success >= 85%]\n"},
		{"strategies.sync.timeout", "5s", "- {sync: {timeout: 5s}}\n"},
		{"strategies.pooled.size", "7", "- {pooled: {size: 7}}\n"},
		{"strategies.pooled.pooled.size", "7", "- {pooled: {size: 7}}\n"},
		{"strategies.x.size", "7", "- {name: x, pooled: {size: 7}}\n"},
		{"strategies.x.name", "z", "- {name: z, pooled: {size: 5}}\n"},
		{"strategies.resilient.backoff.tries", "2", "[cache, {backoff: {tries: 2}}, pooled]"},
		{"strategies.resilient.stack.backoff.tries", "2", "[cache, {backoff: {tries: 2}}, pooled]"},
		{"strategies.resilient.cache.ttl", "2s", "[{cache: {ttl: 2s}}, {backoff: {tries: 7}}, pooled]"},
		{"strategies.resilient.stack", "[sync]", "- {name: resilient, stack: [sync]}\n"},
		{"strategies.sync", "null", "strategies:\n  - {pooled: {size: 192}}\n"},
		{"strategies", "[sync, cache]", "strategies: [sync, cache]\n"},
		{"name", "'a, b: c'", `name: "a, b: c"`},
	} {
		s, err := Parse("e.yaml", strings.NewReader(edited), Edit{Path: row.path, Value: row.value})
		if err != nil {
			t.Errorf("%s: %v", row.path, err)
			continue
		}
		got, err := EffectiveYAML(s)
		if err != nil || !strings.Contains(string(got), row.want) {
			t.Errorf("%s=%s: want %s in\n%s%v", row.path, row.value, row.want, got, err)
		}
	}
}

func TestEditsAreFaultsOfTheirFlag(t *testing.T) {
	for _, row := range []struct{ edit, want string }{
		{"load.phases.spike.rate=x", `--set load.phases.spike.rate=x: rate x: "x" is not a number; allowed: a number of calls`},
		{"load.phases.spyke.rate=5", `--set load.phases.spyke.rate=5: phases has no entry "spyke"; allowed: before, spike (did you mean spike?)`},
		{"load.phases.7.rate=5", `--set load.phases.7.rate=5: phases has no entry "7"; allowed: before, spike`},
		{"strategies.backof.tries=5", `--set strategies.backof.tries=5: strategies has no entry "backof"; allowed: sync, pooled, x, resilient`},
		{"strategies.sync=", `--set strategies.sync=: no value; allowed: a value; null takes the field away`},
		{"sedes=5", `--set sedes=5: unknown field "sedes"; allowed: name, about`},
		{"load..x=5", `--set load..x=5: "load..x" is no path; allowed: names and numbers with dots between`},
		{"load.=5", `"load." is no path`},
		{"[1]=5", `"[1]" is no path`},
		{`a"b=5`, `is no path`},
		{"a]b=5", `is no path`},
		{"gates=[a", `--set gates=[a: while parsing a flow sequence: did not find expected ',' or ']'; allowed: YAML 1.2`},
		{"seeds=010", `--set seeds=010: seeds 010 could be octal or decimal`},
		{"load.phases=null", `phases is missing; allowed: at least one phase`},
	} {
		edit, err := ParseEdit(row.edit)
		if err != nil {
			t.Errorf("%s: %v", row.edit, err)
			continue
		}
		_, err = Parse("e.yaml", strings.NewReader(edited), edit)
		if err == nil || !strings.Contains(err.Error(), row.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got\n%v\nwant\n%s", row.edit, err, row.want)
		}
	}
	if _, err := ParseEdit("seeds"); err == nil || err.Error() != "--set seeds: no value; allowed: path=value, as in load.phases.spike.rate=800/s" {
		t.Errorf("got %v", err)
	}
}

func TestEditsCarryTheirOwnName(t *testing.T) {
	_, err := Parse("e.yaml", strings.NewReader(edited), Edit{Path: "requests.patience", Value: "soon", From: "--patience soon"})
	if want := `--patience soon: patience "soon" is no duration; allowed: a duration such as 500ms, 30s or 1h30m`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestStages(t *testing.T) {
	for _, row := range []struct {
		flags []string
		want  string
	}{
		{[]string{"30s@100"}, "[{name: stage1, rate: 100/s, for: 30s}]"},
		{[]string{"5s@50", "5s@500", "5s@50"}, "[{name: before, rate: 50/s, for: 5s}, {name: spike, rate: 500/s, for: 5s}, {name: recovery, rate: 50/s, for: 5s}]"},
		{[]string{"30s@100, 10s@6000/m,1m@0"}, "[{name: stage1, rate: 100/s, for: 30s}, {name: stage2, rate: 100/s, for: 10s}, {name: stage3, rate: 0/s, for: 1m}]"},
	} {
		phases, err := ParseStages(row.flags)
		if err != nil {
			t.Errorf("%v: %v", row.flags, err)
			continue
		}
		edits, err := PhasesEdit(phases, "--stage")
		if err != nil || edits[0].Value != row.want {
			t.Errorf("%v: got %s, %v, want %s", row.flags, edits[0].Value, err, row.want)
		}
		if s := parse(t, edited, edits...); len(s.Load.Phases) != len(phases) {
			t.Errorf("%v: the scenario has %d phases", row.flags, len(s.Load.Phases))
		}
	}
	_, err := ParseStages([]string{"30s", "0s@5,5s@x"})
	want := `--stage 30s: "30s" has no @; allowed: DURATION@RATE, as 30s@100
--stage 0s@5,5s@x: "0s" is no duration above 0; allowed: DURATION@RATE, as 30s@100
--stage 0s@5,5s@x: x: "x" is not a number; allowed: a number of calls per second, minute or hour, as 100/s, 6000/m, 360000/h`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}
