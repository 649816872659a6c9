package strategies

import (
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// Sync makes one attempt per call, on a connection of its own, and waits for the answer until its
// patience ends: the program that opens a connection, asks, and blocks. It is what every other
// strategy is measured against.
//
// Fails by: a fresh connection pays DNS, connect and TLS before each call. Its callers leave work
// behind when their patience ends, and a first-in, first-out service that does not notice then serves
// the dead: goodput falls to 0 and stays there.
type Sync struct {
	// Timeout is the limit of the attempt; zero leaves it to the caller's patience. A load generator's
	// own is 30 s (vegeta v12.13.0, lib/attack.go).
	Timeout time.Duration `yaml:"timeout"`
	// Connections says what an attempt is sent on: "fresh" opens a connection and closes it
	// afterwards, "warm" takes one that is open.
	Connections string `yaml:"connections"`

	inFlight int
}

var (
	_ Strategy = (*Sync)(nil)
	_ Gauged   = (*Sync)(nil)
)

// NewSync returns the defaults: patience is the only limit, each call opens a connection.
func NewSync() *Sync { return &Sync{Connections: "fresh"} }

// Validate names what is out of range.
func (s *Sync) Validate() error {
	var f sim.Faults
	notNegative(&f, "timeout", s.Timeout)
	oneOf(&f, "connections", s.Connections, "fresh", "warm")
	return f.Err()
}

// Wrap makes the Handler.
func (s *Sync) Wrap(env sim.Env, next sim.Handler) sim.Handler {
	s.inFlight = 0
	return func(r sim.Request) sim.Reply {
		s.inFlight++
		defer func() { s.inFlight-- }()
		r.Via.Fresh = s.Connections == "fresh"
		if s.Timeout == 0 {
			return next(r)
		}
		reply := sim.Within(env, s.Timeout, next, r)
		if reply.Outcome == sim.Timeout && reply.Reason == "" && !r.Gone.Fired() {
			reply.Reason = "attempt-limit" // the caller would have waited longer
		}
		return reply
	}
}

// Gauges shows how many attempts, and so how many connections, are open.
func (s *Sync) Gauges() []sim.Gauge {
	return []sim.Gauge{{Name: "client in flight", Read: func() float64 { return float64(s.inFlight) }}}
}
