package scenarios

import (
	"errors"
	"math"
	"math/rand/v2"
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
	users          int
	classes        []float64 // cumulated shares
	streams        streams
	fixed          bool
}

// streams are the draws of each field; nil where the scenario does not draw it.
type streams struct{ gap, prompt, output, work, key, user, class *sim.Stream }

// Schedule returns the arrivals of a seed.
func (s *Scenario) Schedule(seed uint64) (*Schedule, error) {
	r := s.Requests
	sc := &Schedule{trace: s.Load.Arrivals.Trace, until: s.Length(), prompt: r.Prompt, output: r.Output, work: r.Work,
		users: r.Users, fixed: s.Fixed()}
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
		key:    draws(!r.Keys.IsZero(), "keys"),
		user:   draws(r.Users > 1, "users"),
		class:  draws(len(r.Priority) > 1, "priority"),
	}
	if sc.streams.key != nil {
		sc.keys = sim.NewZipf(r.Keys.S, r.Keys.N)
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
	return timed && r.Keys.IsZero() && r.Users <= 1 && len(r.Priority) <= 1 &&
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
		a.Request.Prompt, a.Request.Output = row.Prompt, row.Output
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
	r.Call = call
	r.Key = uint64(call) + 1 // no two calls ask the same
	if sc.keys != nil {
		r.Key = uint64(sc.keys.Rank(sc.streams.key.For(call, 0)))
	}
	if s := sc.streams.prompt; s != nil {
		r.Prompt = sc.prompt.Count(s.For(int(r.Key), 0))
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

// An opening is the open phases of a load, as pieces on each of which the rate is linear.
type opening struct {
	pieces []piece
	piece  int
	at     float64 // how far into the piece the last arrival was, as a number of expected calls
	gaps   *sim.Stream
	gap    func(r *rand.Rand) float64 // nil: exponential
}

// A piece has the rate r0 + k tau at tau seconds from its beginning.
type piece struct {
	from, length time.Duration
	r0, k        float64
	area         float64 // expected calls in the piece
}

func newOpening(l Load, gaps *sim.Stream) opening {
	o := opening{gaps: gaps}
	if l.Arrivals.Kind == "gamma" {
		o.gap = sim.NewGammaGap(l.Arrivals.CV).Sample
	}
	var from time.Duration
	before := 0.0
	for _, p := range l.Phases {
		if p.closed() {
			break
		}
		rate := p.rate()
		if p.Ramp > 0 {
			seconds := p.Ramp.Seconds()
			o.add(piece{from: from, length: p.Ramp, r0: before, k: (rate - before) / seconds, area: (before + rate) / 2 * seconds})
		}
		if flat := p.For - p.Ramp; flat > 0 {
			o.add(piece{from: from + p.Ramp, length: flat, r0: rate, area: rate * flat.Seconds()})
		}
		from, before = from+p.For, rate
	}
	if gaps == nil {
		o.at = -0.5 // uniform: half a gap from the start
	}
	return o
}

func (o *opening) add(p piece) { o.pieces = append(o.pieces, p) }

// next returns when a call arrives, or false if that lies behind the last phase.
func (o *opening) next(call int) (time.Duration, bool) {
	if o.piece >= len(o.pieces) {
		return 0, false
	}
	switch {
	case o.gaps == nil:
		o.at++
	case o.gap == nil:
		o.at += o.gaps.For(call, 0).ExpFloat64()
	default:
		o.at += o.gap(o.gaps.For(call, 0))
	}
	for o.at >= o.pieces[o.piece].area {
		o.at -= o.pieces[o.piece].area
		if o.piece++; o.piece >= len(o.pieces) {
			return 0, false
		}
	}
	return o.pieces[o.piece].invert(o.at), true
}

// invert finds when the area u is reached:
//
//	r0 tau + k tau²/2 = u,   tau = 2u / (r0 + sqrt(r0² + 2 k u))
//
// in the form that loses no digits when k is small.
func (p *piece) invert(u float64) time.Duration {
	tau := 0.0
	switch {
	case p.k == 0:
		tau = u / p.r0
	case u > 0:
		tau = 2 * u / (p.r0 + math.Sqrt(max(p.r0*p.r0+2*p.k*u, 0)))
	}
	return p.from + min(time.Duration(tau*1e9), p.length-1) // rounding must not carry it into the next phase
}
