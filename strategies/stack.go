package strategies

import (
	"fmt"
	"reflect"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// Stack returns the strategies as one, the first being the outermost: Stack(cache, backoff, pooled)
// asks the cache first, and the pool sees each attempt of the backoff. Without strategies it passes
// calls on as they are.
//
// The order that loses nothing is cache, async-queue, backoff, pooled. A pool outside of a backoff
// holds its permit through the waits; a cache inside of it is asked again for every attempt.
func Stack(s ...Strategy) Strategy {
	var layers []Strategy
	for _, one := range s {
		if inner, ok := one.(*stack); ok { // so that layers of one kind see each other
			layers = append(layers, inner.layers...)
		} else {
			layers = append(layers, one)
		}
	}
	return &stack{layers: layers}
}

type stack struct{ layers []Strategy }

var (
	_ Strategy = (*stack)(nil)
	_ Patient  = (*stack)(nil)
	_ Counting = (*stack)(nil)
	_ Gauged   = (*stack)(nil)
	_ Warming  = (*stack)(nil)
	_ Warning  = (*stack)(nil)
)

// Wrap wraps the innermost layer first.
func (s *stack) Wrap(env sim.Env, next sim.Handler) sim.Handler {
	for i := len(s.layers) - 1; i >= 0; i-- {
		next = s.layers[i].Wrap(s.env(env, i), next)
	}
	return next
}

// env is what layer i sees. The second layer of one kind draws from streams of its own, with ".2"
// behind their names: with the same names both would draw the same, wait the same and be one.
func (s *stack) env(env sim.Env, i int) sim.Env {
	if n := s.ordinal(i); n > 1 {
		return renamed{env, fmt.Sprintf(".%d", n)}
	}
	return env
}

// ordinal returns which of its kind layer i is, from 1, counted from the outermost.
func (s *stack) ordinal(i int) int {
	n := 1
	for _, other := range s.layers[:i] {
		if reflect.TypeOf(other) == reflect.TypeOf(s.layers[i]) {
			n++
		}
	}
	return n
}

type renamed struct {
	sim.Env
	suffix string
}

// Rand returns the stream of the longer name.
func (r renamed) Rand(stream string) *sim.Stream { return r.Env.Rand(stream + r.suffix) }

// Patience is the longest that any layer asks for: zero, which is for ever, if one does.
func (s *stack) Patience(r sim.Request, own time.Duration) time.Duration {
	longest := own
	for _, layer := range s.layers {
		p, ok := layer.(Patient)
		if !ok {
			continue
		}
		asked := p.Patience(r, own)
		if asked == 0 || longest == 0 {
			return 0
		}
		longest = max(longest, asked)
	}
	return longest
}

// Counts are those of all layers, the outermost first; those of the second layer of a kind have " 2"
// behind their names, so that the hits of two caches can be told apart.
func (s *stack) Counts(add func(name string, n int64)) {
	for i, layer := range s.layers {
		c, ok := layer.(Counting)
		if !ok {
			continue
		}
		if n := s.ordinal(i); n > 1 {
			c.Counts(func(name string, count int64) { add(fmt.Sprintf("%s %d", name, n), count) })
		} else {
			c.Counts(add)
		}
	}
}

// Gauges are those of all layers, the outermost first; those of the second layer of a kind have " 2"
// behind their names.
func (s *stack) Gauges() []sim.Gauge {
	var all []sim.Gauge
	for i, layer := range s.layers {
		g, ok := layer.(Gauged)
		if !ok {
			continue
		}
		for _, gauge := range g.Gauges() {
			if n := s.ordinal(i); n > 1 {
				gauge.Name = fmt.Sprintf("%s %d", gauge.Name, n)
			}
			all = append(all, gauge)
		}
	}
	return all
}

// Wanted is the most that any layer wants.
func (s *stack) Wanted() int {
	most := 0
	for _, layer := range s.layers {
		if w, ok := layer.(Warming); ok {
			most = max(most, w.Wanted())
		}
	}
	return most
}

// Fill brings the answers to every layer, which takes as many as it wants.
func (s *stack) Fill(keys []uint64, answer sim.Reply) {
	for _, layer := range s.layers {
		if w, ok := layer.(Warming); ok {
			w.Fill(keys, answer)
		}
	}
}

// Warnings are those of all layers.
func (s *stack) Warnings(live bool) []string {
	var all []string
	for _, layer := range s.layers {
		if w, ok := layer.(Warning); ok {
			all = append(all, w.Warnings(live)...)
		}
	}
	return all
}
