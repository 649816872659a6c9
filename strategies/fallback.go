package strategies

import (
	"strconv"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// A Fallback is what the cache answers when a call has failed: nothing ("off", the zero value), the
// last good answer if it is no older than Age, or a canned one ("canned"), the same for all.
type Fallback struct {
	Age    time.Duration // above zero; zero is off, unless Canned
	Canned bool
}

// UnmarshalText reads "off", "canned" or an age.
func (f *Fallback) UnmarshalText(text []byte) error {
	switch string(text) {
	case "off":
		*f = Fallback{}
		return nil
	case "canned":
		*f = Fallback{Canned: true}
		return nil
	}
	age, err := time.ParseDuration(string(text))
	if err != nil || age <= 0 {
		return sim.Faults{{Found: strconv.Quote(string(text)), Allowed: "off, canned, or the oldest age of an answer, such as 10m"}}
	}
	*f = Fallback{Age: age}
	return nil
}

// MarshalText writes what UnmarshalText reads.
func (f Fallback) MarshalText() ([]byte, error) {
	switch {
	case f.Canned:
		return []byte("canned"), nil
	case f.Age == 0:
		return []byte("off"), nil
	}
	return durationText(f.Age), nil
}

// fallback returns the answer in place of a failed reply, or that reply if there is none. The age of
// a good answer counts from when it was stored, however often it was given out.
func (c *Cache) fallback(asked question, failed sim.Reply) sim.Reply {
	now := c.env.Now()
	if c.Fallback.Canned {
		c.counts.fallback++
		return sim.Reply{Outcome: sim.Degraded, Reason: "fallback", First: now}
	}
	if c.Fallback.Age == 0 {
		return failed
	}
	last, ok := c.answers.Peek(asked)
	if !ok || now-last.stored > c.Fallback.Age {
		return failed
	}
	c.counts.fallback++
	return last.degraded("fallback", now)
}
