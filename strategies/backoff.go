package strategies

import (
	"math"
	"strconv"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// Backoff makes a failed attempt again, each wait Factor times the one before. What may be tried
// again is Reply.Retryable's to say: 429, 503, other passing failures and limits that ran out, but not
// what would fail the same way again.
//
// The defaults are the source articles' (5 tries, 1 s doubling to at most 30 s, jitter of 10 %), with
// the service's Retry-After obeyed besides. Their four waits come to 15 to 16.5 s in all.
//
// Fails by: without jitter, callers that failed together come back together, in waves. Retries of
// several layers multiply: three layers of three tries are 27 attempts. With open arrivals a backoff
// defers load and does not remove it (Brooker 2022).
type Backoff struct {
	Tries  int           `yaml:"tries"`  // attempts in all, the first included; 1 to 1000
	Base   time.Duration `yaml:"base"`   // wait before the second attempt
	Factor float64       `yaml:"factor"` // each wait is so many times the one before; 1 to 1000
	Cap    time.Duration `yaml:"cap"`    // longest wait, before jitter; zero means no limit
	Jitter Jitter        `yaml:"jitter"` // how waits are spread
	// RetryAfter is "obey", to wait at least as long as the service asks, or "ignore".
	RetryAfter string `yaml:"retry_after"`
	// RetryAfterMax is the longest wish of the service that is granted; above it the call gives up.
	// Zero leaves that to the patience.
	RetryAfterMax time.Duration `yaml:"retry_after_max"`
	// Min is the patience that must be left after a wait for the wait to be begun.
	Min time.Duration `yaml:"min"`

	backingOff int
	counts     backoffCounts
}

// backoffCounts are the decisions: attempts made again, and calls given up by the rule that ended them.
type backoffCounts struct{ retried, tries, patience, told, begun int64 }

var (
	_ Strategy = (*Backoff)(nil)
	_ Counting = (*Backoff)(nil)
	_ Gauged   = (*Backoff)(nil)
)

// NewBackoff returns the defaults.
func NewBackoff() *Backoff {
	return &Backoff{
		Tries: 5, Base: time.Second, Factor: 2, Cap: 30 * time.Second,
		Jitter: Jitter{Kind: JitterAdded, Percent: 10}, RetryAfter: "obey",
	}
}

// Validate names what is out of range. There is no "for ever" among the tries: it is how an overload
// is made to last.
func (b *Backoff) Validate() error {
	var f sim.Faults
	between(&f, "tries", b.Tries, 1, 1000)
	notNegative(&f, "base", b.Base)
	if !(b.Factor >= 1 && b.Factor <= 1000) {
		f.Add("factor", strconv.FormatFloat(b.Factor, 'g', -1, 64), "1 to 1000; 1 makes all waits the same")
	}
	notNegative(&f, "cap", b.Cap)
	oneOf(&f, "retry_after", b.RetryAfter, "obey", "ignore")
	notNegative(&f, "retry_after_max", b.RetryAfterMax)
	notNegative(&f, "min", b.Min)
	return f.Err()
}

// Wrap makes the Handler. A call that gives up returns its last attempt's reply as it was; one whose
// caller leaves during a wait is a timeout that keeps the last attempt's reason.
func (b *Backoff) Wrap(env sim.Env, next sim.Handler) sim.Handler {
	b.backingOff, b.counts = 0, backoffCounts{}
	draws := env.Rand("backoff")
	return func(r sim.Request) sim.Reply {
		own := b.Base // s0 of decorrelated jitter
		for n := 0; ; n++ {
			reply := next(r)
			if !b.again(r, reply, n) {
				return reply
			}
			random := draws.For(r.Call, n)
			own = b.delay(n, own, random.Float64())
			wait, ok := b.granted(own, reply, r.Remaining(env.Now()), random.Float64)
			if !ok {
				return reply
			}
			b.backingOff++
			slept := sim.Sleep(env, wait, r.Gone)
			b.backingOff--
			if !slept {
				b.counts.patience++
				reply.Outcome = sim.Timeout
				return reply
			}
			b.counts.retried++
			r.Cause = sim.Retry
		}
	}
}

// again reports whether a failed attempt, the retry number n to come, may be made again at all, and
// counts why not.
func (b *Backoff) again(r sim.Request, reply sim.Reply, n int) bool {
	switch {
	case reply.Outcome == sim.OK || reply.Outcome == sim.Degraded:
		return false
	case r.Gone.Fired():
		b.counts.patience++
	case reply.Retry == sim.DoNot:
		b.counts.told++
	case !reply.Retryable():
		// the answer would be the same
	case r.Token != nil && reply.First > 0:
		b.counts.begun++ // the caller has read a part: a second answer cannot follow the first
	case n+1 >= b.Tries:
		b.counts.tries++
	default:
		return true
	}
	return false
}

// granted returns the wait before the next attempt: own, or what the service asks for if that is
// longer. It reports false, and counts why, if that wait is not to be begun.
//
// The service's wish is lengthened by up to 10 %: one value sent to all callers would bring them back
// together.
func (b *Backoff) granted(own time.Duration, reply sim.Reply, remaining time.Duration, u func() float64) (time.Duration, bool) {
	wait := own
	if wish := reply.RetryAfter; wish > 0 && b.RetryAfter != "ignore" {
		longest := remaining
		if b.RetryAfterMax > 0 {
			longest = min(longest, b.RetryAfterMax)
		}
		if wish > longest || wish == sim.Forever { // a wish beyond all numbers is too long for the most patient
			b.counts.told++
			return 0, false
		}
		wait = max(wait, duration(float64(wish)*(1+0.1*u())))
	}
	if wait > remaining-b.Min { // wait + min > remaining, without the overflow
		b.counts.patience++
		return 0, false
	}
	return wait, true
}

// duration converts nanoseconds, of which there may be too many: those are Forever.
func duration(ns float64) time.Duration {
	if ns >= math.MaxInt64 {
		return sim.Forever
	}
	return time.Duration(ns)
}

// Counts tells how many attempts were retries, and why calls gave up: their tries were spent, their
// patience would not have lasted, the service told them to, or the answer had begun.
func (b *Backoff) Counts(add func(name string, n int64)) {
	add("retried", b.counts.retried)
	add("gave_up_tries", b.counts.tries)
	add("gave_up_patience", b.counts.patience)
	add("gave_up_told", b.counts.told)
	add("gave_up_begun", b.counts.begun)
}

// Gauges shows how many calls wait for their next attempt.
func (b *Backoff) Gauges() []sim.Gauge {
	return []sim.Gauge{{Name: "client backing off", Read: func() float64 { return float64(b.backingOff) }}}
}
