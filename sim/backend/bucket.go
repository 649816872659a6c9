package backend

import (
	"fmt"
	"math"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// Bucket is a token bucket for calls, for tokens, or for both: it fills at a rate up to a burst, and a
// call takes what it costs, one and its tokens, or is refused with 429 and the wait until there is
// enough. A call's tokens are its prompt and the output it asks for; what of that did not reach its
// caller is given back at its end.
//
// With priority before it, a class leaves those above it a part of the burst: of n classes the k-th
// from the top, from 0, is refused where less than burst*k/n would be left. So the lowest is refused
// first, and what the rate carries is shared out from the top.
type Bucket struct {
	Rate        sim.Rate `yaml:"rate,omitempty"`         // calls per second; 0: not limited
	Burst       int      `yaml:"burst,omitempty"`        // calls at once; 0: one second of the rate, at least 1
	Tokens      sim.Rate `yaml:"tokens,omitempty"`       // tokens per second; 0: not limited
	TokensBurst int      `yaml:"tokens_burst,omitempty"` // tokens at once; 0: as long as the burst of calls lasts, or one second. A call that costs more never passes
	Per         Owner    `yaml:"per,omitempty"`          // service (one bucket) or user (one each); service
	// CountRefused makes a refused call cost its share of the rate of calls, as OpenAI does: whoever
	// keeps asking gets in later, or never.
	CountRefused bool `yaml:"count_refused,omitempty"`
}

// An Owner is who shares a bucket.
type Owner string

// OneForAll is one bucket before the service, OneEach one for each user. Empty is OneForAll.
const (
	OneForAll Owner = "service"
	OneEach   Owner = "user"
)

// Schema describes it.
func (Owner) Schema() map[string]any { return map[string]any{"enum": []any{OneForAll, OneEach}} }

func (b *Bucket) check(f *sim.Faults) {
	if b.Rate == 0 && b.Tokens == 0 {
		f.Add("admission.bucket", "", "rate (calls), tokens, or both, above 0")
	}
	if b.Burst < 0 || b.Burst > 0 && b.Rate == 0 {
		f.Add("admission.bucket.burst", fmt.Sprint(b.Burst), "1 or more, beside a rate; 0 is one second of the rate")
	}
	if b.TokensBurst < 0 || b.TokensBurst > 0 && b.Tokens == 0 {
		f.Add("admission.bucket.tokens_burst", fmt.Sprint(b.TokensBurst), "1 or more, beside tokens; 0 is as long as the burst of calls lasts")
	}
	switch b.Per {
	case "", OneForAll, OneEach:
	default:
		f.Add("admission.bucket.per", string(b.Per), "service, user")
	}
}

// A meter is one of the two quantities that a bucket limits.
type meter struct {
	rate  float64 // per second; 0: not limited
	burst float64
}

// meters returns the rates and bursts of calls and of tokens.
func (b *Bucket) meters() (calls, tokens meter) {
	calls = meter{float64(b.Rate), float64(b.Burst)}
	if calls.burst == 0 {
		calls.burst = max(1, calls.rate)
	}
	tokens = meter{float64(b.Tokens), float64(b.TokensBurst)}
	if tokens.burst == 0 {
		seconds := 1.0
		if calls.rate > 0 {
			seconds = calls.burst / calls.rate
		}
		tokens.burst = max(1, tokens.rate*seconds)
	}
	return calls, tokens
}

// fill returns the level after d. A meter without a limit is always at its burst.
func (m meter) fill(level float64, d time.Duration) float64 {
	return min(m.burst, level+m.rate*d.Seconds())
}

// rounding is what a level may lack for the rounding of sums of fractions.
const rounding = 1e-6

// lacks returns how long it takes until the level suffices for a cost while a reserve is left, 0 if it
// does; never is true where it cannot. A reserve that the burst does not have on top of the cost is
// cut short.
func (m meter) lacks(level, cost, reserve float64) (wait time.Duration, never bool) {
	if m.rate == 0 {
		return 0, false
	}
	if cost > m.burst {
		return 0, true
	}
	missing := min(m.burst, cost+reserve) - level
	if missing <= rounding {
		return 0, false
	}
	return time.Duration(math.Ceil(missing / m.rate * 1e9)), false
}

// buckets are a Bucket in one Env: one, or one for each user.
type buckets struct {
	desk         *desk
	next         sim.Handler
	calls        meter
	tokens       meter
	reserved     bool // for the classes above
	countRefused bool

	one   level
	users *lately // nil: all share one
}

// A level is what a bucket holds at a moment.
type level struct {
	calls, tokens float64
	at            time.Duration
}

func newBuckets(b *Bucket, d *desk, reserved bool, next sim.Handler) *buckets {
	all := &buckets{desk: d, next: next, reserved: reserved, countRefused: b.CountRefused}
	all.calls, all.tokens = b.meters()
	all.one = all.full(d.env.Now())
	if b.Per == OneEach {
		all.users = newLately(all.refill())
	}
	return all
}

func (b *buckets) full(now time.Duration) level { return level{b.calls.burst, b.tokens.burst, now} }

// refill returns how long an empty bucket takes until it is full.
func (b *buckets) refill() time.Duration {
	longest := 0.0
	for _, m := range []meter{b.calls, b.tokens} {
		if m.rate > 0 {
			longest = max(longest, m.burst/m.rate)
		}
	}
	return time.Duration(min(math.Ceil(longest*1e9), 1<<62))
}

// level returns the bucket of a user, filled up to now.
func (b *buckets) level(user uint64, now time.Duration) level {
	l := b.one
	if b.users != nil {
		var known bool
		if l, known = b.users.get(user, now); !known {
			return b.full(now)
		}
	}
	passed := now - l.at
	return level{b.calls.fill(l.calls, passed), b.tokens.fill(l.tokens, passed), now}
}

func (b *buckets) keep(user uint64, l level) {
	if b.users != nil {
		b.users.put(user, l)
		return
	}
	b.one = l
}

// handle carries one call.
func (b *buckets) handle(r sim.Request) sim.Reply {
	now := b.desk.env.Now()
	tokens := 0.0
	if b.tokens.rate > 0 {
		tokens = float64(r.Prompt + r.Output)
	}
	l := b.level(r.User, now)
	if reply, no := b.refuse(&r, l, tokens); no {
		return reply
	}
	l.calls--
	l.tokens -= tokens
	b.keep(r.User, l)
	reply := b.next(r)
	calls := 0.0
	switch reply.Outcome {
	case sim.OK, sim.Degraded:
		tokens = min(tokens, float64(max(r.Output-reply.Tokens, 0)))
	case sim.Refused, sim.Busy:
		if !b.countRefused {
			calls = 1
		}
	default: // what it got of the output nobody knows; its prompt was worked on
		tokens = min(tokens, float64(r.Output))
	}
	if calls > 0 || tokens > 0 {
		l = b.level(r.User, b.desk.env.Now())
		l.calls = min(b.calls.burst, l.calls+calls)
		l.tokens = min(b.tokens.burst, l.tokens+tokens)
		b.keep(r.User, l)
	}
	return reply
}

// refuse refuses a call for which the bucket has too little.
func (b *buckets) refuse(r *sim.Request, l level, tokens float64) (reply sim.Reply, no bool) {
	share := 0.0
	if b.reserved {
		share = float64(b.desk.class(r.Priority)) / float64(b.desk.classes)
	}
	calls, _ := b.calls.lacks(l.calls, 1, b.calls.burst*share) // every bucket of calls holds one
	wait, never := b.tokens.lacks(l.tokens, tokens, b.tokens.burst*share)
	reason := ReasonRateRequests
	if calls == 0 {
		reason = ReasonRateTokens
	}
	wait = max(wait, calls)
	if wait == 0 && !never {
		return reply, false
	}
	if b.countRefused {
		l.calls = max(0, l.calls-1)
		b.keep(r.User, l)
	}
	if never {
		reply = b.desk.refuse(reason)
		reply.Retry = sim.DoNot
		return reply, true
	}
	return b.desk.later(reason, wait), true
}

// allowances says what is left to the caller of r.
func (b *buckets) allowances(r sim.Request) Allowances {
	l := b.level(r.User, b.desk.env.Now())
	return Allowances{Requests: b.calls.allowance(l.calls), Tokens: b.tokens.allowance(l.tokens)}
}

func (m meter) allowance(level float64) Allowance {
	if m.rate == 0 {
		return Allowance{}
	}
	return Allowance{
		Limit:     int(m.burst),
		Remaining: int(level + rounding),
		Reset:     time.Duration(math.Round((m.burst - level) / m.rate * 1e9)),
	}
}

// lately keeps the levels of the users seen of late: a bucket left alone for as long as it takes to
// fill is full, as one never seen. So memory is bounded by the users of two such times.
type lately struct {
	span        time.Duration
	turned      time.Duration // when now was begun
	now, before map[uint64]level
}

func newLately(span time.Duration) *lately {
	return &lately{span: max(span, time.Second), now: map[uint64]level{}, before: map[uint64]level{}}
}

func (l *lately) get(user uint64, now time.Duration) (level, bool) {
	if now-l.turned >= l.span {
		clear(l.before)
		l.now, l.before, l.turned = l.before, l.now, now
	}
	if one, ok := l.now[user]; ok {
		return one, true
	}
	one, ok := l.before[user]
	return one, ok
}

func (l *lately) put(user uint64, one level) { l.now[user] = one }
