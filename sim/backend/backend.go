// Package backend models the service that calls meet: service models that do the work, and what
// stands before them. Each piece is a Handler or wraps one, as the client's strategies do:
// network > admission > priority > balancer > replica > model.
//
// A model is callbacks inside (Env.At), never a process of its own: a caller's process waits on a
// Signal while events move its work, so the same model runs in virtual and in wall-clock time, and a
// run that is over leaves nothing behind. A configuration holds no state and may be shared by Worlds
// that run side by side; Start makes the state.
package backend

import (
	"strings"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// A Model is the configuration of a service that answers requests. Start makes one replica of it in
// env; the Model itself holds no state, so that Worlds side by side may share it. Start wants a
// configuration that Validate has passed, and panics on another.
type Model interface {
	Start(env sim.Env) Replica
}

// A Replica is one running copy of a model: the machine itself, which knows nothing of balancers or of
// its own life (that is Member). Work whose caller has gone is counted as long as the model carries it.
// Every function is called in the turn; none is nil but Watch, and Counters where the model counts
// nothing.
type Replica struct {
	Handle  sim.Handler
	Waiting func() int           // calls taken in and not yet running
	Running func() int           // calls that hold a server or a slot
	Free    func() int           // calls that could run now without waiting for another to end
	Prompts func() int           // prompt tokens of calls inside whose prompts are not computed yet
	Busy    func() time.Duration // how long it has worked so far: the busy share (servers, or the engine as a whole) added up over time
	Gauges  []sim.Gauge          // named without the replica: "waiting", "running", "kv"

	// Pace makes all work take factor times as long from now on, work under way included; 1 is
	// normal. +Inf stops it: connections stay, nothing is answered until another Pace.
	Pace func(factor float64)
	// Kill ends all work at once: every call inside returns ReasonReset, what it had used is booked as
	// wasted, and no event of the replica follows. It must not be used again.
	Kill func()
	// Counters says what an engine has counted; nil for a model that counts nothing.
	Counters func() Counters
	// Watch has see called at the end of each step of an engine, in the turn; nil for a model without
	// steps. With a watcher no steps are joined, so it costs speed: serve asks for it, runs do not.
	Watch func(see func(Step))
}

// Counters are what an engine has counted since it started. All only grow.
type Counters struct {
	Preemptions  int64 // sequences thrown out for want of memory
	Prompt       int64 // prompt tokens computed or found in the cache
	Generated    int64 // output tokens
	CacheQueries int64 // prompt tokens looked up in the prefix cache
	CacheHits    int64 // of them, found
	Steps        int64 // engine steps
}

// A Step is one step of an engine.
type Step struct {
	Tokens int           // computed in it
	Lag    time.Duration // how late its end was noticed, in wall-clock time; 0 in virtual time
}

// An Entry is a kind of model that a scenario may name. New returns it with its defaults.
type Entry struct {
	Name, About string
	New         func() Model
}

// All lists the service models there are, in the order in which they are shown.
var All = []Entry{
	{"queue", "servers that each carry one call at a time: M/G/c/K", func() Model { return NewQueue() }},
	{"batch", "calls served together: static batches, or dynamic ones as Triton makes them", func() Model { return NewBatching() }},
	{"llm", "continuous batching on a GPU: steps, slots and KV memory", func() Model { return NewLLM() }},
}

// names joins the names of a list for a message.
func names[T any](all []T, name func(T) string) string {
	list := make([]string, len(all))
	for i, one := range all {
		list[i] = name(one)
	}
	return strings.Join(list, ", ")
}
