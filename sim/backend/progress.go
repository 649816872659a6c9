package backend

import (
	"math"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// progress is how far a piece of work is that takes longer or shorter as the pace of its replica
// changes. What is done is done.
type progress struct {
	since time.Duration // when it had `left` before it
	left  time.Duration // at normal pace, from since on
	ends  time.Duration // at the pace of now; Forever while the replica is stopped
	used  time.Duration // of its server, up to since: time in which the server was stopped does not count
}

// run lets the work go on at a pace: it has left to do, from the given time on.
func (p *progress) run(from, left time.Duration, pace float64) {
	p.since, p.left = from, left
	switch {
	case pace == 1:
		p.ends = from + left
	case math.IsInf(pace, 1):
		p.ends = sim.Forever
	default:
		p.ends = from + scaled(left, pace)
	}
}

// elapsed returns for how long the server has worked on it since p.since.
func (p *progress) elapsed(now time.Duration) time.Duration {
	if p.ends == sim.Forever {
		return 0
	}
	return max(min(now, p.ends)-p.since, 0)
}

// repace goes on at another pace.
func (p *progress) repace(now time.Duration, from, to float64) {
	took := p.elapsed(now)
	p.used += took
	left := p.left
	if from == 1 {
		left -= took
	} else if took > 0 {
		left = max(left-scaled(took, 1/from), 0)
	}
	p.run(now, left, to)
}

// scaled multiplies a length of time, which stays inside what a Duration holds.
func scaled(d time.Duration, factor float64) time.Duration {
	return time.Duration(min(math.Round(float64(d)*factor), 1<<61))
}
