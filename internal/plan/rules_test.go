package plan

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/headroom-dev/headroom/sim/backend"
)

// TestRules: what is known of each harness.
func TestRules(t *testing.T) {
	for _, row := range []struct {
		about   string
		point   Point
		weights backend.Precision
		name    string
		words   []string
	}{
		{"InferenceX in fp8", Point{Kind: Closed, Source: "2026-04-06.csv", Backend: "vllm", Concurrency: 64}, backend.FP8, "inferencex",
			[]string{"vllm 0.12 async", "weights fp8, keys and values fp8", "lengths 0.8 to 1 ", "no prefix cache", "max_seqs 64", "max_batched_tokens 8192"}},
		{"InferenceX in fp4", Point{Kind: Closed, Source: "2025-12-01", Backend: "vllm", Version: "0.15.0", Concurrency: 4}, backend.FP4, "inferencex",
			[]string{"vllm 0.15.0 async", "weights fp4, keys and values fp8"}},
		{"InferenceX in bf16", Point{Kind: Closed, Source: "InferenceX", Backend: "trtllm", Concurrency: 4}, backend.BF16, "inferencex",
			[]string{"trtllm async", "weights bf16, keys and values bf16"}},
		{"gap analysis", Point{Kind: Closed, Source: "gap-analysis:h100_sxm/vllm/0.12.0/Q.csv", Backend: "vllm", Version: "0.12.0"}, backend.BF16, "closed-loop",
			[]string{"vllm 0.12.0 sync", "lengths 0.8 to 1.2 ", "max_seqs by card", "max_batched_tokens by card"}},
		{"a newer engine", Point{Kind: Closed, Backend: "vllm", Version: "0.15.1", KV: "fp8"}, backend.BF16, "closed-loop",
			[]string{"vllm 0.15.1 async", "keys and values fp8"}},
		{"open loop", Point{Kind: Open}, backend.BF16, "open-loop",
			[]string{"vllm 0.15.1 async", "100 prompts in turn", "exactly counted Poisson", "300 s", "max_seqs 128", "max_batched_tokens 2048"}},
		{"open loop with columns", Point{Kind: Open, MaxSeqs: 256, MaxTokens: 4096, Version: "0.16"}, backend.BF16, "open-loop",
			[]string{"vllm 0.16 async", "max_seqs 256", "max_batched_tokens 4096"}},
	} {
		r := ruleFor(&row.point, row.weights)
		if r.name != row.name {
			t.Errorf("%s: got rule %s, want %s", row.about, r.name, row.name)
		}
		for _, words := range row.words {
			if !strings.Contains(r.about+" ", words) {
				t.Errorf("%s: got %q, want %q in it", row.about, r.about, words)
			}
		}
	}
}

// TestRulesKnowNoModelAndNoSystem: another model or card changes no rule.
func TestRulesKnowNoModelAndNoSystem(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Point{
			Kind:        rapid.SampledFrom([]Kind{Closed, Open, Step}).Draw(t, "kind"),
			Source:      rapid.SampledFrom([]string{"", "2026-04-06.csv", "gap-analysis:x"}).Draw(t, "source"),
			Backend:     rapid.SampledFrom([]string{"", "vllm", "trtllm", "sglang"}).Draw(t, "backend"),
			Version:     rapid.SampledFrom([]string{"", "0.12.0", "0.15.1"}).Draw(t, "version"),
			Concurrency: rapid.IntRange(1, 256).Draw(t, "callers"),
		}
		weights := rapid.SampledFrom(backend.Precisions).Draw(t, "weights")
		other := p
		other.Model = rapid.SampledFrom([]string{"Qwen3-32B", "Llama-3.1-70B"}).Draw(t, "model")
		other.System = rapid.SampledFrom([]string{"h100_sxm", "b200_sxm"}).Draw(t, "system")
		other.TP = rapid.IntRange(1, 8).Draw(t, "tp")
		other.ISL, other.OSL = 1024, 8192
		if a, b := ruleFor(&p, weights), ruleFor(&other, weights); a != b {
			t.Fatalf("got %+v and %+v", a, b)
		}
	})
}

// TestSkippedHaveReasons: what cannot be simulated says why, and what would be possible.
func TestSkippedHaveReasons(t *testing.T) {
	for _, row := range []struct{ about, text, words string }{
		{"an unknown model", "gpt-9,h100_sxm,,1,1024,128,8,", `unknown model "gpt-9"; known: llama-2-7b`},
		{"an unknown card", "Qwen3-32B,tpu_v9,,1,1024,128,8,", `unknown system "tpu_v9"; known: a100`},
		{"an unknown precision", "Qwen3-32B,h100_sxm,q5_k,1,1024,128,8,", `unknown precision "q5_k"; known: bf16`},
		{"an unknown engine", "Qwen3-32B,h100_sxm,,1,1024,128,8,tgi", `unknown engine "tgi"`},
		{"fp4 where there is none", "Qwen3-32B,h100_sxm,nvfp4,1,1024,128,8,", "fp4 on b200, gb200"},
		{"too large", "Llama-3.1-70B,h100_sxm,,1,1024,128,8,", "no room for keys and values"},
		{"a call that never fits", "Llama-2-7b-hf,l4,,1,200000,128,1,", "more tokens than the memory"},
	} {
		points := read(t, "model,system,precision,tp,isl,osl,concurrency,backend\n"+row.text+"\n")
		c, err := Calibrate(t.Context(), points, Options{Seeds: 1})
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Rows[0].Skipped; !strings.Contains(got, row.words) || c.Simulated() != 0 || len(c.Groups) != 0 {
			t.Errorf("%s: got %q, want %q", row.about, got, row.words)
		}
	}
	points := read(t, "model,system,isl,osl,concurrency,attention_dp\nQwen3-32B,h100,1024,128,8,4\n")
	if c, err := Calibrate(t.Context(), points, Options{Seeds: 1}); err != nil || !strings.Contains(c.Rows[0].Skipped, "data-parallel attention over 4") {
		t.Errorf("got %+v, %v", c.Rows[0], err)
	}
}
