package strategies

import (
	"context"

	"github.com/headroom-dev/headroom/sim"
)

// A CallError is why a call through Transport has no answer where the strategy decided so: it was shed by
// a queue, a breaker or a limit of the client's own, or a patience ran out that is not the context's.
type CallError struct {
	Outcome sim.Outcome // Shed or Timeout; Degraded for a canned answer that nobody makes
	Reason  string      // who decided: "full", "open", "wait", "attempt-limit" ...; "" if nobody says
}

// Error tells the outcome and the reason.
func (e *CallError) Error() string {
	if e.Reason == "" {
		return "strategy: call ended " + e.Outcome.String()
	}
	return "strategy: call ended " + e.Outcome.String() + " (" + e.Reason + ")"
}

// Timeout reports whether a patience ran out, as net.Error asks.
func (e *CallError) Timeout() bool { return e.Outcome == sim.Timeout }

// Temporary reports that another time the call may be carried: all that a CallError tells passes.
func (e *CallError) Temporary() bool { return true }

// Is lets a timeout be found as context.DeadlineExceeded, as those of http.Client are.
func (e *CallError) Is(target error) bool { return target == context.DeadlineExceeded && e.Timeout() }
