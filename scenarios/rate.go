package scenarios

import "time"

// Rate is the calls per second that the load means to offer at a time after the beginning: 0 outside
// the open phases, and for a trace, whose rate nobody planned.
func (s *Scenario) Rate(t time.Duration) float64 {
	if t < 0 || s.Load.Arrivals.Trace != nil {
		return 0
	}
	before, from := 0.0, time.Duration(0)
	for _, p := range s.Load.Phases {
		if p.closed() {
			return 0
		}
		if in := t - from; in < p.For {
			if in < p.Ramp {
				return before + (p.rate()-before)*float64(in)/float64(p.Ramp)
			}
			return p.rate()
		}
		before, from = p.rate(), from+p.For
	}
	return 0
}
