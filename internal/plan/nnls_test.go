package plan

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// TestNNLSByHand: problems whose solution can be seen.
func TestNNLSByHand(t *testing.T) {
	for _, row := range []struct {
		about string
		a     [][]float64
		y     []float64
		want  []float64
	}{
		{"exact", [][]float64{{1, 0}, {0, 2}, {1, 1}}, []float64{3, 8, 7}, []float64{3, 4}},
		// Without the bound (3, -1) would be exact; with it x1 = 0 and x0 = (1*2+2*5)/(1+4).
		{"a bound binds", [][]float64{{1, 1}, {2, 1}}, []float64{2, 5}, []float64{2.4, 0}},
		{"all below zero", [][]float64{{1}, {2}}, []float64{-1, -2}, []float64{0}},
		{"a column of nothing", [][]float64{{1, 0}, {1, 0}}, []float64{1, 3}, []float64{2, 0}},
		{"columns of very different sizes", [][]float64{{1e-9, 1e6}, {2e-9, -1e6}}, []float64{3, 0}, []float64{1e9, 2e-6}},
	} {
		got := nnls(row.a, row.y, len(row.want))
		for i, want := range row.want {
			if math.Abs(got[i]-want) > 1e-6*math.Max(math.Abs(want), 1e-6) {
				t.Errorf("%s: got %v, want %v", row.about, got, row.want)
			}
		}
	}
}

// TestNNLSIsOptimal: over random problems the conditions of Karush, Kuhn and Tucker hold, which are
// necessary and sufficient: no x below zero, no slope above zero, none but zero where x is above it.
func TestNNLSIsOptimal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows, columns := rapid.IntRange(6, 30).Draw(t, "rows"), rapid.IntRange(1, 6).Draw(t, "columns")
		value := rapid.Float64Range(-5, 5)
		a, y := make([][]float64, rows), make([]float64, rows)
		for r := range a {
			for range columns {
				a[r] = append(a[r], value.Draw(t, "a"))
			}
			y[r] = value.Draw(t, "y")
		}
		x := nnls(a, y, columns)
		for j := range x {
			slope, length := 0.0, 0.0
			for r := range a {
				rest := y[r]
				for i := range x {
					rest -= a[r][i] * x[i]
				}
				slope += a[r][j] * rest
				length += a[r][j] * a[r][j]
			}
			slope /= math.Sqrt(length) + 1e-300
			if x[j] < 0 || length > 1e-6 && (slope > 1e-4 || x[j] > 0 && slope < -1e-4) {
				t.Fatalf("x[%d] = %g with slope %g", j, x[j], slope)
			}
		}
	})
}
