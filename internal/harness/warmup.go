package harness

import (
	"context"
	"sync"

	"github.com/headroom-dev/headroom/scenarios"
	"github.com/headroom-dev/headroom/sim"
)

// warmAtOnce is how many warm-up calls are out at once.
const warmAtOnce = 16

// warmUp sends calls that enter no figure through the run's own connections, past the strategy: the
// first of the schedule, from its beginning again where it is short.
func (s *sender) warmUp(send context.Context, r LiveRun) error {
	left := s.endpoint.live.Warmup
	if left == 0 {
		return nil
	}
	var (
		sending sync.WaitGroup
		mu      sync.Mutex // of what next uses
		source  Source
		failed  error
	)
	next := func() (a scenarios.Arrival, ok bool) {
		mu.Lock()
		defer mu.Unlock()
		if left--; left < 0 || failed != nil || send.Err() != nil {
			return a, false
		}
		if source != nil {
			if a, ok = source.Next(); ok {
				return a, true
			}
		}
		if source, failed = r.Schedule(); failed != nil {
			return a, false
		}
		return source.Next()
	}
	limit := r.Patience
	if limit == 0 {
		limit = longestAttempt
	}
	s.wall = sim.NewWall(r.Seed)
	for range min(left, warmAtOnce) {
		sending.Go(func() {
			for a, ok := next(); ok; a, ok = next() {
				s.wall.Do(func() { sim.Within(s.wall, limit, s.handle, a.Request) })
			}
		})
	}
	sending.Wait()
	return failed
}
