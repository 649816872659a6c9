package backend

import (
	"fmt"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// A State is where a replica is in its life.
type State uint8

// The states. starting -> ready -> draining -> gone is the planned life; hung and dead are accidents.
const (
	Starting  State = iota // not up yet: takes no connection
	Ready                  // serves
	Hung                   // takes calls and answers nothing
	Dead                   // takes no connection, until it starts again
	Draining               // takes no new calls, ends those it has
	Gone                   // taken away for good
	NumStates              // how many there are
)

var stateNames = [NumStates]string{"starting", "ready", "hung", "dead", "draining", "gone"}

// String returns the state's name in metrics and messages.
func (s State) String() string {
	if s >= NumStates {
		return fmt.Sprintf("state %d", uint8(s))
	}
	return stateNames[s]
}

// A Member is one replica's place in the pool: what balancers, checks, failures and the autoscaler see
// of it. A replica that died and starts again keeps its place; its machine is a new one.
type Member struct {
	ID       int    // for life, from 0; never used again
	Zone     string // "" where the scenario names none
	Weight   int    // 1 or more
	Backup   bool   // serves only where no other does
	MaxConns int    // calls in flight it may have; 0: no limit

	pool     *Pool
	state    State
	listed   bool // the balancer knows it: from the first time it is ready until it drains
	inflight int
	machine  Replica
	life     life
	seen     sighting
	read     tick // see engineShare

	tries     int64  // calls handed over so far
	shown     bool   // how the pool's list has it
	share     share  // its place in the smooth rule
	ringPass  uint64 // see Consistent
	ringIndex int
	health    health // what the checks found out
}

// State returns where the replica is in its life. Balancers do not know it: they see Listed, and what
// their checks find out.
func (m *Member) State() State { return m.state }

// Listed reports whether the balancer knows the replica: from the first time it was ready until it
// drains, dead or hung meanwhile or not.
func (m *Member) Listed() bool { return m.listed }

// InFlight returns the calls handed over whose reply has not come and whose caller has not gone.
func (m *Member) InFlight() int { return m.inflight }

// Full reports whether it has as many calls in flight as it may have. Where replicas pull, one that is
// not ready asks for none.
func (m *Member) Full() bool {
	if m.pool != nil && m.pool.taking.pulls > 0 && (m.state != Ready || m.inflight >= m.pool.taking.pulls) {
		return true
	}
	return m.MaxConns > 0 && m.inflight >= m.MaxConns
}

// Machine returns the replica that runs here now. After a crash it is a new one, which gets no calls
// until it is ready.
func (m *Member) Machine() *Replica { return &m.machine }

// Busy returns how long the replica has worked so far, on this machine and those before.
func (m *Member) Busy() time.Duration { return m.life.worked + m.machine.Busy() }

// Handle hands a call to the replica, whatever state it is in.
func (m *Member) Handle(r *sim.Request) sim.Reply {
	switch m.state {
	case Starting, Dead, Gone:
		return broken(ReasonUnreachable)
	}
	if m.pool.taking.door != nil {
		if reply, refused := m.pool.taking.door(m); refused {
			return reply
		}
	}
	m.inflight++
	reply := m.machine.Handle(*r)
	m.inflight--
	if m.state == Draining && m.inflight == 0 {
		m.leave()
	}
	m.pool.changed(m)
	return reply
}
