package report

import (
	"math"
	"slices"

	"github.com/aclements/go-moremath/stats"
)

// leastUnpaired is the fewest runs of a side with which the rank test can reach 5 %: of 4 and 4 the
// most extreme order has p = 2/70.
const leastUnpaired = 4

// rankTest is the two-sided p of the Mann-Whitney test that two sets of run values come from one
// distribution. All values equal is no change: 1.
func rankTest(a, b []float64) float64 {
	result, err := stats.MannWhitneyUTest(a, b, stats.LocationDiffers)
	if err != nil { // too few values, or all of them equal
		return 1
	}
	return result.P
}

// shift is the Hodges-Lehmann estimate of how far a lies above b, the median of all differences a_i -
// b_j, with its two-sided 95 % interval: of the n1 n2 differences in order the C-th and the (n1 n2 + 1 -
// C)-th, C = floor(n1 n2/2 - z sqrt(n1 n2 (n1 + n2 + 1)/12)). The interval is nil below 4 a side. (Hodges
// and Lehmann 1963; Hollander and Wolfe, Nonparametric Statistical Methods, 4.3.)
func shift(a, b []float64) (median float64, i *Interval) {
	n := len(a) * len(b)
	if n == 0 {
		return math.NaN(), nil
	}
	differences := make([]float64, 0, n)
	for _, x := range a {
		for _, y := range b {
			differences = append(differences, x-y)
		}
	}
	slices.Sort(differences)
	median = (differences[(n-1)/2] + differences[n/2]) / 2
	if len(a) < leastUnpaired || len(b) < leastUnpaired {
		return median, nil
	}
	c := max(int(math.Floor(float64(n)/2-zQuantile*math.Sqrt(float64(n)*float64(len(a)+len(b)+1)/12))), 1)
	return median, interval(differences[c-1], differences[n-c])
}
