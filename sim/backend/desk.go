package backend

import (
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// A desk is what the stages of admission share: it words refusals and counts them, and knows how fast
// the service answers.
type desk struct {
	env     sim.Env
	pool    *Pool
	profile Profile
	full    WhenFull
	retry   RetryAfter
	classes int // at least 1
	served  *window
	held    *gateway // nil: no call waits before the replicas
	counts  []refusals
}

// refusals are how many calls were refused for one reason.
type refusals struct {
	reason string
	status int
	n      int64
}

// admissionReasons are why admission refuses, in the order in which it looks.
var admissionReasons = []string{ReasonRateRequests, ReasonRateTokens, ReasonMaxRequests, ReasonMaxTokens, ReasonQueueFull, ReasonPoolFull, ReasonTooLate}

func newDesk(env sim.Env, s *Service, pool *Pool) *desk {
	d := &desk{
		env: env, pool: pool, profile: s.Answers(), full: s.Admission.WhenFull, retry: s.Admission.RetryAfter,
		classes: max(1, len(s.Classes)), served: newWindow(env.Now()),
	}
	for _, reason := range admissionReasons {
		d.counts = append(d.counts, refusals{reason, d.status(reason), 0})
	}
	return d
}

// status is what a refusal for that reason has.
func (d *desk) status(reason string) int {
	switch reason {
	case ReasonRateRequests, ReasonRateTokens, ReasonTooLate:
	default:
		if d.full > 0 {
			return int(d.full)
		}
	}
	return d.profile.Status(reason)
}

// class returns a call's class: those below the last that the scenario names count as the last.
func (d *desk) class(p sim.Priority) int { return min(int(p), d.classes-1) }

// refuse counts a refusal and words it.
func (d *desk) refuse(reason string) sim.Reply {
	for i := range d.counts {
		if c := &d.counts[i]; c.reason == reason {
			c.n++
			return refuse(c.status, reason)
		}
	}
	panic("backend: admission has no reason " + reason)
}

// turnAway is a refusal for want of room: it may tell the caller when to come again.
func (d *desk) turnAway(reason string) sim.Reply {
	if d.retry.Drain {
		return d.later(reason, d.served.drains(d.waiting(), d.env.Now()))
	}
	return d.later(reason, d.retry.Fixed)
}

// later is a refusal that tells the caller to wait for so long, if the provider tells such things.
func (d *desk) later(reason string, wait time.Duration) sim.Reply {
	reply := d.refuse(reason)
	if d.profile.RetryAfter {
		reply.RetryAfter = wait
	}
	return reply
}

// waiting counts the calls that are inside and not yet running.
func (d *desk) waiting() int {
	n := d.pool.sum(func(r *Replica) int { return r.Waiting() })
	if d.held != nil {
		n += d.held.outside
	}
	return n
}

// counted notes each answer, for the rate at which the service drains.
func (d *desk) counted(next sim.Handler) sim.Handler {
	return func(r sim.Request) sim.Reply {
		reply := next(r)
		if reply.Outcome == sim.OK {
			d.served.add(d.env.Now())
		}
		return reply
	}
}

// refused lists how many calls were refused, by reason; those for which none was are left out.
func (d *desk) refused(add func(reason string, status int, n int64)) {
	for _, c := range d.counts {
		if c.n > 0 {
			add(c.reason, c.status, c.n)
		}
	}
}

// A window counts events of the last 10 s, in slots of a tenth of a second.
type window struct {
	start  time.Duration
	slots  [windowSlots]int
	newest int64 // number of the slot that is being filled
	sum    int
}

const (
	windowSlots = 100
	windowSlot  = 10 * time.Second / windowSlots
)

func newWindow(now time.Duration) *window { return &window{start: now} }

// turn empties the slots that have become too old.
func (w *window) turn(now time.Duration) {
	slot := int64((now - w.start) / windowSlot)
	for n := max(w.newest+1, slot-windowSlots+1); n <= slot; n++ {
		w.sum -= w.slots[n%windowSlots]
		w.slots[n%windowSlots] = 0
	}
	if slot-w.newest >= windowSlots {
		w.sum = 0 // all of them were emptied
	}
	w.newest = max(w.newest, slot)
}

func (w *window) add(now time.Duration) {
	w.turn(now)
	w.slots[w.newest%windowSlots]++
	w.sum++
}

// drains returns how long n calls take at the rate of the window: n / (events / time they were seen
// over). It is 0, nothing to say, where there were none.
func (w *window) drains(n int, now time.Duration) time.Duration {
	w.turn(now)
	if w.sum == 0 {
		return 0
	}
	age := now - w.start
	over := min(age, (windowSlots-1)*windowSlot+age%windowSlot)
	return time.Duration(float64(n) * float64(over) / float64(w.sum))
}
