package scenarios

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/headroom-dev/headroom/fixtures"
	"github.com/headroom-dev/headroom/sim"
)

// sealed opens fixtures only: a fuzzer that finds /dev/zero would not come back.
func sealed() *source {
	src := newSource()
	src.open = func(path string) (io.ReadCloser, error) {
		name, ok := strings.CutPrefix(path, fixturePrefix)
		if !ok {
			return nil, errors.New("not while fuzzing")
		}
		return fixtures.Files.Open(name)
	}
	return src
}

func FuzzParse(f *testing.F) {
	for _, one := range Builtins() {
		text, _ := Builtin(one.Name)
		f.Add(string(text), "load.phases.spike.rate", "800/s")
	}
	f.Add(edited, "strategies.resilient.backoff.tries", "2")
	f.Add(good+"gates: {m: [a, {gate: b, strict: false}]}", "gates", "[x]")
	f.Add(good+"objective: llama2-70b", "objective.p99", "2s")
	f.Add("load: {arrivals: {trace: {file: 'fixture:traces/azure_sample.csv'}}}", "load.arrivals.trace.speed", "2x")
	f.Add(good+"requests: {prompt: {mix: [{weight: 1, empirical: f}]}, keys: {zipf: {s: 0, n: 1}}}", "requests.work", "{pareto: {mean: 1, alpha: 2}}")
	f.Add("a: &a [*a, *a]", "a", "null")
	f.Fuzz(func(t *testing.T, text, path, value string) {
		s, err := sealed().parse("fuzz.yaml", "", strings.NewReader(text), []Edit{{Path: path, Value: value}})
		if err != nil {
			var all *Error
			if !errors.As(err, &all) || len(all.Faults) == 0 {
				t.Fatalf("an error that is no *Error, or empty: %v", err)
			}
			for _, fault := range all.Faults {
				if fault.File == "" && fault.From == "" || fault.Found == "" && fault.Allowed == "" {
					t.Fatalf("a fault that says nothing: %+v", fault)
				}
			}
			if s != nil { // what is left of it must not panic
				s.Spans()
				s.Calls()
				s.Warnings()
			}
			return
		}
		checkEffective(t, s)
		schedule, err := s.Schedule(1)
		if err != nil {
			t.Fatal(err)
		}
		var last Arrival
		spans := s.Spans()
		for range 200 {
			a, ok := schedule.Next()
			if !ok {
				break
			}
			if a.At < last.At || a.Phase >= len(spans) || a.Request.Key == 0 {
				t.Fatalf("%+v after %+v", a, last)
			}
			last = a
		}
	})
}

func FuzzTrace(f *testing.F) {
	f.Add([]byte(smallTrace))
	f.Add([]byte("2023-11-16 18:17:14,5,5\n"))
	f.Add([]byte("TIMESTAMP,NumImages,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.9799600+02:00,2,4808,10\n"))
	f.Add([]byte("\ufeff\"TIMESTAMP\",ContextTokens\n"))
	for _, name := range []string{"azure_lmm_sample.csv", "burstgpt_sample.csv", "mooncake_sample.jsonl", "vidur_sample.csv", "splitwise_sample.csv"} {
		text, err := fixtures.Files.ReadFile("traces/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text[:min(len(text), 1000)])
	}
	f.Add([]byte("{\"timestamp\": -1e3, \"input_length\": 999999999, \"output_length\": 0, \"hash_ids\": [144115188075855871, 1]}"))
	f.Add([]byte("\x1f\x8b"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := ReadTrace("fuzz.csv", bytes.NewReader(text), "")
		if err != nil {
			if r != nil || !strings.HasPrefix(err.Error(), "fuzz.csv") {
				t.Fatalf("%+v and %v", r, err)
			}
			return
		}
		rows, skipped := r.Rows, r.Skipped
		if share, named := r.Shared(); named && !(share >= 0 && share <= 1) {
			t.Fatalf("share %v", share)
		}
		if packed := bytes.HasPrefix(text, []byte{0x1f, 0x8b}); packed {
			return // its lines cannot be counted here
		}
		if len(rows) == 0 || len(rows)+len(skipped) > bytes.Count(text, []byte("\n"))+1 || rows[0].At != 0 {
			t.Fatalf("%d rows, %d skipped", len(rows), len(skipped))
		}
		for i, row := range rows {
			if row.Prompt < 1 || row.Output < 1 || i > 0 && row.At < rows[i-1].At {
				t.Fatalf("row %d: %+v", i, row)
			}
			if names := r.Names(row); len(names)*sim.PrefixBlock > row.Prompt {
				t.Fatalf("row %d: %+v, %d names", i, row, len(names))
			}
		}
	})
}

func FuzzStages(f *testing.F) {
	for _, seed := range []string{"30s@100", "5s@50,5s@500,5s@50", "@", "1h@1/h,", "1ns@1e9"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		phases, err := ParseStages([]string{text})
		if err != nil {
			return
		}
		edits, err := PhasesEdit(phases, "--stage")
		if err != nil || len(phases) == 0 {
			t.Fatalf("%d phases, %v", len(phases), err)
		}
		// Whether such a load can be run is the scenario's question; that it is read is this one's.
		s, err := sealed().parse("fuzz.yaml", "", strings.NewReader(good), edits)
		if s == nil || err == nil && len(s.Load.Phases) != len(phases) {
			t.Fatalf("%s: %v", edits[0].Value, err)
		}
	})
}

func FuzzPath(f *testing.F) {
	for _, seed := range []string{"a.b[0].\"c.d\"", "[0]", "a..b", "a.", `"`, "a[x]"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		steps, ok := pathSteps(path)
		if ok && len(steps) == 0 {
			t.Fatal("a path without steps")
		}
		for _, step := range steps {
			if step == "" {
				t.Fatalf("%q has an empty step", path)
			}
		}
	})
}

func FuzzNearest(f *testing.F) {
	f.Add("asnyc", "async-queue")
	f.Fuzz(func(t *testing.T, word, name string) {
		got, ok := Nearest(word, []string{name})
		if ok && got != name {
			t.Fatalf("got %q of %q", got, name)
		}
	})
}
