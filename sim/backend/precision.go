package backend

import (
	"strings"

	"github.com/headroom-dev/headroom/sim"
)

// A Precision is how weights, or keys and values, are stored.
type Precision string

// The precisions of weights; keys and values have bf16 and fp8. All but bf16, and fp8 on Hopper cards,
// rest on no measurement.
const (
	BF16 Precision = "bf16"
	FP8  Precision = "fp8"
	INT8 Precision = "int8"
	INT4 Precision = "int4"
	FP4  Precision = "fp4"  // Blackwell cards only
	FP32 Precision = "fp32" // what models were trained in once: to compare with, nobody serves it
)

// Precisions are those of weights.
var Precisions = []Precision{BF16, FP8, INT8, INT4, FP4, FP32}

// bytes returns the bytes of one weight. int4 carries 3 % of group scales, fp4 a byte of scale for each
// group of 16 (NVFP4).
func (p Precision) bytes() float64 {
	switch p {
	case FP8, INT8:
		return 1
	case INT4:
		return 0.5 * 1.03
	case FP4:
		return 0.5 + 1.0/16
	case FP32:
		return 4
	}
	return 2
}

// headBytes returns the bytes of one weight of embedding and head, which are not quantised.
func (p Precision) headBytes() float64 { return max(2, p.bytes()) }

// peak returns the FLOPS at which the card multiplies weights of this precision. Where it lacks the
// precision, and for int4 always, the weights are widened on the way and the product is bf16's: only
// the reading gets shorter. fp32 is multiplied as TF32, at half the peak of bf16 on every card here.
func (p Precision) peak(g GPU) float64 {
	switch {
	case p == FP8 && g.FP8 > 0:
		return g.FP8 * 1e12
	case p == INT8 && g.INT8 > 0:
		return g.INT8 * 1e12
	case p == FP4 && g.FP4 > 0:
		return g.FP4 * 1e12
	case p == FP32:
		return g.BF16 * 1e12 / 2
	}
	return g.BF16 * 1e12
}

func (p Precision) check(f *sim.Faults, path string, allowed ...Precision) {
	for _, one := range allowed {
		if p == one {
			return
		}
	}
	f.Add(path, string(p), names(allowed, func(p Precision) string { return string(p) }))
}

// spellings are the words that checkpoints and benchmark tables use. w8a8 without more says int8, as
// in the names of checkpoints; fp8 has a word of its own.
var spellings = []struct {
	word string
	is   Precision
}{
	{"bf16", BF16}, {"bfloat16", BF16}, {"fp16", BF16}, {"float16", BF16}, {"half", BF16}, {"w16a16", BF16},
	{"nvfp4", FP4}, {"mxfp4", FP4}, {"fp4", FP4},
	{"fp8", FP8}, {"float8", FP8}, {"e4m3", FP8},
	{"int4", INT4}, {"awq", INT4}, {"gptq", INT4}, {"w4a16", INT4},
	{"int8", INT8}, {"w8a8", INT8}, {"smoothquant", INT8}, {"sq", INT8},
	{"fp32", FP32}, {"float32", FP32},
}

// ParsePrecision reads a precision of weights as tables spell it: fp8_block, nvfp4, bfloat16, w8a8.
// A word may go on behind one of those known, as fp8_block and fp8-dynamic do. int8 weights that are
// multiplied in 16 bits (int8_wo, w8a16) are none of those simulated.
func ParsePrecision(text string) (Precision, bool) {
	text = strings.ToLower(strings.TrimSpace(text))
	if strings.HasPrefix(text, "int8_wo") || strings.HasPrefix(text, "int8-wo") {
		return "", false
	}
	for _, one := range spellings {
		rest, ok := strings.CutPrefix(text, one.word)
		if ok && (rest == "" || rest[0] == '_' || rest[0] == '-' || rest[0] == '.') {
			return one.is, true
		}
	}
	return "", false
}
