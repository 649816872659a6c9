package backend

import (
	"math"
	"net/http"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// A sharer is one replica of the queue model under processor sharing: c servers carry n calls, each at
// the rate min(1, c/n), so nobody waits and all are slower. That is the limit of round robin with
// slices of no length (Kleinrock 1967), and what the threads of one machine come close to.
//
// All calls are served at one rate, so one number says how far all of them are: V, the work attained
// by a call that was always there,
//
//	dV/dt = min(1, c/n) / pace
//
// and a call of size S that came at V(a) ends when V = V(a) + S. The next to end is the head of a heap
// on that key, so there is one event for each arrival and each end, and none for slices.
type sharer struct {
	serviceTimes
	env     sim.Env
	servers int
	limit   int // calls beyond the servers; negative: no limit
	cancel  Cancel

	pace     float64 // 1 is normal, +Inf stopped
	sharing  ranked[float64]
	calls    int // of them, those that are no refusals
	arrivals int64
	attained float64 // V, nanoseconds
	served   float64 // the same in time of servers: what a slow pace takes counts
	at       time.Duration
	worked   float64 // nanoseconds of all servers
	timer    sim.Timer
	tick     func()
	unused   []*job
}

func newSharer(env sim.Env, q *Queue, times serviceTimes, limit int) *sharer {
	s := &sharer{serviceTimes: times, env: env, servers: q.Servers, limit: limit, cancel: q.Cancel, pace: 1}
	s.tick = s.due
	return s
}

func (s *sharer) replica() Replica {
	waiting := func() int { return max(s.calls-s.servers, 0) }
	running := func() int { return min(s.calls, s.servers) }
	return Replica{
		Handle: s.handle, Waiting: waiting, Running: running,
		Free:    func() int { return max(s.servers-len(s.sharing), 0) },
		Prompts: func() int { return 0 }, // every call is being served
		Busy: func() time.Duration {
			s.advance(s.env.Now())
			return time.Duration(s.worked) / time.Duration(s.servers)
		},
		Gauges: queueGauges(waiting, running),
		Pace:   s.setPace, Kill: s.kill,
	}
}

// handle carries one call.
func (s *sharer) handle(r sim.Request) sim.Reply {
	if r.Gone.Fired() {
		return abandoned
	}
	now := s.env.Now()
	s.advance(now)
	if s.limit >= 0 && s.calls >= s.servers+s.limit {
		if s.phi > 0 {
			j := s.fresh()
			j.cost, j.size, j.gone, j.refusal = r.Cost, s.refusal(&r), true, true
			s.join(j)
		}
		return refuse(http.StatusServiceUnavailable, ReasonQueueFull)
	}
	j := s.fresh()
	j.cost, j.began = r.Cost, now
	j.size = s.own(&r) + s.dependency.from(now, s.wait(&r))
	s.calls++
	s.join(j)
	if !s.env.Await(sim.Forever, &j.done, r.Gone) {
		s.abandon(j)
		return abandoned
	}
	killed, work, began := j.killed, j.used, j.began
	s.recycle(j)
	if killed {
		return broken(ReasonReset)
	}
	reply := answer(0, r.Output, work)
	reply.Began = began
	return reply
}

// rate returns at which rate each call is served now, at normal pace.
func (s *sharer) rate() float64 {
	if n := len(s.sharing); n > s.servers {
		return float64(s.servers) / float64(n)
	}
	return 1
}

// next returns when the next call ends if nothing comes between; Forever if none does. It is rounded
// up to whole nanoseconds, so that the work is done by then.
func (s *sharer) next() time.Duration {
	if len(s.sharing) == 0 || math.IsInf(s.pace, 1) {
		return sim.Forever
	}
	left := math.Ceil((s.sharing[0].key - s.attained) / s.rate() * s.pace)
	return s.at + time.Duration(min(max(left, 0), 1<<61))
}

// advance moves to the given time, and ends the calls whose work is done by then, each at its own
// moment.
func (s *sharer) advance(now time.Duration) {
	for end := s.next(); end <= now; end = s.next() {
		s.move(end)
		s.attained = s.sharing[0].key // exactly: the moment was rounded up
		s.finish(s.sharing[0].job)
	}
	s.move(now)
}

// move moves to a time up to which nobody comes or ends.
func (s *sharer) move(to time.Duration) {
	if to <= s.at {
		return
	}
	if n := len(s.sharing); n > 0 && !math.IsInf(s.pace, 1) {
		took := float64(to - s.at)
		s.attained += took * s.rate() / s.pace
		s.served += took * s.rate()
		s.worked += took * float64(min(n, s.servers))
	}
	s.at = to
}

// due is the event of the next end.
func (s *sharer) due() {
	s.advance(s.env.Now())
	s.schedule()
}

func (s *sharer) schedule() {
	s.timer.Stop()
	if end := s.next(); end != sim.Forever {
		s.timer = s.env.At(end, s.tick)
	}
}

func (s *sharer) join(j *job) {
	if len(s.sharing) == 0 {
		s.attained, s.served = 0, 0 // small numbers are exact
	}
	s.arrivals++
	j.start = [2]float64{s.attained, s.served}
	j.serving = true
	s.sharing.push(rank[float64]{key: s.attained + float64(j.size), order: s.arrivals, job: j})
	s.schedule()
}

// finish ends a call whose work is done.
func (s *sharer) finish(j *job) {
	s.leave(j, j.gone)
	if j.gone {
		s.recycle(j)
		return
	}
	j.done.Fire()
}

// leave takes a job out and books what it used of the servers.
func (s *sharer) leave(j *job, wasted bool) {
	s.sharing.remove(j.index)
	if !j.refusal {
		s.calls--
	}
	j.serving = false
	j.used = time.Duration(math.Round(s.served - j.start[1]))
	j.cost.Book(j.used, wasted)
}

// abandon is what a caller's process calls when its caller has gone. It must not touch j afterwards.
func (s *sharer) abandon(j *job) {
	if !s.cancel.stopsRunning() { // nobody waits, so queued is as zombie
		j.gone = true
		return
	}
	j.gone = true // its work may turn out to be done in this very instant
	s.advance(s.env.Now())
	if j.serving {
		s.leave(j, true)
		s.recycle(j)
	}
	s.schedule()
}

// setPace makes all work take factor times as long from now on.
func (s *sharer) setPace(factor float64) {
	s.advance(s.env.Now())
	s.pace = factor
	s.schedule()
}

// kill ends all work at once.
func (s *sharer) kill() {
	s.advance(s.env.Now())
	s.timer.Stop()
	for len(s.sharing) > 0 {
		j := s.sharing[0].job
		s.leave(j, true)
		j.killed = true
		if !j.gone {
			j.done.Fire()
		}
	}
}

// fresh returns a job to use.
func (s *sharer) fresh() *job {
	last := len(s.unused) - 1
	if last < 0 {
		return new(job)
	}
	j := s.unused[last]
	s.unused = s.unused[:last]
	j.done = sim.Signal{}
	j.gone, j.refusal = false, false
	return j
}

// recycle takes back a job that neither a caller nor the servers need any more.
func (s *sharer) recycle(j *job) {
	j.cost = nil
	s.unused = append(s.unused, j)
}
