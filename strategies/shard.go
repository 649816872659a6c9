package strategies

import (
	"math"
	"strconv"

	"github.com/headroom-dev/headroom/sim"
)

// Shard sends all calls of one user, or for one key, to the same endpoint, whose cache then knows them:
// it names the endpoint in Via.Endpoint, past the balancer of the service and its checks. How many
// endpoints there are the harness says by Endpoints: the replicas that a simulated service starts with,
// or the targets.
//
// Fails by: a hot user cannot be spread. Under Zipf's law with exponent s the first of N has 1/H(N, s)
// of the calls, H being the sum of i^-s, and its endpoint has them all. A dead endpoint fails its users
// for as long as it is dead, unless Failover sends their retries elsewhere. With "modulo" one endpoint
// more moves nearly all users away from what is cached for them.
type Shard struct {
	By        string `yaml:"by"`        // what decides: "user", who asks, or "key", what is asked
	Algorithm string `yaml:"algorithm"` // "rendezvous", "modulo" or "jump"
	// Bound is how many times the mean of this client's calls in flight an endpoint may have before the
	// next best gets the call; 1 to 1000, 0 is no bound. Of rendezvous alone: the others have no next best.
	Bound float64 `yaml:"bound"`
	// Failover sends retries and hedge copies to the next best endpoint of rendezvous, to the next in
	// order of the others. Off, they go where the first attempt went.
	Failover bool `yaml:"failover"`

	endpoints int   // 0: nobody said, so one
	inFlight  []int // by endpoint
	total     int
	sent      []int64 // attempts, by endpoint
	counts    shardCounts
}

// shardCounts are the attempts that did not go where their user belongs, by why.
type shardCounts struct{ bound, failover int64 }

var (
	_ Strategy  = (*Shard)(nil)
	_ Sharded   = (*Shard)(nil)
	_ Counting  = (*Shard)(nil)
	_ Gauged    = (*Shard)(nil)
	_ Explained = (*Shard)(nil)
)

// NewShard returns the defaults: by user, rendezvous with a bound of 1.25, no failover.
func NewShard() *Shard { return &Shard{By: "user", Algorithm: "rendezvous", Bound: 1.25} }

// Validate names what is out of range.
func (s *Shard) Validate() error {
	var f sim.Faults
	oneOf(&f, "by", s.By, "user", "key")
	oneOf(&f, "algorithm", s.Algorithm, "rendezvous", "modulo", "jump")
	if s.Bound != 0 && !(s.Bound >= 1 && s.Bound <= 1000) {
		f.Add("bound", strconv.FormatFloat(s.Bound, 'g', -1, 64), "1 to 1000, or 0 for no bound")
	}
	return f.Err()
}

// Endpoints says how many endpoints there are, at least 1, before Wrap.
func (s *Shard) Endpoints(n int) { s.endpoints = n }

// Wrap makes the Handler. It never waits and never refuses.
func (s *Shard) Wrap(_ sim.Env, next sim.Handler) sim.Handler {
	n := max(s.endpoints, 1)
	s.inFlight, s.total, s.sent, s.counts = make([]int, n), 0, make([]int64, n), shardCounts{}
	return func(r sim.Request) sim.Reply {
		at := s.pick(&r)
		s.sent[at]++
		s.inFlight[at]++
		s.total++
		defer func() { s.inFlight[at]--; s.total-- }() // deferred as in Pooled
		r.Via.Endpoint = at + 1
		return next(r)
	}
}

// pick returns the endpoint of an attempt, from 0, and counts why it is not the one its user belongs to.
func (s *Shard) pick(r *sim.Request) int {
	name, elsewhere := r.User, s.Failover && (r.Cause == sim.Retry || r.Cause == sim.HedgeCopy)
	if s.By == "key" {
		name = r.Key
	}
	n := len(s.sent)
	if n == 1 {
		return 0
	}
	var home int
	switch s.Algorithm {
	case "modulo":
		home = modulo(hashOne(name), n)
	case "jump":
		home = jump(hashOne(name), n)
	default:
		return s.rendezvous(name, elsewhere)
	}
	if elsewhere {
		s.counts.failover++
		return (home + 1) % n
	}
	return home
}

// rendezvous is pick by that rule, among at least two endpoints.
func (s *Shard) rendezvous(name uint64, elsewhere bool) int {
	home, not := rendezvous(name, s.inFlight, math.MaxInt, -1), -1
	most := boundedLoad(s.Bound, s.total, len(s.inFlight))
	switch {
	case elsewhere:
		s.counts.failover++
		not = home
	case s.inFlight[home] < most:
		return home
	default:
		s.counts.bound++
	}
	if at := rendezvous(name, s.inFlight, most, not); at >= 0 {
		return at
	}
	return rendezvous(name, s.inFlight, math.MaxInt, not) // all others are full: better one of them than the one that failed
}

// hottest is the share of all attempts so far that went to the endpoint that had most.
func (s *Shard) hottest() float64 {
	most, all := int64(0), int64(0)
	for _, n := range s.sent {
		most, all = max(most, n), all+n
	}
	return float64(most) / float64(max(all, 1))
}

// Counts tells how many attempts went elsewhere than their user belongs, because of the bound or as a
// second choice.
func (s *Shard) Counts(add func(name string, n int64)) {
	add("shard_bound", s.counts.bound)
	add("shard_failover", s.counts.failover)
}

// Gauges shows how uneven it is: the share of the attempts that the busiest endpoint had, 1/n at best.
func (s *Shard) Gauges() []sim.Gauge {
	return []sim.Gauge{{Name: "hottest endpoint", Read: s.hottest}}
}
