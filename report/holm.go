package report

import (
	"cmp"
	"slices"
)

// holm adjusts the p-values of several tests so that rejecting those below alpha raises a false alarm
// in at most that share of families (Holm 1979, step-down): with p sorted, p'_(i) = max over j <= i of
// min(1, (m - j + 1) p_(j)).
func holm(p []float64) []float64 {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p[a], p[b]) })
	adjusted := make([]float64, len(p))
	highest := 0.0
	for rank, i := range order {
		highest = max(highest, min(1, float64(len(p)-rank)*p[i]))
		adjusted[i] = highest
	}
	return adjusted
}
