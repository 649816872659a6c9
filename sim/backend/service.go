package backend

import (
	"fmt"
	"strconv"

	"github.com/headroom-dev/headroom/sim"
)

// Service is the `service` section of a scenario: a model, how many replicas of it, and what stands
// before them.
type Service struct {
	Model     Choice    `yaml:"model"`
	Replicas  int       `yaml:"replicas"` // 1 to 10,000; 1
	Balance   string    `yaml:"balance"`  // one of Balancers; round-robin
	Admission Admission `yaml:"admission,omitempty"`
}

// NewService returns the defaults. The model has none: it must be given.
func NewService() *Service {
	return &Service{Replicas: 1, Balance: Balancers[0].Name}
}

const maxReplicas = 10_000

// Validate checks the section. The model's own fields are checked where it is decoded.
func (s *Service) Validate() error {
	var f sim.Faults
	if s.Model.Model == nil {
		f.Add("model", "", "exactly one of "+names(All, func(e Entry) string { return e.Name }))
	}
	if s.Replicas < 1 || s.Replicas > maxReplicas {
		f.Add("replicas", strconv.Itoa(s.Replicas), fmt.Sprintf("1 to %d", maxReplicas))
	}
	if _, ok := balancerNamed(s.Balance); !ok {
		f.Add("balance", s.Balance, names(Balancers, func(b BalancerEntry) string { return b.Name }))
	}
	s.Admission.check(&f)
	return f.Err()
}

// Running is a service in one Env.
type Running struct {
	Handle   sim.Handler
	Gauges   []sim.Gauge // of the whole service
	Replicas []*Replica
}

// Start makes the replicas and what stands before them, in env. The configuration must have passed
// Validate; it holds no state, so that Worlds side by side may start the same one.
func (s *Service) Start(env sim.Env) Running {
	entry, ok := balancerNamed(s.Balance)
	if !ok || s.Model.Model == nil || s.Replicas < 1 {
		panic("backend: Service.Start before Validate")
	}
	pool := make([]*Replica, s.Replicas)
	for i := range pool {
		one := s.Model.Start(env)
		pool[i] = &one
	}
	return Running{
		Handle:   s.Admission.wrap(pool, balanced(entry.New(), pool)),
		Gauges:   gauges(pool),
		Replicas: pool,
	}
}

// balanced hands each call to the replica that the caller names (Via.Endpoint) or the balancer picks.
func balanced(b Balancer, pool []*Replica) sim.Handler {
	if len(pool) == 1 {
		return pool[0].Handle // nothing to pick
	}
	return func(r sim.Request) sim.Reply {
		i := r.Via.Endpoint - 1
		if i < 0 || i >= len(pool) {
			i = b.Pick(r, pool)
		}
		one := pool[i]
		one.inflight++
		reply := one.Handle(r)
		one.inflight--
		return reply
	}
}

// gauges sums the levels of the replicas.
func gauges(pool []*Replica) []sim.Gauge {
	sum := func(level func(*Replica) int) func() float64 {
		return func() float64 {
			total := 0
			for _, one := range pool {
				total += level(one)
			}
			return float64(total)
		}
	}
	return []sim.Gauge{
		{Name: "service waiting", Read: sum(func(r *Replica) int { return r.Waiting() })},
		{Name: "service running", Read: sum(func(r *Replica) int { return r.Running() })},
	}
}
