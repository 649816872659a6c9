package scenarios

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/headroom-dev/headroom/sim"
)

// good is a scenario that is right; the rows below put something wrong beside it or in its place.
const good = "load: {phases: [{name: a, rate: 10, for: 10s}]}\n"

func TestLoaderSaysWhereWhatAndWhatInstead(t *testing.T) {
	for _, row := range []struct{ name, text, want string }{
		{"unknown unit", "name: x\nload:\n  phases:\n    - {name: spike, rate: 100/x, for: 10s}\n",
			`spike.yaml:4:27: rate 100/x: unknown unit "x"; allowed: s, m, h`},
		{"negative rate", "load: {phases: [{name: a, rate: -5/s, for: 10s}]}",
			`spike.yaml:1:33: rate -5/s is negative; allowed: a number of calls per second, minute or hour, as 100/s, 6000/m, 360000/h; 0 is a quiet stretch`},
		{"NaN as a rate", "load: {phases: [{name: a, rate: .nan, for: 10s}]}",
			`spike.yaml:1:33: rate .nan: ".nan" is not a number; allowed: a number of calls`},
		{"infinite rate", "load: {phases: [{name: a, rate: .inf, for: 10s}]}",
			`spike.yaml:1:33: rate .inf: ".inf" is not a number; allowed: a number of calls`},
		{"zero duration", "load: {phases: [{name: a, rate: 5, for: 0s}]}", `spike.yaml:1:41: for 0s; allowed: above 0`},
		{"negative duration", "load: {phases: [{name: a, rate: 5, for: -1s}]}", `spike.yaml:1:41: for -1s is negative; allowed: a duration such as 500ms, 30s or 1h30m`},
		{"duration without a unit", good + "requests: {patience: 30}", `spike.yaml:2:22: patience 30 has no unit; allowed: a duration such as`},
		{"an unknown method", good + "requests: {method: get}", `spike.yaml:2:20: method "get"; allowed: GET, HEAD, POST`},
		{"no duration at all", good + "requests: {patience: soon}", `spike.yaml:2:22: patience "soon" is no duration; allowed: a duration such as`},
		{"missing rate", "load: {phases: [{name: a, for: 5s}]}", `spike.yaml:1:17: rate is missing; allowed: a rate such as 100/s`},
		{"missing length", "load: {phases: [{name: a, rate: 5}]}", `spike.yaml:1:17: for is missing; allowed: a duration such as`},
		{"missing name", "load: {phases: [{rate: 5, for: 1s}]}", `spike.yaml:1:17: name is missing; allowed: 1 to 64 printable characters`},
		{"no load", "name: x", `spike.yaml:1:1: phases is missing; allowed: at least one phase`},
		{"no phases", "load: {}", `spike.yaml:1:7: phases is missing; allowed: at least one phase`},
		{"duplicate phase", "load: {phases: [{name: a, rate: 5, for: 1s}, {name: a, rate: 5, for: 1s}]}",
			`spike.yaml:1:53: name "a" is the name of phases[0] too; allowed: names that differ`},
		{"unknown field", good + "sedes: 3", `spike.yaml:2:1: unknown field "sedes"; allowed: name, about, seeds, load, requests, network, service, strategies, objective, gates (did you mean seeds?)`},
		{"unknown field of a phase", "load: {phases: [{name: a, raet: 5, for: 1s}]}", `spike.yaml:1:27: unknown field "raet"; allowed: name, rate, for, ramp, concurrency, calls (did you mean rate?)`},
		{"duplicate field", good + "seeds: 3\nseeds: 4", `spike.yaml:3:1: duplicate field "seeds"; allowed: each once; the first is at spike.yaml:2:1`},
		{"second document", good + "---\nname: y", `spike.yaml:`},
		{"empty file", "", `spike.yaml: empty; allowed: one YAML document`},
		{"only a comment", "# later", `spike.yaml: empty; allowed: one YAML document`},
		{"no mapping", "- a\n- b", `spike.yaml:1:1: a list; allowed: a scenario: a mapping with name`},
		{"broken YAML", "load: [1\n", `spike.yaml:2:1: while parsing a flow sequence: did not find expected ',' or ']'; allowed: YAML 1.2`},
		{"octal number", good + "seeds: 010", `spike.yaml:2:8: seeds 010 could be octal or decimal; allowed: a whole number, in plain decimal digits`},
		{"hexadecimal number", good + "seeds: 0x10", `spike.yaml:2:8: seeds 0x10 is not decimal; allowed: a whole number`},
		{"underscores", good + "seeds: 1_0", `spike.yaml:2:8: seeds 1_0 has underscores`},
		{"fraction of a seed", good + "seeds: 1.5", `spike.yaml:2:8: seeds 1.5; allowed: a whole number`},
		{"text for a number", good + "seeds: many", `spike.yaml:2:8: seeds "many"; allowed: a whole number`},
		{"quoted number", good + `seeds: "20"`, `spike.yaml:2:8: seeds "20"; allowed: a whole number`},
		{"no seeds", good + "seeds: 0", `spike.yaml:2:8: seeds 0; allowed: 1 to 10000`},
		{"too many seeds", good + "seeds: 10001", `spike.yaml:2:8: seeds 10001; allowed: 1 to 10000`},
		{"null for text", good + "name:", `spike.yaml:2:6: name nothing; allowed: text`},
		{"truth for text", good + "name: true", `spike.yaml:2:7: name true; allowed: text; put true in quotes`},
		{"null for a mapping", good + "requests:", `spike.yaml:2:10: requests nothing; allowed: a mapping with prompt, output, work, keys, prefix, users, priority, method, patience`},
		{"a tag", good + "seeds: !!int 3", `spike.yaml:2:8: tag !!int; allowed: values without tags`},
		{"a merge", "a: &a {seeds: 3}\n" + good + "<<: *a", `spike.yaml:1:1: unknown field "a"`},
		{"alias of nothing", good + "name: *nobody", `spike.yaml:2:7: unknown anchor 'nobody' referenced; allowed: YAML 1.2`},
		{"alias in itself", good + "gates: &g [*g]", `spike.yaml:2:8: nested more than 100 deep; allowed: fewer levels, and no alias inside what it stands for`},
		{"unknown arrivals", "load: {arrivals: poison, phases: [{name: a, rate: 5, for: 1s}]}",
			`spike.yaml:1:18: arrivals "poison"; allowed: poisson, uniform, {poisson: {exact: true}}, {gamma: {cv: 3}} or {trace: {file: F}} (did you mean poisson?)`},
		{"two arrivals", "load: {arrivals: {gamma: {cv: 3}, trace: {file: f}}, phases: [{name: a, rate: 5, for: 1s}]}",
			`spike.yaml:1:18: arrivals 2 kinds; allowed: one of poisson`},
		{"gamma without cv", "load: {arrivals: {gamma: {}}, phases: [{name: a, rate: 5, for: 1s}]}",
			`spike.yaml:1:26: cv is missing; allowed: 0.01 to 100; 1 is poisson, more comes in bursts`},
		{"ramp longer than its phase", "load: {phases: [{name: a, rate: 5, for: 1s, ramp: 2s}]}", `spike.yaml:1:51: ramp 2s; allowed: at most the length of the phase, 1s`},
		{"closed loop in the middle", "load: {phases: [{name: a, concurrency: 5, calls: 5}, {name: b, rate: 5, for: 1s}]}",
			`spike.yaml:1:40: concurrency in a phase that others follow; allowed: a closed loop as the last phase`},
		{"closed loop with a rate", "load: {phases: [{name: a, concurrency: 5, calls: 5, rate: 5}]}", `spike.yaml:1:59: rate in a closed loop; allowed: concurrency and calls`},
		{"closed loop without callers", "load: {phases: [{name: a, calls: 5}]}", `spike.yaml:1:17: concurrency is missing; allowed: 1 to 1000000 callers`},
		{"no calls at all", "load: {phases: [{name: a, rate: 0, for: 1s}]}", `spike.yaml:1:16: phases have no calls at all: every rate is 0; allowed: a rate above 0 somewhere`},
		{"two million calls a second for a year", "load: {phases: [{name: a, rate: 2000000/s, for: 8760h}]}",
			`spike.yaml:1:33: rate 2000000/s for 8760h makes 63,072,000,000,000 calls per seed; allowed: at most 1,000,000,000 calls per seed over all phases`},
		{"a load of a century", "load: {phases: [{name: a, rate: 1/h, for: 876000h}]}", `spike.yaml:1:16: phases last 876000 hours; allowed: at most 87600 hours`},
		{"shares that do not add up", good + "requests: {priority: {high: 10%, low: 80%}}",
			`spike.yaml:2:22: priority 10% + 80% make 90%; allowed: shares that make 100% together`},
		{"a share above all", good + "requests: {priority: {high: 110%, low: 0}}", `spike.yaml:2:29: high 110%; allowed: 0% to 100%, or 0 to 1`},
		{"classes as a list", good + "requests: {priority: [high, low]}", `spike.yaml:2:22: priority a list; allowed: classes and their shares`},
		{"keys without n", good + "requests: {keys: {zipf: {s: 1}}}", `spike.yaml:2:25: n is missing; allowed: 1 to 1000000000 keys`},
		{"keys of two laws", good + "requests: {keys: {zipf: {s: 1, n: 2}, cycle: {n: 2}}}", `spike.yaml:2:18: keys zipf and cycle; allowed: one of {zipf: {s: 0.9, n: 1000000}} and {cycle: {n: 100}}`},
		{"keys in turn without a number", good + "requests: {keys: {cycle: {n: 0}}}", `spike.yaml:2:30: n 0; allowed: 1 to 1000000000 keys`},
		{"prefix of no tokens", good + "requests: {prefix: {groups: 0, tokens: 100}}", `spike.yaml:2:29: groups 0; allowed: 1 to 1000000000`},
		{"keys of an unknown law", good + "requests: {keys: {zipff: {s: 1}}}", `spike.yaml:2:19: unknown field "zipff"; allowed: zipf, cycle (did you mean zipf?)`},
		{"prompt with a tail beyond its law", good + "requests: {prompt: {lognormal: {mean: 10, p99: 200}}}",
			`spike.yaml:2:48: p99 is 20 times the mean; allowed: at most 14.97 times the mean`},
		{"prompt of nothing", good + "requests: {prompt: 0}", `spike.yaml:2:20: prompt 0; allowed: a number of at least 1`},
		{"unknown law", good + "requests: {prompt: {normal: {mean: 10}}}", `spike.yaml:2:20: unknown law "normal"; allowed: exp, uniform, lognormal, gamma`},
		{"nearest law", good + "requests: {prompt: {lognormol: {mean: 10}}}", `pareto, mix, empirical (did you mean lognormal?)`},
		{"work of nothing", good + "requests: {work: 0}", `spike.yaml:2:18: work 0; allowed: above 0`},
		{"negative users", good + "requests: {users: -1}", `spike.yaml:2:19: users -1; allowed: 0 to 1000000000`},
		{"unknown objective", good + "objective: llama", `spike.yaml:2:12: objective "llama"; allowed: limits such as {success: 99%, p99: 2s}, or one of llama2-70b`},
		{"objective of nothing", good + "objective: {p99: 0s}", `spike.yaml:2:18: p99 0s; allowed: above 0`},
		{"success above all", good + "objective: {success: 99}", `spike.yaml:2:22: success 99; allowed: 0% to 100%, or 0 to 1`},
		{"two strategies of one name", good + "strategies: [sync, sync]", `spike.yaml:2:20: strategies[1] is called "sync", as strategies[0] is; allowed: names that differ: {name: ..., sync: ...}`},
		{"strategy of two kinds", good + "strategies: [{sync: {}, pooled: {}}]", `spike.yaml:2:25: pooled beside sync; allowed: one kind; settings stand inside it`},
		{"strategy without a kind", good + "strategies: [{name: x}]", `spike.yaml:2:14: strategies[0] no kind; allowed: a kind, {kind: {...}}`},
		{"settings that are none", good + "strategies: [{pooled: 5}]", `spike.yaml:2:23: pooled 5; allowed: a mapping with its settings`},
		{"empty stack", good + "strategies: [{stack: []}]", `spike.yaml:2:22: stack a list; allowed: a list of at least one kind, the outermost first`},
		{"stack in a stack", good + "strategies: [{stack: [{stack: [sync]}]}]", `spike.yaml:2:23: stack[0] a stack in a stack; allowed: its layers, written out`},
		{"gate without expression", good + "gates: [{strict: true}]", `spike.yaml:2:9: gate is missing; allowed: an expression`},
		{"gate of no confidence", good + "gates: [{gate: p99 < 2s, confidence: 2}]", `spike.yaml:2:38: confidence 2; allowed: 0.5 to 0.9999`},
		{"gate that says yes for true", good + "gates: [{gate: p99 < 2s, strict: yes}]", `spike.yaml:2:34: strict "yes"; allowed: true, false`},
		{"trace that is not there", "load: {arrivals: {trace: {file: nowhere.csv}}}",
			`spike.yaml:1:33: file cannot open nowhere.csv: no such file or directory; allowed: a trace: azure, burstgpt, mooncake, vidur, splitwise`},
		{"trace of no fixture", `load: {arrivals: {trace: {file: "fixture:nothing"}}}`, `spike.yaml:1:33: file no fixture "nothing" (have traces/azure_lmm_sample.csv, `},
		{"trace of no known format", "load: {arrivals: {trace: {file: 'spike-100-1000.yaml'}}}", `is of no known format, after 0 good lines; allowed: one of the formats azure: TIMESTAMP,`},
		{"trace of another format", "load: {arrivals: {trace: {file: 'fixture:traces/vidur_sample.csv', format: burstgpt}}}",
			`fixture:traces/vidur_sample.csv:1: no column Timestamp in the header "arrived_at,num_prefill_tokens,num_decode_tokens", after 0 good lines; allowed: lines of Timestamp,Model,`},
		{"trace format that is none", "load: {arrivals: {trace: {file: 'fixture:traces/vidur_sample.csv', format: vidor}}}",
			`spike.yaml:1:76: format "vidor"; allowed: azure, burstgpt, mooncake, vidur, splitwise (did you mean vidur?)`},
		{"prefix beside a trace that names its blocks", "load: {arrivals: {trace: {file: 'fixture:traces/mooncake_sample.jsonl'}}}\nrequests: {prefix: {groups: 3, tokens: 100}}",
			`spike.yaml:2:20: prefix stands beside a trace; allowed: nothing: the trace says what its prompts have in common`},
		{"directory as a trace", "load: {arrivals: {trace: {file: /}}}", `spike.yaml:1:33: file cannot open /: it is a directory`},
		{"rate beside a trace", `load: {arrivals: {trace: {file: "fixture:traces/azure_sample.csv"}}, phases: [{name: a, rate: 5, for: 1s}]}`,
			`spike.yaml:1:95: rate stands beside a trace; allowed: nothing: the trace has its own rate`},
		{"prompt beside a trace", `load: {arrivals: {trace: {file: "fixture:traces/azure_sample.csv"}}}` + "\nrequests: {prompt: 5}",
			`spike.yaml:2:20: prompt stands beside a trace; allowed: nothing: the trace has each call's prompt`},
		{"window behind the trace", `load: {arrivals: {trace: {file: "fixture:traces/azure_sample.csv", window: 1h..2h}}}`,
			`spike.yaml:1:76: window holds no call; allowed: a part of the trace's`},
		{"window backwards", `load: {arrivals: {trace: {file: "fixture:traces/azure_sample.csv", window: 2m..1m}}}`,
			`spike.yaml:1:76: window 2m..1m; allowed: two durations, the second later, as 10m..20m`},
		{"speed and scale", `load: {arrivals: {trace: {file: "fixture:traces/azure_sample.csv", speed: 2x, scale: 3x}}}`,
			`spike.yaml:1:79: scale is another name of speed, which is there already; allowed: one of the two`},
		{"speed of nothing", `load: {arrivals: {trace: {file: "fixture:traces/azure_sample.csv", speed: 0x}}}`, `spike.yaml:1:75: speed 0x; allowed: a number above 0`},
		{"empty name", good + `name: ""`, `spike.yaml:2:7: name empty; allowed: 1 to 64 printable characters`},
		{"name with a line break", good + `name: "a\nb"`, `spike.yaml:2:7: name "a\nb" has characters that cannot be printed`},
		{"name that is too long", good + "name: " + strings.Repeat("x", 65), `spike.yaml:2:7: name of 65 characters`},
		{"strategy whose name ends in a space", good + `strategies: [{name: "x ", sync: {}}]`, `spike.yaml:2:21: name "x " has a space at its end`},
		{"strategy whose name is a list", good + `strategies: [{name: [], sync: {}}]`, `spike.yaml:2:21: name a list; allowed: text`},
		{"too many calls in a closed loop", "load: {phases: [{name: a, concurrency: 1, calls: 1000000001}]}", `spike.yaml:1:50: calls 1000000001; allowed: 1 to 1000000000 calls`},
		{"closed loop with a length", "load: {phases: [{name: a, concurrency: 1, calls: 1, for: 5s}]}", `spike.yaml:1:58: for in a closed loop; allowed: concurrency and calls: it ends when its calls have`},
		{"closed loop behind a trace", `load: {arrivals: {trace: {file: "fixture:traces/azure_sample.csv"}}, phases: [{name: a, concurrency: 1, calls: 1}]}`,
			`spike.yaml:1:79: phases[0] is a closed loop behind a trace`},
		{"number beyond its type", good + "seeds: 99999999999999999999", `spike.yaml:2:8: seeds 99999999999999999999; allowed: a whole number`},
		{"service as a word", good + "service: llm", `spike.yaml:2:10: service "llm"; allowed: a mapping`},
	} {
		_, err := Parse("spike.yaml", strings.NewReader(row.text))
		var all *Error
		if !errors.As(err, &all) {
			t.Errorf("%s: got %v, want an Error", row.name, err)
			continue
		}
		if !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: got\n  %v\nwant\n  %s", row.name, err, row.want)
		}
		if several := row.name == "a merge" || row.name == "alias in itself"; len(all.Faults) > 1 && !several {
			t.Errorf("%s: one mistake gave %d faults:\n%v", row.name, len(all.Faults), err)
		}
	}
}

func TestLoaderFindsAllFaultsAtOnce(t *testing.T) {
	_, err := Parse("dir/bad.yaml", strings.NewReader(`name: bad
sedes: 5
load:
  arrivals: poisson
  phases:
    - {name: a, rate: 100/x, for: 10s}
    - {name: a, rate: 5, for: 0s}
    - {name: b, rat: 5, for: 10}
requests:
  prompt: {lognormal: {mean: 1, p99: 100}}
  patience: -1s
strategies: [sync, sync]
gates: [{gate: x, confidence: 7}]
seeds: 0
`), Edit{Path: "requests.users", Value: "x"}, Edit{Path: "load.phases.c.rate", Value: "5"})
	want := `dir/bad.yaml:2:1: unknown field "sedes"; allowed: name, about, seeds, load, requests, network, service, strategies, objective, gates (did you mean seeds?)
dir/bad.yaml:6:23: rate 100/x: unknown unit "x"; allowed: s, m, h
dir/bad.yaml:7:14: name "a" is the name of phases[0] too; allowed: names that differ
dir/bad.yaml:7:31: for 0s; allowed: above 0
dir/bad.yaml:8:17: unknown field "rat"; allowed: name, rate, for, ramp, concurrency, calls (did you mean rate?)
dir/bad.yaml:8:30: for 10 has no unit; allowed: a duration such as 500ms, 30s or 1h30m
dir/bad.yaml:10:38: p99 is 100 times the mean; allowed: at most 14.97 times the mean, where a lognormal law ends; or give the median instead of the mean
dir/bad.yaml:11:13: patience -1s is negative; allowed: a duration such as 500ms, 30s or 1h30m
dir/bad.yaml:12:20: strategies[1] is called "sync", as strategies[0] is; allowed: names that differ: {name: ..., sync: ...}
dir/bad.yaml:13:31: confidence 7; allowed: 0.5 to 0.9999
dir/bad.yaml:14:8: seeds 0; allowed: 1 to 10000
--set load.phases.c.rate=5: phases has no entry "c"; allowed: a, b
--set requests.users=x: users "x"; allowed: a whole number`
	if err == nil {
		t.Fatal("accepted")
	}
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Error(diff)
	}
}

func TestAliasBombEndsSoon(t *testing.T) {
	var b strings.Builder
	b.WriteString("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n")
	for i := 1; i < 12; i++ {
		fmt.Fprintf(&b, "a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i-1), 10), ","))
	}
	_, err := Parse("bomb.yaml", strings.NewReader(b.String()))
	if err == nil || !strings.Contains(err.Error(), "more than 20000 values, aliases expanded; allowed: fewer") {
		t.Errorf("got %.300v", err)
	}
}

func TestLargeFileIsRefused(t *testing.T) {
	_, err := Parse("big.yaml", io.MultiReader(strings.NewReader(good+"about: "), strings.NewReader(strings.Repeat("x", 1<<20))))
	if err == nil || !strings.Contains(err.Error(), "more than 1048576 bytes; allowed: a scenario of at most 1 MiB") {
		t.Errorf("got %.300v", err)
	}
}

func TestAliasesAreExpanded(t *testing.T) {
	s := parse(t, "load: {phases: [{name: a, rate: &r 10, for: &d 10s}, {name: b, rate: *r, for: *d}]}", Edit{Path: "load.phases.b.for", Value: "20s"})
	if got := s.Load.Phases[1]; *got.Rate != 10 || got.For != 20*time.Second || s.Load.Phases[0].For != 10*time.Second {
		t.Errorf("got %+v and %+v", s.Load.Phases[0], got)
	}
}

func TestDefaults(t *testing.T) {
	s, err := Parse("some/dir/my-spike.yaml", strings.NewReader(good))
	if err != nil {
		t.Fatal(err)
	}
	rate := sim.Rate(10)
	want := &Scenario{Name: "my-spike", Seeds: 20, Load: Load{Arrivals: Arrivals{Kind: "poisson"}, Phases: []Phase{{Name: "a", Rate: &rate, For: 10 * time.Second}}}}
	if diff := cmp.Diff(want, s, cmpopts.IgnoreUnexported(Scenario{}, sim.Dist{}, sim.CountDist{})); diff != "" {
		t.Error(diff)
	}
	if s.Network.Present() || s.Service.Present() || !s.Objective.IsZero() {
		t.Error("a section that is not there is present")
	}
}

func TestObjectivePresets(t *testing.T) {
	for _, row := range []struct {
		text string
		want Objective
	}{
		{"{success: 99%, p99: 2s}", Objective{Success: 0.99, P99: 2 * time.Second}},
		{"llama3.1-8b-interactive", Objective{Preset: "llama3.1-8b-interactive", TTFTP99: 500 * time.Millisecond, TPOTP99: 30 * time.Millisecond}},
		{"{preset: llama2-70b, success: 95%, ttft_p99: 1s}", Objective{Preset: "llama2-70b", Success: 0.95, TTFTP99: time.Second, TPOTP99: 200 * time.Millisecond}},
	} {
		s := parse(t, good+"objective: "+row.text)
		if s.Objective != row.want {
			t.Errorf("%s: got %+v, want %+v", row.text, s.Objective, row.want)
		}
	}
}

func TestGatesHaveThreeForms(t *testing.T) {
	s := parse(t, good+`gates:
  - "success{phase=spike} >= 85%"
  - {threshold: p99 < 2s, strict: false, min_calls: 500, abortOnFail: true, delayAbortEval: 10s}
`)
	p99 := NewGate("p99 < 2s")
	p99.Strict, p99.MinCalls, p99.AbortOnFail, p99.DelayAbort = false, 500, true, 10*time.Second
	want := Gates{NewGate("success{phase=spike} >= 85%"), p99}
	if diff := cmp.Diff(want, s.Gates, cmpopts.IgnoreTypes(Position{})); diff != "" {
		t.Error(diff)
	}
	if got := s.Gates[1].At.String(); got != "test.yaml:4:17" {
		t.Errorf("the second gate stands at %s", got)
	}
	s = parse(t, good+`gates:
  "http_req_duration{phase:spike}": ["p(99)<500ms", {threshold: "p(50)<100ms"}]
  http_req_failed: rate<0.01
`)
	want = Gates{NewGate("http_req_duration{phase:spike}.p(99)<500ms"), NewGate("http_req_duration{phase:spike}.p(50)<100ms"), NewGate("http_req_failed.rate<0.01")}
	if diff := cmp.Diff(want, s.Gates, cmpopts.IgnoreTypes(Position{})); diff != "" {
		t.Error(diff)
	}
	if got := s.Gates[0].Fault("p(99)<500ms: no such metric", "").Error(); got != "test.yaml:3:38: p(99)<500ms: no such metric" {
		t.Errorf("got %s", got)
	}
}

func TestFilesAreFoundBesideTheirScenario(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("lengths.txt", "100\n300\n")
	write("t.csv", "2023-11-16 18:17:03.9799600,4808,10\n2023-11-16 18:17:04.0319600,3180,8\n")
	write("s.yaml", good+"requests: {prompt: {empirical: lengths.txt}}")
	s, err := Open(filepath.Join(dir, "s.yaml"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Requests.Prompt.Mean(); got != 200 {
		t.Errorf("mean prompt %v, want 200", got)
	}
	if files := s.Files(); len(files) != 1 || files[0].Name != "lengths.txt" || len(files[0].SHA256) != 64 {
		t.Errorf("files %+v", files)
	}
	before, err := EffectiveJSON(s.Traffic())
	if err != nil {
		t.Fatal(err)
	}
	write("lengths.txt", "100\n301\n")
	if s, err = Open(filepath.Join(dir, "s.yaml"), nil); err != nil {
		t.Fatal(err)
	}
	after, err := EffectiveJSON(s.Traffic())
	if err != nil || string(before) == string(after) {
		t.Errorf("another file is the same traffic: %s, %v", after, err)
	}

	// A name given by a flag begins where the user stands.
	t.Chdir(dir)
	s, err = Open("spike-100-1000", nil, TraceEdits("t.csv", "--trace t.csv")...)
	if err != nil {
		t.Fatal(err)
	}
	if s.Calls() != 2 || len(s.Load.Phases) != 0 {
		t.Errorf("%v calls, phases %+v", s.Calls(), s.Load.Phases)
	}
	_, err = Open("spike-100-1000", nil, TraceEdits("u.csv", "--trace u.csv")...)
	if want := "--trace u.csv: file cannot open u.csv: no such file or directory; allowed: a trace: azure, burstgpt, mooncake, vidur, splitwise"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestOpenKnowsNamesFilesAndStdin(t *testing.T) {
	s, err := Open("-", strings.NewReader(good))
	if err != nil || s.Name != "stdin" {
		t.Errorf("stdin: %v, %v", s, err)
	}
	_, err = Open("spike-100-100", nil)
	if want := `unknown scenario "spike-100-100" (have spike-100-1000, spike-equal-patience, autoscale-spike, autoscale-spike-utilisation, retry-storm, thundering-herd, cache-stampede, azure-code; did you mean spike-100-1000?)`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	_, err = Open("nowhere/x.yaml", nil)
	if want := "reading scenario: cannot open nowhere/x.yaml: no such file or directory"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	_, err = Open("-", failing{})
	if err == nil || !strings.Contains(err.Error(), "reading scenario stdin: the disk is gone") {
		t.Errorf("got %v", err)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("the disk is gone") }

func TestBuiltinsAreRight(t *testing.T) {
	for _, one := range Builtins() {
		text, ok := Builtin(one.Name)
		if !ok || one.About == "" {
			t.Errorf("%s: no text or no introduction", one.Name)
			continue
		}
		s, err := Open(one.Name, nil)
		if err != nil {
			t.Error(err)
			continue
		}
		if s.Name != one.Name || s.Calls() < 100 || len(s.Strategies) < 2 || !strings.Contains(string(text), s.About) {
			t.Errorf("%s: name %s, %v calls, %d strategies", one.Name, s.Name, s.Calls(), len(s.Strategies))
		}
	}
	if _, ok := Builtin("schema"); ok {
		t.Error("a file that is no scenario is built in")
	}
}

func TestSpans(t *testing.T) {
	text, _ := Builtin("spike-100-1000")
	want := []Span{
		{Name: "before", To: 30 * time.Second, Rate: 100},
		{Name: "spike", From: 30 * time.Second, To: 40 * time.Second, Rate: 1000, Peak: true},
		{Name: "recovery", From: 40 * time.Second, To: 100 * time.Second, Rate: 100},
	}
	if diff := cmp.Diff(want, parse(t, string(text)).Spans()); diff != "" {
		t.Error(diff)
	}
}
