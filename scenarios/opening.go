package scenarios

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// An opening is the open phases of a load, as pieces on each of which the rate is linear.
type opening struct {
	pieces []piece
	piece  int
	at     float64 // how far into the piece the last arrival was, as a number of expected calls
	gaps   *sim.Stream
	gap    func(r *rand.Rand) float64 // nil: exponential
	counts []counted                  // of the phases, if their calls are counted; else nil
}

// A piece has the rate r0 + k tau at tau seconds from its beginning.
type piece struct {
	from, length time.Duration
	r0, k        float64
	area         float64 // expected calls in the piece
}

// A counted phase has a number of calls that is known before. Given their number the arrivals of a
// Poisson process are so many independent uniform times in order. In order they come one by one: with u
// uniform, the next of n in what is left of a length T is at T (1 - u^(1/n)).
type counted struct {
	pieces int     // how many pieces it has
	calls  int     // still to come
	area   float64 // still to come
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
		if l.Arrivals.Exact {
			o.count(p.expected(before))
		}
		from, before = from+p.For, rate
	}
	if gaps == nil {
		o.at = -0.5 // uniform: half a gap from the start
	}
	return o
}

func (o *opening) add(p piece) { o.pieces = append(o.pieces, p) }

// count makes the pieces that belong to no phase yet a phase of the expected calls, rounded.
func (o *opening) count(expected float64) {
	before := 0
	for _, phase := range o.counts {
		before += phase.pieces
	}
	o.counts = append(o.counts, counted{len(o.pieces) - before, int(math.Round(expected)), expected})
}

// nextCounted is next where calls are counted.
func (o *opening) nextCounted(call int) (time.Duration, bool) {
	for len(o.counts) > 0 && o.counts[0].calls == 0 {
		o.pieces, o.counts = o.pieces[o.counts[0].pieces:], o.counts[1:]
		o.piece, o.at = 0, 0
	}
	if len(o.counts) == 0 {
		return 0, false
	}
	phase := &o.counts[0]
	step := phase.area * -math.Expm1(math.Log1p(-o.gaps.For(call, 0).Float64())/float64(phase.calls))
	phase.area -= step
	phase.calls--
	o.at += step
	for o.at >= o.pieces[o.piece].area && o.piece < phase.pieces-1 {
		o.at -= o.pieces[o.piece].area
		o.piece++
	}
	return o.pieces[o.piece].invert(min(o.at, o.pieces[o.piece].area)), true
}

// next returns when a call arrives, or false if that lies behind the last phase.
func (o *opening) next(call int) (time.Duration, bool) {
	if o.counts != nil {
		return o.nextCounted(call)
	}
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
