package strategies

import (
	"math"
	"time"
)

// delay returns the wait before retry n, counted from 0: the first retry waits Base. previous is the
// wait before this one, Base at first, which decorrelated jitter builds on; u is the draw, in [0, 1).
//
//	v = min(cap, base·factor^n)
//	none            v
//	full            U(0, v)
//	full-below-cap  U(0, v), but cap where base·factor^n is above it
//	equal           v/2 + U(0, v/2)
//	decorrelated    min(cap, U(base, 3·previous))
//	10%             v + U(0, 0.1·v)
//	-25%            v - U(0, 0.25·v)
//	+-20%           v·U(0.8, 1.2)
//
// The percentages come after the cap: 30 s and 10 % wait up to 33 s. The forms are those of Brooker's
// "Exponential Backoff And Jitter" (2015) and, for the percentages, of the OpenAI, gRPC and Python
// clients. An off-by-one in n halves or doubles every wait.
func (b *Backoff) delay(n int, previous time.Duration, u float64) time.Duration {
	return b.delayFrom(b.Base, n, previous, u)
}

// delayFrom is delay with another base.
func (b *Backoff) delayFrom(from time.Duration, n int, previous time.Duration, u float64) time.Duration {
	if n == 0 && b.AtOnce {
		return 0
	}
	base, limit := float64(from), float64(b.Cap)
	if b.Cap == 0 {
		limit = math.MaxInt64
	}
	v, capped := limit, true
	if from == 0 {
		v, capped = 0, false // and not 0·infinity
	} else if grown := base * math.Pow(b.Factor, float64(n)); grown <= limit {
		v, capped = grown, false
	}
	switch {
	case b.Jitter.Kind == JitterDecorrelated:
		return duration(min(limit, base+u*(3*float64(previous)-base)))
	case b.Jitter.Kind == JitterBelowCap && capped:
		return duration(v)
	}
	return duration(b.Jitter.spread(v, u))
}

// spread returns the wait v as the jitter leaves it, for the draw u. What decorrelated jitter makes of a
// wait depends on more than the wait, so it is not here.
func (j Jitter) spread(v, u float64) float64 {
	share := j.Percent / 100
	switch j.Kind {
	case JitterFull, JitterBelowCap:
		v *= u
	case JitterEqual:
		v = v/2 + u*v/2
	case JitterAdded:
		v *= 1 + share*u
	case JitterTaken:
		v *= 1 - share*u
	case JitterAround:
		v *= 1 + share*(2*u-1)
	}
	return v
}
