package strategies

import (
	"strconv"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"github.com/headroom-dev/headroom/sim"
)

// Cache keeps answers for a while and gives them to whoever asks the same: the least recently asked
// leaves first. While an answer is being fetched, others who ask for it wait for that one attempt (a
// single flight) instead of making their own. Only ok answers are kept: a cached failure would outlive
// its cause.
//
// Removing work is the one thing that beats the bound of capacity; how much it removes is the
// scenario's keys to say, never a default.
//
// Fails by: entries stored together expire together, and their callers with them (Jitter); one slow
// flight delays all who joined it; a service that leans on a cache of 90 % meets ten times its load
// when the cache is lost.
type Cache struct {
	Entries int           `yaml:"entries"` // answers kept, at least 1
	TTL     time.Duration `yaml:"ttl"`     // how long an answer is fresh; zero keeps none, so that calls only share flights
	Jitter  sim.Share     `yaml:"jitter"`  // each ttl is shortened by up to this share, 0 to 100 %
	// Coalesce lets calls that ask the same share one flight.
	Coalesce bool `yaml:"coalesce"`
	// Fallback is what a failed call gets instead of its failure. It is degraded, never ok.
	Fallback Fallback `yaml:"fallback"`

	answers *simplelru.LRU[uint64, answer]
	flights map[uint64]*flight
	counts  cacheCounts
}

// cacheCounts are the decisions: calls answered fresh, by another's flight and by a fallback, and
// calls that found no fresh answer.
type cacheCounts struct{ fresh, joined, fallback, miss int64 }

// An answer is what the cache holds of a key.
type answer struct {
	reply  sim.Reply
	stored time.Duration
	until  time.Duration // fresh before this
}

var (
	_ Strategy = (*Cache)(nil)
	_ Counting = (*Cache)(nil)
	_ Gauged   = (*Cache)(nil)
)

// NewCache returns the defaults: 1000 answers, fresh for a minute, flights shared, no fallback.
func NewCache() *Cache { return &Cache{Entries: 1000, TTL: time.Minute, Coalesce: true} }

// Validate names what is out of range.
func (c *Cache) Validate() error {
	var f sim.Faults
	between(&f, "entries", c.Entries, 1, maxPlaces)
	notNegative(&f, "ttl", c.TTL)
	if !(c.Jitter >= 0 && c.Jitter <= 1) {
		f.Add("jitter", strconv.FormatFloat(100*float64(c.Jitter), 'g', -1, 64)+"%", "0% to 100%")
	}
	notNegative(&f, "fallback", c.Fallback.Age)
	return f.Err()
}

// Wrap makes the Handler. A call that joins another's flight makes no attempt; those of a flight
// belong to the call that leads it, also when that one's caller has left and others wait on.
func (c *Cache) Wrap(env sim.Env, next sim.Handler) sim.Handler {
	var err error
	if c.answers, err = simplelru.NewLRU[uint64, answer](c.Entries, nil); err != nil {
		panic("strategies: cache: " + err.Error()) // Validate refuses such a size
	}
	c.flights, c.counts = make(map[uint64]*flight), cacheCounts{}
	draws := env.Rand("cache")
	// fetch asks the service, and keeps a good answer.
	fetch := func(r sim.Request) sim.Reply {
		r.Via.Fresh = false
		reply := next(r)
		if reply.Outcome == sim.OK && c.TTL > 0 && !reply.Own {
			ttl := c.TTL
			if c.Jitter > 0 {
				ttl -= time.Duration(float64(c.Jitter) * draws.For(r.Call, 0).Float64() * float64(ttl))
			}
			now := env.Now()
			c.answers.Add(r.Key, answer{reply: reply, stored: now, until: now + ttl})
		}
		return reply
	}
	ask := fetch
	if c.Coalesce {
		ask = func(r sim.Request) sim.Reply { return c.share(env, fetch, r) }
	}
	return func(r sim.Request) sim.Reply {
		now := env.Now()
		if kept, ok := c.answers.Get(r.Key); ok && now < kept.until {
			c.counts.fresh++
			kept.reply.First = now
			return kept.reply
		}
		c.counts.miss++
		reply := ask(r)
		if reply.Outcome == sim.OK || reply.Outcome == sim.Degraded {
			return reply
		}
		return c.fallback(r.Key, env.Now(), reply)
	}
}

// Counts tells what calls found: a fresh answer, or none; and of those who found none, how many got
// the answer of another's flight or a fallback.
func (c *Cache) Counts(add func(name string, n int64)) {
	add("hit_fresh", c.counts.fresh)
	add("hit_joined", c.counts.joined)
	add("hit_fallback", c.counts.fallback)
	add("miss", c.counts.miss)
}

// Gauges shows how many answers are kept, fresh or not.
func (c *Cache) Gauges() []sim.Gauge {
	return []sim.Gauge{{Name: "cache entries", Read: func() float64 { return float64(c.answers.Len()) }}}
}
