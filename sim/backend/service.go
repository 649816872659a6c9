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
	Handle sim.Handler
	Gauges []sim.Gauge // of the whole service
	Pool   *Pool

	// Stop ends what the service does by itself, such as checks, failures and scaling, which would
	// keep a World running for ever. Calls inside run on. Call it when no call is inside or to come.
	Stop func()
}

// Start makes the replicas and what stands before them, in env. The configuration must have passed
// Validate; it holds no state, so that Worlds side by side may start the same one.
func (s *Service) Start(env sim.Env) Running {
	entry, ok := balancerNamed(s.Balance)
	if !ok || s.Model.Model == nil || s.Replicas < 1 {
		panic("backend: Service.Start before Validate")
	}
	pool := newPool(env, s)
	return Running{
		Handle: s.Admission.wrap(pool, balanced(entry.New(), pool)),
		Gauges: gauges(pool),
		Pool:   pool,
		Stop:   pool.stop,
	}
}

// gauges sums the levels of the replicas.
func gauges(pool *Pool) []sim.Gauge {
	return []sim.Gauge{
		{Name: "service waiting", Read: func() float64 { return float64(pool.sum(func(r *Replica) int { return r.Waiting() })) }},
		{Name: "service running", Read: func() float64 { return float64(pool.sum(func(r *Replica) int { return r.Running() })) }},
	}
}
