package harness

import (
	"context"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// A schedulePacer paces an attack by the intended starts of a schedule. It waits inside Pace, because
// vegeta's own wait is a time.Sleep that no Stop ends: stopping in a gap of three seconds took three
// seconds. Pace is called once for each hit, by one goroutine.
type schedulePacer struct {
	send  context.Context       // ends the sending, not the calls
	at    []time.Duration       // intended starts, in order
	begin func(began time.Time) // told the zero of the schedule, at hit 0, before the first tick
	pull  func(hit uint64)      // files the arrival of a hit for the carrier, before its tick
	exact *exactWait            // waits more exactly than a timer; nil: the timer alone
	timer *time.Timer
	began time.Time // the zero of the schedule
}

var _ vegeta.Pacer = (*schedulePacer)(nil)

// Pace waits for the intended start of a hit. A call that is late starts at once.
func (p *schedulePacer) Pace(elapsed time.Duration, hit uint64) (time.Duration, bool) {
	if hit == 0 {
		p.began = time.Now().Add(-elapsed)
		p.begin(p.began)
	}
	if hit >= uint64(len(p.at)) || !p.wait(hit) {
		return 0, true
	}
	p.pull(hit)
	return 0, false
}

// Rate is asked by vegeta's plots, never by an attack.
func (p *schedulePacer) Rate(time.Duration) float64 { return 0 }

// wait returns at the time of a hit, or false as soon as the sending is to end.
func (p *schedulePacer) wait(hit uint64) bool {
	until := p.began.Add(p.at[hit])
	exact := p.exact != nil && !p.dense(hit)
	left := time.Until(until)
	if exact {
		left -= exactly
	}
	if left > 0 {
		if p.timer == nil {
			p.timer = time.NewTimer(left)
		} else {
			p.timer.Reset(left)
		}
		select {
		case <-p.timer.C:
		case <-p.send.Done():
			p.timer.Stop()
			return false
		}
	}
	if exact {
		p.exact.wait(until)
	}
	return p.send.Err() == nil
}

// dense reports whether the calls around a hit come so close that waiting exactly for each is not
// worth it. Each end of a wait wakes a sleeping thread, which costs more than the call itself: at
// 5,000 calls per second exact waits would nearly double the CPU. Where it is dense the pacer keeps
// its timer, which wakes a thousand times per second at most and starts the calls between together,
// up to 1.07 ms late.
func (p *schedulePacer) dense(hit uint64) bool {
	first, last := hit-min(hit, denseCalls/2), min(hit+denseCalls/2, uint64(len(p.at))-1)
	return p.at[last]-p.at[first] < time.Duration(last-first)*denseGap
}

const (
	// denseGap is the mean gap below which calls are dense: 1,250 calls per second.
	denseGap = 800 * time.Microsecond
	// denseCalls is how many calls that mean is taken over. At 1,000 Poisson arrivals per second more
	// than half of the gaps are shorter, but the mean of 256 is so in one of a thousand places.
	denseCalls = 256
)
