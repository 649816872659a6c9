package backend

import (
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// replica returns the engine as what stands in a pool.
func (e *engine) replica() Replica {
	return Replica{
		Handle: e.handle, Waiting: e.queued, Running: func() int { return e.running.length }, Free: e.free,
		Prompts: func() int { return int(e.totals.pending) }, Busy: e.worked,
		Gauges: []sim.Gauge{
			{Name: "waiting", Read: func() float64 { return float64(e.queued()) }},
			{Name: "running", Read: func() float64 { return float64(e.running.length) }},
			{Name: "kv", Read: e.filled},
		},
		Pace: e.setPace, Kill: e.kill, Counters: e.counters,
		Watch: func(see func(Step)) {
			e.watchers = append(e.watchers, see)
			e.shorten(e.boundaryAfter(e.env.Now()))
		},
	}
}

// worked returns how long the engine has been computing.
func (e *engine) worked() time.Duration {
	return time.Duration((e.totals.busy + e.elapsed()) / picoseconds)
}

// elapsed returns how long the stretch under way has been so, in picoseconds.
func (e *engine) elapsed() int64 {
	if !e.busy {
		return 0
	}
	now := e.env.Now()
	if e.stopped {
		now = e.since
	}
	return min(max(int64(now-e.clock)*picoseconds-e.part, 0), e.stretch.after(e.stretch.steps))
}

// steps returns how many steps of the stretch under way have ended.
func (e *engine) steps() int64 {
	if !e.busy || e.stopped {
		return 0
	}
	return e.passed(e.env.Now())
}

// filled returns the share of blocks that sequences hold.
func (e *engine) filled() float64 {
	held := e.blocks - e.pool.free()
	if n := e.steps(); n > 0 {
		held += e.needed(n + 1)
	}
	return float64(held) / float64(e.blocks)
}

func (e *engine) counters() Counters {
	n := e.steps()
	return Counters{
		Preemptions:  e.totals.preempted,
		Prompt:       e.totals.prompted,
		Generated:    e.totals.emitted + n*int64(e.stretch.decode),
		CacheQueries: e.totals.queried,
		CacheHits:    e.totals.hits,
		Steps:        e.totals.steps + n,
	}
}
