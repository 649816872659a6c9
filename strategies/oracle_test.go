package strategies

import (
	"math"
	"testing"
)

// long skips a test of many calls in Worlds of one goroutine each, where the race detector has
// nothing to find and takes minutes over it.
func long(t *testing.T) {
	t.Helper()
	if raced || testing.Short() {
		t.Skip("many calls on one goroutine: not under -race, not with -short")
	}
}

// An estimate is a mean over runs of different seeds, with its standard error.
type estimate struct{ mean, se float64 }

// over runs f for seeds 1 to n. Runs are the sample: calls of one run depend on each other, so the
// spread within a run would promise too much.
func over(n int, f func(seed uint64) float64) estimate {
	var sum, squares float64
	for seed := uint64(1); seed <= uint64(n); seed++ {
		x := f(seed)
		sum += x
		squares += x * x
	}
	mean := sum / float64(n)
	variance := (squares - sum*mean) / float64(n-1)
	return estimate{mean, math.Sqrt(max(variance, 0) / float64(n))}
}

// holds fails unless want lies within 4 standard errors of e.
func (e estimate) holds(t *testing.T, what string, want float64) {
	t.Helper()
	t.Logf("%s: %.6g, want %.6g, off by %.2f standard errors of %.2g", what, e.mean, want, (e.mean-want)/e.se, e.se)
	if !(math.Abs(e.mean-want) <= 4*e.se) {
		t.Errorf("%s is %.6g, want %.6g within 4 standard errors of %.3g", what, e.mean, want, e.se)
	}
	if e.se > .15*want {
		t.Errorf("%s: a standard error of %.3g makes this no test of %.6g", what, e.se, want)
	}
}

// erlangC is the probability of waiting in M/M/c with a = lambda/mu:
//
//	B_0 = 1, B_k = a B_{k-1}/(k + a B_{k-1}), C = B_c/(1 - rho(1 - B_c))
func erlangC(c int, a float64) float64 {
	b := 1.0
	for k := 1; k <= c; k++ {
		b = a * b / (float64(k) + a*b)
	}
	rho := a / float64(c)
	return b / (1 - rho*(1-b))
}

// mmcK returns the probability that M/M/c/K turns a call away, and the time that one let in spends
// there, with mu = 1:
//
//	p_n = p_{n-1} a/min(n, c), P_block = p_K, W = L/(lambda (1 - p_K))
func mmcK(c, k int, a float64) (block, w float64) {
	p, sum, l := 1.0, 1.0, 0.0
	for n := 1; n <= k; n++ {
		p *= a / float64(min(n, c))
		sum += p
		l += float64(n) * p
	}
	block = p / sum
	return block, l / sum / (a * (1 - block))
}

// mmcD returns the probability that a call of M/M/c leaves the queue unserved because it has waited
// tau, with mu = 1 (Barrer 1957):
//
//	1/p_0 = sum_{n<c} a^n/n! + lambda a^{c-1}/(c-1)! [(1 - e)/(c mu - lambda) + e/(c mu)]
//	e = exp(-(c mu - lambda) tau), P(leave) = lambda p_{c-1} e/(c mu)
func mmcD(c int, a, tau float64) float64 {
	term, sum := 1.0, 0.0
	for n := 0; n < c; n++ {
		if n > 0 {
			term *= a / float64(n)
		}
		sum += term
	}
	spare := float64(c) - a
	e := math.Exp(-spare * tau)
	integral := tau
	if spare != 0 {
		integral = (1 - e) / spare
	}
	p0 := 1 / (sum + a*term*(integral+e/float64(c)))
	return a * p0 * term * e / float64(c)
}

func TestOraclesGiveThePublishedPoints(t *testing.T) {
	check := func(what string, got, want, tolerance float64) {
		t.Helper()
		if math.Abs(got-want) > tolerance {
			t.Errorf("%s = %.6f, want %.6f", what, got, want)
		}
	}
	check("C(2, 1.6)", erlangC(2, 1.6), .711111, 1e-6)
	check("C(10, 8)", erlangC(10, 8), .409180, 1e-6)
	check("C(100, 95)", erlangC(100, 95), .506457, 1e-6)
	block, w := mmcK(10, 30, 12)
	check("P_block(10, 30, 12)", block, .168637, 1e-6)
	check("W(10, 30, 12)", w, 2.534560, 1e-6)
	check("M/M/5+D with no patience is Erlang B", mmcD(5, 3, 0), .110054, 1e-6)
	check("M/M/1+D in deep overload loses 1 - 1/rho", mmcD(1, 4, 50), .75, 1e-6)
}
