package backend

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/headroom-dev/headroom/sim"
)

// Admission says which calls the service takes in, in this order: bucket, max_requests, max_tokens,
// queue, pools. The first that says no names its reason in the Reply. The zero Admission takes in all.
type Admission struct {
	// Bucket limits calls and tokens per time; absent: no limit.
	Bucket *Bucket `yaml:"bucket,omitempty"`
	// MaxRequests is how many calls may be inside, waiting and running, as vLLM's
	// --max-num-queued-reqs; 0: no limit.
	MaxRequests int `yaml:"max_requests,omitempty"`
	// MaxTokens refuses once so many prompt tokens are inside whose prompts are not computed yet,
	// waiting or in prefill, as vLLM's --max-num-queued-tokens; 0: no limit.
	MaxTokens int `yaml:"max_tokens,omitempty"`
	// Queue is how many calls may be inside and not yet running; absent: no limit. Slots that are free
	// are room too: a call that will run without waiting for another to end does not count.
	Queue *int `yaml:"queue,omitempty"`
	// Per says whether max_requests, max_tokens and queue count over the service or in each replica;
	// service.
	Per Scope `yaml:"per,omitempty"`
	// WhenFull is what becomes of a call over one of those limits or over its pool's queue: 503 or 529
	// (busy), 429 (refused), or wait, without bound; absent: the profile's status.
	WhenFull WhenFull `yaml:"when_full,omitempty"`
	// RetryAfter is what refusals other than the bucket's tell the caller to wait; none.
	RetryAfter RetryAfter `yaml:"retry_after,omitempty"`
	// DeadlineDrop refuses a call when its turn comes and what is left of its caller's patience is
	// shorter than the mean service of its class.
	DeadlineDrop bool `yaml:"deadline_drop,omitempty"`
	// Pools give classes slots and queues of their own, by the names of requests.priority; a class
	// without a pool is not bounded by one.
	Pools map[string]*ClassPool `yaml:"pools,omitempty"`
	// Dispatch says where calls wait: immediate hands them to the balancer at once and the replicas
	// queue; pull keeps them at the gateway until a replica has a slot. immediate.
	Dispatch Dispatch `yaml:"dispatch,omitempty"`
	// MaxConcurrency is the slots of a replica as the gateway counts them: calls in flight. 1 or more
	// with pull, 0 without.
	MaxConcurrency int `yaml:"max_concurrency,omitempty"`
}

// holds reports whether calls may wait at the gateway.
func (s *Service) holds() bool {
	a := &s.Admission
	return a.Dispatch == Pull || s.Priority != nil || a.WhenFull == Wait && a.bounded() || len(a.Pools) > 0
}

// bounded reports whether there is a limit on what is inside.
func (a *Admission) bounded() bool { return a.MaxRequests > 0 || a.MaxTokens > 0 || a.Queue != nil }

// check notes values out of range, and settings that contradict each other.
func (a *Admission) check(f *sim.Faults, classes []string, priority *Priority) {
	if a.Queue != nil && *a.Queue < 0 {
		f.Add("admission.queue", strconv.Itoa(*a.Queue), "0 or more; without it there is no limit")
	}
	for _, one := range []struct {
		path  string
		value int
	}{{"max_requests", a.MaxRequests}, {"max_tokens", a.MaxTokens}} {
		if one.value < 0 {
			f.Add("admission."+one.path, strconv.Itoa(one.value), "1 or more; 0 is no limit")
		}
	}
	a.WhenFull.check(f)
	if a.RetryAfter.Fixed < 0 {
		f.Add("admission.retry_after", a.RetryAfter.Fixed.String(), retryAfterAllowed)
	}
	if a.Bucket != nil {
		a.Bucket.check(f)
	}
	a.checkPools(f, classes)
	a.checkDispatch(f, priority)
}

// checkPools notes pools of classes that there are not, and pools out of range.
func (a *Admission) checkPools(f *sim.Faults, classes []string) {
	for _, name := range slices.Sorted(maps.Keys(a.Pools)) {
		path := "admission.pools." + name
		if !slices.Contains(classes, name) {
			allowed := "the classes of requests.priority, of which there are none"
			if len(classes) > 0 {
				allowed = strings.Join(classes, ", ") + ": the classes of requests.priority"
			}
			f.Add(path, fmt.Sprintf("unknown class %q", name), allowed)
		}
		if p := a.Pools[name]; p == nil {
			f.Add(path, "", poolAllowed)
		} else {
			p.check(f, path)
		}
	}
}

// checkDispatch notes settings that only make sense together.
func (a *Admission) checkDispatch(f *sim.Faults, priority *Priority) {
	switch a.Dispatch {
	case "", Immediate:
		if a.MaxConcurrency != 0 {
			f.Add("admission.max_concurrency", strconv.Itoa(a.MaxConcurrency), "only with dispatch: pull; the slots of a pool stand in its own max_concurrency")
		}
	case Pull:
		if a.MaxConcurrency < 1 {
			f.Add("admission.max_concurrency", strconv.Itoa(a.MaxConcurrency), "with dispatch: pull the slots of each replica, 1 or more")
		}
	default:
		f.Add("admission.dispatch", string(a.Dispatch), "immediate, pull")
	}
	switch a.Per {
	case "", PerService:
	case PerReplica:
		if a.Dispatch == Pull || a.WhenFull == Wait || priority != nil {
			f.Add("admission.per", string(a.Per), "service, where the gateway keeps the queue (pull, priority, or when_full: wait)")
		}
	default:
		f.Add("admission.per", string(a.Per), "service, replica")
	}
}

// An admission is the stages of admission in one Env, and what they share.
type admission struct {
	desk    *desk
	gateway *gateway // nil: nothing waits here
	handle  sim.Handler

	allowances func(r sim.Request) Allowances // nil: there is no bucket
}

// newAdmission puts what the service asks for before next, which hands calls to the pool. A service
// that asks for nothing gets next itself.
func newAdmission(env sim.Env, s *Service, pool *Pool, next sim.Handler) *admission {
	a := &s.Admission
	d := newDesk(env, s, pool)
	all := &admission{desk: d, handle: next}
	limit := limitsOf(a)
	if a.DeadlineDrop {
		all.handle = newLateness(d, all.handle).handle
	}
	if s.holds() {
		all.gateway = newGateway(s, d, all.handle)
		all.handle = all.gateway.handle
		d.held = all.gateway
		limit.queue = -1 // whoever would wait asks the gateway
	}
	switch {
	case a.Per == PerReplica && limit.any():
		pool.taking.door = func(m *Member) (sim.Reply, bool) { return d.door(limit, m) }
	case a.WhenFull != Wait && limit.any():
		all.handle = (&doorway{limit, d, all.handle}).handle
	}
	if a.Bucket != nil {
		b := newBuckets(a.Bucket, d, s.Priority != nil, all.handle)
		all.handle, all.allowances = b.handle, b.allowances
	}
	if a.RetryAfter.Drain {
		all.handle = d.counted(all.handle)
	}
	return all
}

// gauges are the calls that wait at the gateway, and the slots in use of each pool.
func (a *admission) gauges(s *Service) []sim.Gauge {
	if a.gateway == nil {
		return nil
	}
	g := a.gateway
	all := []sim.Gauge{{Name: "admission queue", Read: func() float64 { return float64(g.queue.length) }}}
	for class, name := range s.Classes {
		if s.Admission.Pools[name] != nil {
			all = append(all, sim.Gauge{Name: "pool " + name, Read: func() float64 { return float64(g.pools[class].used) }})
		}
	}
	return all
}
