package backend

import (
	"math"
	"time"
)

// How the autoscaler goes from what its signals want to the number it sets, after
// pkg/controller/podautoscaler/horizontal.go (Kubernetes 1.33): first stabilisation, then the limit of
// the rate, then the least and the most.

// A recommendation is how many pods the signals wanted at a time, before stabilisation.
type recommendation struct {
	at   time.Duration
	pods int
}

// A change is a scaling that was carried out: how many pods came, or went.
type change struct {
	at   time.Duration
	pods int
}

// A history is what the autoscaler remembers.
type history struct {
	wanted        []recommendation
	added, gone   []change
	longestWindow time.Duration // what lies further back is forgotten
}

// A direction is how fast pods may come, or go.
type direction struct {
	window   time.Duration
	choose   string // one of policyChoices
	policies []policy
}

// A policy allows so many pods, or so many percent of those there were, a period.
type policy struct {
	pods, percent int
	period        time.Duration
}

// A pace is both directions. Without rules it is the older one, of an HPA that has no `behavior`.
type pace struct {
	rules    bool
	up, down direction
}

// hpaOldest is how far back wishes hold shrinking up where there is no behavior
// (--horizontal-pod-autoscaler-downscale-stabilization).
const hpaOldest = 5 * time.Minute

// decide returns how many pods to set where the signals want so many, and remembers the wish.
func (h *history) decide(now time.Duration, current, wanted, least, most int, p pace) int {
	var stable, limit int
	if p.rules {
		stable = stabilise(now, current, wanted, h.wanted, p.up.window, p.down.window)
		limit = limited(now, current, stable, h.added, h.gone, p)
	} else {
		stable = max(wanted, highestSince(h.wanted, now-hpaOldest))
		limit = min(stable, max(2*current, 4))
	}
	h.remember(recommendation{now, wanted})
	return min(max(limit, least), most)
}

// stabilise keeps current between the least that was wanted over the window for growing and the most
// that was over the window for shrinking.
func stabilise(now time.Duration, current, wanted int, before []recommendation, up, down time.Duration) int {
	low, high := wanted, wanted
	for _, r := range before {
		if r.at > now-up {
			low = min(low, r.pods)
		}
		if r.at > now-down {
			high = max(high, r.pods)
		}
	}
	return min(max(current, low), high)
}

// highestSince returns the most that was wanted since then.
func highestSince(before []recommendation, since time.Duration) int {
	most := 0
	for _, r := range before {
		if r.at >= since {
			most = max(most, r.pods)
		}
	}
	return most
}

// limited returns the wish, or as far as the policies allow. A limit never turns the direction round:
// after many pods came, they hold growth up and take nothing away.
func limited(now time.Duration, current, wanted int, added, gone []change, p pace) int {
	start := func(period time.Duration) float64 { // pods at the beginning of the period
		return float64(current - since(added, now-period) + since(gone, now-period))
	}
	switch {
	case wanted > current:
		most := p.up.allowed(current, func(one policy) float64 {
			if one.percent > 0 {
				return math.Ceil(start(one.period) * (1 + float64(one.percent)/100))
			}
			return start(one.period) + float64(one.pods)
		}, 1)
		return min(wanted, max(most, current))
	case wanted < current:
		least := p.down.allowed(current, func(one policy) float64 {
			if one.percent > 0 {
				return math.Trunc(start(one.period) * (1 - float64(one.percent)/100))
			}
			return start(one.period) - float64(one.pods)
		}, -1)
		return max(wanted, min(least, current))
	}
	return wanted
}

// allowed returns the number that the policies let current go to: of the farthest one for `max`, of
// the nearest for `min`. sign is 1 for growing and -1 for shrinking.
func (d *direction) allowed(current int, to func(policy) float64, sign float64) int {
	if d.choose == chooseDisabled || len(d.policies) == 0 {
		return current
	}
	best := to(d.policies[0])
	for _, one := range d.policies[1:] {
		farther := sign*to(one) > sign*best
		if farther == (d.choose != chooseMin) {
			best = to(one)
		}
	}
	return int(best)
}

// since counts the pods of the changes after a time.
func since(changes []change, after time.Duration) int {
	n := 0
	for _, c := range changes {
		if c.at > after {
			n += c.pods
		}
	}
	return n
}

// carriedOut remembers a scaling.
func (h *history) carriedOut(now time.Duration, from, to int) {
	switch {
	case to > from:
		h.added = append(h.added, change{now, to - from})
	case to < from:
		h.gone = append(h.gone, change{now, from - to})
	}
}

// remember keeps a wish and forgets what no window reaches any more.
func (h *history) remember(r recommendation) {
	h.wanted = append(h.wanted, r)
	forget := r.at - h.longestWindow
	for len(h.wanted) > 1 && h.wanted[0].at < forget {
		h.wanted = h.wanted[1:]
	}
	for len(h.added) > 0 && h.added[0].at < forget {
		h.added = h.added[1:]
	}
	for len(h.gone) > 0 && h.gone[0].at < forget {
		h.gone = h.gone[1:]
	}
}
