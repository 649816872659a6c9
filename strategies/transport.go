package strategies

import (
	"context"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// TransportOptions are what a strategy cannot know of the program that it serves. The zero value works.
type TransportOptions struct {
	// Patience is how long a call waits for the last byte of its answer, its retries and queues
	// included. Zero leaves that to the request's context.
	Patience time.Duration
	// RepeatPOST lets a POST be asked twice, and lets equal ones share an answer. Calls of a language
	// model want it: asking again costs money and does no harm. Without it a POST goes out once, unless
	// it carries an Idempotency-Key.
	RepeatPOST bool
	// Classes are the words of the header X-Priority, the highest class first. Nil is high, medium, low.
	// A request without a known word is of the middle class.
	Classes []string
	// User tells who asks, for strategies that tell users apart. Nil takes the header X-User: a decimal
	// number as it is, another name by its hash.
	User func(*http.Request) uint64
	// Endpoints are the servers to spread calls over, by scheme and host; the path stays the request's.
	// Shard chooses among them; otherwise calls take turns. Nil sends each request where it says.
	Endpoints []*url.URL
	// Canned makes the answer of a call that failed and is to get a canned one (cache: {fallback:
	// canned}). Nil makes that a *CallError.
	Canned func(*http.Request) (*http.Response, error)
	// MaxRequest is the longest body of a request, in bytes, that is kept to be sent again where the
	// request has no GetBody. A longer one goes out once, past the strategy. Zero is 1 MiB.
	MaxRequest int64
	// MaxBody is the longest body of an answer, in bytes, that is read before the caller has it. A
	// longer one is handed over open, as a stream is. Zero is 4 MiB.
	MaxBody int64
	// Seed fixes what the strategy draws, for tests. Zero draws a seed: processes that drew the same
	// would wait the same, and meet again.
	Seed uint64
}

const (
	maxRequest = 1 << 20
	maxAnswer  = 4 << 20
)

// defaultClasses are those of the header X-Priority.
var defaultClasses = []string{"high", "medium", "low"}

// Transport returns a RoundTripper that carries every request by the strategy, over base: the strategy
// that was compared in a scenario is the one that ships. It may be used by many goroutines at once, and
// its state (permits, breakers, cached answers) is shared by all requests that go through it. A nil base
// is http.DefaultTransport with as many idle connections for one host as for all: its own two throw
// away the connections of a third call.
//
// The context of a request ends its call at once, wherever it stands. An answer is read to its last
// byte before the caller has it, so that a failure on the way is the strategy's to see; event streams
// and long answers are handed over open, are never asked for again, and keep what the strategy gave
// them, such as a permit, until they are closed or read to the end. GET, HEAD, PUT, DELETE, OPTIONS and
// whatever carries an Idempotency-Key may be asked twice; other requests go out once. Answers of GET and
// HEAD may be shared by those who ask the same.
//
// A call without an answer ends with base's error, with the context's, or with a *CallError. What is
// returned implements Counting and Gauged, and hands CloseIdleConnections on to base.
//
// s is a configuration: Transport uses a copy, so one value may serve several.
func Transport(s Strategy, base http.RoundTripper, o TransportOptions) http.RoundTripper {
	t := &transport{strategy: Fresh(s), base: base, options: o}
	if base == nil {
		t.base = plainTransport()
	}
	t.options.settle()
	t.wall = sim.NewWall(t.options.Seed)
	t.apart = sim.NewStream(t.options.Seed, "transport").For(0, 0).Uint64()
	if e, ok := t.strategy.(interface{ Endpoints(n int) }); ok {
		e.Endpoints(max(1, len(o.Endpoints)))
	}
	t.wall.Do(func() { t.handle = t.strategy.Wrap(t.wall, t.attempt) })
	return t
}

// settle fills in the defaults.
func (o *TransportOptions) settle() {
	if o.Classes == nil {
		o.Classes = defaultClasses
	}
	if o.User == nil {
		o.User = userOf
	}
	if o.MaxRequest <= 0 {
		o.MaxRequest = maxRequest
	}
	if o.MaxBody <= 0 {
		o.MaxBody = maxAnswer
	}
	if o.Seed == 0 {
		o.Seed = rand.Uint64()
	}
}

// plainTransport is net/http's own, with room for as many idle connections to one host as to all.
func plainTransport() http.RoundTripper {
	plain, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return http.DefaultTransport
	}
	plain = plain.Clone()
	plain.MaxIdleConnsPerHost = plain.MaxIdleConns
	return plain
}

// A transport is a strategy at work between callers and base. Its one Wall lives as long as it does.
type transport struct {
	strategy Strategy
	handle   sim.Handler
	base     http.RoundTripper
	options  TransportOptions
	wall     *sim.Wall
	apart    uint64       // what the keys of calls that share with nobody are made from
	past     atomic.Int64 // requests that went past the strategy
	running  sync.WaitGroup

	// Touched in the turn only.
	calls, attempts int
	ended           [sim.NumOutcomes]int64
}

var (
	_ http.RoundTripper = (*transport)(nil)
	_ Counting          = (*transport)(nil)
	_ Gauged            = (*transport)(nil)
)

// RoundTrip carries one request. It leaves the request as it was, but closes its body.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	if err := ctx.Err(); err != nil {
		closeBody(req)
		t.book(sim.Timeout)
		return nil, err
	}
	body, past, err := t.replayable(req)
	switch {
	case err != nil && ctx.Err() != nil:
		t.book(sim.Timeout)
		return nil, err
	case err != nil:
		t.book(sim.Error)
		return nil, err
	case past != nil:
		t.past.Add(1)
		return t.base.RoundTrip(past)
	}
	c := t.newRoundTrip(req, body)
	t.running.Go(c.run)
	end := <-c.end // run returns promptly when the context ends
	if end.panic != nil {
		panic(end.panic)
	}
	return end.response, end.err
}

// book counts a call that ended before the strategy saw it.
func (t *transport) book(outcome sim.Outcome) {
	t.wall.Do(func() {
		t.calls++
		t.ended[outcome]++
	})
}

// CloseIdleConnections closes those of base.
func (t *transport) CloseIdleConnections() {
	if base, ok := t.base.(interface{ CloseIdleConnections() }); ok {
		base.CloseIdleConnections()
	}
}

// Counts tells how many calls there were and how they ended, how many attempts were sent for them, how
// many requests went past the strategy, and then what the strategy decided.
func (t *transport) Counts(add func(name string, n int64)) {
	type count struct {
		name string
		n    int64
	}
	var all []count
	collect := func(name string, n int64) { all = append(all, count{name, n}) }
	t.wall.Do(func() {
		collect("calls", int64(t.calls))
		collect("attempts", int64(t.attempts))
		for outcome, n := range t.ended {
			if outcome := sim.Outcome(outcome); outcome != sim.Unsent {
				collect("calls_"+outcome.String(), n)
			}
		}
		collect("passed_by", t.past.Load())
		if c, ok := t.strategy.(Counting); ok {
			c.Counts(collect)
		}
	})
	for _, one := range all { // not in the turn, which add might need
		add(one.name, one.n)
	}
}

// Gauges returns the strategy's levels; each may be read at any time.
func (t *transport) Gauges() []sim.Gauge {
	g, ok := t.strategy.(Gauged)
	if !ok {
		return nil
	}
	var all []sim.Gauge
	t.wall.Do(func() { all = g.Gauges() })
	for i, read := range all {
		all[i].Read = func() (level float64) {
			t.wall.Do(func() { level = read.Read() })
			return level
		}
	}
	return all
}

// until returns the moment on the Wall's clock at which a context ends; 0 if it has no deadline.
func (t *transport) until(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return 0
	}
	return max(1, t.wall.Now()+time.Until(deadline))
}
