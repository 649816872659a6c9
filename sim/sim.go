// Package sim runs blocking code in virtual or in wall-clock time.
//
// A process is an ordinary function that may block: it sleeps, waits for a Signal, queues for a
// permit. The processes of one Env take turns: one runs at a time and keeps its turn until it
// blocks. So the code between two blocking calls is atomic, and shared state needs no lock, in
// either time. World is virtual time: its clock jumps from event to event, and a seed fixes every
// bit of a run. Wall is wall-clock time: the same code then drives real sockets.
package sim

import (
	"math"
	"time"
)

// An Env is the time that processes live in. World and Wall are the two there are. Whoever calls
// it has the turn.
type Env interface {
	// Now returns the time since the run began.
	Now() time.Duration
	// Go starts f as a process; its first turn comes after all that is already due.
	Go(f func())
	// At calls f, which must not block, at time t, or after all that is due if t has passed; at
	// Forever it never does. It is the cheap form of a process: for arrivals, limits and the inside
	// of a service model.
	At(t time.Duration, f func()) Timer
	// Await blocks the calling process until a or b fires or d has passed, and reports whether a
	// has fired. Either may be nil. A wait of no length (d <= 0) and a signal that has fired do
	// not give up the turn. Everything that blocks is built on Await.
	Await(d time.Duration, a, b *Signal) bool
	// Rand returns the stream of randomness of that name. Streams are independent of each other.
	Rand(stream string) *Stream
}

// Forever is the wait without a limit. A negative wait has already passed, so what is left of a
// patience can be passed on as it is.
const Forever time.Duration = math.MaxInt64

// Sleep blocks the calling process for d and reports whether it slept to the end: false means
// that gone fired first. gone may be nil.
func Sleep(e Env, d time.Duration, gone *Signal) bool {
	e.Await(d, nil, gone)
	return !gone.Fired()
}

// until returns the moment d after now, Forever where that lies beyond the end of the clock. Before
// the zero that Wall.Begin set, now is negative.
func until(now, d time.Duration) time.Duration {
	if d == Forever || now > 0 && d > Forever-now {
		return Forever
	}
	return now + d
}
