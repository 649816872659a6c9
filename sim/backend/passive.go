package backend

import "time"

// A passive is what the calls themselves say of a replica.
type passive struct {
	fails []time.Duration // when it failed last, up to max_fails times; oldest is the next to go
	next  int
	out   bool
	until time.Duration // no call goes there before that
	trial bool          // a call was let through since it was out
}

// failed notes a failure at time now: with max of them inside the window the replica is out for as long.
func (p *passive) failed(now time.Duration, max int, window time.Duration) {
	if p.out {
		p.until = now + window
		return
	}
	if len(p.fails) < max {
		p.fails = append(p.fails, now)
	} else {
		p.fails[p.next] = now
		p.next = (p.next + 1) % max
	}
	if len(p.fails) == max && now-p.fails[p.next] <= window {
		p.out, p.trial, p.until = true, false, now+window
	}
}

// served notes a call that did not fail. Those that were inside when the replica went out say nothing
// of what it is now: only after a trial does a success bring it back.
func (p *passive) served() {
	if p.out && p.trial {
		*p = passive{fails: p.fails[:0]}
	}
}

// serves reports whether calls may go there.
func (p *passive) serves(now time.Duration) bool { return !p.out || now >= p.until }

// picked notes that a call goes there. To one that was out it is the trial: no other goes there until
// it has succeeded, or the window has passed again.
func (p *passive) picked(now, window time.Duration) {
	if p.out {
		p.trial, p.until = true, now+window
	}
}
