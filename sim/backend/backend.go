// Package backend models the service that calls meet: service models that do the work, and what
// stands before them. Each piece is a Handler or wraps one, as the client's strategies do:
// network > admission > balancer > replica > model.
//
// A model is callbacks inside (Env.At), never a process of its own: a caller's process waits on a
// Signal while events move its work, so the same model runs in virtual and in wall-clock time, and a
// run that is over leaves nothing behind. A configuration holds no state and may be shared by Worlds
// that run side by side; Start makes the state.
package backend

import (
	"strings"

	"github.com/headroom-dev/headroom/sim"
)

// A Model is the configuration of a service that answers requests. Start makes one replica of it in
// env; the Model itself holds no state, so that Worlds side by side may share it. Start wants a
// configuration that Validate has passed, and panics on another.
type Model interface {
	Start(env sim.Env) Replica
}

// A Replica is one running copy of a model. Work whose caller has gone is counted as long as the
// model carries it.
type Replica struct {
	Handle  sim.Handler
	Waiting func() int  // calls taken in and not yet running
	Running func() int  // calls that hold a server or a slot
	Free    func() int  // calls that could run now without waiting for another to end
	Gauges  []sim.Gauge // named without the replica: "waiting", "running", "kv"

	inflight int // calls handed over by the Service whose reply has not come: what a balancer sees
}

// An Entry is a kind of model that a scenario may name. New returns it with its defaults.
type Entry struct {
	Name, About string
	New         func() Model
}

// All lists the service models there are, in the order in which they are shown.
var All = []Entry{
	{"queue", "servers that each carry one call at a time: M/G/c/K", func() Model { return NewQueue() }},
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
