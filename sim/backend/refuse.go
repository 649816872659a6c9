package backend

import (
	"net/http"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// Reasons why the service said no, as they stand in Reply.Reason.
const (
	ReasonQueueFull   = "queue-full"   // no place to wait
	ReasonMaxRequests = "max-requests" // as many calls inside as the service may hold
	ReasonTooLong     = "too-long"     // prompt and output can never fit
)

// refuse is the answer of a service that says no.
func refuse(status int, reason string) sim.Reply {
	return sim.Reply{Outcome: sim.OutcomeOf(status), Status: status, Reason: reason}
}

// answer is the answer of a service that did the work. first is when the first token came, work the
// service time that was booked for it.
func answer(first time.Duration, tokens int, work time.Duration) sim.Reply {
	return sim.Reply{Outcome: sim.OK, Status: http.StatusOK, First: first, Tokens: tokens, Work: work}
}

// abandoned is what a call returns with whose caller has gone: nobody reads it.
var abandoned = sim.Reply{Outcome: sim.Timeout}
