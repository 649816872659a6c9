package backend

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/headroom-dev/headroom/sim"
)

// Admission says which calls the service takes in. The zero Admission takes in all.
type Admission struct {
	// Queue is how many calls may be inside and not yet running, over all replicas; absent: no
	// limit. Slots that are free are room too, on whatever replica: a call that will run without
	// waiting for another to end does not count.
	Queue *int `yaml:"queue,omitempty"`
	// MaxRequests is how many calls may be inside, waiting and running; 0: no limit.
	MaxRequests int `yaml:"max_requests,omitempty"`
	// WhenFull is the status of a refusal: 503 or 529 (busy), 429 (refused); 503.
	WhenFull int `yaml:"when_full,omitempty"`
}

// check notes values out of range, and fills in the default status.
func (a *Admission) check(f *sim.Faults) {
	if a.Queue != nil && *a.Queue < 0 {
		f.Add("admission.queue", strconv.Itoa(*a.Queue), "0 or more; without it there is no limit")
	}
	if a.MaxRequests < 0 {
		f.Add("admission.max_requests", strconv.Itoa(a.MaxRequests), "1 or more; 0 is no limit")
	}
	switch a.WhenFull {
	case 0:
		if *a != (Admission{}) {
			a.WhenFull = http.StatusServiceUnavailable
		}
	case http.StatusServiceUnavailable, 529, http.StatusTooManyRequests:
	default:
		f.Add("admission.when_full", fmt.Sprint(a.WhenFull), "503, 529, 429")
	}
}

// wrap puts the limits before next, which hands calls to the pool. The first limit that is reached
// names its reason.
func (a Admission) wrap(pool *Pool, next sim.Handler) sim.Handler {
	if a.Queue == nil && a.MaxRequests == 0 {
		return next
	}
	status := a.WhenFull
	if status == 0 {
		status = http.StatusServiceUnavailable
	}
	return func(r sim.Request) sim.Reply {
		waiting := pool.sum(func(r *Replica) int { return r.Waiting() })
		running := pool.sum(func(r *Replica) int { return r.Running() })
		free := pool.sum(func(r *Replica) int { return r.Free() })
		switch {
		case a.MaxRequests > 0 && waiting+running >= a.MaxRequests:
			return refuse(status, ReasonMaxRequests)
		case a.Queue != nil && waiting-free >= *a.Queue:
			return refuse(status, ReasonQueueFull)
		}
		return next(r)
	}
}
