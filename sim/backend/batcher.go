package backend

import (
	"net/http"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// A batcher is one replica of the batch model.
type batcher struct {
	env       sim.Env
	most      int           // calls of a batch
	preferred []int         // sizes, ascending
	delay     time.Duration // the oldest waits for company
	time      func(calls, prompt, output int) time.Duration
	cancel    Cancel

	levels    []standing // the highest first
	base      int        // level of classes that have none
	timeouts  bool       // calls may be late
	instances []*instance
	idle      []*instance
	timer     sim.Timer // for the batch that waits for company
	wake      func()
	pace      float64       // 1 is normal, +Inf stopped
	waiting   int           // calls
	running   int           // calls
	prompts   int           // tokens of the calls that wait
	worked    time.Duration // by batches that are over
	unused    []*ticket
}

// standing is the calls of one level that wait: those on time in order of arrival, then those that
// are late and were put back.
type standing struct {
	QueuePolicy
	onTime, late line[ticket]
}

// An instance is one copy of the model, which carries a batch or is idle.
type instance struct {
	batcher *batcher
	finish  func()
	calls   []*ticket
	wanted  int // of them, those whose callers have not gone
	progress
	timer sim.Timer
}

// A ticket is one call inside. It is used again when its caller and the batcher have let go of it.
type ticket struct {
	done     sim.Signal
	cost     *sim.Cost
	prompt   int // tokens
	output   int // tokens
	level    int
	arrived  time.Duration
	limit    time.Duration // when it is late; Forever: never
	late     bool          // it was put back
	began    time.Duration
	work     time.Duration
	instance *instance // that carries it; nil: it waits
	refused  bool      // it was late
	killed   bool      // the replica died
	gone     bool      // its caller went and left it here
	place    sim.Link[*ticket]
}

func (b *batcher) replica() Replica {
	waiting, running := func() int { return b.waiting }, func() int { return b.running }
	return Replica{
		Handle: b.handle, Waiting: waiting, Running: running,
		Free:    func() int { return len(b.idle) * b.most },
		Prompts: func() int { return b.prompts },
		Busy:    b.busyTime, Gauges: queueGauges(waiting, running),
		Pace: b.setPace, Kill: b.kill,
	}
}

// handle carries one call.
func (b *batcher) handle(r sim.Request) sim.Reply {
	if r.Gone.Fired() {
		return abandoned
	}
	now := b.env.Now()
	at := 0
	if len(b.levels) > 1 {
		if at = int(r.Priority); at >= len(b.levels) {
			at = b.base
		}
	}
	l := &b.levels[at]
	if l.MaxQueueSize > 0 && l.length() >= l.MaxQueueSize {
		return refuse(http.StatusServiceUnavailable, ReasonQueueFull)
	}
	t := b.fresh()
	t.cost, t.prompt, t.output, t.level = r.Cost, r.Prompt, r.Output, at
	t.arrived, t.limit = now, l.limit(now, r.Remaining(now))
	b.join(t)
	if len(b.idle) > 0 {
		b.form(now)
	}
	if !b.env.Await(sim.Forever, &t.done, r.Gone) {
		b.abandon(t)
		return abandoned
	}
	reply := t.reply(b.env.Now())
	b.recycle(t)
	return reply
}

func (t *ticket) reply(now time.Duration) sim.Reply {
	switch {
	case t.killed:
		return broken(ReasonReset)
	case t.refused:
		return refuse(http.StatusServiceUnavailable, ReasonQueueTimeout)
	}
	reply := answer(now, t.output, t.work) // all tokens come at the end
	reply.Began = t.began
	return reply
}

func (b *batcher) join(t *ticket) {
	b.waiting++
	b.prompts += t.prompt
	b.levels[t.level].onTime.join(&t.place, t)
}

// leave takes a call out of its queue.
func (b *batcher) leave(t *ticket) {
	b.waiting--
	b.prompts -= t.prompt
	l := &b.levels[t.level]
	if t.late {
		l.late.leave(&t.place)
	} else {
		l.onTime.leave(&t.place)
	}
	if b.waiting == 0 {
		b.timer.Stop()
	}
}

// send begins a batch of that many calls at the given time: the highest level first, on a level those
// on time before those that are late.
func (b *batcher) send(from time.Duration, size int) {
	last := len(b.idle) - 1
	i := b.idle[last]
	b.idle = b.idle[:last]
	prompt, output := 0, 0
	for at := range b.levels {
		l := &b.levels[at]
		for len(i.calls) < size {
			t := l.next()
			if t == nil {
				break
			}
			b.leave(t)
			t.instance, t.began = i, max(from, t.arrived) // a late timer may look back
			if t.gone {
				i.wanted--
			}
			prompt, output = max(prompt, t.prompt), max(output, t.output)
			i.calls = append(i.calls, t)
		}
	}
	b.running += size
	i.wanted += size
	i.used = 0
	i.run(from, b.time(size, prompt, output), b.pace)
	i.schedule()
}

// schedule makes the event of the batch's end, unless the replica is stopped.
func (i *instance) schedule() {
	if i.ends != sim.Forever {
		i.timer = i.batcher.env.At(i.ends, i.finish)
	}
}

// finished ends a batch, and begins the next from that moment on even if the event came late.
func (i *instance) finished() {
	i.used += i.ends - i.since
	i.release(func(t *ticket) { t.done.Fire() })
	i.batcher.form(i.ends)
}

// release empties the instance: what the batch used is shared by its calls, and each whose caller is
// there is told.
func (i *instance) release(tell func(*ticket)) {
	b, size := i.batcher, time.Duration(len(i.calls))
	b.worked += i.used
	b.running -= len(i.calls)
	b.idle = append(b.idle, i)
	for n, t := range i.calls {
		k := time.Duration(n)
		t.work = i.used/size*(k+1) - i.used/size*k
		if k < i.used%size {
			t.work++ // so that the shares add up
		}
		t.cost.Book(t.work, t.gone || t.killed)
		t.instance = nil
		if t.gone {
			b.recycle(t)
		} else {
			tell(t)
		}
	}
	clear(i.calls)
	i.calls, i.wanted = i.calls[:0], 0
}

// abandon is what a caller's process calls when its caller has gone. It must not touch t afterwards.
func (b *batcher) abandon(t *ticket) {
	i := t.instance
	switch {
	case i == nil && b.cancel.leavesQueue():
		b.leave(t)
		b.recycle(t)
		return
	case i == nil:
		t.gone = true
		return
	}
	t.gone = true
	i.wanted--
	if i.wanted > 0 || !b.cancel.stopsRunning() {
		return
	}
	now := b.env.Now()
	i.timer.Stop()
	i.used += i.elapsed(now)
	i.release(nil) // nobody is there
	b.form(now)
}

// busyTime returns the busy share of the instances, added up over time.
func (b *batcher) busyTime() time.Duration {
	now, total := b.env.Now(), b.worked
	for _, i := range b.instances {
		if len(i.calls) > 0 {
			total += i.used + i.elapsed(now)
		}
	}
	return total / time.Duration(len(b.instances))
}

// setPace makes all batches take factor times as long from now on.
func (b *batcher) setPace(factor float64) {
	now := b.env.Now()
	for _, i := range b.instances {
		if len(i.calls) > 0 {
			i.timer.Stop()
			i.repace(now, b.pace, factor)
			i.schedule()
		}
	}
	b.pace = factor
}

// kill ends all work at once.
func (b *batcher) kill() {
	now := b.env.Now()
	b.timer.Stop()
	for _, i := range b.instances {
		if len(i.calls) == 0 {
			continue
		}
		i.timer.Stop()
		i.used += i.elapsed(now)
		for _, t := range i.calls {
			t.killed = true
		}
		i.release(func(t *ticket) { t.done.Fire() })
	}
	for at := range b.levels {
		l := &b.levels[at]
		for t := l.next(); t != nil; t = l.next() {
			b.leave(t)
			t.killed = true
			if !t.gone {
				t.done.Fire()
			}
		}
	}
}

// fresh returns a ticket to use.
func (b *batcher) fresh() *ticket {
	last := len(b.unused) - 1
	if last < 0 {
		return new(ticket)
	}
	t := b.unused[last]
	b.unused = b.unused[:last]
	*t = ticket{}
	return t
}

// recycle takes back a ticket that neither a caller nor the batcher needs any more.
func (b *batcher) recycle(t *ticket) {
	t.cost = nil
	b.unused = append(b.unused, t)
}
