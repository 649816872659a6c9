package backend

import (
	"strconv"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// A Dependency is what a server waits for in every service, such as a database behind it: the server
// is held meanwhile, so c servers carry X = c/(own + dependency) calls a second and no more.
type Dependency struct {
	Time sim.DurationDist `yaml:"time"`           // how long one wait is: any random length, the same for a call and its retries
	Slow *Slowness        `yaml:"slow,omitempty"` // a stretch in which it is slower; absent: none
}

// Slowness is a stretch of time in which something takes longer.
type Slowness struct {
	At     time.Duration `yaml:"at"`     // when it begins, from the start of the run
	For    time.Duration `yaml:"for"`    // how long it is, above zero
	Factor float64       `yaml:"factor"` // what times are multiplied with, above 0, at most 1,000,000
}

func (d *Dependency) check(f *sim.Faults) {
	if d == nil {
		return
	}
	if d.Time.IsZero() {
		f.Add("dependency.time", "", "a duration such as 250ms, or a law such as {exp: {mean: 250ms}}")
	}
	if d.Slow == nil {
		return
	}
	if d.Slow.At < 0 {
		f.Add("dependency.slow.at", d.Slow.At.String(), "0s or later")
	}
	if d.Slow.For <= 0 {
		f.Add("dependency.slow.for", d.Slow.For.String(), "above 0s")
	}
	if !(d.Slow.Factor > 0 && d.Slow.Factor <= 1e6) {
		f.Add("dependency.slow.factor", strconv.FormatFloat(d.Slow.Factor, 'g', -1, 64), "above 0, at most 1000000")
	}
}

// from returns the wait, normally that long, of a service that begins at the given time.
func (d *Dependency) from(begin, wait time.Duration) time.Duration {
	if d == nil {
		return 0
	}
	if s := d.Slow; s != nil && begin >= s.At && begin-s.At < s.For {
		return time.Duration(min(float64(wait)*s.Factor, 1<<62))
	}
	return wait
}
