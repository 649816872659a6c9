package sim

import "time"

// Permits is a counting semaphore, first come first served. A permit that is given back goes to the
// first who waits, so nobody overtakes.
type Permits struct {
	env  Env
	free int
	line line[struct{}]
}

// NewPermits returns n permits, at least 1.
func NewPermits(e Env, n int) *Permits {
	if n < 1 {
		panic("sim: NewPermits wants at least 1")
	}
	return &Permits{env: e, free: n}
}

// Take takes a permit, waiting at most d for it, and reports whether it got one; it gives up when
// gone fires. With d <= 0 it tries without waiting. A permit handed over in the very instant in
// which the wait ends counts as taken.
func (p *Permits) Take(d time.Duration, gone *Signal) bool {
	if p.free > 0 && p.line.length == 0 {
		p.free--
		return true
	}
	if d <= 0 || gone.Fired() {
		return false
	}
	place := new(place[struct{}])
	p.line.join(place)
	defer place.leave() // also when the run ends under it
	return p.env.Await(d, &place.served, gone)
}

// Give hands a permit to the first who waits, or puts it back.
func (p *Permits) Give() {
	if p.line.serve() == nil {
		p.free++
	}
}

// Waiting returns how many wait for a permit.
func (p *Permits) Waiting() int { return p.line.length }

// Free returns how many permits nobody holds.
func (p *Permits) Free() int { return p.free }
