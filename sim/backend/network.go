package backend

import (
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// Network is the `network` section of a scenario: what lies between the callers and the service. A
// connection that is opened costs dns + connect + tls; every attempt then costs half a round trip and
// its bytes on the way there, and the same on the way back. The zero Network costs nothing.
//
// Which attempts open a connection: those on one of their own (Via.Fresh) do. For the others a warm
// one is always there and costs nothing, unless one of http, idle_conns, idle_timeout or conn_requests
// is given: then they open one where none is idle.
//
// The prices are the same for every attempt. If they are to vary, the draws belong to a stream keyed
// (call, attempt), so that every strategy meets the same weather. No packet is lost, no port runs out,
// a connection knows no slow start, and each has the whole bandwidth to itself.
type Network struct {
	DNS     time.Duration `yaml:"dns"`               // looking up a name, for each connection that is opened; 0s to 1h
	DNSTTL  time.Duration `yaml:"dns_ttl,omitempty"` // how long the answer is remembered; 0s: it is not
	Connect time.Duration `yaml:"connect"`           // opening a connection; 0s to 1h
	TLS     time.Duration `yaml:"tls"`               // agreeing on keys; 0s to 1h
	RTT     time.Duration `yaml:"rtt"`               // there and back on an open connection; 0s to 1h

	Bandwidth Bandwidth `yaml:"bandwidth,omitempty"` // of a connection, each way; absent: no limit
	Compress  *Compress `yaml:"compress,omitempty"`  // of answers; absent: none

	HTTP         HTTP          `yaml:"http,omitempty"`          // 1 or 2; 1 where one of the next three is given
	IdleConns    int           `yaml:"idle_conns,omitempty"`    // connections kept open that nobody uses; 0: no limit. http 1 only
	IdleTimeout  time.Duration `yaml:"idle_timeout,omitempty"`  // how long an idle one is kept; 90s
	ConnRequests int           `yaml:"conn_requests,omitempty"` // attempts on one connection; 0: no limit

	Regions map[string]Region `yaml:"regions,omitempty"` // where callers are; absent: all are alike

	// Encodes says that requests may come with a codec (Via.Codec), whose work is charged and whose bytes
	// are counted even where bytes cost no time. It is the strategy's, so it comes from who runs it.
	Encodes bool `yaml:"-"`
}

const maxPrice = time.Hour

// Validate checks the section and fills in its defaults.
func (n *Network) Validate() error {
	var f sim.Faults
	for _, one := range []struct {
		path  string
		price time.Duration
	}{{"dns", n.DNS}, {"connect", n.Connect}, {"tls", n.TLS}, {"rtt", n.RTT}} {
		checkPrice(&f, one.path, one.price)
	}
	if n.DNSTTL < 0 {
		f.Add("dns_ttl", n.DNSTTL.String(), "0s or more")
	}
	n.Bandwidth.check(&f)
	if n.Compress != nil {
		n.Compress.check(&f)
	}
	n.checkReuse(&f)
	n.checkRegions(&f)
	return f.Err()
}

func checkPrice(f *sim.Faults, path string, price time.Duration) {
	if price < 0 || price > maxPrice {
		f.Add(path, price.String(), "0s to 1h")
	}
}

// costless reports whether the network changes and counts nothing.
func (n *Network) costless() bool {
	return n.DNS == 0 && n.Connect == 0 && n.TLS == 0 && n.RTT == 0 &&
		n.Bandwidth == 0 && n.Compress == nil && !n.Encodes && !n.reuses() && len(n.Regions) == 0
}

// A Link is a network in one Env.
type Link struct {
	Handle sim.Handler
	// Resources are what can run out, as shares in use, 0 to 1: with a bandwidth, the part of the time
	// of connections in use in which they carry bytes.
	Resources []sim.Gauge
	// Counts tells what was counted so far: handshakes where connections are modelled, bytes where they
	// cost time. nil: nothing is counted.
	Counts func(add func(name string, n int64))
}

// Wrap puts the network before next: Start where nobody asks what it counts.
func (n *Network) Wrap(env sim.Env, next sim.Handler) sim.Handler { return n.Start(env, next).Handle }

// Start puts the network before next, in env. The configuration must have passed Validate; it holds no
// state. A caller that goes while its answer is on the way back gets nothing, so the work of that
// answer was wasted.
func (n *Network) Start(env sim.Env, next sim.Handler) Link {
	if n.costless() {
		return Link{Handle: next}
	}
	p := &path{env: env, next: next, shake: n.Connect + n.TLS, sides: newSides(n), transfers: newTransfers(env, n)}
	link := Link{Handle: p.handle}
	reuses := n.reuses()
	if n.Bandwidth > 0 {
		link.Resources = []sim.Gauge{{Name: "network bandwidth", Read: p.transfers.share}}
	}
	if reuses || p.transfers != nil {
		link.Counts = func(add func(string, int64)) {
			if reuses {
				add("handshakes", p.handshakes)
			}
			if p.transfers != nil {
				p.transfers.counts(add)
			}
		}
	}
	return link
}

// A path is what attempts pass in one Env.
type path struct {
	env        sim.Env
	next       sim.Handler
	shake      time.Duration // connect + tls
	sides      []side
	transfers  *transfers // nil: bytes cost nothing
	handshakes int64
}

func (p *path) handle(r sim.Request) sim.Reply {
	s := p.side(r.User)
	c, wait := p.connect(s, r.Via.Fresh)
	var reply sim.Reply
	var whole bool
	if p.transfers != nil {
		reply, whole = p.transfers.carry(s, wait, r, p.next)
	} else {
		reply, whole = p.carry(s, wait, r)
	}
	p.disconnect(s, c, whole)
	return reply
}

// carry is an attempt whose bytes cost nothing. It reports whether the caller got the whole answer.
func (p *path) carry(s *side, wait time.Duration, r sim.Request) (sim.Reply, bool) {
	gone := r.Gone
	if wait += s.there; wait > 0 && !sim.Sleep(p.env, wait, gone) {
		return abandoned, false
	}
	if s.back == 0 {
		return p.next(r), !gone.Fired()
	}
	if token := r.Token; token != nil {
		r.Token = func(i int) { delayed(p.env, s.back, gone, token, i) }
	}
	reply := p.next(r)
	if !sim.Sleep(p.env, s.back, gone) {
		r.Cost.Waste(reply.Work)
		return abandoned, false
	}
	if reply.First != 0 {
		reply.First += s.back
	}
	return reply, true
}

// delayed lets token i come after the way back, unless nobody waits any more.
func delayed(env sim.Env, back time.Duration, gone *sim.Signal, token func(int), i int) {
	env.At(env.Now()+back, func() {
		if !gone.Fired() {
			token(i)
		}
	})
}
