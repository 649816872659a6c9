package backend

import (
	"math/bits"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// A gapGroup is the decoding sequences whose gaps between tokens are booked in one place. All of them
// see the same gaps, the times of the steps, so a stretch is booked once for each group.
type gapGroup struct {
	cost     *sim.Cost
	decoders int64
}

// joinGaps counts a sequence that begins to decode.
func (e *engine) joinGaps(s *sequence) {
	if s.cost == nil || s.cost.Gap == nil {
		return
	}
	s.gapped = true
	for i := range e.gaps {
		if e.gaps[i].cost == s.cost {
			e.gaps[i].decoders++
			return
		}
	}
	e.gaps = append(e.gaps, gapGroup{s.cost, 1})
}

// leaveGaps counts one that does so no more.
func (e *engine) leaveGaps(s *sequence) {
	if !s.gapped {
		return
	}
	s.gapped = false
	for i := range e.gaps {
		if e.gaps[i].cost != s.cost {
			continue
		}
		if e.gaps[i].decoders--; e.gaps[i].decoders == 0 {
			last := len(e.gaps) - 1
			e.gaps[i] = e.gaps[last]
			e.gaps[last] = gapGroup{}
			e.gaps = e.gaps[:last]
		}
		return
	}
}

// bookGaps books the gaps of the first steps of a stretch.
func (e *engine) bookGaps(st *stretch, steps int64) {
	if len(e.gaps) == 0 {
		return
	}
	st.eachGap(steps, func(d time.Duration, n int64) {
		for _, g := range e.gaps {
			g.cost.Gap(d, n*g.decoders)
		}
	})
}

// eachGap calls f with the times of the first steps and how many steps took each. A time is given to
// eleven binary digits, rounded down, as finely as a histogram of three decimal digits keeps it; so
// the steps of a stretch, whose times differ little, are a few calls.
func (s *stretch) eachGap(steps int64, f func(d time.Duration, n int64)) {
	for i := int64(0); i < steps; {
		d, width := coarse(time.Duration((s.first + s.growth*i) / picoseconds))
		next := steps
		if s.growth > 0 {
			beyond := int64(d+width)*picoseconds - s.first // the first step time outside is at or above
			next = min(steps, (beyond+s.growth-1)/s.growth)
		}
		f(d, next-i)
		i = next
	}
}

// coarse returns d with its eleven leading binary digits, and the distance to the next such time.
func coarse(d time.Duration) (low, width time.Duration) {
	shift := max(bits.Len64(uint64(d))-11, 0)
	return d >> shift << shift, 1 << shift
}

// bookGap books the gap before a token that came at the boundary now, after a pause.
func (s *sequence) bookGap(now time.Duration) {
	if s.cost != nil && s.cost.Gap != nil {
		d, _ := coarse(now - s.last)
		s.cost.Gap(d, 1)
	}
}
