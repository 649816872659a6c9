package backend

import (
	"errors"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/headroom-dev/headroom/sim"
)

// asFaults finds Faults in what a decoder returned, which may hold several errors.
func asFaults(err error, f *sim.Faults) bool {
	if errors.As(err, f) {
		return true
	}
	var many *yaml.LoadErrors
	if !errors.As(err, &many) {
		return false
	}
	for _, one := range many.Errors {
		if errors.As(one, f) {
			return true
		}
	}
	return false
}

// TestLLMDefaults: the engine's defaults follow the card, and the configuration is left as it was given, so that
// another card takes other ones.
func TestLLMDefaults(t *testing.T) {
	for _, row := range []struct {
		gpu          string
		model        string
		seqs, tokens int
	}{
		{"h100", "llama-3.1-8b", 1024, 8192}, {"a100", "llama-3.1-8b", 256, 2048}, {"l40s", "llama-2-7b", 256, 2048}, {"h20", "qwen3-32b", 1024, 8192},
	} {
		m := NewLLM()
		m.GPU.GPU, m.Model.Shape = gpuNamed(row.gpu), shapeNamed(row.model)
		if err := m.Validate(); err != nil {
			t.Fatal(err)
		}
		same(t, row.gpu, []int{m.maxSeqs(), m.maxBatchedTokens()}, []int{row.seqs, row.tokens})
		fresh := NewLLM()
		fresh.GPU.GPU, fresh.Model.Shape = m.GPU.GPU, m.Model.Shape
		same(t, row.gpu+" is left as it was given", *m, *fresh)
	}
}

// TestLLMFasterCards: a card that is better in everything carries more.
func TestLLMFasterCards(t *testing.T) {
	last := 0.0
	for _, gpu := range []string{"l4", "l40s", "a100", "h100", "h200", "b200"} {
		m := NewLLM()
		m.GPU.GPU, m.MaxSeqs, m.MaxBatchedTokens = gpuNamed(gpu), 16, 2048
		m.Model.Shape = shapeNamed("qwen2.5-7b")
		m.GPUMemoryUtilization = 1
		if err := m.Validate(); err != nil {
			t.Fatal(err)
		}
		got := m.Capacity(512, 128)
		if got <= last {
			t.Errorf("%s carries %.3g calls/s, no more than the card before it, %.3g", gpu, got, last)
		}
		last = got
	}
}

// TestLLMValidate: one fault at a time, and what is allowed.
func TestLLMValidate(t *testing.T) {
	for _, row := range []struct {
		about  string
		change func(*LLM)
		path   string
		words  string // in the fault
	}{
		{"model too large for the card", func(m *LLM) { m.Model.Shape = shapeNamed("llama-3.1-70b") }, "gpu", "72.0 GiB usable - 131.4 weights - 5.5 activations"},
		{"cards that do not divide the heads", func(m *LLM) { m.TP = 3 }, "tp", "dividing the 32 heads"},
		{"no cards", func(m *LLM) { m.TP = 0 }, "tp", "1 to 16"},
		{"fewer tokens than sequences", func(m *LLM) { m.MaxSeqs, m.MaxBatchedTokens = 100, 99 }, "max_batched_tokens", "at least max_seqs, 100"},
		{"a negative bound", func(m *LLM) { m.MaxSeqs = -1 }, "max_seqs", "1 or more"},
		{"no block", func(m *LLM) { m.Block = 0 }, "block", "1 to 1024"},
		{"all and more of the memory", func(m *LLM) { m.GPUMemoryUtilization = 1.1 }, "gpu_memory_utilization", "at most 100%"},
		{"an unknown precision", func(m *LLM) { m.Precision = "fp5" }, "precision", "bf16, fp8, int8, int4, fp4, fp32"},
		{"fp4 where there is none", func(m *LLM) { m.Precision = FP4 }, "precision", "fp4 on b200, gb200"},
		{"an unknown engine", func(m *LLM) { m.Engine.Name = "tgi" }, "engine.name", "vllm, trtllm, sglang"},
		{"a version in words", func(m *LLM) { m.Engine.Version = "latest" }, "engine.version", "numbers"},
		{"an unknown scheduling", func(m *LLM) { m.Engine.Scheduling = "lazy" }, "engine.scheduling", "sync, async"},
		{"an unknown step time", func(m *LLM) { m.StepTime.Word = "magic" }, "step_time", "physics, linear, roofline"},
		{"steps that take no time by physics", func(m *LLM) { m.StepTime.Physics = &Coefficients{CR: new(time.Duration)} }, "step_time", "1us to 1h"},
		{"a coefficient below zero", func(m *LLM) { m.StepTime.Physics = &Coefficients{A: -1} }, "step_time.physics.a", "0 or more"},
		{"more than the peak", func(m *LLM) { m.StepTime.Roofline = &Roofline{2, 0.3} }, "step_time.roofline.mfu_prefill", "at most 1"},
		{"more experts used than there are", func(m *LLM) { m.Model.Experts = Experts{Count: 2, Active: 3} }, "model.experts", "active from 1 to count"},
		{"int8 keys and values", func(m *LLM) { m.KV = INT8 }, "kv", "bf16, fp8"},
		{"a step that takes no time", func(m *LLM) { m.StepTime.Linear = &Linear{} }, "step_time.linear.base", "1us to 1h"},
		{"prompts that give time back", func(m *LLM) { m.StepTime.Linear = &Linear{Base: ms, PerPrefillToken: -1} }, "step_time.linear.per_prefill_token", "0s to 1m"},
		{"several cards without a link", func(m *LLM) { m.TP, m.GPU.Link = 2, 0 }, "gpu.link_gb_s", "above 0 where tp is above 1"},
		{"a card without memory", func(m *LLM) { m.GPU.Memory = 0 }, "gpu.memory_gib", "above 0"},
		{"a model without layers", func(m *LLM) { m.Model.Layers = 0 }, "model.layers", "at least 1"},
		{"an unknown word", func(m *LLM) { m.Cancel = "perhaps" }, "cancel", "free, queued, zombie"},
		{"a negative limit", func(m *LLM) { m.Limit = pointer(-1) }, "limit", "0 or more"},
	} {
		t.Run(row.about, func(t *testing.T) {
			m := NewLLM()
			row.change(m)
			var f sim.Faults
			if !errors.As(m.Validate(), &f) {
				t.Fatal("got no fault")
			}
			if len(f) != 1 || f[0].Path != row.path || !strings.Contains(f[0].Error(), row.words) {
				t.Errorf("got %v, want one fault of %s with %q", f, row.path, row.words)
			}
		})
	}
}

// TestLLMWithExperts: with a step time of its own, a model with experts runs, and its memory is that of
// the published parameters.
func TestLLMWithExperts(t *testing.T) {
	m := NewLLM()
	m.Model.Shape, m.TP, m.StepTime.Linear = shapeNamed("mixtral-8x7b"), 2, &round
	if err := m.Validate(); err != nil {
		t.Fatal(err)
	}
	near(t, "bytes of the weights", m.memory().weights, 2*46.7e9, 0.001)
	s, _ := newScript(m)
	s.call(0, 0, sim.Request{Prompt: 100, Output: 2})
	s.run(t)
	same(t, "done", s.log[0].Done, defaultIngress+22*ms+defaultResponse)
}
