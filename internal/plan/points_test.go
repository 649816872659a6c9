package plan

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/headroom-dev/headroom/sim/backend"
)

func read(t *testing.T, text string) []Point {
	t.Helper()
	points, err := ReadPoints(strings.NewReader(text), Defaults{})
	if err != nil {
		t.Fatal(err)
	}
	return points
}

// TestReadClosedPoints: columns in any order, more of them than needed, those that may be absent absent.
func TestReadClosedPoints(t *testing.T) {
	for _, row := range []struct{ about, text string }{
		{"as published", "model,system,backend,backend_version,precision,gemm_quant,isl,osl,concurrency,tp,attention_dp,moe_ep,ttft_ms,tpot_ms,source,measured\n" +
			"Qwen3-32B,h100_sxm,vllm,0.12.0,,,1024,128,8,2,,1,154.248,18.037,gap-analysis:x.csv,\n"},
		{"in another order, with more columns", "tpot_ms,nobody_knows,concurrency,ttft_ms,osl,isl,tp,system,source,backend,model,backend_version\n" +
			"18.037,7,8,154.248,128,1024,2,h100_sxm,gap-analysis:x.csv,vllm,Qwen3-32B,0.12.0\n"},
		{"with a byte order mark, spaces, capitals, empty lines and a comment", "\ufeffModel, System,BACKEND,backend_version,isl,osl,concurrency,tp,ttft_ms,tpot_ms,source\n" +
			"\n# a remark\nQwen3-32B, h100_sxm, vllm, 0.12.0, 1024, 128, 8, 2, 154.248, 18.037, gap-analysis:x.csv\n\n"},
	} {
		p := read(t, row.text)
		if len(p) != 1 {
			t.Fatalf("%s: got %d points", row.about, len(p))
		}
		want := noFigures()
		want[ttft], want[tpot] = 154.248, 18.037
		got := p[0]
		if diff := cmp.Diff(got.Measured, want, nans); diff != "" {
			t.Errorf("%s: %s", row.about, diff)
		}
		got.Line, got.Measured = 0, Figures{}
		if diff := cmp.Diff(got, Point{
			Kind: Closed, Model: "Qwen3-32B", System: "h100_sxm", Backend: "vllm", Version: "0.12.0", Source: "gap-analysis:x.csv",
			TP: 2, ISL: 1024, OSL: 128, Concurrency: 8,
		}); diff != "" {
			t.Errorf("%s: %s", row.about, diff)
		}
	}
	p := read(t, "model,isl,osl,concurrency,tpot_ms\nm,1,1,1,\n")
	if p[0].TP != 1 || p[0].Measured.has(tpot) {
		t.Errorf("what is not there: got %+v", p[0])
	}
}

var nans = cmp.Comparer(func(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) })

// TestReadOpenPoints: the share that was answered comes from ok and requests.
func TestReadOpenPoints(t *testing.T) {
	p := read(t, "experiment,stage,model,tp,max_num_seqs,max_num_batched_tokens,rate_qps,duration_s,requests,ok,failed,prompt_mean,output_cfg,ttft_mean_ms,e2e_mean_ms,e2e_p99_ms\n"+
		"x,0,meta-llama/Llama-2-7b-hf,1,128,2048,4.0,1200,4800,732,4068,1082.2,1448,106644.68,160063.28,289788.95\n")[0]
	want := noFigures()
	want[ttft], want[e2e], want[e2eP99], want[success] = 106644.68, 160063.28, 289788.95, 0.1525
	if diff := cmp.Diff(p.Measured, want, nans); diff != "" {
		t.Error(diff)
	}
	if !p.overloaded() || p.Kind != Open || p.Requests != 4800 || p.MaxSeqs != 128 || p.MaxTokens != 2048 {
		t.Errorf("got %+v", p)
	}
}

// TestReadFaults: every fault names its line and what is allowed.
func TestReadFaults(t *testing.T) {
	for _, row := range []struct{ about, text, words string }{
		{"nothing", "", "a header"},
		{"a header alone", "model,isl,osl,concurrency\n", "line 2: missing; allowed: at least one measured point"},
		{"other columns", "a,b\n1,2\n", "isl, osl, concurrency"},
		{"a column twice", "isl,osl,concurrency,isl\n1,1,1,1\n", "line 1, isl"},
		{"a word for a number", "model,isl,osl,concurrency\nm,10,10,1\nm,ten,10,1\n", `line 3, isl: "ten"; allowed: a number from 1`},
		{"no length", "model,isl,osl,concurrency\nm,,10,1\n", "line 2, isl: missing"},
		{"half a caller", "model,isl,osl,concurrency\nm,1,10,1.5\n", "line 2, concurrency"},
		{"no model", "model,isl,osl,concurrency\n,1,10,1\n", "line 2, model: missing"},
		{"a time below zero", "model,isl,osl,concurrency,tpot_ms\nm,1,10,1,-3\n", `line 2, tpot_ms: "-3"`},
		{"too many fields", "model,isl,osl,concurrency\nm,1,10,1,9\n", "line 2: 5 fields"},
		{"a quote left open", "model,isl,osl,concurrency\n\"m,1,10,1\n", "line 2"},
		{"a step of nothing", "model,prefill,decode,context,pairs,seqs,step_us\nm,0,0,0,0,0,10\n", "line 2, prefill and decode"},
		{"two faults", "model,isl,osl,concurrency\nm,x,10,1\nm,1,y,1\n", "line 3, osl"},
	} {
		_, err := ReadPoints(strings.NewReader(row.text), Defaults{})
		if err == nil || !strings.Contains(err.Error(), row.words) {
			t.Errorf("%s: got %v, want %q", row.about, err, row.words)
		}
	}
	_, err := ReadPoints(strings.NewReader("model,isl,osl,concurrency\nm,x,10,1\n"), Defaults{})
	var fault *CSVError
	if !errors.As(err, &fault) || fault.Line != 2 {
		t.Errorf("got %v, want a fault of line 2", err)
	}
}

// TestNames: what tables and repositories call models, cards and engines.
func TestNames(t *testing.T) {
	for name, want := range map[string]string{
		"Qwen3-32B": "qwen3-32b", "Qwen/Qwen3-32B": "qwen3-32b", "Qwen/Qwen3-32B-FP8": "qwen3-32b", "Qwen_Qwen3-32B": "",
		"Llama-3.1-70B": "llama-3.1-70b", "meta-llama/Llama-3.1-70B-Instruct": "llama-3.1-70b", "meta-llama/Meta-Llama-3.1-8B-Instruct": "llama-3.1-8b",
		"nvidia/Llama-3.3-70B-Instruct-FP4": "llama-3.1-70b", "meta-llama/Llama-2-7b-hf": "llama-2-7b", "Llama-2-70b-chat-hf": "llama-2-70b",
		"codellama/CodeLlama-34b-Instruct-hf": "codellama-34b", "mistralai/Mistral-Nemo-Instruct-2407": "mistral-nemo-12b",
		"mistralai/Mixtral-8x7B-Instruct-v0.1": "mixtral-8x7b", "deepseek-ai/DeepSeek-R1-0528": "deepseek-r1", "deepseek-ai/DeepSeek-V3": "deepseek-v3",
		"Llama-3.1-405B-Instruct": "llama-3.1-405b", "gpt-oss-120b": "", "": "", "Llama": "",
	} {
		got, ok := shapeFor(name, backend.Shapes)
		if got.Name != want || ok != (want != "") {
			t.Errorf("model %q: got %q, want %q", name, got.Name, want)
		}
	}
	for name, want := range map[string]string{
		"h100_sxm": "h100", "H100 SXM5": "h100", "h200_sxm": "h200", "b200_sxm": "b200", "gb200_sxm": "gb200", "gb200_nvl72": "gb200",
		"a100_sxm": "a100", "a100-80gb": "a100", "l40s": "l40s", "NVIDIA L4": "l4", "h100_pcie": "h100-pcie", "h100_pcie_80gb": "h100-pcie", "mi300x": "", "": "",
	} {
		got, ok := cardFor(name, backend.GPUs)
		if got.Name != want || ok != (want != "") {
			t.Errorf("card %q: got %q, want %q", name, got.Name, want)
		}
	}
	for name, want := range map[string]string{"": "vllm", "vLLM": "vllm", "TRT-LLM": "trtllm", "trtllm": "trtllm", "TensorRT_LLM": "trtllm", "sglang": "sglang", "tgi": ""} {
		if got, _ := engineFor(name); got != want {
			t.Errorf("engine %q: got %q, want %q", name, got, want)
		}
	}
	for _, row := range []struct{ word, model, want string }{
		{"", "Qwen3-32B", "bf16"}, {"", "Qwen/Qwen3-32B-FP8", "fp8"}, {"", "nvidia/Llama-3.3-70B-Instruct-FP4", "fp4"},
		{"", "Llama-3.1-8B-Instruct-quantized.w4a16", "int4"}, {"fp8", "Qwen3-32B", "fp8"}, {"nvfp4", "x", "fp4"}, {"q5_k_m", "x", ""},
	} {
		if got, _ := precisionFor(row.word, row.model); string(got) != row.want {
			t.Errorf("precision %q of %q: got %q, want %q", row.word, row.model, got, row.want)
		}
	}
}

func TestAFaultIsToldOnce(t *testing.T) {
	for _, cell := range []string{"", "0", "1.5", "many"} {
		_, err := ReadPoints(strings.NewReader("model,isl,osl,concurrency\nm,1,1,"+cell+"\n"), Defaults{})
		if err == nil || strings.Count(err.Error(), "concurrency") != 1 {
			t.Errorf("concurrency %q: %v; want it named once", cell, err)
		}
	}
}
