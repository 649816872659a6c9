package backend

import (
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// Network is the `network` section of a scenario: what lies between the callers and the service. A
// fresh connection (Via.Fresh) costs dns + connect + tls; every attempt then costs half a round trip
// on the way there and half on the way back. The zero Network costs nothing. No packet is lost and no
// port runs out.
//
// The prices are the same for every attempt. If they are to vary, the draws belong to a stream keyed
// (call, attempt), so that every strategy meets the same weather.
type Network struct {
	DNS     time.Duration `yaml:"dns"`     // looking up a name, for each fresh connection
	Connect time.Duration `yaml:"connect"` // opening a connection
	TLS     time.Duration `yaml:"tls"`     // agreeing on keys
	RTT     time.Duration `yaml:"rtt"`     // there and back on an open connection
}

const maxPrice = time.Hour

// Validate checks the section.
func (n *Network) Validate() error {
	var f sim.Faults
	for _, one := range []struct {
		path  string
		price time.Duration
	}{{"dns", n.DNS}, {"connect", n.Connect}, {"tls", n.TLS}, {"rtt", n.RTT}} {
		if one.price < 0 || one.price > maxPrice {
			f.Add(one.path, one.price.String(), "0s to 1h")
		}
	}
	return f.Err()
}

// Wrap puts the network before next. A caller that goes while its answer is on the way back gets
// nothing, so the work of that answer was wasted.
func (n *Network) Wrap(env sim.Env, next sim.Handler) sim.Handler {
	if *n == (Network{}) {
		return next
	}
	setup := n.DNS + n.Connect + n.TLS
	there := n.RTT / 2
	back := n.RTT - there
	return func(r sim.Request) sim.Reply {
		gone := r.Gone
		wait := there
		if r.Via.Fresh {
			wait += setup
		}
		if wait > 0 && !sim.Sleep(env, wait, gone) {
			return abandoned
		}
		if back == 0 {
			return next(r)
		}
		if token := r.Token; token != nil {
			r.Token = func(i int) { delayed(env, back, gone, token, i) }
		}
		reply := next(r)
		if !sim.Sleep(env, back, gone) {
			r.Cost.Waste(reply.Work)
			return abandoned
		}
		if reply.First != 0 {
			reply.First += back
		}
		return reply
	}
}

// delayed lets token i come after the way back, unless nobody waits any more.
func delayed(env sim.Env, back time.Duration, gone *sim.Signal, token func(int), i int) {
	env.At(env.Now()+back, func() {
		if !gone.Fired() {
			token(i)
		}
	})
}
