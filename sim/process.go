package sim

import (
	"iter"
	"runtime/debug"
)

// A process is a coroutine of a World. When its function ends it goes idle and is used again, since
// making a coroutine costs ten times a turn.
type process struct {
	world     *World
	resume    func() (struct{}, bool)
	stop      func()
	yield     func(struct{}) bool
	run       func()
	node      node // its one event: its turn, or the limit of its wait
	waits     [2]Link[sleeper]
	place     Link[*process] // among the living
	started   bool           // its function has had a turn
	unwinding bool           // the world is over
}

func newProcess(w *World) *process {
	p := &process{world: w}
	p.node = node{world: w, index: -1, process: p}
	p.waits[0].Of, p.waits[1].Of, p.place.Of = p, p, p
	p.resume, p.stop = iter.Pull(p.coroutine)
	return p
}

// coroutine runs one function after another until the world ends.
func (p *process) coroutine(yield func(struct{}) bool) {
	p.yield = yield
	for {
		p.started = true
		p.once()
		p.started = false
		p.run = nil
		p.place.Leave()
		if p.unwinding {
			return
		}
		p.world.idle = append(p.world.idle, p)
		if !yield(struct{}{}) {
			return
		}
	}
}

// unwound is what ends a process that still waits when its world is over: it runs up the stack, so
// that deferred calls run.
type unwound struct{}

// once runs the function. iter.Pull would carry only a panic's value across, so the stack is taken
// here, where it still is the process's own.
func (p *process) once() {
	ended := false
	defer func() {
		if ended {
			return
		}
		switch v := recover().(type) {
		case nil: // Goexit, as by t.Fatal: iter.Pull hands it on to Run
			p.place.Leave()
		case unwound:
		default:
			if p.world.failure == nil {
				p.world.failure = &Panic{Value: v, Stack: debug.Stack()}
			}
		}
	}()
	p.run()
	ended = true
}

// wake makes the process's turn due: it leaves every list at once, so that nothing else can wake it.
func (p *process) wake() {
	p.endWait()
	p.world.due.push(turn{&p.node, p.node.generation})
}

func (p *process) endWait() {
	if p.node.index >= 0 {
		p.world.heap.remove(p.node.index)
	}
	p.waits[0].Leave()
	p.waits[1].Leave()
}

// A Panic is what World.Run panics with when a process panicked: the value, and the stack of the
// process, which the panic's own trace no longer shows.
type Panic struct {
	Value any
	Stack []byte
}
