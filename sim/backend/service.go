package backend

import (
	"slices"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// Service is the `service` section of a scenario: a model, how many replicas of it, and what stands
// before them.
type Service struct {
	Model     Choice    `yaml:"model"`
	Replicas  int       `yaml:"replicas"`         // 1 to 10,000; 1, or as many as the groups have
	Groups    []Group   `yaml:"groups,omitempty"` // replicas that differ in zone or weight; absent: all are alike
	Balance   Balancing `yaml:"balance"`          // one of Balancers; round-robin
	Checks    *Checks   `yaml:"checks,omitempty"` // what takes replicas out of service, and limits of one try; absent: none
	Admission Admission `yaml:"admission,omitempty"`
	Priority  *Priority `yaml:"priority,omitempty"` // order of the calls that wait at the gateway; absent: that of arrival
	Profile   string    `yaml:"profile,omitempty"`  // how it says no: one of Profiles; vllm

	StartUp   *StartUp       `yaml:"start_up,omitempty"`  // of a replica that is added, or starts again; 0s
	Drain     *time.Duration `yaml:"drain,omitempty"`     // how long one that is taken away may end its calls; 30s, 0: they are cut off
	Autoscale *Autoscale     `yaml:"autoscale,omitempty"` // absent: none
	Fail      []Failure      `yaml:"fail,omitempty"`      // planned accidents
	MTBF      time.Duration  `yaml:"mtbf,omitempty"`      // mean time between crashes of a replica, exponential; 0: none
	Faults    []Fault        `yaml:"faults,omitempty"`    // errors by chance, whatever the load

	// Load is the calls per second of the scenario at a time, for a forecast that knows them; nil: unknown.
	Load func(time.Duration) float64 `yaml:"-"`

	// Classes names the classes of calls, the highest first: the index of each is its sim.Priority.
	// They are the scenario's, so they come from who reads it.
	Classes []string `yaml:"-"`
}

// NewService returns the defaults. The model has none: it must be given.
func NewService() *Service {
	return &Service{Replicas: replicasUnset, Balance: Balancing{Name: Balancers[0].Name}}
}

// Validate checks the section. The model's own fields are checked where it is decoded.
func (s *Service) Validate() error {
	var f sim.Faults
	if s.Model.Model == nil {
		f.Add("model", "", "exactly one of "+names(All, func(e Entry) string { return e.Name }))
	}
	s.checkReplicas(&f)
	s.Balance.check(&f)
	if s.Checks != nil {
		s.Checks.check(&f)
	}
	if _, ok := profileNamed(s.Profile); !ok {
		f.Add("profile", s.Profile, names(Profiles, func(p Profile) string { return p.Name }))
	}
	s.Admission.check(&f, s.Classes, s.Priority)
	if s.Priority != nil {
		s.Priority.check(&f)
	}
	s.checkLife(&f)
	return f.Err()
}

// Running is a service in one Env.
type Running struct {
	Handle sim.Handler
	Gauges []sim.Gauge // of the whole service
	Pool   *Pool
	// Allowances says what is left of the limits per time to the caller of r; nil: there are none.
	Allowances func(r sim.Request) Allowances

	// Refused lists the calls that admission refused so far: by reason, in the order in which it looks.
	Refused func(add func(reason string, status int, n int64))

	// Resources are what the service can run out of, as shares in use, 0 to 1.
	Resources []sim.Gauge

	// Tries returns how many tries at replicas were made so far: more than the attempts that reached
	// the balancer where checks.next_upstream has calls tried again.
	Tries func() int64

	// Stop ends what the service does by itself, such as checks, failures and scaling, which would
	// keep a World running for ever. Calls inside run on. Call it when no call is inside or to come.
	Stop func()
}

// Start makes the replicas and what stands before them, in env. The configuration must have passed
// Validate; it holds no state, so that Worlds side by side may start the same one.
func (s *Service) Start(env sim.Env) Running {
	if _, ok := balancerNamed(s.Balance.Name); !ok || s.Model.Model == nil || s.Replicas < 1 {
		panic("backend: Service.Start before Validate")
	}
	pool := newPool(env, s)
	u := newUpstream(env, s, pool)
	admission := newAdmission(env, s, pool, u.handler(s))
	running := Running{
		Handle:     injected(env, s.Faults, admission.handle),
		Gauges:     slices.Concat(gauges(pool), u.gauges(s), admission.gauges(s)),
		Pool:       pool,
		Refused:    admission.desk.refused,
		Allowances: admission.allowances,
		Tries:      func() int64 { return u.tries },
		Stop:       pool.stop,

		Resources: s.resources(pool),
	}
	s.live(&running)
	return running
}

// gauges sums the levels of the replicas.
func gauges(pool *Pool) []sim.Gauge {
	all := []sim.Gauge{
		{Name: "service waiting", Read: func() float64 { return float64(pool.sum(func(r *Replica) int { return r.Waiting() })) }},
		{Name: "service running", Read: func() float64 { return float64(pool.sum(func(r *Replica) int { return r.Running() })) }},
	}
	if pool.members[0].machine.Counters != nil {
		// Not a resource: an engine with a single call computes all the time, and has room all the same.
		all = append(all, sim.Gauge{Name: "engine busy", Read: pool.engineShare})
	}
	return all
}
