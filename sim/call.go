package sim

import (
	"net/http"
	"time"
)

// A Handler answers a request: a service model, a real endpoint, and a strategy wrapped around
// either are all this. It returns in the very instant the request's Gone fires (on a Wall:
// promptly), and it runs in a process, so it may block.
type Handler func(Request) Reply

// A Request is one attempt of a call, as the next Handler sees it.
type Request struct {
	Call           int           // place of the call in the schedule, from 0
	Attempt        int           // number of the attempt within its call, from 0; set by the meter
	Cause          Cause         // why this attempt is made: set by who starts it
	User, Key      uint64        // who asks; what is asked: equal keys may share an answer
	Priority       Priority      // class, 0 the highest
	Prompt, Output int           // tokens
	Prefix         []uint64      // names of the prompt's blocks of PrefixBlock tokens, each standing for all before it too, for prefix caching; nil: Key names the prompt
	Work           float64       // size in mean service times, for models without tokens; 0: the model draws it
	Deadline       time.Duration // when patience ends, on the Env's clock; 0 if never
	Gone           *Signal       // fires when nobody waits for this answer any more; nil: never
	Token          func(n int)   // called in the turn as token n comes, for first-token limits and streams; nil: nobody asks
	Idempotent     bool          // asking twice does no more than asking once (GET, PUT, DELETE): what some clients retry only then
	Once           bool          // must not be asked twice: no retry, no hedge, no refresh
	Via            Via           // how to send
	Cost           *Cost         // where the service books its work; nil books nothing
	Payload        any           // shared by the two ends of the chain; strategies pass it on unseen
}

// PrefixBlock is how many tokens one name of Request.Prefix stands for.
const PrefixBlock = 16

// Remaining returns what is left of the caller's patience at time now: Forever without a Deadline,
// zero or less once it has passed.
func (r Request) Remaining(now time.Duration) time.Duration {
	if r.Deadline == 0 {
		return Forever
	}
	return r.Deadline - now
}

// A Reply is how an attempt, or a whole call, ended.
type Reply struct {
	Outcome    Outcome       // zero is Unsent, so a forgotten Reply counts as failed
	Reason     string        // why it failed, one of a small set of words, or ""
	Status     int           // HTTP status; 0 without an answer
	RetryAfter time.Duration // the service's wish; 0 if none
	Retry      Advice        // what the service says of trying again
	Began      time.Duration // when the service began to work on it, on the Env's clock; 0 if unknown
	First      time.Duration // when the first token came, on the Env's clock; 0 if unknown
	Tokens     int           // output tokens received
	Cached     int           // prompt tokens that the service had in its prefix cache
	Work       time.Duration // service time that a simulated service booked as useful for this answer: whoever drops the answer calls Cost.Waste
	Own        bool          // the answer is its caller's alone (a stream, what a POST brought): nobody may keep it or share it
	Payload    any           // what a transport hands back to its caller
}

// An Outcome is how a call ended; each call has exactly one.
type Outcome uint8

// The outcomes, in the order in which reports list them after Unsent.
const (
	Unsent   Outcome = iota // the generator could not send it
	OK                      // answered in time
	Degraded                // a stale or fallback answer
	Refused                 // 429
	Busy                    // 503 or 529
	Error                   // any other failure
	Timeout                 // patience, or the last attempt's limit, ran out
	Shed                    // the client's own queue, breaker or limiter said no
	NumOutcomes
)

var outcomeNames = [NumOutcomes]string{"unsent", "ok", "degraded", "refused", "busy", "error", "timeout", "shed"}

// String returns the outcome's name in files and reports.
func (o Outcome) String() string {
	if o >= NumOutcomes {
		return "outcome?"
	}
	return outcomeNames[o]
}

// OutcomeOf returns the outcome that an HTTP status stands for: 2xx and 3xx are OK, 429 is Refused,
// 503 and 529 are Busy, all else is Error.
func OutcomeOf(status int) Outcome {
	switch {
	case status >= 200 && status < 400:
		return OK
	case status == http.StatusTooManyRequests:
		return Refused
	case status == http.StatusServiceUnavailable || status == 529:
		return Busy
	}
	return Error
}

// Advice is what a service says of trying again (x-should-retry, gRPC pushback, credit spent).
type Advice uint8

// Unsaid is silence; Do and DoNot override what the status would mean.
const (
	Unsaid Advice = iota
	Do
	DoNot
)

// Retryable reports whether another attempt may succeed: after 429, 503, 529, 408, 500, 502, 504, a
// limit that ran out and a connection lost before an answer, but not after an answer that would come
// again the same (400, 401, 404 ...), unless the service's advice says otherwise. What the client
// itself shed is not tried again. (STRATEGIES: the defaults common to the AWS, OpenAI and gRPC clients.)
func (r Reply) Retryable() bool {
	switch r.Outcome {
	case OK, Degraded, Shed, Unsent:
		return false
	}
	switch {
	case r.Retry == DoNot:
		return false
	case r.Retry == Do:
		return true
	case r.Outcome != Error:
		return true
	}
	switch r.Status {
	case 0, http.StatusRequestTimeout, http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// A Cause says why an attempt was made.
type Cause uint8

// The causes: a call's first attempt, another after a failure, a second copy beside a slow one, and
// work a strategy does for itself.
const (
	First Cause = iota
	Retry
	HedgeCopy
	Refresh
	NumCauses
)

var causeNames = [NumCauses]string{"first", "retry", "hedge", "refresh"}

// String returns the cause's name in files and reports.
func (c Cause) String() string {
	if c >= NumCauses {
		return "cause?"
	}
	return causeNames[c]
}

// Priority is a class of calls: 0 is the highest. Its name is the scenario's.
type Priority uint8

// Via says how an attempt is sent; the network model and the endpoint read it. Zero is a warm
// connection, the balancer's choice of replica, and a plain body.
type Via struct {
	Fresh    bool   // open a connection of its own and close it afterwards
	Endpoint int    // 1 is the first of several targets; 0 leaves the choice to the balancer
	Codec    *Codec // makes the body smaller; nil: it is sent as it is
}

// A Cost is what one phase's calls cost the service. All of it is booked in the turn.
type Cost struct {
	Work       time.Duration                  // service time spent
	Wasted     time.Duration                  // the part of Work spent on attempts whose answer reached nobody
	Recomputed time.Duration                  // the part of Work spent again after a preemption
	Gap        func(d time.Duration, n int64) // books n gaps of d between tokens; nil: nobody asks
}

// Book adds the service time of one attempt; wasted says that its answer reached nobody. A nil
// Cost books nothing.
func (c *Cost) Book(work time.Duration, wasted bool) {
	if c == nil {
		return
	}
	c.Work += work
	if wasted {
		c.Wasted += work
	}
}

// Waste says of service time booked before as useful that its answer reached nobody after all. A nil
// Cost books nothing.
func (c *Cost) Waste(work time.Duration) {
	if c != nil {
		c.Wasted += work
	}
}

// Within gives next at most d: the Gone it sees fires when d has passed or when r.Gone fires, and
// the reply is then a timeout, unless an answer came in that very instant; the Deadline it sees is
// no later than that. Patience, the limit of one attempt and the deadline of a queue are all this
// call. With d <= 0 next is not asked at all.
func Within(e Env, d time.Duration, next Handler, r Request) Reply {
	now := e.Now()
	if d <= 0 || r.Gone.Fired() {
		return Reply{Outcome: Timeout}
	}
	end := until(now, d)
	if end == Forever {
		return next(r)
	}
	if r.Deadline == 0 || end < r.Deadline {
		r.Deadline = end
	}
	var gone *Signal
	if r.Gone == nil {
		gone = new(Signal)
	} else {
		gone = r.Gone.Child()
	}
	limit := e.At(end, gone.Fire)
	r.Gone = gone
	reply := next(r)
	limit.Stop()
	// A wait for what is left of the Deadline ends in the same instant as this limit, and on a Wall
	// either may come first: by the clock it is a timeout all the same.
	if (gone.Fired() || e.Now() >= end) && reply.Outcome != OK && reply.Outcome != Degraded {
		reply.Outcome, reply.Retry = Timeout, Unsaid
	}
	gone.leave()
	return reply
}
