package serve

import (
	"net/http"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// counts is what the server counts, in the turn.
type counts struct {
	engines []*engine
	inside  int // calls in the service
	cost    sim.Cost
	refused map[refusal]int64
	answers [6]int64 // of HTTP, by the first digit of the status; 0: the connection was cut
	whole   histogram
	late    histogram
	recent  recent
}

// A refusal is a reason and a status.
type refusal struct {
	reason string
	status int
}

func (c *counts) begin() {
	c.refused = make(map[refusal]int64)
	c.whole, c.late = newHistogram(wholeBuckets), newHistogram(lagBuckets)
}

// sawLag counts how late an event of the service was.
func (s *Server) sawLag(d time.Duration) { s.late.add(d.Seconds(), 1) }

// countEnd counts a call that has ended.
func (s *Server) countEnd(f *flow, reply sim.Reply) {
	if f.engine != nil {
		f.engine.ended(f, reply)
	}
	left := reply.Outcome != sim.OK && f.gone.Fired()
	switch {
	case reply.Outcome == sim.OK:
		s.whole.add((f.ended - f.arrived).Seconds(), 1)
	case reply.Reason != "" && !left:
		s.refused[refusal{reply.Reason, reply.Status}]++
	}
	if !left { // who leaves says nothing about the service
		s.recent.add(f.ended, reply.Outcome != sim.OK)
	}
}

// served counts an answer of HTTP, its status 0 where there was none.
func (s *Server) served(r *http.Request, status int, cut bool) {
	class := status / 100
	switch {
	case cut:
		class = 5 // what a proxy in between makes of it: 502
	case status == 0 && r.Context().Err() != nil:
		class = 4 // nginx: 499
	}
	s.wall.Do(func() { s.answers[min(max(class, 0), 5)]++ })
}

// recentSeconds is how far back the share of errors looks.
const recentSeconds = 60

// A recent counts calls and failures of the last minute, by second.
type recent struct {
	seconds [recentSeconds]struct{ second, calls, failed int64 }
}

func (r *recent) add(now time.Duration, failed bool) {
	second := int64(now / time.Second)
	slot := &r.seconds[second%recentSeconds]
	if slot.second != second {
		slot.second, slot.calls, slot.failed = second, 0, 0
	}
	slot.calls++
	if failed {
		slot.failed++
	}
}

// share returns the share of the last minute's calls that failed; 0 where there were none.
func (r *recent) share(now time.Duration) float64 {
	var calls, failed int64
	for i := range r.seconds {
		if one := &r.seconds[i]; int64(now/time.Second)-one.second < recentSeconds {
			calls, failed = calls+one.calls, failed+one.failed
		}
	}
	if calls == 0 {
		return 0
	}
	return float64(failed) / float64(calls)
}
