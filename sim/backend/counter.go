package backend

import (
	"net/http"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// A counter is one replica of the queue model: servers as behind the counter of a bank.
type counter struct {
	env     sim.Env
	servers int
	limit   int // negative: none
	cancel  Cancel
	service sim.DurationDist
	mean    float64 // of service, in nanoseconds
	random  *sim.Stream

	busy    int
	waiting line[job]
	unused  []*job
}

// A job is one call at the counter. It is used again when neither its caller nor a server needs it;
// its method value is made once, so that a call allocates nothing in the long run.
type job struct {
	done    sim.Signal
	counter *counter
	finish  func()
	cost    *sim.Cost
	size    time.Duration // service time
	ends    time.Duration // of its service, while it is served
	timer   sim.Timer
	serving bool
	gone    bool           // its caller went and left it here
	place   sim.Link[*job] // in the queue
}

// handle carries one call.
func (c *counter) handle(r sim.Request) sim.Reply {
	if r.Gone.Fired() {
		return abandoned
	}
	full := c.busy == c.servers
	if full && c.limit >= 0 && c.waiting.length >= c.limit {
		return refuse(http.StatusServiceUnavailable, ReasonQueueFull)
	}
	j := c.fresh()
	j.cost, j.size = r.Cost, c.size(&r)
	if full {
		c.waiting.join(&j.place, j)
	} else {
		c.busy++
		c.serve(j, c.env.Now())
	}
	if !c.env.Await(sim.Forever, &j.done, r.Gone) {
		c.abandon(j)
		return abandoned
	}
	work := j.size
	c.recycle(j)
	return answer(0, r.Output, work)
}

// size returns the call's service time. It depends on the call alone, so that a retry costs what the
// first attempt cost and every strategy meets the same work.
func (c *counter) size(r *sim.Request) time.Duration {
	if r.Work > 0 {
		return time.Duration(min(c.mean*r.Work, 1<<62))
	}
	return c.service.Duration(c.random.For(r.Call, 0))
}

// serve begins a job's service at the given time, at a server that is counted as busy.
func (c *counter) serve(j *job, from time.Duration) {
	j.serving = true
	j.ends = from + j.size
	j.timer = c.env.At(j.ends, j.finish)
}

// finished ends a job's service: its server takes the next job, from the moment this one ended even
// if the event came late.
func (j *job) finished() {
	c := j.counter
	c.next(j.ends)
	j.serving = false
	j.cost.Book(j.size, j.gone)
	if j.gone {
		c.recycle(j)
		return
	}
	j.done.Fire()
}

// next gives a server that is free from the given time on to who waits longest, if anybody does.
func (c *counter) next(from time.Duration) {
	j := c.waiting.first()
	if j == nil {
		c.busy--
		return
	}
	c.waiting.leave(&j.place)
	c.serve(j, from)
}

// abandon is what a caller's process calls when its caller has gone. It must not touch j afterwards.
func (c *counter) abandon(j *job) {
	switch {
	case j.serving && c.cancel.stopsRunning():
		now := c.env.Now()
		j.timer.Stop()
		j.serving = false
		j.cost.Book(j.size-max(j.ends-now, 0), true)
		c.next(now)
		c.recycle(j)
	case !j.serving && c.cancel.leavesQueue():
		c.waiting.leave(&j.place)
		c.recycle(j)
	default:
		j.gone = true
	}
}

// fresh returns a job to use.
func (c *counter) fresh() *job {
	last := len(c.unused) - 1
	if last < 0 {
		j := &job{counter: c}
		j.finish = j.finished
		return j
	}
	j := c.unused[last]
	c.unused = c.unused[:last]
	j.done = sim.Signal{}
	j.gone = false
	return j
}

// recycle takes back a job that neither a caller nor a server needs any more.
func (c *counter) recycle(j *job) {
	j.cost = nil
	c.unused = append(c.unused, j)
}
