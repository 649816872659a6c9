package report

import (
	"math"
	"slices"

	"github.com/montanaflynn/stats"
	"gonum.org/v1/gonum/stat/distuv"
)

// All intervals are two-sided, 95 %, over runs: the run is the unit of the sample, because the calls
// of one run share a queue. They are nil where the runs tell no spread: for a single run, and where
// all are equal.
const confidence = 0.95

// zQuantile is the quantile of the normal distribution for a two-sided interval: 1.96.
var zQuantile = distuv.UnitNormal.Quantile(1 - (1-confidence)/2)

// tQuantile is the same of Student's t for k runs, with k - 1 degrees of freedom.
func tQuantile(k int) float64 {
	// Sigma must be given: at its zero value every interval would silently have width 0.
	return distuv.StudentsT{Mu: 0, Sigma: 1, Nu: float64(k - 1)}.Quantile(1 - (1-confidence)/2)
}

// interval returns [low, high], or nil if either is not a number that a file can hold.
func interval(low, high float64) *Interval {
	if !finite(low) || !finite(high) {
		return nil
	}
	return &Interval{low, high}
}

// ratioEstimate is the ratio estimator of a share over runs, R = sum x / sum n, with its standard
// error
//
//	se = s / (nbar sqrt k),   s² = sum (x_i - R n_i)² / (k - 1)
//
// which is NaN for fewer than two runs. R is NaN where nothing was counted.
func ratioEstimate(x, n []float64) (r, se float64) {
	k := float64(len(x))
	sumX, sumN := sum(x), sum(n)
	if sumN == 0 {
		return math.NaN(), math.NaN()
	}
	r = sumX / sumN
	if len(x) < 2 {
		return r, math.NaN()
	}
	var squares float64
	for i := range x {
		e := x[i] - r*n[i]
		squares += e * e
	}
	s := math.Sqrt(squares / (k - 1))
	return r, s / (sumN / k * math.Sqrt(k))
}

func sum(values []float64) (s float64) {
	for _, v := range values {
		s += v
	}
	return s
}

// shareInterval is the interval of a share over runs of x successes in n calls: on the logit scale,
// always, because a linear one is too short on the side that matters,
//
//	logit R +- t_(k-1) se / (R (1 - R))
//
// mapped back. A share of 0 or 1 in every run has the one-sided bound 3/n_eff, n_eff = sum n / vif:
// never 3/n, because calls of one run are not independent.
func shareInterval(x, n []float64, vif float64) *Interval {
	r, se := ratioEstimate(x, n)
	if math.IsNaN(se) {
		return nil
	}
	bound := min(3*vif/sum(n), 1)
	switch {
	case r == 0:
		return interval(0, bound)
	case r == 1:
		return interval(1-bound, 1)
	case negligible(se, r):
		return nil
	}
	logit := math.Log(r / (1 - r))
	half := tQuantile(len(x)) * se / (r * (1 - r))
	return interval(logistic(logit-half), logistic(logit+half))
}

func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// negligible reports whether a spread is nothing but the rounding of equal numbers.
func negligible(spread, value float64) bool {
	return spread <= 1e-12*math.Abs(value)
}

// scaleInterval is the interval of a positive ratio that may exceed 1, such as amplification: on the
// log scale, ln R +- t_(k-1) se / R.
func scaleInterval(x, n []float64) *Interval {
	r, se := ratioEstimate(x, n)
	if math.IsNaN(se) || r <= 0 || negligible(se, r) {
		return nil
	}
	half := tQuantile(len(x)) * se / r
	return interval(r*math.Exp(-half), r*math.Exp(half))
}

// wilson is the interval of a share p measured in one run of n calls, with n_eff = n / vif for n:
//
//	(p + z²/2n +- z sqrt(p (1-p)/n + z²/4n²)) / (1 + z²/n)
func wilson(p, n, vif float64) *Interval {
	n, z := n/vif, zQuantile
	if n <= 0 {
		return nil
	}
	middle := p + z*z/(2*n)
	half := z * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	scale := 1 + z*z/n
	return interval(max((middle-half)/scale, 0), min((middle+half)/scale, 1))
}

// meanInterval is the mean of run values and its t-interval, mean +- t_(k-1) s / sqrt k. The mean is
// NaN without a value.
func meanInterval(values []float64) (mean float64, i *Interval) {
	mean, err := stats.Mean(values)
	if err != nil {
		return math.NaN(), nil
	}
	if len(values) < 2 {
		return mean, nil
	}
	s, err := stats.StandardDeviationSample(values)
	if err != nil || math.IsNaN(s) || negligible(s, mean) {
		return mean, nil
	}
	half := tQuantile(len(values)) * s / math.Sqrt(float64(len(values)))
	return mean, interval(mean-half, mean+half)
}

// medianInterval is the lower median of run values by nearest rank, x_ceil(k/2), and the narrowest
// interval of order statistics with equal tails that covers the median: [x_r, x_(k+1-r)] with the
// largest r such that P(Binomial(k, 1/2) < r) <= 0.025. There is none below six values. Values may be
// +Inf; an interval that ends there is nil.
func medianInterval(values []float64) (median float64, i *Interval) {
	k := len(values)
	if k == 0 {
		return math.NaN(), nil
	}
	sorted := slices.Sorted(slices.Values(values))
	median = sorted[(k+1)/2-1]
	r := 0
	for coin := (distuv.Binomial{N: float64(k), P: 0.5}); coin.CDF(float64(r)) <= (1-confidence)/2; {
		r++
	}
	if r == 0 || sorted[0] == sorted[k-1] {
		return median, nil
	}
	return median, interval(sorted[r-1], sorted[k-r])
}
