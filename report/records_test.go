package report

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// spikeConfig is a load of 100, 1000 and 100 calls per second for 30, 10 and 60 s, times scale.
func spikeConfig(scale float64) Config {
	success, limit := 0.99, 2000.0
	return Config{
		Phases: []PhaseInfo{
			{Name: "before", FromS: 0, ToS: 30, RateQP: 100 * scale},
			{Name: "spike", FromS: 30, ToS: 40, RateQP: 1000 * scale, IsPeak: true},
			{Name: "recovery", FromS: 40, ToS: 100, RateQP: 100 * scale},
		},
		Priorities: []string{"high", "medium", "low"},
		Objective:  &Objective{Success: &success, P99MS: &limit},
	}
}

// singleServer carries the load of c to one first-come, first-served server with the given mean
// service time, whose callers leave when their wait is over. It is a small queue with all that a
// record can hold: what a run looks like, without the simulator.
func singleServer(c Config, seed uint64, mean, patience time.Duration, add func(Record)) {
	arrive, draw := rand.New(rand.NewPCG(seed, 0)), rand.New(rand.NewPCG(seed, 1))
	var free time.Duration // when the server is next idle
	call := 0
	for i, p := range c.Phases {
		at := seconds(p.FromS)
		for {
			at += time.Duration(arrive.ExpFloat64() / p.RateQP * float64(time.Second))
			if at >= seconds(p.ToS) {
				break
			}
			work := time.Duration(arrive.ExpFloat64() * float64(mean))
			r := Record{
				Call: call, Phase: i, Priority: sim.Priority(draw.IntN(3)), Attempts: 1, Intended: at, Sent: at,
				Patience: patience, Tokens: 1 + draw.IntN(100),
			}
			start := max(at, free)
			switch {
			case start-at > patience:
				r.Outcome, r.Reason, r.Done, r.Sent, r.Attempts = sim.Timeout, "patience", at+patience, -1, 0
			case draw.Float64() < 0.002:
				r.Outcome, r.Reason, r.Status, r.Done = sim.Busy, "full", 503, at+time.Millisecond
			default:
				r.Outcome, r.Status, r.Sent, r.First, r.Done = sim.OK, 200, start, start+work/4, start+work
				free = start + work
			}
			r.FirstTry = r.Outcome
			if draw.Float64() < 0.05 && r.Outcome == sim.OK {
				r.FirstTry, r.Attempts = sim.Busy, 2
			}
			add(r)
			call++
		}
	}
}

// sideOf is a Side that agrees with what a Tally counted.
func sideOf(t *Tally) Side {
	var s Side
	for i := range t.phases {
		p := &t.phases[i]
		for _, n := range p.outcomes() {
			s.Validity.Planned += n
			s.Validity.Sent += n
		}
		retries := p.attempts / 50
		s.Causes = append(s.Causes, CauseCounts{sim.First: p.attempts - retries, sim.Retry: retries})
		work := p.service.distribution().sum
		s.Costs = append(s.Costs, sim.Cost{Work: work + time.Second, Wasted: time.Second})
	}
	waiting := Gauge{Name: "service waiting"}
	for i := range 110 {
		s.Series = append(s.Series, SecondTotals{Attempts: int64(i)})
		waiting.Values = append(waiting.Values, math.Sin(float64(i))+1)
	}
	s.Gauges = []Gauge{waiting}
	s.Counts = map[string]int{"full": int(s.Validity.Planned / 100)}
	return s
}

// comparison runs two strategies, one with a server half as fast, over k seeds, and returns the
// Collector they were added to, in the order given by shuffle.
func comparison(k int, measured bool, order []int) *Collector {
	c := spikeConfig(0.5)
	all := make([]uint64, k)
	for i := range all {
		all[i] = uint64(i + 1)
	}
	patience := 5.0
	col := NewCollector(c, Result{Name: "spike", Target: "sim", Measured: measured, PatienceS: &patience}, all,
		[]Strategy{{Name: "slow", PatienceS: &patience}, {Name: "fast", PatienceS: &patience}})
	if order == nil {
		for i := range 2 * k {
			order = append(order, i)
		}
	}
	t := NewTally(c)
	for _, i := range order {
		seed, strategy := i/2, i%2
		t.Reset()
		mean := []time.Duration{10 * time.Millisecond, 4 * time.Millisecond}[strategy]
		singleServer(c, all[seed], mean, 5*time.Second, t.Add)
		col.Add(strategy, seed, t, sideOf(t))
	}
	return col
}
