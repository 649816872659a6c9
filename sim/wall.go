package sim

import (
	"sync"
	"time"
)

// A Wall is an Env in wall-clock time. Its processes are goroutines that hand one lock to each other:
// whoever holds it has the turn. So code written for a World is as free of locks here.
type Wall struct {
	lock    sync.Mutex
	start   time.Time
	current *wallProcess // who has the turn; nil in a call
	idle    []*wallProcess
	started int        // processes started by Go that have not ended
	ended   *sync.Cond // started has reached 0
	random  streams
}

var _ Env = (*Wall)(nil)

// NewWall returns a Wall whose clock begins now and whose every draw follows from seed.
func NewWall(seed uint64) *Wall {
	w := &Wall{start: time.Now(), random: streams{seed: seed}}
	w.ended = sync.NewCond(&w.lock)
	return w
}

// Begin sets the zero of Now, before the first Do or Go.
func (w *Wall) Begin(t time.Time) { w.start = t }

// Now returns the time since the run began.
func (w *Wall) Now() time.Duration { return time.Since(w.start) }

// Rand returns the stream of randomness of that name.
func (w *Wall) Rand(stream string) *Stream { return w.random.get(stream) }

// Go starts f as a process on a goroutine of its own.
func (w *Wall) Go(f func()) {
	w.started++
	go func() {
		defer func() {
			w.lock.Lock()
			if w.started--; w.started == 0 {
				w.ended.Broadcast()
			}
			w.lock.Unlock()
		}()
		w.Do(f)
	}()
}

// Do runs f as a process on the calling goroutine: the door for net/http, vegeta and contexts. Never
// call it from within a process of the same Wall: that one has the turn already.
func (w *Wall) Do(f func()) {
	w.lock.Lock()
	p := w.process()
	w.current = p
	defer func() {
		w.idle = append(w.idle, p)
		w.current = nil
		w.lock.Unlock()
	}()
	f()
}

// Block gives up the turn while f does real input or output. Only a process may call it.
func (w *Wall) Block(f func()) {
	p := w.must("Block")
	w.current = nil
	w.lock.Unlock()
	defer func() {
		w.lock.Lock()
		w.current = p
	}()
	f()
}

// Wait returns when every process started by Go has ended.
func (w *Wall) Wait() {
	w.lock.Lock()
	defer w.lock.Unlock()
	for w.started > 0 {
		w.ended.Wait()
	}
}

// At calls f, which must not block, at time t, or soon if t has passed; at Forever it never does.
func (w *Wall) At(t time.Duration, f func()) Timer {
	c := &wallCall{}
	wait := max(0, t-w.Now())
	if t == Forever {
		wait = Forever // before the zero of Now the difference would overflow
	}
	c.timer = time.AfterFunc(wait, func() {
		w.lock.Lock()
		defer w.lock.Unlock()
		if !c.over {
			c.over = true
			f()
		}
	})
	return Timer{what: c}
}

// Await blocks the calling process until a or b fires or d has passed, and reports whether a has
// fired. It panics outside a process.
func (w *Wall) Await(d time.Duration, a, b *Signal) bool {
	p := w.must("Await")
	if a.Fired() {
		return true
	}
	if d <= 0 || b.Fired() {
		return false
	}
	if a != nil {
		a.waiters.Join(&p.waits[0])
	}
	if b != nil {
		b.waiters.Join(&p.waits[1])
	}
	var limit <-chan time.Time
	if until(w.Now(), d) != Forever {
		if p.timer == nil {
			p.timer = time.NewTimer(d)
		} else {
			p.timer.Reset(d)
		}
		limit = p.timer.C
	}
	w.current = nil
	w.lock.Unlock()
	select {
	case <-p.woken:
	case <-limit:
	}
	w.lock.Lock()
	w.current = p
	p.endWait()
	return a.Fired()
}

func (w *Wall) must(what string) *wallProcess {
	if w.current == nil {
		panic("sim: " + what + " outside a process: an At callback must not block")
	}
	return w.current
}

func (w *Wall) process() *wallProcess {
	if last := len(w.idle) - 1; last >= 0 {
		p := w.idle[last]
		w.idle = w.idle[:last]
		return p
	}
	p := &wallProcess{woken: make(chan struct{}, 1)}
	p.waits[0].Of, p.waits[1].Of = p, p
	return p
}

// A wallProcess is what a process on a Wall waits with.
type wallProcess struct {
	woken chan struct{} // holds at most one wake
	timer *time.Timer
	waits [2]Link[sleeper]
}

func (p *wallProcess) wake() {
	p.waits[0].Leave()
	p.waits[1].Leave()
	select {
	case p.woken <- struct{}{}:
	default:
	}
}

// endWait leaves every list, and takes back a wake that came while the limit passed.
func (p *wallProcess) endWait() {
	p.waits[0].Leave()
	p.waits[1].Leave()
	if p.timer != nil {
		p.timer.Stop()
	}
	select {
	case <-p.woken:
	default:
	}
}

// A wallCall is a call to come.
type wallCall struct {
	timer *time.Timer
	over  bool
}

func (c *wallCall) stop(uint64) bool {
	if c.over {
		return false
	}
	c.over = true
	c.timer.Stop()
	return true
}
