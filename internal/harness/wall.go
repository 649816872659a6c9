package harness

import (
	"context"
	"time"

	"github.com/headroom-dev/headroom/report"
	"github.com/headroom-dev/headroom/scenarios"
	"github.com/headroom-dev/headroom/sim"
	"github.com/headroom-dev/headroom/strategies"
)

// A Source yields the arrivals of one schedule in the order of their times. A *scenarios.Schedule is
// one.
type Source interface {
	Next() (scenarios.Arrival, bool)
}

// A LiveRun is one strategy to be carried over one schedule.
type LiveRun struct {
	Name        string                 // of the attack in vegeta.bin, "scenario/strategy"; one for each run, or vegeta finds numbers twice
	Strategy    strategies.Strategy    // a fresh value
	Seed        uint64                 // of the strategy's own draws
	Schedule    func() (Source, error) // opens the schedule at its beginning; it is read twice
	Patience    time.Duration          // the scenario's own; 0 is for ever
	Phases      []string               // names of the phases, at least as many as the schedule has
	Closed      int                    // index of the closed-loop phase; below 0: there is none
	Concurrency int                    // callers of the closed-loop phase
	Priorities  []string               // names of the classes, the highest first
	Limit       time.Duration          // the tightest latency limit of the objective; 0: none
	Add         func(report.Record)    // called as each call ends, from one goroutine

	timers bool // pace by Go's timers alone: in a synctest bubble the kernel's do not tick
}

// Wall runs one strategy over one schedule against a real endpoint, in wall-clock time. When send is
// cancelled it starts no more calls and waits for those still out; when hard is cancelled too it cuts
// them off (a nil hard never is). What was measured until then has been added in both cases; the error
// says only that the run could not be made, or its file not written.
func Wall(send, hard context.Context, e *Endpoint, r LiveRun) (report.Side, error) {
	if hard == nil {
		hard = context.Background()
	}
	t := e.transports()
	defer t.close()
	s := &sender{endpoint: e, hard: hard, transports: t, priorities: r.Priorities, tally: newTally(e.redact)}
	if err := s.warmUp(send, r); err != nil {
		return report.Side{}, err
	}
	t.dials.Store(0)
	t.lookups.Store(0)
	s.tally = newTally(e.redact)
	d := &driver{run: r, endpoint: e, send: send, hard: hard}
	err := d.drive(func(w *sim.Wall) sim.Handler {
		s.wall = w
		return s.handle
	})
	s.tally.fill(&d.side, t)
	return d.side, err
}
