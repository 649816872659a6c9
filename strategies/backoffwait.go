package strategies

import (
	"math"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// wait returns the wait before the next attempt, own or the service's. It reports false, and counts why,
// if that wait is not to be begun. u draws from [0, 1).
func (c *retrying) wait(reply *sim.Reply, remaining time.Duration, u func() float64) (time.Duration, bool) {
	base := c.Base
	if c.ThrottledBase > 0 && reply.Outcome == sim.Refused {
		base = c.ThrottledBase
	}
	c.own = c.delayFrom(base, c.n, c.own, u())
	c.n++
	wait, wished, ok := c.granted(c.own, reply, remaining, u)
	if wished && c.RetryAfterRestarts {
		c.n, c.own = 0, c.Base
	}
	switch {
	case !ok:
		c.counts.told++
	case wait > remaining-c.Min: // wait + min > remaining, without the overflow
		c.counts.patience++
		return 0, false
	case c.Elapsed > 0 && wait > c.Elapsed-(c.env.Now()-c.began):
		c.counts.tries++ // its own limit, as the tries are
		return 0, false
	}
	return wait, ok
}

// granted returns own, or what becomes of the service's wish for a wait, and whether there was one. It
// reports ok false if the wish is longer than what is granted.
//
//	obey      the longer of the own wait and the wish, lengthened by up to 10 %: one value sent to all
//	          callers would bring them back together
//	exact     the wish, to the nanosecond, in place of the own wait
//	jittered  the wish, spread by the own jitter, which may end it early
//	capped    the wish, or retry_after_max if that is shorter
//	clamp     the wish, held between the own wait and retry_after_max more than that
//	ignore    the own wait
func (b *Backoff) granted(own time.Duration, reply *sim.Reply, remaining time.Duration, u func() float64) (wait time.Duration, wished, ok bool) {
	wish := reply.RetryAfter
	if wish <= 0 || b.RetryAfter == "ignore" || len(b.RetryAfterOn) > 0 && !b.RetryAfterOn.has(reply) {
		return own, false, true
	}
	switch b.RetryAfter {
	case "capped":
		return min(wish, b.RetryAfterMax), true, true
	case "clamp":
		return max(own, min(wish, own+b.RetryAfterMax)), true, true
	}
	longest := remaining
	if b.RetryAfterMax > 0 {
		longest = min(longest, b.RetryAfterMax)
	}
	if wish > longest {
		return 0, true, false
	}
	switch b.RetryAfter {
	case "exact":
		return wish, true, true
	case "jittered":
		return duration(b.Jitter.spread(float64(wish), u())), true, true
	}
	return max(own, duration(float64(wish)*(1+0.1*u()))), true, true
}

// duration converts nanoseconds, of which there may be too many: those are Forever.
func duration(ns float64) time.Duration {
	if ns >= math.MaxInt64 {
		return sim.Forever
	}
	return time.Duration(ns)
}
