package plan

import (
	"testing"

	"github.com/headroom-dev/headroom/sim/backend"
)

func TestCardsByTheNamesOfTables(t *testing.T) {
	for _, row := range []struct{ name, want string }{
		{"h100_sxm", "h100"}, {"H100-SXM5-80GB", "h100"}, {"NVIDIA H100 80GB HBM3", "h100"}, {"NVIDIA-H200-141GB", "h200"},
		{"gb200_nvl72", "gb200"}, {"B200-192GB", "b200"}, {"A100-SXM4-80GB", "a100"}, {"h100_pcie", "h100-pcie"},
		{"a100-40gb", ""}, {"NVIDIA A100-SXM4-40GB", ""}, {"H100-64GB", ""}, {"H100_NVL", ""}, {"80gb", ""}, {"", ""},
	} {
		card, ok := cardFor(row.name, backend.GPUs)
		if ok != (row.want != "") || ok && card.Name != row.want {
			t.Errorf("%q: card %q, %v; want %q", row.name, card.Name, ok, row.want)
		}
	}
}

func TestModelsByTheNamesOfTables(t *testing.T) {
	for _, row := range []struct{ name, want string }{
		{"LLAMA3.1_8B", "llama-3.1-8b"}, {"llama2-70b-chat-hf", "llama-2-70b"}, {"MOE_Mixtral8x7B", "mixtral-8x7b"}, {"QWEN3_32B", "qwen3-32b"},
		{"mistralai/Mixtral-8x7B-Instruct-v0.1", "mixtral-8x7b"}, {"nvidia/DeepSeek-R1-0528-FP4-v2", "deepseek-r1"},
		{"codellama/CodeLlama-34b-Instruct-hf", "codellama-34b"}, {"Llama-3.3-70B-Instruct", "llama-3.1-70b"},
		{"DeepSeek-R1-Distill-Llama-70B", ""}, {"llama", ""}, {"tinyllama-1.1b", ""},
	} {
		shape, ok := shapeFor(row.name, backend.Shapes)
		if ok != (row.want != "") || ok && shape.Name != row.want {
			t.Errorf("%q: model %q, %v; want %q", row.name, shape.Name, ok, row.want)
		}
	}
}
