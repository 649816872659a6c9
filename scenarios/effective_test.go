package scenarios

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// checkEffective holds for every scenario that was accepted: what is written reads back as the same
// scenario, in YAML and in JSON, and is written the same way again.
func checkEffective(t testing.TB, s *Scenario) {
	t.Helper()
	yaml, err := EffectiveYAML(s)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := EffectiveJSON(s)
	if err != nil {
		t.Fatal(err)
	}
	if !json.Valid(compact) {
		t.Fatalf("no JSON: %s", compact)
	}
	for form, text := range map[string][]byte{"YAML": yaml, "JSON": compact} {
		back, err := s.source.parse("back.yaml", "", bytes.NewReader(text), nil)
		if err != nil {
			t.Fatalf("%s does not read back: %v\n%s", form, err, text)
		}
		again, err := EffectiveYAML(back)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(yaml), string(again)); diff != "" {
			t.Fatalf("%s reads back as another scenario: %s", form, diff)
		}
		if !s.Service.Equal(back.Service) || !s.Network.Equal(back.Network) || !cmp.Equal(s.Strategies, back.Strategies) || s.Objective != back.Objective || s.Calls() != back.Calls() {
			t.Fatalf("%s reads back as another scenario:\n%s", form, text)
		}
	}
}

func TestEffectiveScenarioReadsBack(t *testing.T) {
	for _, one := range Builtins() {
		s, err := Open(one.Name, nil)
		if err != nil {
			t.Fatal(err)
		}
		checkEffective(t, s)
	}
	for _, text := range []string{
		good + "name: 'yes'\nabout: \"tab\\t, newline\\n, bell\\a, delete\\x7f, \\u0085, \U0001f600, on: [off] #\"",
		good + "service: {a: .5, b: +1, c: 1e-9, d: [null, ~, true, 0x10, on, '010', '1e3'], e: {}, f: [], 'g h': '', \"n\": [[1, [2]], {x: [{y: z}]}]}",
		good + "requests: {priority: {'high, very': 33.3%, \"a: b\": 33.3%, c: 33.4%}, patience: 1h0m0.5s, work: {mix: [{weight: 9, value: 1}, {weight: 1, gamma: {mean: 2, cv: 3}}]}}",
		good + "gates: [a, {gate: 'b < 2s', strict: false}, 'success{phase=spike} >= 85%']\nobjective: {preset: llama2-70b, success: 99.9%}",
		"load: {arrivals: {gamma: {cv: 2.5}}, phases: [{name: a, rate: 1/h, for: 2h, ramp: 1ns}, {name: c, concurrency: 2, calls: 3}]}",
		"load: {arrivals: {trace: {file: 'fixture:traces/mooncake_sample.jsonl', format: mooncake}}}",
		"load: {arrivals: {trace: {file: 'fixture:traces/azure_sample.csv', scale: 0.5, window: 1m..2m}}, phases: [{name: a, for: 30s}]}",
	} {
		checkEffective(t, parse(t, text))
	}
}

// The form in which scenarios are printed, on one that has everything; the built-in ones are free to
// change.
func TestEffectiveScenarioIsGolden(t *testing.T) {
	s := parse(t, `
name: everything
about: "Every field there is: once."
seeds: 3
load:
  arrivals: {gamma: {cv: 3}}
  phases:
    - {name: before, rate: 6000/m, for: 30s}
    - {name: spike, rate: 1000, for: 10s, ramp: 500ms}
    - {name: steady, concurrency: 16, calls: 1000}
requests:
  prompt: {lognormal: {mean: 512, p99: 4096}}
  output: {mix: [{weight: 90%, value: 128}, {weight: 10%, pareto: {mean: 512, alpha: 2.5}}]}
  work: {weibull: {mean: 1, k: 0.7}}
  keys: {zipf: {s: 0.9, n: 1e6}}
  users: 2000
  priority: {high: 0.1, medium: 60%, low: 30%}
  patience: 90s
network: {dns: 100ms, connect: 50ms, tls: 150ms, rtt: 20ms}
service:
  model: {llm: {model: llama-3.1-8b, gpu: h100, precision: fp8, max_seqs: 64, a_long_name_for_a_long_line: {and: more}}}
  replicas: 3
strategies: [sync, {pooled: {size: 192}}, {name: resilient, stack: [cache, {backoff: {tries: 7}}, pooled]}]
objective: {preset: llama3.1-8b, success: 99%}
gates: ["p99{phase=spike} < 2s", {gate: success >= 85%, strict: false}]
`)
	golden(t, "everything", func() ([]byte, error) { return EffectiveYAML(s) })
}

// golden compares with a file; -update writes it.
func golden(t *testing.T, name string, write func() ([]byte, error)) {
	t.Helper()
	got, err := write()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-update accepts it): %s", name, diff)
	}
}

func TestEffectiveJSONKeepsTheOrderOfFields(t *testing.T) {
	s := parse(t, good+"requests: {priority: {low: 90%, high: 10%}}")
	got, err := EffectiveJSON(s)
	want := `{"name":"test","seeds":20,"load":{"arrivals":"poisson","phases":[{"name":"a","rate":"10/s","for":"10s"}]},"requests":{"priority":{"low":"90%","high":"10%"},"patience":"0s"}}`
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}

func TestDurationText(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", time.Minute: "1m", time.Hour: "1h", 90 * time.Minute: "1h30m", time.Hour + time.Second: "1h0m1s",
		10 * time.Second: "10s", 10 * time.Minute: "10m", 100 * time.Hour: "100h", 1500 * time.Millisecond: "1.5s", time.Nanosecond: "1ns",
	} {
		got := durationText(d)
		back, err := time.ParseDuration(got)
		if got != want || err != nil || back != d {
			t.Errorf("got %s (%v, %v), want %s", got, back, err, want)
		}
	}
}

func TestLongMappingsAreWrittenInBlocks(t *testing.T) {
	s := parse(t, good+"service: {aaaaaaaaaaaaaaaaaaaaaaa: 1, b: [{c: 1}, {d: {eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee: 1, fffffffffffffffffffffffffffffffffffffff: [1, 2]}}]}")
	got, err := EffectiveYAML(s)
	want := `service:
  aaaaaaaaaaaaaaaaaaaaaaa: 1
  b:
    - {c: 1}
    - d:
        eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee: 1
        fffffffffffffffffffffffffffffffffffffff: [1, 2]
`
	if err != nil || !strings.Contains(string(got), want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// limits is part of two structs, written among their fields.
type limits struct {
	Most int `yaml:"most"`
}

type limited struct {
	Name   string `yaml:"name"`
	limits `yaml:",inline"`
	Unsaid string         `yaml:"-"`
	ByZone map[string]int `yaml:"by_zone,omitempty"`
	Byte   uint8          `yaml:"byte,omitempty"`
}

func TestOtherStructsFollowTheConventions(t *testing.T) {
	section, err := NewSection(limited{Name: "a", limits: limits{3}, Unsaid: "x", ByZone: map[string]int{"b": 2, "a": 1}, Byte: 255})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := section.node.flow(), "{name: a, most: 3, by_zone: {a: 1, b: 2}, byte: 255}"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	var back limited
	if err := section.Decode(&back); err != nil || back.Most != 3 || back.ByZone["b"] != 2 || back.Byte != 255 || back.Unsaid != "" {
		t.Errorf("got %+v, %v", back, err)
	}
	for text, want := range map[string]string{
		"{byte: 256}":        "test.yaml:2:17: byte 256 is out of range; allowed: a smaller number",
		"{byte: -1}":         "test.yaml:2:17: byte -1; allowed: a whole number of 0 or more",
		"{by_zone: {a: x}}":  `test.yaml:2:24: a "x"; allowed: a whole number`,
		"{by_zone: [1]}":     "test.yaml:2:20: by_zone a list; allowed: a mapping",
		"{Most: 1, most: 2}": `test.yaml:2:11: unknown field "Most"; allowed: name, most, by_zone, byte (did you mean most?)`,
	} {
		err := parse(t, good+"service: "+text).Service.Decode(&limited{})
		if err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
	if _, err := NewSection(make(chan int)); err == nil {
		t.Error("a channel was written")
	}
}
