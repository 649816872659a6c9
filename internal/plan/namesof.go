package plan

import (
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/headroom-dev/headroom/sim/backend"
)

// Tables write names in many ways: Qwen/Qwen3-32B, meta-llama/Llama-2-7b-hf, h100_sxm. A name is the
// row of a table whose name is left when what says nothing of the shape is taken off.

// sameShape are models that differ from a row in their weights only.
var sameShape = map[string]string{
	"llama-3-8b": "llama-3.1-8b", "llama-3-70b": "llama-3.1-70b", "llama-3.3-70b": "llama-3.1-70b",
	"mistral-nemo": "mistral-nemo-12b", "qwen2-7b": "qwen2.5-7b", "qwen2-72b": "qwen2.5-72b",
	"deepseek-v3.1": "deepseek-v3",
}

// variant is what a name may end in without being another shape: how the model was tuned, when it was
// published, how its weights are stored.
var variant = regexp.MustCompile(`-(hf|instruct|chat|it|base|thinking|v[0-9]+(\.[0-9]+)?|[0-9]{4}|fp8|fp4|nvfp4|mxfp4|bf16|awq|gptq|int4|int8|w4a16|w8a8|quantized\.w[48]a(8|16)|kv|dynamic|block)$`)

// joined is a name whose family and size are written as one word: LLAMA3.1_8B, MOE_Mixtral8x7B.
var joined = regexp.MustCompile(`^(moe-)?(llama|mixtral)-?([0-9])`)

func shapeFor(name string, known []backend.Shape) (backend.Shape, bool) {
	name = strings.ToLower(name[strings.LastIndex(name, "/")+1:])
	name = strings.TrimPrefix(strings.ReplaceAll(name, "_", "-"), "meta-")
	name = joined.ReplaceAllString(name, "$2-$3")
	for {
		if other, ok := sameShape[name]; ok {
			name = other
		}
		for _, s := range known {
			if strings.EqualFold(s.Name, name) {
				return s, true
			}
		}
		short := variant.ReplaceAllString(name, "")
		if short == name {
			return backend.Shape{}, false
		}
		name = short
	}
}

// precisionFor returns the precision of the weights: what the row says, else what the name of the model
// says of its checkpoint, else bf16. It is false for a word nobody knows.
func precisionFor(word, model string) (backend.Precision, bool) {
	if word != "" {
		return backend.ParsePrecision(word)
	}
	for name := strings.ToLower(model); ; {
		end := variant.FindStringSubmatch(name)
		if end == nil {
			return backend.BF16, true
		}
		if p, ok := backend.ParsePrecision(strings.TrimPrefix(end[1], "quantized.")); ok {
			return p, true
		}
		name = strings.TrimSuffix(name, end[0])
	}
}

// form is what a name of a card may end in without being another card; memory is one of it.
var (
	form   = regexp.MustCompile(`-(sxm[0-9]*|hgx|dgx|nvl72|hbm[0-9]e?|[0-9]+gb)$`)
	memory = regexp.MustCompile(`-([0-9]+)gb(-|$)`)
)

// cardFor returns the card of that name. A name that tells another memory than the row has is another
// card: a100-40gb is no a100 of 80 GiB. Makers round, so it may differ by a tenth.
func cardFor(name string, known []backend.GPU) (backend.GPU, bool) {
	name = strings.ReplaceAll(strings.ReplaceAll(strings.ToLower(name), "_", "-"), " ", "-")
	name = strings.TrimPrefix(name, "nvidia-")
	told := 0.0
	if m := memory.FindStringSubmatch(name); m != nil {
		told, _ = strconv.ParseFloat(m[1], 64)
	}
	for {
		for _, g := range known {
			if strings.EqualFold(g.Name, name) {
				return g, told == 0 || math.Abs(told-g.Memory) <= 0.1*g.Memory
			}
		}
		short := form.ReplaceAllString(name, "")
		if short == name {
			return backend.GPU{}, false
		}
		name = short
	}
}

var engineNames = map[string]string{
	"": "vllm", "vllm": "vllm", "trtllm": "trtllm", "trt": "trtllm", "trt-llm": "trtllm", "tensorrt-llm": "trtllm", "tensorrtllm": "trtllm",
	"sglang": "sglang", "sgl": "sglang",
}

func engineFor(name string) (string, bool) {
	found, ok := engineNames[strings.ReplaceAll(strings.ToLower(name), "_", "-")]
	return found, ok
}

func listed[T any](all []T, name func(T) string) string {
	var list []string
	for _, one := range all {
		list = append(list, name(one))
	}
	return strings.Join(list, ", ")
}
