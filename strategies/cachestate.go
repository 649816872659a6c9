package strategies

import (
	"math"

	"github.com/headroom-dev/headroom/sim"
)

// Counts tells what calls found: a fresh answer, a stale one, or none; of those who found none, how many
// got the answer of another's flight or a fallback; and how refreshes ended. So hit_fresh + hit_stale +
// miss are the calls, and miss - hit_joined those that asked for themselves, unless they failed. With a
// directory it tells also how many answers were found there, and how often its files failed.
func (c *Cache) Counts(add func(name string, n int64)) {
	add("hit_fresh", c.counts.fresh)
	add("hit_stale", c.counts.stale)
	add("hit_joined", c.counts.joined)
	add("hit_fallback", c.counts.fallback)
	add("miss", c.counts.miss)
	add("refreshed", c.counts.refreshed)
	add("refresh_failed", c.counts.refreshFailed)
	if c.Dir != "" {
		read, failed := c.files.counts()
		add("dir_read", read)
		add("dir_failed", failed)
	}
}

// Gauges shows how many answers are kept, fresh or not, and which share of the calls since the last look
// was answered from the cache at once; no number where there was none.
func (c *Cache) Gauges() []sim.Gauge {
	var hits, calls int64 // at the last look
	return []sim.Gauge{
		{Name: "cache entries", Read: func() float64 { return float64(c.answers.Len()) }},
		{Name: "cache hit rate", Read: func() float64 {
			nowHits := c.counts.fresh + c.counts.stale
			nowCalls := nowHits + c.counts.miss
			more, of := nowHits-hits, nowCalls-calls
			hits, calls = nowHits, nowCalls
			if of == 0 {
				return math.NaN()
			}
			return float64(more) / float64(of)
		}},
	}
}

// Wanted is how many of the most asked keys Fill should bring.
func (c *Cache) Wanted() int { return c.Warm }

// Fill keeps an answer to each of these keys, the most asked first, as if it had just been fetched. All
// of them therefore expire together unless Jitter spreads them, as those of a real warm-up do.
func (c *Cache) Fill(keys []uint64, reply sim.Reply) {
	keys = keys[:min(len(keys), c.Warm)]
	for i := len(keys) - 1; i >= 0; i-- { // the most asked last: who is asked most leaves last
		c.keep(question{key: keys[i]}, reply, -1-i)
	}
}

// Warnings says what a run makes of settings that it cannot honour.
func (c *Cache) Warnings(live bool) []string {
	var all []string
	if c.Dir != "" && !live {
		all = append(all, "cache: dir is ignored in virtual time: a run must not depend on the one before")
	}
	if c.Warm > 0 && live {
		all = append(all, "cache: warm is ignored against a real target, whose answers to the most asked keys nobody knows; run twice with dir, and the second run starts warm")
	}
	return all
}
