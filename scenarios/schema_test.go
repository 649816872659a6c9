package scenarios

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/headroom-dev/headroom/sim"
)

// The schema of a type and the loader agree on what is written here: both take it or both refuse
// it, except where a comment says that a schema cannot know.
func TestSchemasAgreeWithTheLoader(t *testing.T) {
	for _, row := range []struct {
		name   string
		typ    interface{ Schema() map[string]any }
		into   func() any
		good   []string
		bad    []string
		loader []string // refused by the loader only: what a schema cannot say
	}{
		{"share", sim.Share(0), func() any { return new(sim.Share) },
			[]string{"10%", "0.1", "0", "1", "99.9%", "100%", "0%"}, []string{"110%", "2", "-1", "ten", "null", "[]"}, nil},
		{"rate", sim.Rate(0), func() any { return new(sim.Rate) },
			[]string{"100", "100/s", "6000/m", "100/10s", "0", "1.5/h"}, []string{"-1", "100/x", "fast", "100/", "null"}, nil},
		{"duration law", sim.DurationDist{}, func() any { return new(sim.DurationDist) },
			[]string{"20ms", "1m30s", "0", "{exp: {mean: 1s}}", "{lognormal: {median: 1s, p99: 2s}}", "{mix: [{weight: 90%, value: 1s}, {weight: 1, gamma: {mean: 1s, cv: 2}}]}", "{empirical: f}"},
			[]string{"20", "soon", "{}", "{exp: {}}", "{exp: {mean: 1s, x: 1}}", "{normal: {}}", "{exp: {mean: 1s}, gamma: {mean: 1s, cv: 1}}", "{lognormal: {mean: 1s, median: 1s, p99: 2s}}", "{mix: []}", "{mix: [{value: 1s}]}", "{pareto: {mean: 1s, alpha: 1}}"},
			[]string{"{lognormal: {mean: 1s, p99: 20s}}", "{uniform: {min: 2s, max: 1s}}"}},
		{"count law", sim.CountDist{}, func() any { return new(sim.CountDist) }, []string{"5", "{uniform: {min: 1, max: 5}}"}, []string{"0", "5s", "{exp: {mean: 0}}"}, nil},
		{"number law", sim.Dist{}, func() any { return new(sim.Dist) }, []string{"5", "0.5", "{weibull: {mean: 1, k: 2}}"}, []string{"-1", "5s", "{weibull: {mean: 1}}"}, []string{"{exp: {mean: 0}}"}},
		{"arrivals", Arrivals{}, func() any { return new(Arrivals) },
			[]string{"poisson", "uniform", "{gamma: {cv: 3}}", "{trace: {file: 'fixture:traces/azure_sample.csv', speed: 2x, window: 1s..1m}}", "{trace: {file: 'fixture:traces/azure_sample.csv', scale: 2}}", "{trace: {file: 'fixture:traces/vidur_sample.csv', format: vidur}}"},
			[]string{"bursty", "{trace: {file: 'fixture:traces/vidur_sample.csv', format: vidor}}", "{gamma: {}}", "{gamma: {cv: 0}}", "{trace: {}}", "{}", "{trace: {file: 'fixture:traces/azure_sample.csv', speed: 0}}", "{trace: {file: 'fixture:traces/azure_sample.csv', window: 1m}}"}, nil},
		{"keys", Keys{}, func() any { return new(Keys) }, []string{"{zipf: {s: 0.9, n: 10}}"}, []string{"{}", "{zipf: {s: 1}}", "{zipf: {s: -1, n: 1}}", "{zipf: {s: 1, n: 0}}", "5"}, nil},
		{"classes", Classes{}, func() any { return new(Classes) }, []string{"{a: 10%, b: 0.9}"}, []string{"{}", "[a]", "{a: x}"}, []string{"{a: 10%}"}},
		{"objective", Objective{}, func() any { return new(Objective) }, []string{"llama2-70b", "{success: 99%, p99: 2s}", "{preset: deepseek-r1, p50: 1s}"}, []string{"llama", "{p98: 1s}", "{p99: 1}", "{preset: x}"}, nil},
		{"gates", Gates{}, func() any { return new(Gates) },
			[]string{"[]", "[a < 1, {gate: b, strict: false}]", "{m: [a, {threshold: b, abortOnFail: true}], n: c}"}, []string{"[{strict: true}]", "[{gate: a, threshold: b}]", "[{gate: a, on_no_data: maybe}]", "5"}, nil},
		{"choices", Choice{}, func() any { return new(Choice) }, []string{"sync", "{pooled: {size: 5}}", "{name: x, pooled: {}}"}, []string{"[]", "{}"}, []string{"{pooled: 5}", "{a: {}, b: {}}"}},
	} {
		compiler := jsonschema.NewCompiler()
		text, err := json.Marshal(row.typ.Schema())
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
		if err != nil {
			t.Fatal(err)
		}
		if err := compiler.AddResource(row.name, doc); err != nil {
			t.Fatal(err)
		}
		compiled, err := compiler.Compile(row.name)
		if err != nil {
			t.Fatalf("%s: %v", row.name, err)
		}
		check := func(yaml string, bySchema, byLoader bool) {
			n, faults := grow(Position{File: "t"}, "", []byte(yaml))
			if n == nil {
				t.Errorf("%s: %s: %v", row.name, yaml, faults)
				return
			}
			value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(n.json(nil))))
			if err != nil {
				t.Errorf("%s: %s: %v", row.name, yaml, err)
				return
			}
			if err := compiled.Validate(value); (err == nil) != bySchema {
				t.Errorf("%s: %s: the schema says %v", row.name, yaml, err)
			}
			src := sealed()
			if strings.Contains(yaml, "empirical") {
				return // the loader would read its file
			}
			if err := src.decode(n, "x", row.into()); (err == nil) != byLoader {
				t.Errorf("%s: %s: the loader says %v", row.name, yaml, err)
			}
		}
		for _, yaml := range row.good {
			check(yaml, true, true)
		}
		for _, yaml := range row.bad {
			check(yaml, false, false)
		}
		for _, yaml := range row.loader {
			check(yaml, true, false)
		}
	}
}
