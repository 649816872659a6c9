package report

import (
	"time"

	"github.com/headroom-dev/headroom/sim"
)

const (
	defaultVIF  = 100 // variance inflation where it cannot be estimated
	leastOfVIF  = 10  // seconds needed to estimate it
	longestLags = 1000
)

// vif estimates by how much the calls of one run tell less than as many independent ones: the factor
//
//	VIF = Var(sum of response times) / (n sigma²) = 1 + 2 (rho_1 + rho_2 + ...)
//
// between from and to, at least 1; 0 where it cannot be estimated. sigma² is the variance of single
// response times in µs². Single calls are not kept, so the sum's variance comes from the seconds:
// with e_j = S_j - n_j ybar, the excess of second j (S_j the sum of its n_j response times, ybar the
// mean of all), it is
//
//	gamma_0 + 2 (gamma_1 + gamma_2 + ...),   gamma_l = sum over j of e_j e_(j+l)
//
// stopped, as for single calls, at the first pair gamma_2m + gamma_2m+1 that is negative (Geyer's
// initial positive sequence): beyond it there is only noise.
func (l *timeline) vif(from, to time.Duration, variance float64) float64 {
	first := int((from + l.step - 1) / l.step)
	last := min(int(to/l.step), len(l.at))
	if last-first < leastOfVIF || variance <= 0 {
		return 0
	}
	at := l.at[first:last]
	var sum, n float64
	for i := range at {
		sum += float64(at[i].response)
		n += float64(at[i].outcomes[sim.OK])
	}
	if n < 2 {
		return 0
	}
	mean := sum / n
	excess := make([]float64, len(at))
	for i := range at {
		excess[i] = float64(at[i].response) - float64(at[i].outcomes[sim.OK])*mean
	}
	gamma := func(lag int) (g float64) {
		for j := 0; j+lag < len(excess); j++ {
			g += excess[j] * excess[j+lag]
		}
		return g
	}
	total := -gamma(0)
	for lag := 0; lag+1 < min(len(excess)/2, longestLags); lag += 2 {
		pair := gamma(lag) + gamma(lag+1)
		if pair < 0 {
			break
		}
		total += 2 * pair
	}
	return max(total/(n*variance), 1)
}
