package backend

import (
	"net/http"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// A counter is one replica of the queue model: servers as behind the counter of a bank.
type counter struct {
	serviceTimes
	env     sim.Env
	servers int
	limit   int // negative: none
	cancel  Cancel

	pace     float64 // 1 is normal, +Inf stopped
	busy     int     // servers at work
	refusing int     // of them, those at work on a refusal
	waiting  waitingRoom
	refusals line[job]       // refusals that wait for a server to be worked off
	serving  sim.Chain[*job] // at the servers
	worked   time.Duration   // by services that are over
	unused   []*job
}

// A job is one call at the counter. It is used again when neither its caller nor a server needs it;
// its method value is made once, so that a call allocates nothing in the long run.
type job struct {
	done    sim.Signal
	counter *counter
	finish  func()
	cost    *sim.Cost
	prompt  int           // tokens
	size    time.Duration // service time at normal pace
	waits   time.Duration // for the dependency, in its normal state
	began   time.Duration
	progress
	timer   sim.Timer
	serving bool
	gone    bool           // nobody waits for it: its caller went and left it here, or it is a refusal
	refusal bool           // it is the work of saying no
	killed  bool           // the replica died
	place   sim.Link[*job] // in the queue, then among those served
	index   int            // in the heap of those who wait (priority) or share (ps)
	start   [2]float64     // ps: attained work and time of servers when it came
}

func newCounter(env sim.Env, q *Queue, times serviceTimes, limit int) *counter {
	c := &counter{serviceTimes: times, env: env, servers: q.Servers, limit: limit, cancel: q.Cancel, pace: 1}
	c.waiting.discipline = q.Discipline
	if q.Age != nil {
		c.waiting.age = *q.Age
	}
	return c
}

func (c *counter) replica() Replica {
	waiting := c.waiting.length
	running := func() int { return c.busy - c.refusing }
	return Replica{
		Handle: c.handle, Waiting: waiting, Running: running,
		Free:    func() int { return c.servers - c.busy },
		Prompts: func() int { return c.waiting.prompts },
		Busy:    c.busyTime, Gauges: queueGauges(waiting, running),
		Pace: c.setPace, Kill: c.kill,
	}
}

// handle carries one call.
func (c *counter) handle(r sim.Request) sim.Reply {
	if r.Gone.Fired() {
		return abandoned
	}
	full := c.busy == c.servers
	if full && c.limit >= 0 && c.waiting.length() >= c.limit {
		c.refuse(&r)
		return refuse(http.StatusServiceUnavailable, ReasonQueueFull)
	}
	j := c.fresh()
	j.cost, j.prompt, j.size, j.waits = r.Cost, r.Prompt, c.own(&r), c.wait(&r)
	if full {
		c.waiting.join(j, r.Priority, c.env.Now())
	} else {
		c.busy++
		c.serve(j, c.env.Now())
	}
	if !c.env.Await(sim.Forever, &j.done, r.Gone) {
		c.abandon(j)
		return abandoned
	}
	killed, work, began := j.killed, j.used, j.began
	c.recycle(j)
	if killed {
		return broken(ReasonReset)
	}
	reply := answer(0, r.Output, work)
	reply.Began = began
	return reply
}

// refuse lets the refusal of a call keep a server busy for its share of a service: before those who
// wait, as saying no goes before the queue. All servers are at work, or there would be no refusal.
func (c *counter) refuse(r *sim.Request) {
	if c.phi == 0 {
		return
	}
	j := c.fresh()
	j.cost, j.size, j.gone, j.refusal = r.Cost, c.refusal(r), true, true
	c.refusals.join(&j.place, j)
}

// serve begins a job's service at the given time, at a server that is counted as busy.
func (c *counter) serve(j *job, from time.Duration) {
	if c.dependency != nil && !j.refusal {
		j.size += c.dependency.from(from, j.waits)
	}
	j.serving, j.began, j.used = true, from, 0
	j.place.Of = j
	c.serving.Join(&j.place)
	j.run(from, j.size, c.pace)
	c.run(j)
}

// run makes the event of a job's end, unless the replica is stopped.
func (c *counter) run(j *job) {
	if j.ends != sim.Forever {
		j.timer = c.env.At(j.ends, j.finish)
	}
}

// finished ends a job's service: its server takes the next job, from the moment this one ended even
// if the event came late.
func (j *job) finished() {
	c := j.counter
	j.used += j.ends - j.since
	c.release(j, j.gone)
	c.next(j.ends)
	if j.gone {
		c.recycle(j)
		return
	}
	j.done.Fire()
}

// release takes a job from its server and books what it used.
func (c *counter) release(j *job, wasted bool) {
	j.serving = false
	j.place.Leave()
	c.worked += j.used
	j.cost.Book(j.used, wasted)
	if j.refusal {
		c.refusing--
	}
}

// next gives a server that is free from the given time on to a refusal that waits, else to the call
// whose turn it is, if there is any.
func (c *counter) next(from time.Duration) {
	if j := c.refusals.first(); j != nil {
		c.refusals.leave(&j.place)
		c.refusing++
		c.serve(j, from)
		return
	}
	j := c.waiting.next()
	if j == nil {
		c.busy--
		return
	}
	c.waiting.leave(j)
	c.serve(j, from)
}

// abandon is what a caller's process calls when its caller has gone. It must not touch j afterwards.
func (c *counter) abandon(j *job) {
	switch {
	case j.serving && c.cancel.stopsRunning():
		now := c.env.Now()
		j.timer.Stop()
		j.used += j.elapsed(now)
		c.release(j, true)
		c.next(now)
		c.recycle(j)
	case !j.serving && c.cancel.leavesQueue():
		c.waiting.leave(j)
		c.recycle(j)
	default:
		j.gone = true
	}
}

// busyTime returns the busy share of the servers, added up over time.
func (c *counter) busyTime() time.Duration {
	now, total := c.env.Now(), c.worked
	for place := c.serving.First(); place != nil; place = place.Next() {
		total += place.Of.used + place.Of.elapsed(now)
	}
	return total / time.Duration(c.servers)
}

// setPace makes all work take factor times as long from now on. What is done of a service is done.
func (c *counter) setPace(factor float64) {
	if factor == c.pace {
		return
	}
	now := c.env.Now()
	for place := c.serving.First(); place != nil; place = place.Next() {
		j := place.Of
		j.timer.Stop()
		j.repace(now, c.pace, factor)
		c.run(j)
	}
	c.pace = factor
}

// kill ends all work at once.
func (c *counter) kill() {
	now := c.env.Now()
	for place := c.serving.First(); place != nil; place = c.serving.First() {
		j := place.Of
		j.timer.Stop()
		j.used += j.elapsed(now)
		c.release(j, true)
		c.reset(j)
	}
	for j := c.waiting.next(); j != nil; j = c.waiting.next() {
		c.waiting.leave(j)
		c.reset(j)
	}
	for j := c.refusals.first(); j != nil; j = c.refusals.first() {
		c.refusals.leave(&j.place)
	}
	c.busy, c.refusing = 0, 0
}

// reset ends a job whose replica has died.
func (c *counter) reset(j *job) {
	j.killed = true
	if !j.gone {
		j.done.Fire()
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
	j.gone, j.refusal = false, false
	return j
}

// recycle takes back a job that neither a caller nor a server needs any more.
func (c *counter) recycle(j *job) {
	j.cost = nil
	c.unused = append(c.unused, j)
}
