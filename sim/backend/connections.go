package backend

import (
	"fmt"
	"strconv"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// HTTP is the version of the protocol: 1 holds a connection for each attempt in flight, 2 carries all
// of them on one. Zero is none given.
type HTTP int

const httpAllowed = "1, 2"

// UnmarshalText reads 1 or 2.
func (h *HTTP) UnmarshalText(text []byte) error {
	version, err := strconv.Atoi(string(text))
	if err != nil || version != 1 && version != 2 {
		return sim.Faults{{Found: string(text), Allowed: httpAllowed}}
	}
	*h = HTTP(version)
	return nil
}

// MarshalYAML writes the number.
func (h HTTP) MarshalYAML() (any, error) { return int(h), nil }

// Schema describes it.
func (HTTP) Schema() map[string]any {
	return map[string]any{"enum": []any{1, 2, "1", "2"}, "description": "version: 1 holds a connection for each attempt in flight, 2 has one for all"}
}

// idleTimeout is how long an idle connection is kept unless said otherwise: IdleConnTimeout of
// DefaultTransport in Go's net/http.
const idleTimeout = 90 * time.Second

// reuses reports whether connections are modelled: one of their settings is given.
func (n *Network) reuses() bool {
	return n.HTTP != 0 || n.IdleConns != 0 || n.IdleTimeout != 0 || n.ConnRequests != 0
}

// checkReuse notes what is out of range, and fills in the defaults where connections are modelled.
func (n *Network) checkReuse(f *sim.Faults) {
	if !n.reuses() {
		return
	}
	if n.HTTP == 0 {
		n.HTTP = 1
	}
	if n.HTTP != 1 && n.HTTP != 2 {
		f.Add("http", strconv.Itoa(int(n.HTTP)), httpAllowed)
	}
	for _, one := range []struct {
		path  string
		count int
	}{{"idle_conns", n.IdleConns}, {"conn_requests", n.ConnRequests}} {
		if one.count < 0 {
			f.Add(one.path, strconv.Itoa(one.count), "1 or more; left out there is no limit")
		}
	}
	if n.HTTP == 2 && n.IdleConns != 0 {
		f.Add("idle_conns", strconv.Itoa(n.IdleConns), "none with http 2, which has one connection")
	}
	if n.IdleTimeout == 0 {
		n.IdleTimeout = idleTimeout
	}
	if n.IdleTimeout < 0 {
		f.Add("idle_timeout", fmt.Sprint(n.IdleTimeout), "above 0s; left out it is "+idleTimeout.String())
	}
}

func (n *Network) newConnections() connections {
	keeping := keeping{timeout: n.IdleTimeout, requests: n.ConnRequests}
	switch {
	case !n.reuses():
		return nil
	case n.HTTP == 2:
		return &shared{keeping: keeping}
	}
	return &idle{keeping: keeping, most: n.IdleConns}
}

// A conn is an open connection, or one being opened.
type conn struct {
	ready    time.Duration // when it is open
	used     int           // attempts it has been given
	inflight int           // of them, not ended
	since    time.Duration // when the last of them ended
}

// keeping says how long a connection is used.
type keeping struct {
	timeout  time.Duration
	requests int // attempts in all; 0: no limit
}

// tired reports whether c may not be used again.
func (k keeping) tired(c *conn, now time.Duration) bool {
	return k.requests > 0 && c.used >= k.requests || c.inflight == 0 && now-c.since >= k.timeout
}

// connections are those that the callers of a side keep open.
type connections interface {
	// take returns a connection to use at time now, nil where one has to be opened.
	take(now time.Duration) *conn
	// add takes a connection in, the moment its opening begins.
	add(c *conn)
	// give ends an attempt on c; whole is false where its caller did not wait for the whole answer.
	give(c *conn, now time.Duration, whole bool)
}

// idle is the connections of HTTP/1 that nobody uses, the longest idle first. The last one used is
// used first, as Go's net/http does, so that what a lower load does not need times out.
type idle struct {
	keeping
	most  int // kept; 0: no limit
	conns []*conn
}

func (p *idle) take(now time.Duration) *conn {
	last := len(p.conns) - 1
	if last < 0 {
		return nil
	}
	c := p.conns[last]
	if p.tired(c, now) { // then so are all that are idle for longer
		p.conns = p.conns[:0]
		return nil
	}
	p.conns = p.conns[:last]
	return c
}

func (p *idle) add(*conn) {} // it is in use

// give keeps the connection, in place of the longest idle one if there are too many. An answer that is
// not read to its end ends its connection: nothing else can come on it.
func (p *idle) give(c *conn, now time.Duration, whole bool) {
	c.since = now
	if !whole || p.requests > 0 && c.used >= p.requests {
		return
	}
	if len(p.conns) > 0 && (p.most > 0 && len(p.conns) == p.most || p.tired(p.conns[0], now)) {
		p.conns = p.conns[1:]
	}
	p.conns = append(p.conns, c)
}

// shared is the one connection of HTTP/2. Where it may carry no more attempts another takes its place
// and those on it run on. How many streams a server allows at once is not modelled.
type shared struct {
	keeping
	now *conn
}

func (p *shared) take(now time.Duration) *conn {
	if p.now != nil && p.tired(p.now, now) {
		p.now = nil
	}
	return p.now
}

func (p *shared) add(c *conn) { p.now = c }

// give ends a stream; the connection outlives a caller that goes.
func (p *shared) give(c *conn, now time.Duration, _ bool) { c.since = now }

// A lookup is the price of a name and what the callers of a side remember of it.
type lookup struct {
	price, ttl time.Duration
	known      time.Duration // when the last one ends: then it is known for ttl
	asked      bool
}

// wait returns how long a connection that is opened now waits for its address. With a cache, one that
// finds a lookup under way waits for its end.
func (l *lookup) wait(now time.Duration) time.Duration {
	if l.ttl == 0 {
		return l.price
	}
	if !l.asked || now-l.known >= l.ttl {
		l.asked, l.known = true, now+l.price
	}
	return max(l.known-now, 0)
}

// connect gives an attempt its connection, and says how long it waits for it. The connection is nil
// where the attempt has one for itself alone, or connections are not modelled.
func (p *path) connect(s *side, fresh bool) (c *conn, wait time.Duration) {
	now := p.env.Now()
	if fresh {
		p.handshakes++
		return nil, s.names.wait(now) + p.shake
	}
	if s.conns == nil {
		return nil, 0
	}
	if c = s.conns.take(now); c == nil {
		p.handshakes++
		c = &conn{ready: now + s.names.wait(now) + p.shake}
		s.conns.add(c)
	}
	c.used++
	c.inflight++
	return c, max(c.ready-now, 0)
}

// disconnect ends an attempt on its connection.
func (p *path) disconnect(s *side, c *conn, whole bool) {
	if c == nil {
		return
	}
	c.inflight--
	s.conns.give(c, p.env.Now(), whole)
}
