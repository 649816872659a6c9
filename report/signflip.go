package report

import (
	"math"
	"math/rand/v2"
)

// What a sign-flip test tries: every pattern of signs for up to exactPairs pairs, else so many drawn.
const (
	exactPairs = 16
	signFlips  = 10_000
)

// signFlip is the one-sided p of the paired sign-flip permutation test that the differences d lie above
// tolerance in the mean: if they did not, each d_i - tolerance would be as likely to have the other
// sign. It is the share of sign patterns whose sum is at least the one seen; of patterns that are drawn,
// (1 + hits)/(1 + drawn). The smallest p of k pairs is 2^-k, so fewer than 6 never reach .025. Without a
// pair it is 1. (Fisher 1935; the draws depend on k alone.)
func signFlip(d []float64, tolerance float64) float64 {
	k := len(d)
	if k == 0 {
		return 1
	}
	shifted := make([]float64, k)
	var seen, scale float64
	for i, x := range d {
		shifted[i] = x - tolerance
		seen += shifted[i]
		scale += math.Abs(shifted[i])
	}
	seen -= 1e-12 * scale // equal sums that were added up in another order are equal
	if k <= exactPairs {
		hits := 0
		for pattern := range 1 << k {
			if flipped(shifted, uint64(pattern)) >= seen {
				hits++
			}
		}
		return float64(hits) / float64(int(1)<<k)
	}
	draw := rand.New(rand.NewPCG(0x7369676e73, uint64(k))) // "signs"
	hits := 1
	for range signFlips {
		var sum float64
		var bits uint64
		for i, x := range shifted {
			if i%64 == 0 {
				bits = draw.Uint64()
			}
			if bits&1 == 1 {
				x = -x
			}
			bits >>= 1
			sum += x
		}
		if sum >= seen {
			hits++
		}
	}
	return float64(hits) / (1 + signFlips)
}

// flipped is the sum of d with the sign of d_i changed where bit i of the pattern is set.
func flipped(d []float64, pattern uint64) (sum float64) {
	for i, x := range d {
		if pattern>>i&1 == 1 {
			x = -x
		}
		sum += x
	}
	return sum
}
