package serve

import (
	"github.com/headroom-dev/headroom/sim"
	"github.com/headroom-dev/headroom/sim/backend"
)

// watched is the scenario's model, every machine of which is watched. Machines come and go (failures,
// scaling); each is an engine of its own in the metrics, as a process that starts again is.
type watched struct {
	inner  backend.Model
	server *Server
}

// Start makes a machine.
func (m *watched) Start(env sim.Env) backend.Replica {
	e := m.server.newEngine()
	e.machine = m.inner.Start(env)
	watchedMachine := e.machine
	watchedMachine.Handle = func(r sim.Request) sim.Reply {
		f, ok := r.Payload.(*flow)
		if !ok { // a health check of the service's own
			return e.machine.Handle(r)
		}
		f.engine = e
		e.inside++
		reply := e.machine.Handle(r)
		e.inside--
		return reply
	}
	watchedMachine.Kill = func() {
		e.dead = true
		e.machine.Kill()
	}
	if e.machine.Watch != nil {
		e.machine.Watch(func(step backend.Step) { e.iteration.add(float64(step.Tokens), 1) })
	}
	return watchedMachine
}

// An engine is one machine and what its calls came to.
type engine struct {
	id      int
	machine backend.Replica
	inside  int // calls handed over whose reply has not come
	dead    bool
	ends    [numEnds]int64

	prompt, generated int64 // tokens of answers, for models that count none themselves

	first, perToken, whole, queued, prefill, decode, inference, prompts, outputs, iteration histogram
}

// An end is how a call that reached an engine ended, in vLLM's words.
type end int

const (
	stopped end = iota
	length
	aborted
	failed
	numEnds
)

var endNames = [numEnds]string{"stop", "length", "abort", "error"}

func (s *Server) newEngine() *engine {
	tokens := tokenBuckets(s.longest)
	e := &engine{
		id:    len(s.engines),
		first: newHistogram(firstBuckets), perToken: newHistogram(perTokenBuckets),
		prompts: newHistogram(tokens), outputs: newHistogram(tokens), iteration: newHistogram(iterationBuckets),
	}
	for _, h := range []*histogram{&e.whole, &e.queued, &e.prefill, &e.decode, &e.inference} {
		*h = newHistogram(wholeBuckets)
	}
	s.engines = append(s.engines, e)
	return e
}

// gauge reads a level of the machine by its name; 0 where it has none.
func (e *engine) gauge(name string) float64 {
	for _, g := range e.machine.Gauges {
		if g.Name == name {
			return g.Read()
		}
	}
	return 0
}

// counters returns what the machine counted, or for a model that counts nothing what was served.
func (e *engine) counters() backend.Counters {
	if e.machine.Counters != nil {
		return e.machine.Counters()
	}
	return backend.Counters{Prompt: e.prompt, Generated: e.generated}
}

// ended books a call that ended here, in the turn.
func (e *engine) ended(f *flow, reply sim.Reply) {
	switch {
	case reply.Outcome != sim.OK && f.gone.Fired():
		e.ends[aborted]++
		return
	case reply.Outcome != sim.OK:
		if reply.Status == 0 { // the machine died; with a status it refused what it never took in
			e.ends[failed]++
		}
		return
	case f.capped:
		e.ends[length]++
	default:
		e.ends[stopped]++
	}
	e.prompt += int64(f.ask.prompt)
	e.generated += int64(reply.Tokens)
	seconds := func(h *histogram, from, to int64) { h.add(float64(to-from)/1e9, 1) }
	arrived, began, first, now := int64(f.arrived), int64(reply.Began), int64(reply.First), int64(f.ended)
	seconds(&e.whole, arrived, now)
	if first != 0 {
		seconds(&e.first, arrived, first)
		seconds(&e.decode, first, now)
	}
	if began != 0 {
		seconds(&e.queued, arrived, began)
		seconds(&e.inference, began, now)
		if first != 0 {
			seconds(&e.prefill, began, first)
		}
	}
	e.prompts.add(float64(f.ask.prompt), 1)
	e.outputs.add(float64(reply.Tokens), 1)
	e.perToken.merge(&f.gaps)
}
