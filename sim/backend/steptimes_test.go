package backend

import (
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/headroom-dev/headroom/sim"
)

// TestStepTimeYAML: each way to write a step time, and what it is written as again.
func TestStepTimeYAML(t *testing.T) {
	for _, row := range []struct{ given, again string }{
		{"physics", "physics"},
		{"linear", "linear"},
		{"roofline", "roofline"},
		{"{linear: {base: 8ms, per_prefill_token: 20us}}", "linear: {base: 8ms, per_prefill_token: 20µs, per_sequence: 0s}"},
		{"{roofline: {mfu_prefill: 0.6}}", "roofline: {mfu_prefill: 0.6, mfu_decode: 0.3}"},
		{"{physics: {a: 1.2, cr: 10us}}", "physics: {a: 1.2, b: 1.55, ckv: 1.087, cat: 1.118, ctb: 1.193, car: 5.08µs, cl: 58.6µs, cr: 10µs}"},
		{"{physics: {}}", "physics: {a: 1.075, b: 1.55, ckv: 1.087, cat: 1.118, ctb: 1.193, car: 5.08µs, cl: 58.6µs}"},
	} {
		var s StepTimes
		if err := yaml.Load([]byte(row.given), &s); err != nil {
			t.Errorf("%s: %v", row.given, err)
			continue
		}
		var want, got any
		text, err := yaml.Dump(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.Load(text, &got); err != nil {
			t.Fatal(err)
		}
		again := row.again
		if strings.Contains(again, ":") {
			again = "{" + again + "}"
		}
		if err := yaml.Load([]byte(again), &want); err != nil {
			t.Fatal(err)
		}
		same(t, row.given, got, want)
	}
	for _, row := range []struct{ given, words string }{
		{"magic", `unknown step time "magic"; allowed: physics, linear, roofline`},
		{"{linear: {base: 8ms}, roofline: {}}", "exactly one of physics, linear, roofline"},
		{"{}", "exactly one of"},
	} {
		var s StepTimes
		var f sim.Faults
		if err := yaml.Load([]byte(row.given), &s); !asFaults(err, &f) || !strings.Contains(f.Error(), row.words) {
			t.Errorf("%s: got %v, want %q", row.given, f, row.words)
		}
	}
}

// TestStepTimeWords: each word is the step time it says, on the configured card.
func TestStepTimeWords(t *testing.T) {
	of := func(word string) StepTime {
		m := NewLLM()
		m.StepTime.Word = word
		if err := m.Validate(); err != nil {
			t.Fatal(err)
		}
		return m.stepTime()
	}
	one := Batch{Decode: 1, Seqs: 1, Context: linearContext}
	physics, linear, bound := of("physics").StepTime(one), of("linear").StepTime(one), of("roofline").StepTime(one)
	if d := physics - linear; d.Abs() > time.Microsecond {
		t.Errorf("a line through one decoding sequence: got %v, physics says %v", linear, physics)
	}
	if bound >= physics {
		t.Errorf("the bound is %v, above physics, %v", bound, physics)
	}
}

// TestEngineClasses: version and scheduling are two switches.
func TestEngineClasses(t *testing.T) {
	for _, row := range []struct {
		engine Engine
		old    bool // the larger cost of a sequence
		async  bool
	}{
		{Engine{Name: "vllm"}, false, true},
		{Engine{Name: "vllm", Version: "0.15"}, false, true},
		{Engine{Name: "vllm", Version: "0.15.1"}, false, true},
		{Engine{Name: "vllm", Version: "1.0"}, false, true},
		{Engine{Name: "vllm", Version: "v0.12.0"}, true, false},
		{Engine{Name: "vllm", Version: "0.9.1"}, true, false},
		{Engine{Name: "vllm", Version: "0.14.0rc1"}, true, true},
		{Engine{Name: "vllm", Version: "0.12", Scheduling: "async"}, true, true},
		{Engine{Name: "vllm", Version: "0.15", Scheduling: "sync"}, false, false},
		{Engine{Name: "trtllm", Version: "1.2.0"}, true, true},
		{Engine{Name: "sglang", Version: "0.5.6"}, true, true},
	} {
		same(t, row.engine.String()+": async", row.engine.async(), row.async)
		want := coefSequenceNew
		if row.old {
			want = coefSequenceOld
		}
		same(t, row.engine.String()+": cost of a sequence", row.engine.perSequence(), want)
	}
	m := NewLLM()
	vllm := m.physics()
	m.Engine = Engine{Name: "trtllm"}
	near(t, "a faster engine", m.physics().perContext, 0.8*vllm.perContext, 1e-9)
}

// TestPrecisionSpellings: the words of checkpoints and benchmark tables.
func TestPrecisionSpellings(t *testing.T) {
	for text, want := range map[string]Precision{
		"bf16": BF16, "bfloat16": BF16, "FP16": BF16, "float16": BF16,
		"fp8": FP8, "fp8_block": FP8, "fp8_static": FP8, "FP8-dynamic": FP8,
		"nvfp4": FP4, "fp4": FP4, "mxfp4": FP4, "w4a16": INT4, "int4_wo": INT4, "awq": INT4,
		"int8": INT8, "w8a8": INT8, "w8a8_int8": INT8, "sq": INT8, "fp32": FP32,
		"int8_wo": "", "fp": "", "": "", "fp85": "", "q4": "",
	} {
		got, ok := ParsePrecision(text)
		same(t, text, got, want)
		same(t, text+" is known", ok, want != "")
	}
}

// TestFP4OnBlackwell: four bits and the scales of groups of sixteen, at the peak of the datasheet.
func TestFP4OnBlackwell(t *testing.T) {
	m := NewLLM()
	m.GPU.GPU, m.Model.Shape, m.Precision = gpuNamed("b200"), shapeNamed("llama-3.1-70b"), FP4
	if err := m.Validate(); err != nil {
		t.Fatal(err)
	}
	near(t, "GB of weights", m.memory().weights/1e9, 68.5*0.5625+4.2, 0.01)
	near(t, "FLOPS", m.Precision.peak(m.GPU.GPU), 9e15, 0)
	same(t, "unverified", m.Unverified(), []string{"card b200", "precision fp4"})
}

// TestInt8AgainstFloat32: what dynamic quantisation is said to give, 75 % less memory and three times
// the speed. The layers' weights shrink by exactly that share, the model by a little less since its
// embedding stays in 16 bits; the speed is what the step time gives for one sequence that decodes.
func TestInt8AgainstFloat32(t *testing.T) {
	m := NewLLM()
	m.Model.Shape = shapeNamed("llama-2-7b")
	m.Precision = FP32
	full, slow := m.memory().weights, m.stepTime().StepTime(Batch{Decode: 1, Seqs: 1, Context: 512})
	m.Precision = INT8
	small, fast := m.memory().weights, m.stepTime().StepTime(Batch{Decode: 1, Seqs: 1, Context: 512})
	same(t, "bytes of a weight", INT8.bytes(), 0.25*FP32.bytes())
	near(t, "share of the memory left", small/full, 0.25, 0.05)
	ratio := slow.Seconds() / fast.Seconds()
	t.Logf("weights %.1f GB against %.1f GB, steps %.2f times as fast (PyTorch's claim: 3)", small/1e9, full/1e9, ratio)
	if ratio < 2 || ratio > 3.7 {
		t.Errorf("steps are %.2f times as fast, want 2 to 3.7", ratio)
	}
}

// TestExpertsAreReadAsTheyAreUsed: one token reads k of N experts, many tokens all of them.
func TestExpertsAreReadAsTheyAreUsed(t *testing.T) {
	e := Experts{Count: 8, Active: 2}
	near(t, "one token", e.distinct(1), 0.25, 1e-12)
	near(t, "two tokens", e.distinct(2), 1-0.75*0.75, 1e-12)
	near(t, "a thousand", e.distinct(1000), 1, 1e-9)
	m := NewLLM()
	m.Model.Shape, m.TP = shapeNamed("mixtral-8x7b"), 2
	if err := m.Validate(); err != nil {
		t.Fatal(err)
	}
	one := m.Terms(Batch{Decode: 1, Seqs: 1})
	// 12.9e9 active parameters of 2 bytes, the embedding of 0.13e9 apart, over two cards of 3.35 TB/s.
	near(t, "reading for one token", one.W, 2*(12.9e9-0.13e9)/(2*3.35e12), 0.02)
}
