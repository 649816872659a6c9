package plan

import (
	"math"

	"gonum.org/v1/gonum/mat"
)

// nnls returns the x >= 0 that makes |A x - y|^2 least, by Lawson and Hanson's active set (Solving Least
// Squares Problems, 1974, chapter 23) on the normal equations, with columns scaled to length one. A fit
// has six columns, so a problem is a handful of tiny Cholesky factorisations: an exact method costs less
// than the general minimisers of gonum/optimize, needs no start and no tolerance, and coefficients below
// zero, which mean nothing, cannot come out.
func nnls(a [][]float64, y []float64, columns int) []float64 {
	gram, right, scale := normal(a, y, columns)
	x := make([]float64, columns)
	free := make([]bool, columns)
	for range 10 * (columns + 1) { // it ends long before; a bound against rounding
		best, gain := -1, 1e-12
		for j := range columns {
			slope := right[j]
			for i := range columns {
				slope -= gram[j][i] * x[i]
			}
			if !free[j] && scale[j] > 0 && slope > gain {
				best, gain = j, slope
			}
		}
		if best < 0 {
			break
		}
		free[best] = true
		for !settle(gram, right, free, x) {
			continue
		}
	}
	for j := range x {
		if scale[j] > 0 {
			x[j] /= scale[j]
		}
	}
	return x
}

// settle moves x to the least squares over the free columns, as far as x stays above zero; a column that
// stops it is free no more, and settle is to be called again.
func settle(gram [][]float64, right []float64, free []bool, x []float64) bool {
	z := solve(gram, right, free)
	step, stop := 1.0, -1
	for j := range x {
		if free[j] && z[j] <= 0 && x[j]/(x[j]-z[j]) < step {
			step, stop = x[j]/(x[j]-z[j]), j
		}
	}
	for j := range x {
		if free[j] {
			x[j] += step * (z[j] - x[j])
		}
	}
	if stop < 0 {
		return true
	}
	free[stop], x[stop] = false, 0
	return false
}

// normal returns the normal equations with columns of length one, and those lengths; a column of
// nothing has length 0. The ridge of 1e-10 keeps columns that are each other's multiples solvable.
func normal(a [][]float64, y []float64, columns int) (gram [][]float64, right, scale []float64) {
	gram, right, scale = make([][]float64, columns), make([]float64, columns), make([]float64, columns)
	for j := range columns {
		gram[j] = make([]float64, columns)
		for _, row := range a {
			scale[j] += row[j] * row[j]
		}
		scale[j] = math.Sqrt(scale[j])
	}
	for j := range columns {
		if scale[j] == 0 {
			gram[j][j] = 1
			continue
		}
		for r, row := range a {
			right[j] += row[j] / scale[j] * y[r]
			for i := range columns {
				if scale[i] > 0 {
					gram[j][i] += row[j] / scale[j] * row[i] / scale[i]
				}
			}
		}
		gram[j][j] += 1e-10
	}
	return gram, right, scale
}

// solve solves the normal equations of the free columns; the others are zero.
func solve(gram [][]float64, right []float64, free []bool) []float64 {
	var index []int
	for j, is := range free {
		if is {
			index = append(index, j)
		}
	}
	z := make([]float64, len(right))
	if len(index) == 0 {
		return z
	}
	part, b := mat.NewSymDense(len(index), nil), mat.NewVecDense(len(index), nil)
	for r, j := range index {
		b.SetVec(r, right[j])
		for c, i := range index {
			if c >= r {
				part.SetSym(r, c, gram[j][i])
			}
		}
	}
	var factor mat.Cholesky
	var out mat.VecDense
	if !factor.Factorize(part) || factor.SolveVecTo(&out, b) != nil && factor.Cond() > 1e15 {
		return z // no column tells more than the others: the ridge makes that impossible
	}
	for r, j := range index {
		z[j] = out.AtVec(r)
	}
	return z
}
