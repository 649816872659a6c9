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
// An answer is fresh until stored + ttl·(1 - U(0, jitter)), and then stale for as long as Stale says:
// it is given at once, as degraded, while one refresh runs in the background. After that it is a miss.
//
// Removing work is the one thing that beats the bound of capacity; how much it removes is the
// scenario's keys to say, never a default. Of two caches in a stack the outer one counts how old an
// answer is from when the inner one gave it: their ttls add up.
//
// Fails by: entries stored together expire together, and their callers with them (Jitter); one slow
// flight delays all who joined it; where every refresh fails, stale answers go out until they are too
// old even for that; a service that leans on a cache of 90 % meets ten times its load when the cache is
// lost.
type Cache struct {
	Entries int           `yaml:"entries"` // answers kept, at least 1
	TTL     time.Duration `yaml:"ttl"`     // how long an answer is fresh; zero keeps none, so that calls only share flights
	Jitter  sim.Share     `yaml:"jitter"`  // each ttl is shortened by up to this share, 0 to 100 %
	// Stale is how long an answer that is no longer fresh is given all the same, as degraded, while it is
	// refreshed. Zero gives none (stale-while-revalidate of RFC 5861).
	Stale time.Duration `yaml:"stale"`
	// Coalesce lets calls that ask the same share one flight.
	Coalesce bool `yaml:"coalesce"`
	// Fallback is what a failed call gets instead of its failure. It is degraded, never ok.
	Fallback Fallback `yaml:"fallback"`
	// Warm is how many of the most asked keys have an answer before the start, at most Entries. Whoever
	// runs the strategy knows those keys, and hands them to Fill.
	Warm int `yaml:"warm"`
	// Private keeps the answers of each user apart: for answers that are not everybody's.
	Private bool `yaml:"private"`
	// Dir is a directory that keeps the answers too, at most Entries of them, so that they outlive the
	// program; "" is none. It belongs to one target: a key means the same only there. In virtual time,
	// where a run must not depend on the one before, it is ignored.
	Dir string `yaml:"dir,omitempty"`

	env     sim.Env
	next    sim.Handler
	answers *simplelru.LRU[question, answer]
	flights map[question]*flight
	files   *files // nil without Dir, and in virtual time
	draws   *sim.Stream
	counts  cacheCounts
}

// cacheCounts are the decisions: calls answered fresh, stale, by another's flight and by a fallback,
// calls that found no answer to be given at once, and refreshes by how they ended.
type cacheCounts struct{ fresh, stale, joined, fallback, miss, refreshed, refreshFailed int64 }

// A question is what answers are kept by. Users are told apart by their own number and not by a hash of
// both: a collision would hand out somebody else's answer.
type question struct {
	key  uint64
	user uint64 // 0 unless the cache is private
}

// An answer is what the cache holds of a question.
type answer struct {
	reply  sim.Reply
	stored time.Duration
	until  time.Duration // fresh before this
}

var (
	_ Strategy = (*Cache)(nil)
	_ Counting = (*Cache)(nil)
	_ Gauged   = (*Cache)(nil)
	_ Warming  = (*Cache)(nil)
	_ Warning  = (*Cache)(nil)
)

// NewCache returns the defaults: 1000 answers for everybody, fresh for a minute and never stale, flights
// shared, no fallback, empty at the start.
func NewCache() *Cache { return &Cache{Entries: 1000, TTL: time.Minute, Coalesce: true} }

// Validate names what is out of range, and what needs answers to be kept where none are.
func (c *Cache) Validate() error {
	var f sim.Faults
	between(&f, "entries", c.Entries, 1, maxPlaces)
	notNegative(&f, "ttl", c.TTL)
	if !(c.Jitter >= 0 && c.Jitter <= 1) {
		f.Add("jitter", strconv.FormatFloat(100*float64(c.Jitter), 'g', -1, 64)+"%", "0% to 100%")
	}
	notNegative(&f, "stale", c.Stale)
	notNegative(&f, "fallback", c.Fallback.Age)
	between(&f, "warm", c.Warm, 0, max(c.Entries, 1))
	if c.Private && c.Warm > 0 {
		f.Add("warm", strconv.Itoa(c.Warm), "0 where the cache is private: the most asked keys are everybody's, their answers are not")
	}
	if c.TTL == 0 {
		const kept = " where ttl is 0s, which keeps no answers"
		if c.Stale > 0 {
			f.Add("stale", c.Stale.String(), "0s"+kept)
		}
		if c.Warm > 0 {
			f.Add("warm", strconv.Itoa(c.Warm), "0"+kept)
		}
		if c.Dir != "" {
			f.Add("dir", strconv.Quote(c.Dir), "none"+kept)
		}
	}
	return f.Err()
}

// Wrap makes the Handler. A call that joins another's flight makes no attempt; those of a flight
// belong to the call that leads it, also when that one's caller has left and others wait on.
func (c *Cache) Wrap(env sim.Env, next sim.Handler) sim.Handler {
	var err error
	if c.answers, err = simplelru.NewLRU[question, answer](c.Entries, nil); err != nil {
		panic("strategies: cache: " + err.Error()) // Validate refuses such a size
	}
	c.env, c.next, c.draws = env, next, env.Rand("cache")
	c.flights, c.counts = make(map[question]*flight), cacheCounts{}
	c.files = openFiles(env, c.Dir, c.Entries)
	return func(r sim.Request) sim.Reply { return c.answer(&r) }
}

// answer carries a call. It is written so that a hit allocates nothing: what a process of its own needs
// of r is copied where that process is made.
func (c *Cache) answer(r *sim.Request) sim.Reply {
	asked := c.question(r)
	kept, ok := c.answers.Get(asked)
	if !ok && c.files != nil {
		kept, ok = c.findFile(asked, r.Payload)
	}
	if ok {
		switch now := c.env.Now(); {
		case now < kept.until:
			c.counts.fresh++
			kept.reply.First = now
			return kept.reply
		case now < later(kept.until, c.Stale) && !r.Once: // one that must not be asked twice waits for its own answer
			c.counts.stale++
			if _, under := c.flights[asked]; !under {
				c.refresh(asked, *r)
			}
			return kept.degraded("stale", now)
		}
	}
	c.counts.miss++
	var reply sim.Reply
	if c.Coalesce {
		reply = c.share(asked, *r)
	} else {
		reply = c.fetch(*r)
	}
	if reply.Outcome == sim.OK || reply.Outcome == sim.Degraded {
		return reply
	}
	return c.fallback(asked, reply)
}

// question returns what a request is kept by.
func (c *Cache) question(r *sim.Request) question {
	if c.Private {
		return question{r.Key, r.User}
	}
	return question{key: r.Key}
}

// findFile returns what the directory holds of a question, fresh or not, and keeps it in memory while it is
// of use.
func (c *Cache) findFile(asked question, payload any) (answer, bool) {
	kept, ok := c.files.find(asked, payload)
	if newer, found := c.answers.Get(asked); found { // stored while the file was being read
		return newer, true
	}
	if ok && c.env.Now() < later(later(kept.until, c.Stale), c.Fallback.Age) {
		c.answers.Add(asked, kept)
	}
	return kept, ok
}

// fetch asks the service, and keeps a good answer.
func (c *Cache) fetch(r sim.Request) sim.Reply {
	r.Via.Fresh = false
	reply := c.next(r)
	if reply.Outcome == sim.OK && c.TTL > 0 {
		asked := c.question(&r)
		kept := c.keep(asked, reply, r.Call)
		if c.files != nil {
			c.files.write(asked, kept, r.Payload)
		}
	}
	return reply
}

// keep puts an answer into the cache; draw is the call that it shortens the ttl by. What an attempt says
// of its own time and work is not true of those who ask later.
func (c *Cache) keep(asked question, reply sim.Reply, draw int) answer {
	ttl := c.TTL
	if c.Jitter > 0 {
		ttl -= time.Duration(float64(c.Jitter) * c.draws.For(draw, 0).Float64() * float64(ttl))
	}
	reply.Began, reply.Work, reply.RetryAfter, reply.Retry = 0, 0, 0, sim.Unsaid
	now := c.env.Now()
	kept := answer{reply: reply, stored: now, until: later(now, ttl)}
	c.answers.Add(asked, kept)
	return kept
}

// degraded returns the answer as one that is not what the service would say now.
func (a answer) degraded(reason string, now time.Duration) sim.Reply {
	a.reply.Outcome, a.reply.Reason, a.reply.First = sim.Degraded, reason, now
	return a.reply
}

// later returns the moment d after t, sim.Forever where that lies beyond the end of the clock.
func later(t, d time.Duration) time.Duration {
	if t > 0 && d > sim.Forever-t {
		return sim.Forever
	}
	return t + d
}
