package backend

import (
	"fmt"
	"strconv"

	"github.com/headroom-dev/headroom/sim"
)

// Queue is c servers behind one queue, M/G/c/K: each server carries one call at a time.
type Queue struct {
	Servers    int              `yaml:"servers"`         // 1 to 1,000,000; 1
	Service    sim.DurationDist `yaml:"service"`         // time in a server; with Work in the schedule: its mean times that
	Limit      *int             `yaml:"limit,omitempty"` // calls that may wait; absent: no limit
	Discipline Discipline       `yaml:"discipline"`      // who is next; fifo
	Cancel     Cancel           `yaml:"cancel"`          // free, queued or zombie; free
}

var _ Model = (*Queue)(nil)

// NewQueue returns the defaults. The service time has none: it is the one thing that must be given.
func NewQueue() *Queue {
	return &Queue{Servers: 1, Discipline: FIFO, Cancel: CancelFree}
}

// A Discipline is the order in which waiting calls are served.
type Discipline string

// FIFO serves in order of arrival.
const FIFO Discipline = "fifo"

// disciplines are those there are.
var disciplines = []Discipline{FIFO}

const maxServers = 1_000_000

// Validate checks the configuration.
func (q *Queue) Validate() error {
	var f sim.Faults
	if q.Servers < 1 || q.Servers > maxServers {
		f.Add("servers", strconv.Itoa(q.Servers), fmt.Sprintf("1 to %d", maxServers))
	}
	if q.Service.IsZero() {
		f.Add("service", "", "a duration such as 20ms, or a law such as {exp: {mean: 20ms}}")
	}
	checkLimit(&f, q.Limit)
	if _, ok := find(disciplines, func(d Discipline) bool { return d == q.Discipline }); !ok {
		f.Add("discipline", string(q.Discipline), names(disciplines, func(d Discipline) string { return string(d) }))
	}
	q.Cancel.check(&f)
	return f.Err()
}

// Start makes one replica. The configuration must have passed Validate.
func (q *Queue) Start(env sim.Env) Replica {
	if err := q.Validate(); err != nil {
		panic("backend: Queue.Start: " + err.Error())
	}
	c := &counter{
		env: env, servers: q.Servers, limit: -1, cancel: q.Cancel,
		service: q.Service, mean: float64(q.Service.Mean()), random: env.Rand("queue"),
	}
	if q.Limit != nil {
		c.limit = *q.Limit
	}
	return Replica{
		Handle: c.handle, Waiting: func() int { return c.waiting.length }, Running: func() int { return c.busy },
		Free: func() int { return c.servers - c.busy },
		Gauges: []sim.Gauge{
			{Name: "waiting", Read: func() float64 { return float64(c.waiting.length) }},
			{Name: "running", Read: func() float64 { return float64(c.busy) }},
		},
	}
}
