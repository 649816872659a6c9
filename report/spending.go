package report

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// spent is how much of alpha, two-sided, may have been used by the time a fraction f of the largest
// sample is there, so that looking at results while they come in raises no more false alarms than one
// look at the end: alpha(f) = 2 - 2 Phi(z_(alpha/2)/sqrt f), the spending function of O'Brien and Fleming's
// kind (Lan and DeMets 1983). Half way it is .0056 of .05: early stops are rare by design.
func spent(alpha, f float64) float64 {
	if f <= 0 {
		return 0
	}
	z := distuv.UnitNormal.Quantile(1 - alpha/2)
	return 2 - 2*distuv.UnitNormal.CDF(z/math.Sqrt(min(f, 1)))
}

// Looks are the numbers of seeds at which a gate that adds seeds until it is decided is looked at:
// 5, 10, 20, 40 and so on, doubling, the last being most itself.
func Looks(most int) []int {
	var looks []int
	for k := 5; k < most; k *= 2 {
		looks = append(looks, k)
	}
	return append(looks, most)
}

// lookAlpha is the level of the look at k seeds of looks: what may be spent by then less what may have
// been spent before.
func lookAlpha(alpha float64, looks []int, look int) float64 {
	most := float64(looks[len(looks)-1])
	level := spent(alpha, float64(looks[look])/most)
	if look > 0 {
		level -= spent(alpha, float64(looks[look-1])/most)
	}
	return level
}

// pairsNeeded is how many paired seeds show a difference delta, of differences with standard deviation
// sd, with 80 % power at the two-sided 5 % level: k = ((z_.975 + z_.8) sd / delta)^2 = 7.85 (sd/delta)^2.
func pairsNeeded(sd, delta float64) int {
	if !(sd > 0) || delta == 0 {
		return 0
	}
	z := zQuantile + distuv.UnitNormal.Quantile(.8)
	return int(math.Ceil(math.Pow(z*sd/math.Abs(delta), 2)))
}
