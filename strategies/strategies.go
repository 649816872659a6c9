// Package strategies holds the ways in which a client may carry its calls to a service that can be
// overloaded, each in one small file, written once and run in virtual and in wall-clock time.
//
// A strategy is a configuration: a struct whose fields are the keys of a scenario. Wrap puts it
// around the Handler it sends its attempts to, and strategies stack as middleware does. What a
// strategy decides (how long to wait, whom to drop) is a pure function of times and of draws keyed by
// call, apart from the blocking code that carries it out.
package strategies

import (
	"reflect"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// A Strategy carries calls: it wraps the Handler it sends attempts to. A value serves one run: its
// state, if it has any, is made by Wrap, which is called once per value. Fresh makes the value for
// the next run.
type Strategy interface {
	Wrap(env sim.Env, next sim.Handler) sim.Handler
}

// An Entry is a kind of strategy that a scenario may name. New returns it with its defaults.
type Entry struct {
	Name, About string
	New         func() Strategy
}

// All are the kinds of strategy there are, in the order of reports.
var All = []Entry{
	{"sync", "one attempt on a fresh connection, no retry", func() Strategy { return NewSync() }},
	{"pooled", "at most so many attempts at once, on warm connections", func() Strategy { return NewPooled() }},
	{"async-queue", "a bounded queue in the client, its workers drop what would end too late", func() Strategy { return NewAsyncQueue() }},
	{"cache", "answers kept for a while; equal questions share one attempt", func() Strategy { return NewCache() }},
	{"backoff", "a failed attempt is made again, after longer and longer waits", func() Strategy { return NewBackoff() }},
}

// Fresh returns a copy of a strategy that has not been wrapped: the same configuration, for one more
// run. It copies the struct behind s, so one decoded configuration serves any number of runs.
func Fresh(s Strategy) Strategy {
	if layers, ok := s.(*stack); ok {
		fresh := make([]Strategy, len(layers.layers))
		for i, layer := range layers.layers {
			fresh[i] = Fresh(layer)
		}
		return &stack{layers: fresh}
	}
	v := reflect.ValueOf(s)
	if v.Kind() != reflect.Pointer {
		return s // a value without state: Wrap had nowhere to put any
	}
	fresh := reflect.New(v.Type().Elem())
	fresh.Elem().Set(v.Elem())
	return fresh.Interface().(Strategy)
}

// What a strategy can do besides, found by assertion. What Stack returns can do all of it, asking
// its layers.

// Patient is a strategy that tells callers how long to wait for their answer.
type Patient interface {
	// Patience returns how long the caller of r waits, from its intended start; own is what the
	// scenario says. Zero is for ever, in both.
	Patience(r sim.Request, own time.Duration) time.Duration
}

// Counting is a strategy that counts what it decides.
type Counting interface {
	// Counts calls add with each kind of decision and how often it was taken, in a fixed order, the
	// kinds that never occurred included.
	Counts(add func(name string, n int64))
}

// Gauged is a strategy with levels to watch: who waits, how many attempts are under way.
type Gauged interface {
	// Gauges returns them, once Wrap has been called.
	Gauges() []sim.Gauge
}

// Warming is a strategy that wants to know answers before the start.
type Warming interface {
	// Wanted returns of how many of the most asked keys it wants them; 0 is none.
	Wanted() int
	// Fill brings those keys, the most asked first, and the one answer that stands for all of theirs, once
	// Wrap has been called.
	Fill(keys []uint64, answer sim.Reply)
}

// Warning is a strategy that warns of settings which a run cannot honour.
type Warning interface {
	// Warnings returns a sentence for each; live says whether calls go to a real target.
	Warnings(live bool) []string
}
