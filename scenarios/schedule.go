package scenarios

import (
	"errors"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// A Schedule yields the arrivals of one seed in order. It is pulled: a coroutine a call would cost
// more than the call.
//
// Gaps are drawn at rate 1 and mapped through the inverse of the integrated rate
//
//	L(t) = integral of rate from 0 to t;   call n arrives at L^-1(g0 + g1 + ... + gn)
//
// so that two rates of one seed are the same draws, stretched: whatever is compared stays paired.
// Each field of a request has its own stream, keyed by the call: a scenario that draws one field
// more meets the same values of the others.
type Schedule struct {
	call  int
	open  opening
	trace *Trace
	until time.Duration // end of the open phases
	ends  []time.Duration
	phase int
	left  int // calls of the closed loop still to come

	prompt, output sim.CountDist
	work           sim.Dist
	keys           *sim.Zipf
	cycle          int // keys in turn; 0: not
	prefix         Prefix
	users          int
	classes        []float64 // cumulated shares
	streams        streams
	fixed          bool
	idempotent     bool // the requests' method is
}

// streams are the draws of each field; nil where the scenario does not draw it.
type streams struct{ gap, prompt, output, work, key, user, class *sim.Stream }

// Schedule returns the arrivals of a seed.
func (s *Scenario) Schedule(seed uint64) (*Schedule, error) {
	r := s.Requests
	sc := &Schedule{trace: s.Load.Arrivals.Trace, until: s.Length(), prompt: r.Prompt, output: r.Output, work: r.Work,
		prefix: r.Prefix, users: r.Users, fixed: s.Fixed(), idempotent: Idempotent(r.Method)}
	if sc.trace != nil && len(sc.trace.rows) == 0 {
		return nil, errors.New("making the schedule: the trace has not been read")
	}
	for _, span := range s.Spans() {
		if !span.Closed {
			sc.ends = append(sc.ends, span.To)
		}
	}
	if n := len(s.Load.Phases); n > 0 && s.Load.Phases[n-1].closed() {
		sc.left = s.Load.Phases[n-1].Calls
	}
	draws := func(wanted bool, name string) *sim.Stream {
		if !wanted {
			return nil
		}
		return sim.NewStream(seed, name)
	}
	sc.streams = streams{
		prompt: draws(!r.Prompt.IsZero(), "prompt"),
		output: draws(!r.Output.IsZero(), "output"),
		work:   draws(!r.Work.IsZero(), "work"),
		key:    draws(r.Keys.drawn(), "keys"),
		user:   draws(r.Users > 1, "users"),
		class:  draws(len(r.Priority) > 1, "priority"),
	}
	if sc.streams.key != nil {
		sc.keys = sim.NewZipf(r.Keys.S, r.Keys.N)
	}
	if r.Keys.Cycle {
		sc.cycle = r.Keys.N
	}
	sum := 0.0
	for _, class := range r.Priority {
		sum += float64(class.Share)
		sc.classes = append(sc.classes, sum)
	}
	for i := range sc.classes {
		sc.classes[i] /= sum
	}
	if sc.trace == nil {
		sc.streams.gap = draws(s.Load.Arrivals.Kind != "uniform", "arrivals")
		sc.open = newOpening(s.Load, sc.streams.gap)
	}
	return sc, nil
}

// Fixed reports whether all seeds have the same arrivals with the same requests, so that figures
// over seeds say nothing about the traffic.
func (s *Scenario) Fixed() bool {
	r := s.Requests
	still := func(unset, constant bool) bool { return unset || constant }
	open := len(s.Load.Phases) > 0 && !s.Load.Phases[0].closed() || s.Load.Arrivals.Trace != nil
	timed := s.Load.Arrivals.Kind == "trace" || s.Load.Arrivals.Kind == "uniform" || !open
	return timed && !r.Keys.drawn() && r.Users <= 1 && len(r.Priority) <= 1 &&
		still(r.Prompt.IsZero(), r.Prompt.Constant()) && still(r.Output.IsZero(), r.Output.Constant()) && still(r.Work.IsZero(), r.Work.Constant())
}

// Fixed reports whether all seeds have this very schedule.
func (sc *Schedule) Fixed() bool { return sc.fixed }

// Next returns the next arrival, or false when there are no more.
func (sc *Schedule) Next() (a Arrival, ok bool) {
	call := sc.call
	switch {
	case sc.trace != nil:
		if call >= len(sc.trace.rows) {
			return a, false
		}
		if a.At = sc.trace.at(call); a.At >= sc.until {
			return a, false
		}
		row := &sc.trace.rows[call]
		a.Request.Prompt, a.Request.Output, a.Request.Prefix = row.Prompt, row.Output, sc.trace.Names(*row)
	default:
		if a.At, ok = sc.open.next(call); !ok {
			if sc.left == 0 {
				return a, false
			}
			sc.left--
			a.At = sc.until
			sc.phase = len(sc.ends)
		}
	}
	for sc.phase < len(sc.ends) && a.At >= sc.ends[sc.phase] {
		sc.phase++
	}
	a.Phase = sc.phase
	sc.call++
	sc.fill(&a.Request, call)
	return a, true
}

// fill draws the request of a call.
func (sc *Schedule) fill(r *sim.Request, call int) {
	r.Call, r.Idempotent = call, sc.idempotent
	r.Key = uint64(call) + 1 // no two calls ask the same
	switch {
	case sc.cycle > 0:
		r.Key = uint64(call%sc.cycle) + 1
	case sc.keys != nil:
		r.Key = uint64(sc.keys.Rank(sc.streams.key.For(call, 0)))
	}
	if s := sc.streams.prompt; s != nil {
		r.Prompt = sc.prompt.Count(s.For(int(r.Key), 0))
	}
	if !sc.prefix.IsZero() && r.Prefix == nil {
		r.Prefix = sc.prefix.names(r.Key, r.Prompt)
	}
	if s := sc.streams.output; s != nil {
		r.Output = sc.output.Count(s.For(call, 0))
	}
	if s := sc.streams.work; s != nil {
		r.Work = sc.work.Sample(s.For(call, 0))
	}
	if s := sc.streams.user; s != nil {
		r.User = s.For(call, 0).Uint64N(uint64(sc.users))
	}
	if s := sc.streams.class; s != nil {
		u := s.For(call, 0).Float64()
		for u >= sc.classes[r.Priority] && int(r.Priority) < len(sc.classes)-1 {
			r.Priority++
		}
	}
}
