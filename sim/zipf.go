package sim

import (
	"math"
	"math/rand/v2"
)

// A Zipf draws ranks 1 to n, rank k with a probability proportional to k^-s: which of n things a
// call asks for. s = 0 asks for all alike; the larger s, the more calls ask for the first few.
//
// It is the rejection-inversion of W. Hörmann and G. Derflinger, "Rejection-inversion to generate
// variates from monotone discrete distributions" (ACM TOMACS 6, 1996): exact, for every s >= 0 and
// not only above 1 as math/rand's, and without a table, so a million keys cost no memory. One draw
// takes little more than one uniform number, since fewer than a third are rejected whatever s and n.
type Zipf struct {
	s, n float64
	top  float64 // H(1.5) - 1: the left end of the area to invert
	tail float64 // H(n + 0.5): its right end
	near float64 // 2 - H^-1(H(2.5) - h(2)): closer than this to its integer, accept at once
}

// NewZipf returns the law of exponent s over n ranks. It panics if n < 1 or s is negative or not
// finite: the scenario's loader has refused those.
func NewZipf(s float64, n int) *Zipf {
	if n < 1 || s < 0 || math.IsNaN(s) || math.IsInf(s, 0) {
		panic("sim: NewZipf needs n >= 1 and a finite s >= 0")
	}
	z := &Zipf{s: s, n: float64(n)}
	z.top = z.area(1.5) - 1
	z.tail = z.area(z.n + 0.5)
	z.near = 2 - z.invert(z.area(2.5)-z.height(2))
	return z
}

// Rank draws a rank, 1 to n.
func (z *Zipf) Rank(r *rand.Rand) int {
	for {
		u := z.tail + r.Float64()*(z.top-z.tail)
		x := z.invert(u)
		k := min(max(math.Floor(x+0.5), 1), z.n)
		if k-x <= z.near || u >= z.area(k+0.5)-z.height(k) {
			return int(k)
		}
	}
}

// height is h(x) = x^-s.
func (z *Zipf) height(x float64) float64 { return math.Exp(-z.s * math.Log(x)) }

// area is H(x), an integral of h: (x^(1-s) - 1)/(1-s), which for s -> 1 becomes ln x.
func (z *Zipf) area(x float64) float64 {
	log := math.Log(x)
	return expm1Over((1-z.s)*log) * log
}

// invert is the inverse of area: (1 + u(1-s))^(1/(1-s)).
func (z *Zipf) invert(u float64) float64 {
	t := max(u*(1-z.s), -1) // rounding could put it a hair below -1, where the logarithm ends
	return math.Exp(log1pOver(t) * u)
}

// log1pOver is ln(1+x)/x, by its series where the quotient would lose digits.
func log1pOver(x float64) float64 {
	if math.Abs(x) > 1e-8 {
		return math.Log1p(x) / x
	}
	return 1 - x*(0.5-x*(1.0/3-0.25*x))
}

// expm1Over is (e^x - 1)/x, by its series where the quotient would lose digits.
func expm1Over(x float64) float64 {
	if math.Abs(x) > 1e-8 {
		return math.Expm1(x) / x
	}
	return 1 + x*0.5*(1+x/3*(1+0.25*x))
}
