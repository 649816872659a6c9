package backend

import (
	"fmt"
	"strconv"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// The parts of a Service that say how its replicas come, fail and go.

const (
	defaultDrain = 30 * time.Second
	maxDrain     = 24 * time.Hour
)

// drain returns how long replicas that are taken away may end their calls; without an autoscaler none is.
func (s *Service) drain() time.Duration {
	if s.Drain == nil {
		return 0
	}
	return *s.Drain
}

// checkLife notes values out of range and fills in the defaults.
func (s *Service) checkLife(f *sim.Faults) {
	if s.Autoscale != nil {
		s.Autoscale.check(f, s.Load)
		s.checkSignals(f)
		if s.Drain == nil {
			drain := defaultDrain
			s.Drain = &drain
		}
	}
	if d := s.Drain; d != nil && (*d < 0 || *d > maxDrain) {
		f.Add("drain", d.String(), "0s to 24h")
	}
	if s.MTBF < 0 || s.MTBF > 0 && s.MTBF < time.Second {
		f.Add("mtbf", s.MTBF.String(), "1s or more; 0s is no crashes")
	}
	for i := range s.Fail {
		s.Fail[i].check(f, fmt.Sprintf("fail[%d]", i), s)
	}
	checkFaults(f, s.Faults)
}

// checkSignals notes signals that the model does not have: they would read 0, and an autoscaler that
// looks at nothing takes replicas away.
func (s *Service) checkSignals(f *sim.Faults) {
	if _, ok := s.Model.Model.(*LLM); ok || s.Model.Model == nil {
		return
	}
	for i, one := range s.Autoscale.Signals {
		if one.KV > 0 {
			f.Add("autoscale.signals["+strconv.Itoa(i)+"].kv", "a model without KV memory: "+s.Model.Name, "kv with the model llm; otherwise utilisation, inflight, waiting or rate")
		}
	}
}

// first returns how many replicas there are at the beginning: an autoscaler keeps its bounds from then on.
func (s *Service) first() int {
	if a := s.Autoscale; a != nil {
		return min(max(s.Replicas, a.Min), a.Max)
	}
	return s.Replicas
}

// most returns how many replicas there may be at once.
func (s *Service) most() int {
	if a := s.Autoscale; a != nil {
		return max(a.Max, s.Replicas)
	}
	return s.Replicas
}

// live starts what changes the replicas, and adds what can be seen of it.
func (s *Service) live(r *Running) {
	if s.Autoscale != nil {
		scaler := newScaler(r.Pool, s.Autoscale, s.Load)
		r.Handle = scaler.wrap(r.Handle)
		r.Gauges = append(r.Gauges, sim.Gauge{Name: "replicas desired", Read: func() float64 { return float64(scaler.desired) }})
	}
	show := func(states ...State) {
		for _, state := range states {
			r.Gauges = append(r.Gauges, sim.Gauge{Name: "replicas " + state.String(), Read: func() float64 { return float64(r.Pool.States()[state]) }})
		}
	}
	fails := len(s.Fail) > 0 || s.MTBF > 0
	if fails || s.Autoscale != nil {
		show(Ready, Starting)
	}
	if s.Autoscale != nil {
		show(Draining)
	}
	if fails {
		show(Hung, Dead)
	}
}
