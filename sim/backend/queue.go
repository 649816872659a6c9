package backend

import (
	"fmt"
	"strconv"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// Queue is c servers behind one queue, M/G/c/K: each server carries one call at a time, or all calls
// share the servers (ps).
type Queue struct {
	Servers    int            `yaml:"servers"`               // 1 to 1,000,000; 1
	Service    ServiceTime    `yaml:"service"`               // time in a server; with Work in the schedule: its mean times that
	Dependency *Dependency    `yaml:"dependency,omitempty"`  // what a server waits for in each service, added to it; absent: nothing
	Limit      *int           `yaml:"limit,omitempty"`       // calls that may wait, the servers not counted; absent: no limit
	RejectCost sim.Share      `yaml:"reject_cost,omitempty"` // share of a service that refusing a call costs; 0
	Discipline Discipline     `yaml:"discipline"`            // fifo, lifo, priority or ps; fifo
	Age        *time.Duration `yaml:"age,omitempty"`         // priority: waiting that is worth one class, 0 for strict classes; 10s
	Cancel     Cancel         `yaml:"cancel"`                // free, queued or zombie; free
}

var _ Model = (*Queue)(nil)

// NewQueue returns the defaults. The service time has none: it is the one thing that must be given.
func NewQueue() *Queue {
	return &Queue{Servers: 1, Discipline: FIFO, Cancel: CancelFree}
}

const (
	maxServers = 1_000_000
	defaultAge = 10 * time.Second
	maxAge     = 24 * time.Hour
)

// Validate checks the configuration, and fills in the age where the discipline has one.
func (q *Queue) Validate() error {
	var f sim.Faults
	if q.Servers < 1 || q.Servers > maxServers {
		f.Add("servers", strconv.Itoa(q.Servers), fmt.Sprintf("1 to %d", maxServers))
	}
	q.Service.check(&f)
	q.Dependency.check(&f)
	checkLimit(&f, q.Limit)
	if !(q.RejectCost >= 0 && q.RejectCost <= 1) {
		f.Add("reject_cost", q.RejectCost.String(), "0% to 100% of a service")
	}
	q.checkDiscipline(&f)
	q.Cancel.check(&f)
	return f.Err()
}

func (q *Queue) checkDiscipline(f *sim.Faults) {
	if _, ok := find(disciplines, func(d Discipline) bool { return d == q.Discipline }); !ok {
		f.Add("discipline", string(q.Discipline), names(disciplines, func(d Discipline) string { return string(d) }))
		return
	}
	switch {
	case q.Age == nil && q.Discipline == ByPriority:
		age := defaultAge
		q.Age = &age
	case q.Age == nil:
	case q.Discipline != ByPriority:
		f.Add("age", q.Age.String()+" with discipline "+string(q.Discipline), "only with discipline priority")
	case *q.Age < 0 || *q.Age > maxAge:
		f.Add("age", q.Age.String(), "0s (strict classes) to "+maxAge.String())
	}
}

// Start makes one replica. The configuration must have passed Validate, which it does not change any
// more: Worlds side by side may start it.
func (q *Queue) Start(env sim.Env) Replica {
	checked := *q
	if err := checked.Validate(); err != nil {
		panic("backend: Queue.Start: " + err.Error())
	}
	limit := -1
	if q.Limit != nil {
		limit = *q.Limit
	}
	times := newServiceTimes(env, &checked)
	if q.Discipline == PS {
		return newSharer(env, &checked, times, limit).replica()
	}
	return newCounter(env, &checked, times, limit).replica()
}

// queueGauges are the gauges of a model that has a queue and servers.
func queueGauges(waiting, running func() int) []sim.Gauge {
	return []sim.Gauge{
		{Name: "waiting", Read: func() float64 { return float64(waiting()) }},
		{Name: "running", Read: func() float64 { return float64(running()) }},
	}
}
