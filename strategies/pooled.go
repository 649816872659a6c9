package strategies

import (
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// Pooled makes at most Size attempts at once, on warm connections. A call that finds all taken waits
// its turn, first come first served, at most Wait; then the pool refuses it.
//
// By Little's law a pool carries Size/S calls per second of service time S, so Size = C·S for a
// service of capacity C. Smaller wastes capacity, much larger is no pool at all. Waiting for a permit
// is a queue: pooled and async-queue differ only in patience and bound.
//
// Fails by: a slow kind of call takes the permits and starves the others.
type Pooled struct {
	Size int           `yaml:"size"` // attempts at once; at least 1
	Wait time.Duration `yaml:"wait"` // longest wait for a permit; zero never waits

	permits    *sim.Permits
	inFlight   int
	shed, full int64
}

var (
	_ Strategy = (*Pooled)(nil)
	_ Counting = (*Pooled)(nil)
	_ Gauged   = (*Pooled)(nil)
)

// NewPooled returns the defaults: 64 permits, and a wait of 10 s for one.
func NewPooled() *Pooled { return &Pooled{Size: 64, Wait: 10 * time.Second} }

// Validate names what is out of range.
func (p *Pooled) Validate() error {
	var f sim.Faults
	between(&f, "size", p.Size, 1, maxPlaces)
	notNegative(&f, "wait", p.Wait)
	return f.Err()
}

// Wrap makes the Handler. A call refused after a wait is shed with reason "wait", one refused at once
// with "full"; one whose patience ended in the line is a timeout with reason "wait".
func (p *Pooled) Wrap(env sim.Env, next sim.Handler) sim.Handler {
	p.permits, p.inFlight, p.shed, p.full = sim.NewPermits(env, p.Size), 0, 0, 0
	return func(r sim.Request) sim.Reply {
		if !p.permits.Take(p.Wait, r.Gone) {
			switch {
			case r.Gone.Fired():
				return sim.Reply{Outcome: sim.Timeout, Reason: "wait"}
			case p.Wait == 0:
				p.full++
				return sim.Reply{Outcome: sim.Shed, Reason: "full"}
			}
			p.shed++
			return sim.Reply{Outcome: sim.Shed, Reason: "wait"}
		}
		// Deferred, because on a Wall a panic in next may be recovered far above (net/http does), and
		// the pool must not shrink by that.
		p.inFlight++
		defer func() { p.inFlight--; p.permits.Give() }()
		if r.Gone.Fired() { // in the very instant the permit came
			return sim.Reply{Outcome: sim.Timeout, Reason: "wait"}
		}
		r.Via.Fresh = false
		return next(r)
	}
}

// Counts tells how many calls the pool refused.
func (p *Pooled) Counts(add func(name string, n int64)) {
	add("shed_wait", p.shed)
	add("shed_full", p.full)
}

// Gauges shows who waits for a permit and how many hold one.
func (p *Pooled) Gauges() []sim.Gauge {
	return []sim.Gauge{
		{Name: "client waiting", Read: func() float64 { return float64(p.permits.Waiting()) }},
		{Name: "client in flight", Read: func() float64 { return float64(p.inFlight) }},
	}
}
