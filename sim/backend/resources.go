package backend

import (
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// What can run out in a service, as shares of what there is, 0 to 1: who reads them over time can say
// which one was the bottleneck.

// machineLevels are the gauges of a machine that are shares, and what they are shares of.
var machineLevels = []struct{ gauge, resource string }{
	{"kv", "kv memory"},
	{"budget", "token budget"},
}

// resources lists what the service can run out of.
func (s *Service) resources(pool *Pool) []sim.Gauge {
	all := []sim.Gauge{{Name: "running slots", Read: func() float64 {
		running, free := pool.sum(func(r *Replica) int { return r.Running() }), pool.sum(func(r *Replica) int { return r.Free() })
		return ofWhole(float64(running), float64(running+free))
	}}}
	first := pool.members[0].machine
	if first.Counters != nil { // an engine: one thing that works, whatever the slots hold
		all = append(all, sim.Gauge{Name: "engine", Read: pool.engineShare})
	}
	for _, level := range machineLevels {
		if hasGauge(&first, level.gauge) {
			all = append(all, sim.Gauge{Name: level.resource, Read: func() float64 {
				total, n := 0.0, 0
				for _, m := range pool.members {
					if m.state.serving() {
						total += gauge(&m.machine, level.gauge)
						n++
					}
				}
				return ofWhole(total, float64(n))
			}})
		}
	}
	if a := s.Autoscale; a != nil {
		all = append(all, sim.Gauge{Name: "replica limit", Read: func() float64 {
			states := pool.States()
			return ofWhole(float64(len(pool.members)-states[Draining]), float64(a.Max))
		}})
	}
	return all
}

// ofWhole is part of whole; all of nothing is used up.
func ofWhole(part, whole float64) float64 {
	if whole <= 0 {
		return 1
	}
	return min(part/whole, 1)
}

func hasGauge(r *Replica, name string) bool {
	for _, g := range r.Gauges {
		if g.Name == name {
			return true
		}
	}
	return false
}

// A tick is when a replica's work was last read, and what it was.
type tick struct{ at, busy time.Duration }

// engineShare is the mean busy share of the replicas since it was last read.
func (p *Pool) engineShare() float64 {
	now, total, n := p.env.Now(), 0.0, 0
	for _, m := range p.members {
		if !m.state.serving() {
			continue
		}
		busy := m.Busy()
		if span := now - m.read.at; span > 0 {
			total += min(float64(busy-m.read.busy)/float64(span), 1)
			n++
		}
		m.read = tick{now, busy}
	}
	if n == 0 {
		return 0
	}
	return total / float64(n)
}
