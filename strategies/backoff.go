package strategies

import (
	"strconv"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// Backoff makes a failed attempt again, each wait Factor times the one before. What may be tried
// again is RetryOn's to say, or else Reply.Retryable's: 429, 503, other passing failures and limits that
// ran out, but not what would fail the same way again.
//
// The defaults are the source articles' (5 tries, 1 s doubling to at most 30 s, jitter of 10 %), with
// the service's Retry-After obeyed besides. Their four waits come to 15 to 16.5 s in all. Presets holds
// the rules of real clients.
//
// Fails by: without jitter, callers that failed together come back together, in waves. Retries of
// several layers multiply: three layers of three tries are 27 attempts. With open arrivals a backoff
// defers load and does not remove it (Brooker 2022).
type Backoff struct {
	Preset string `yaml:"preset,omitempty"` // whose rule these settings go over; "" the defaults

	Tries int `yaml:"tries"` // attempts in all, the first included; 1 to 1000, or 0 to leave it to Elapsed
	// Elapsed is how long after the first attempt began the last wait may end; zero is no limit.
	Elapsed time.Duration `yaml:"elapsed"`

	Base time.Duration `yaml:"base"` // wait before the second attempt
	// ThrottledBase is in the place of Base after a 429; zero is Base.
	ThrottledBase time.Duration `yaml:"throttled_base"`
	Factor        float64       `yaml:"factor"` // each wait is so many times the one before; 1 to 1000
	Cap           time.Duration `yaml:"cap"`    // longest wait, before jitter; zero means no limit
	Jitter        Jitter        `yaml:"jitter"` // how waits are spread
	// AtOnce makes the first retry without a wait; the second waits Base·Factor, as it would anyway.
	AtOnce bool `yaml:"at_once"`

	RetryOn        RetryOn `yaml:"retry_on"`        // what is tried again; empty is what Reply.Retryable says
	OnlyIdempotent bool    `yaml:"only_idempotent"` // leaves alone what asking twice does twice: a POST
	// Advice is "obey", to let the service say yes or no against the status (x-should-retry, pushback,
	// spent credit), or "ignore".
	Advice string `yaml:"advice"`

	// RetryAfter says what a wish of the service for a wait is worth: one of the words of granted.
	RetryAfter   string  `yaml:"retry_after"`
	RetryAfterOn RetryOn `yaml:"retry_after_on"` // where it is looked for; what bears one there is tried again too. Empty: everywhere
	// RetryAfterMax is the longest wish of the service that is granted; above it the call gives up
	// (capped: it waits so long; clamp: how much it may add). Zero leaves that to the patience.
	RetryAfterMax      time.Duration `yaml:"retry_after_max"`
	RetryAfterRestarts bool          `yaml:"retry_after_restarts"` // after a wait of the service's the own ones begin at Base again

	// Min is the patience that must be left after a wait for the wait to be begun.
	Min time.Duration `yaml:"min"`
	// Budget bounds the retries of all calls together.
	Budget Budget `yaml:"budget"`
	// Clients is how many processes the callers are split over, each with a budget of its own; at least 1.
	Clients int `yaml:"clients"`

	budgets    perClient[budget]
	backingOff int
	counts     backoffCounts
}

// backoffCounts are the decisions: attempts made again, and calls given up by the rule that ended them.
type backoffCounts struct{ retried, tries, budget, patience, told, begun, once int64 }

var (
	_ Strategy  = (*Backoff)(nil)
	_ Counting  = (*Backoff)(nil)
	_ Gauged    = (*Backoff)(nil)
	_ Explained = (*Backoff)(nil)
	_ presetted = (*Backoff)(nil)
)

// NewBackoff returns the defaults.
func NewBackoff() *Backoff {
	return &Backoff{
		Tries: 5, Base: time.Second, Factor: 2, Cap: 30 * time.Second,
		Jitter: Jitter{Kind: JitterAdded, Percent: 10}, Advice: "obey", RetryAfter: "obey", Clients: 1,
	}
}

// Validate names what is out of range. There is no "for ever" among the tries: it is how an overload
// is made to last.
func (b *Backoff) Validate() error {
	var f sim.Faults
	switch {
	case b.Preset == "grpc":
		between(&f, "tries", b.Tries, 1, 5) // grpc-go makes 5 of more (service_config.go)
	case b.Elapsed > 0:
		between(&f, "tries", b.Tries, 0, 1000)
	default:
		between(&f, "tries", b.Tries, 1, 1000)
	}
	notNegative(&f, "elapsed", b.Elapsed)
	notNegative(&f, "base", b.Base)
	if b.Tries == 0 && b.Elapsed > 0 && b.Base < time.Millisecond {
		f.Add("base", b.Base.String(), "1ms or more where tries are not limited")
	}
	notNegative(&f, "throttled_base", b.ThrottledBase)
	if !(b.Factor >= 1 && b.Factor <= 1000) {
		f.Add("factor", strconv.FormatFloat(b.Factor, 'g', -1, 64), "1 to 1000; 1 makes all waits the same")
	}
	notNegative(&f, "cap", b.Cap)
	oneOf(&f, "advice", b.Advice, "obey", "ignore")
	oneOf(&f, "retry_after", b.RetryAfter, "obey", "exact", "jittered", "capped", "clamp", "ignore")
	notNegative(&f, "retry_after_max", b.RetryAfterMax)
	if b.RetryAfterMax == 0 && (b.RetryAfter == "capped" || b.RetryAfter == "clamp") {
		f.Add("retry_after_max", "0s", "above 0s for retry_after: "+b.RetryAfter)
	}
	notNegative(&f, "min", b.Min)
	between(&f, "clients", b.Clients, 1, maxClients)
	return f.Err()
}

// Wrap makes the Handler. A call that gives up returns its last attempt's reply as it was; one whose
// caller leaves during a wait is a timeout that keeps the last attempt's reason.
func (b *Backoff) Wrap(env sim.Env, next sim.Handler) sim.Handler {
	b.backingOff, b.counts = 0, backoffCounts{}
	if !b.Budget.Off() {
		b.budgets = b.Budget.perClient(max(b.Clients, 1))
	}
	draws := env.Rand("backoff")
	return func(r sim.Request) sim.Reply {
		c := retrying{Backoff: b, env: env, draws: draws, began: env.Now(), own: b.Base}
		if b.Budget.Off() {
			return c.carry(r, next)
		}
		c.budget = b.budgets.of(r.User)
		reply := c.carry(r, next)
		c.budget.over(env.Now())
		return reply
	}
}

// retrying is one call on its way through a Backoff.
type retrying struct {
	*Backoff
	env    sim.Env
	draws  *sim.Stream
	budget budget        // nil without one
	began  time.Duration // when the first attempt did
	n      int           // retries made, since the service last restarted the sequence
	own    time.Duration // the last own wait, Base at first: s of decorrelated jitter
}

// carry makes attempts until one of them is the last.
func (c *retrying) carry(r sim.Request, next sim.Handler) sim.Reply {
	cost := int64(0)
	for attempt := 0; ; attempt++ {
		if c.budget != nil {
			c.budget.sent(c.env.Now(), attempt)
		}
		reply := next(r)
		if c.budget != nil {
			c.budget.ended(c.env.Now(), attempt, cost, c.finish(&r, &reply))
		}
		if !c.again(&r, &reply, attempt) {
			return reply
		}
		random := c.draws.For(r.Call, attempt)
		wait, ok := c.wait(&reply, r.Remaining(c.env.Now()), random.Float64)
		if !ok {
			return reply
		}
		late := c.Budget.afterWait()
		if !late {
			if cost, ok = c.may(attempt+1, reply); !ok {
				return reply
			}
		}
		c.backingOff++
		slept := sim.Sleep(c.env, wait, r.Gone)
		c.backingOff--
		if !slept {
			if c.budget != nil && !late {
				c.budget.ended(c.env.Now(), attempt+1, cost, endedUnsent)
			}
			c.counts.patience++
			reply.Outcome = sim.Timeout
			return reply
		}
		if late {
			if cost, ok = c.may(attempt+1, reply); !ok {
				return reply
			}
		}
		c.counts.retried++
		r.Cause = sim.Retry
	}
}

// may asks the budget for one more attempt, and counts its no.
func (c *retrying) may(attempt int, failed sim.Reply) (cost int64, ok bool) {
	if c.budget == nil {
		return 0, true
	}
	if cost, ok = c.budget.may(c.env.Now(), attempt, failed); !ok {
		c.counts.budget++
	}
	return cost, ok
}

// again reports whether a failed attempt, of which there were so many before, may be made again at all,
// and counts why not.
func (c *retrying) again(r *sim.Request, reply *sim.Reply, attempt int) bool {
	switch {
	case reply.Outcome == sim.OK || reply.Outcome == sim.Degraded:
		return false
	case r.Gone.Fired():
		c.counts.patience++
	case reply.Retry == sim.DoNot && c.Advice != "ignore":
		c.counts.told++
	case !c.retryable(reply):
		// the answer would be the same
	case r.Once || c.OnlyIdempotent && !r.Idempotent:
		c.counts.once++
	case r.Token != nil && reply.First > 0:
		c.counts.begun++ // the caller has read a part: a second answer cannot follow the first
	case attempt+1 >= c.Tries && (c.Tries > 0 || c.Elapsed == 0):
		c.counts.tries++
	default:
		return true
	}
	return false
}

// retryable reports whether a failure is of a kind that is tried again.
func (b *Backoff) retryable(reply *sim.Reply) bool {
	seen := *reply
	if b.Advice == "ignore" {
		seen.Retry = sim.Unsaid
	}
	if len(b.RetryOn) == 0 || seen.Retry == sim.Do {
		return seen.Retryable()
	}
	return b.RetryOn.has(reply) || reply.RetryAfter > 0 && b.RetryAfter != "ignore" && b.RetryAfterOn.has(reply)
}

// finish says what an attempt's end means to the budget. A service that forbids retries has failed in
// a way that counts (grpc-go stream.go); a caller that left has not.
func (c *retrying) finish(r *sim.Request, reply *sim.Reply) finish {
	switch {
	case reply.Outcome == sim.OK || reply.Outcome == sim.Degraded:
		return endedOK
	case r.Gone.Fired():
		return endedOtherwise
	case reply.Retry == sim.DoNot && c.Advice != "ignore", c.retryable(reply):
		return endedRetryable
	}
	return endedOtherwise
}

// Counts tells how many attempts were retries, and why calls gave up: their tries were spent, their
// budget was, their patience would not have lasted, the service told them to, the answer had begun, or
// they must not be asked twice.
func (b *Backoff) Counts(add func(name string, n int64)) {
	add("retried", b.counts.retried)
	add("gave_up_tries", b.counts.tries)
	add("gave_up_budget", b.counts.budget)
	add("gave_up_patience", b.counts.patience)
	add("gave_up_told", b.counts.told)
	add("gave_up_begun", b.counts.begun)
	add("gave_up_once", b.counts.once)
}

// Gauges shows how many calls wait for their next attempt.
func (b *Backoff) Gauges() []sim.Gauge {
	return []sim.Gauge{{Name: "client backing off", Read: func() float64 { return float64(b.backingOff) }}}
}
