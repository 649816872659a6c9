package strategies

import (
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// AsyncQueue puts calls into a bounded queue of the client's own, from which Workers take them, the
// oldest first. A call whose patience L ends leaves the queue at once; one that a worker takes too
// late to be answered in time (age > L - Margin) is dropped without an attempt.
//
// A queue as long as Q = C(L - 3S), for capacity C and service time S, holds just those calls that
// still have a chance. Dropping only when age > L gains nothing: at saturation the head of the queue
// is about L old, is served, and ends late. The margin recovers nearly the whole bound
// min(1, C(D + L)/(lambda D)) of a spike of length D.
//
// Fails by: without bound and margin every answer comes late and the client never recovers. Success
// counted when a call is accepted into the queue is no success.
type AsyncQueue struct {
	// Workers is how many attempts are under way at once, at least 1. They are permits, not
	// processes, so an idle worker costs nothing.
	Workers int `yaml:"workers"`
	// Size is how many calls may wait; zero lets none wait.
	Size int `yaml:"size"`
	// Deadline is L, the patience that callers are told to have. Above the scenario's patience it
	// replaces that; below, it cuts it. Zero leaves the patience as it is.
	Deadline time.Duration `yaml:"deadline"`
	// Order says who is next: "fifo".
	Order string `yaml:"order"`
	// Margin is the time a call must have left to be worth an attempt.
	Margin Margin `yaml:"margin"`
	// WhenFull says whom a full queue turns away: "reject", the newcomer.
	WhenFull string `yaml:"when_full"`

	workers       *sim.Permits
	served        *window // service times, for Margin
	inFlight      int
	full, expired int64
}

var (
	_ Strategy = (*AsyncQueue)(nil)
	_ Patient  = (*AsyncQueue)(nil)
	_ Counting = (*AsyncQueue)(nil)
	_ Gauged   = (*AsyncQueue)(nil)
)

// NewAsyncQueue returns the defaults: 256 workers, 20,000 places, the caller's own patience, and the
// P95 of the latest service times as margin.
func NewAsyncQueue() *AsyncQueue {
	return &AsyncQueue{Workers: 256, Size: 20_000, Order: "fifo", Margin: Margin{Measured: true}, WhenFull: "reject"}
}

// Validate names what is out of range.
func (q *AsyncQueue) Validate() error {
	var f sim.Faults
	between(&f, "workers", q.Workers, 1, maxPlaces)
	between(&f, "size", q.Size, 0, maxPlaces)
	notNegative(&f, "deadline", q.Deadline)
	oneOf(&f, "order", q.Order, "fifo")
	oneOf(&f, "when_full", q.WhenFull, "reject")
	if q.Deadline > 0 && !q.Margin.Measured && q.Margin.Fixed >= q.Deadline {
		f.Add("margin", q.Margin.Fixed.String(), "less than the deadline of "+q.Deadline.String()+", or no call that waited is ever served")
	}
	return f.Err()
}

// Patience is the longer of the scenario's and the queue's own.
func (q *AsyncQueue) Patience(_ sim.Request, own time.Duration) time.Duration {
	if own == 0 {
		return 0
	}
	return max(own, q.Deadline)
}

// Wrap makes the Handler. A call turned away is shed with reason "full", one dropped by a worker with
// "expired"; one whose patience ended in the queue is a timeout with reason "expired".
func (q *AsyncQueue) Wrap(env sim.Env, next sim.Handler) sim.Handler {
	q.workers, q.served = sim.NewPermits(env, q.Workers), newWindow(marginSamples)
	q.inFlight, q.full, q.expired = 0, 0, 0
	queued := func(r sim.Request) sim.Reply { return q.carry(env, next, r) }
	return func(r sim.Request) sim.Reply {
		// Counted from here, which is the intended start where the queue is the outermost layer. The
		// Deadline holds the patience from the intended start, this one's own included if it is longer.
		if q.Deadline > 0 && q.Deadline < r.Remaining(env.Now()) {
			return sim.Within(env, q.Deadline, queued, r)
		}
		return queued(r)
	}
}

func (q *AsyncQueue) carry(env sim.Env, next sim.Handler, r sim.Request) sim.Reply {
	// The wait has no limit of its own: Gone fires when the caller's patience ends, and one limit
	// instead of two keeps ten thousand waiting calls out of the heap of events.
	if !q.workers.Take(0, nil) {
		if q.workers.Waiting() >= q.Size {
			q.full++
			return sim.Reply{Outcome: sim.Shed, Reason: "full"}
		}
		if !q.workers.Take(sim.Forever, r.Gone) {
			return q.late(sim.Timeout)
		}
		// Only who waited is dropped: a call that finds a worker free is always tried, so that a margin
		// grown too long in a stall is mended by new service times.
		if r.Remaining(env.Now()) < q.Margin.of(q.served) {
			q.workers.Give()
			return q.late(sim.Shed)
		}
	}
	q.inFlight++
	defer func() { q.inFlight--; q.workers.Give() }() // deferred as in Pooled
	if r.Gone.Fired() {                               // in the very instant the worker came
		return q.late(sim.Timeout)
	}
	start := env.Now()
	r.Via.Fresh = false
	reply := next(r)
	if reply.Outcome == sim.OK || reply.Outcome == sim.Timeout {
		q.served.add(env.Now() - start)
	}
	return reply
}

func (q *AsyncQueue) late(outcome sim.Outcome) sim.Reply {
	q.expired++
	return sim.Reply{Outcome: outcome, Reason: "expired"}
}

// Counts tells how many calls were turned away, and how many grew too old in the queue.
func (q *AsyncQueue) Counts(add func(name string, n int64)) {
	add("shed_full", q.full)
	add("shed_expired", q.expired)
}

// Gauges shows the queue's length and how many workers are busy.
func (q *AsyncQueue) Gauges() []sim.Gauge {
	return []sim.Gauge{
		{Name: "client queue", Read: func() float64 { return float64(q.workers.Waiting()) }},
		{Name: "client in flight", Read: func() float64 { return float64(q.inFlight) }},
	}
}
