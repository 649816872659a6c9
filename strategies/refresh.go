package strategies

import (
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// longestRefresh ends a refresh that nobody else would end: the end of a run must not wait a day for a
// service that never answers.
const longestRefresh = 10 * time.Minute

// refresh fetches the answer to a question anew, in a process of its own that nobody waits for; none may
// be under way for it. Who asks after the stale answer has become too old joins it, as any flight; when it
// fails, the first of those leads the next.
//
// Its limit is what is left of the patience of the call that found the answer stale: as long as that call
// would have waited had there been no stale answer. Where callers wait for ever it is the whole life of
// an answer, ttl + stale, but no more than longestRefresh. The ttl alone would be wrong: a ttl shorter than the service time is a setting
// that makes sense (seldom fresh, long stale), and no refresh would ever come home.
func (c *Cache) refresh(asked question, r sim.Request) {
	f := &flight{asked: asked, refreshes: true}
	c.flights[asked] = f
	limit := r.Remaining(c.env.Now())
	if limit == sim.Forever {
		limit = min(later(c.TTL, c.Stale), longestRefresh)
	}
	r.Cause, r.Gone, r.Token = sim.Refresh, nil, nil
	c.env.Go(func() {
		reply := sim.Within(c.env, limit, c.fetch, r)
		if reply.Outcome == sim.OK {
			c.counts.refreshed++
		} else {
			c.counts.refreshFailed++
		}
		f.refreshes = false
		c.land(f, reply)
	})
}
