package backend

import "github.com/headroom-dev/headroom/sim"

// A Precision is how weights, or keys and values, are stored.
type Precision string

// The precisions of weights; keys and values have the first two. All but bf16, and fp8 on Hopper
// cards, rest on no measurement.
const (
	BF16 Precision = "bf16"
	FP8  Precision = "fp8"
	INT8 Precision = "int8"
	INT4 Precision = "int4"
)

// bytes returns the bytes of one weight. int4 carries 3 % of group scales.
func (p Precision) bytes() float64 {
	switch p {
	case FP8, INT8:
		return 1
	case INT4:
		return 0.5 * 1.03
	}
	return 2
}

// peak returns the FLOPS at which the card multiplies weights of this precision. Where it lacks the
// precision, and for int4 always, the weights are widened on the way and the product is bf16's: only
// the reading gets shorter.
func (p Precision) peak(g GPU) float64 {
	switch {
	case p == FP8 && g.FP8 > 0:
		return g.FP8 * 1e12
	case p == INT8 && g.INT8 > 0:
		return g.INT8 * 1e12
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
