package backend

import (
	"net/http"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// Reasons why the service said no or gave up, as they stand in Reply.Reason. What a profile answers
// to each is its Status.
const (
	ReasonQueueFull    = "queue-full"      // no place to wait
	ReasonMaxRequests  = "max-requests"    // as many calls inside as the service may hold
	ReasonMaxTokens    = "max-tokens"      // as many prompt tokens wait as the service may hold
	ReasonRateRequests = "rate-requests"   // the bucket of requests is empty
	ReasonRateTokens   = "rate-tokens"     // the bucket of tokens is empty
	ReasonPoolFull     = "pool-full"       // the class's pool has no place to wait
	ReasonTooLate      = "too-late"        // what is left of the caller's patience is shorter than a service
	ReasonQueueTimeout = "queue-timeout"   // it waited longer than its place in the queue allows
	ReasonTooLong      = "too-long"        // prompt and output can never fit
	ReasonNoReplica    = "no-replica"      // no replica is in service
	ReasonUnreachable  = "unreachable"     // the replica took no connection: it is dead or not up yet
	ReasonReset        = "reset"           // the replica died, or was taken away, with the call inside
	ReasonConnectTime  = "connect-timeout" // the replica took no connection in time
	ReasonReadTime     = "read-timeout"    // the replica sent nothing for too long
	ReasonInjected     = "injected"        // a fault the scenario asked for
)

// refuse is the answer of a service that says no.
func refuse(status int, reason string) sim.Reply {
	return sim.Reply{Outcome: sim.OutcomeOf(status), Status: status, Reason: reason}
}

// broken is how an attempt ends whose connection broke: there is no status.
func broken(reason string) sim.Reply { return sim.Reply{Outcome: sim.Error, Reason: reason} }

// answer is the answer of a service that did the work. first is when the first token came, work the
// service time that was booked for it.
func answer(first time.Duration, tokens int, work time.Duration) sim.Reply {
	return sim.Reply{Outcome: sim.OK, Status: http.StatusOK, First: first, Tokens: tokens, Work: work}
}

// abandoned is what a call returns with whose caller has gone: nobody reads it.
var abandoned = sim.Reply{Outcome: sim.Timeout}
