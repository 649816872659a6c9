package sim

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sort"

	"gonum.org/v1/gonum/stat/distuv"
)

// A law draws numbers. Durations are drawn in nanoseconds.
type law interface {
	sample(r *rand.Rand) float64
	mean() float64
}

// z99 is the 99 % quantile of the standard normal distribution.
const z99 = 2.3263478740408408

// fixed is always the same.
type fixed float64

func (f fixed) sample(*rand.Rand) float64 { return float64(f) }
func (f fixed) mean() float64             { return float64(f) }

// exponential is a mean.
type exponential float64

func (e exponential) sample(r *rand.Rand) float64 { return r.ExpFloat64() * float64(e) }
func (e exponential) mean() float64               { return float64(e) }

type uniform struct{ min, width float64 }

func (u uniform) sample(r *rand.Rand) float64 { return u.min + u.width*r.Float64() }
func (u uniform) mean() float64               { return u.min + u.width/2 }

// lognormal is e^X with X normal(mu, sigma).
type lognormal struct{ mu, sigma float64 }

func (l lognormal) sample(r *rand.Rand) float64 { return math.Exp(l.mu + l.sigma*r.NormFloat64()) }
func (l lognormal) mean() float64               { return math.Exp(l.mu + l.sigma*l.sigma/2) }

// newLognormal finds the law from its mean, or its median, and its 99th percentile:
//
//	p99/median = e^(z sigma)              so sigma = ln(p99/median)/z,  mu = ln(median)
//	p99/mean   = e^(z sigma - sigma²/2)   so sigma = z - sqrt(z² - 2 ln(p99/mean)),  mu = ln(mean) - sigma²/2
//
// The second has a solution only up to p99/mean = e^(z²/2) = 14.97: a heavier tail raises the mean
// as fast as the percentile. Of its two solutions the smaller sigma is meant.
func newLognormal(center, p99 float64, median bool) (law, error) {
	ratio, name := p99/center, "mean"
	if median {
		name = "median"
	}
	if ratio < 1 {
		return nil, Faults{{Path: "p99", Found: fmt.Sprintf("is below the %s", name), Allowed: fmt.Sprintf("at least the %s", name)}}
	}
	if median {
		return lognormal{mu: math.Log(center), sigma: math.Log(ratio) / z99}, nil
	}
	root := z99*z99 - 2*math.Log(ratio)
	if root < 0 {
		return nil, Faults{{Path: "p99", Found: fmt.Sprintf("is %.4g times the mean", ratio),
			Allowed: "at most 14.97 times the mean, where a lognormal law ends; or give the median instead of the mean"}}
	}
	sigma := z99 - math.Sqrt(root)
	return lognormal{mu: math.Log(center) - sigma*sigma/2, sigma: sigma}, nil
}

// gamma has shape 1/cv² and the given mean; cv is its coefficient of variation.
type gamma struct{ shape, rate float64 }

func newGamma(mean, cv float64) gamma {
	shape := 1 / (cv * cv)
	return gamma{shape: shape, rate: shape / mean}
}

func (g gamma) sample(r *rand.Rand) float64 {
	return distuv.Gamma{Alpha: g.shape, Beta: g.rate, Src: r}.Rand()
}
func (g gamma) mean() float64 { return g.shape / g.rate }

// NewGammaGap returns a law of gaps between arrivals, of mean 1 and the given coefficient of
// variation, above zero: 1 is Poisson, above it arrivals come in bursts.
func NewGammaGap(cv float64) Dist {
	return Dist{quantity{kind: "gamma", law: newGamma(1, cv), values: []float64{1, cv}, unit: plainNumbers}}
}

// weibull is lambda E^(1/k) with E exponential; its mean is lambda Gamma(1 + 1/k).
type weibull struct{ lambda, k float64 }

func newWeibull(mean, k float64) weibull {
	return weibull{lambda: mean / math.Gamma(1+1/k), k: k}
}

func (w weibull) sample(r *rand.Rand) float64 { return w.lambda * math.Pow(r.ExpFloat64(), 1/w.k) }
func (w weibull) mean() float64               { return w.lambda * math.Gamma(1+1/w.k) }

// pareto is least e^(E/alpha) with E exponential; its mean, least alpha/(alpha-1), exists for
// alpha > 1 only.
type pareto struct{ least, alpha float64 }

func newPareto(mean, alpha float64) pareto {
	return pareto{least: mean * (alpha - 1) / alpha, alpha: alpha}
}

func (p pareto) sample(r *rand.Rand) float64 { return p.least * math.Exp(r.ExpFloat64()/p.alpha) }
func (p pareto) mean() float64               { return p.least * p.alpha / (p.alpha - 1) }

// empirical draws one of its values, each as likely as the others.
type empirical []float64

func (e empirical) sample(r *rand.Rand) float64 { return e[r.IntN(len(e))] }

func (e empirical) mean() float64 {
	sum := 0.0
	for _, v := range e {
		sum += v / float64(len(e)) // divided first: the sum of many long times could overflow
	}
	return sum
}

// mixture draws from one of its laws.
type mixture struct {
	upTo []float64 // cumulated shares; the last is 1
	laws []law
}

// newMixture returns nil while a part still waits for its file.
func newMixture(parts []component) law {
	total := 0.0
	for _, p := range parts {
		if p.law == nil {
			return nil
		}
		total += p.weight
	}
	m, sum := mixture{}, 0.0
	for _, p := range parts {
		sum += p.weight
		m.upTo = append(m.upTo, sum/total)
		m.laws = append(m.laws, p.law)
	}
	m.upTo[len(m.upTo)-1] = 1
	return m
}

func (m mixture) sample(r *rand.Rand) float64 {
	u := r.Float64()
	return m.laws[sort.Search(len(m.upTo)-1, func(i int) bool { return u < m.upTo[i] })].sample(r)
}

func (m mixture) mean() float64 {
	sum, before := 0.0, 0.0
	for i, l := range m.laws {
		sum += (m.upTo[i] - before) * l.mean()
		before = m.upTo[i]
	}
	return sum
}
