package serve

import (
	"context"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/headroom-dev/headroom/internal/harness"
	"github.com/headroom-dev/headroom/report"
	"github.com/headroom-dev/headroom/sim"
)

// The band within which the two times must agree, over agreeSeeds pairs of runs.
const (
	agreeSeeds    = 8
	agreeSuccess  = 0.02 // of success, in the mean, in each phase
	agreeOneSeed  = 0.06 // of success, in any one seed
	agreeP95      = 0.10 // of the P95 of the answered calls, in the mean
	agreeLeastP95 = 50   // answered calls of a phase, over all seeds, to have a P95 worth comparing
)

// agreeScenarios are short on purpose: a run takes as long as its load. Service times are long against
// what a busy machine adds to each call (a millisecond or two), and patience is short, so that retries
// and timeouts happen; both models refuse, and both strategies that wait do wait.
var agreeScenarios = map[string]string{
	"queue": `
load: {phases: [{name: before, rate: 40/s, for: 1s}, {name: spike, rate: 200/s, for: 1500ms}, {name: recovery, rate: 50/s, for: 3s}]}
requests: {prompt: 16, output: 1, users: 50, keys: {zipf: {s: 1, n: 500}}, patience: 1500ms}
service: {model: {queue: {servers: 20, service: {lognormal: {mean: 200ms, p99: 700ms}}}}, admission: {queue: 20}}
strategies: [sync, {pooled: {size: 30, wait: 700ms}}, {backoff: {tries: 4, base: 200ms, cap: 1s}}]
`,
	"llm": `
load: {phases: [{name: before, rate: 30/s, for: 1s}, {name: spike, rate: 150/s, for: 1500ms}, {name: recovery, rate: 40/s, for: 3s}]}
requests: {prompt: {lognormal: {mean: 128, p99: 512}}, output: {lognormal: {mean: 40, p99: 120}}, users: 50, keys: {zipf: {s: 1, n: 500}}, patience: 2s}
service: {model: {llm: {max_seqs: 12}}, replicas: 2, balance: least-conn, admission: {queue: 16}}
strategies: [sync, {pooled: {size: 32, wait: 1s}}, {backoff: {tries: 4, base: 200ms, cap: 1s}}]
`,
}

// served runs one strategy and seed live, against a server of its own.
func served(t *testing.T, p *harness.Plan, c harness.Contender, seed uint64) []report.Record {
	t.Helper()
	s, err := New(Options{Plan: p, Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	e, err := (&harness.Live{URLs: []string{listen(t, s) + "/v1/completions"}}).Prepare()
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	var records []report.Record
	run := harness.LiveRun{
		Name: c.Name, Strategy: c.New(), Seed: seed, Patience: p.Scenario.Requests.Patience, Closed: -1,
		Schedule: func() (harness.Source, error) { return p.Scenario.Schedule(seed) },
		Add:      func(r report.Record) { records = append(records, r) },
	}
	for _, span := range p.Scenario.Spans() {
		run.Phases = append(run.Phases, span.Name)
	}
	side, err := harness.Wall(t.Context(), context.Background(), e, run)
	if err != nil {
		t.Fatal(err)
	}
	if lag := side.Validity.StartLagP99MS; lag != nil && *lag > 50 {
		t.Logf("%s, seed %d: calls started up to %.0f ms late (P99)", c.Name, seed, *lag)
	}
	return records
}

func virtual(t *testing.T, p *harness.Plan, c harness.Contender, seed uint64) (records []report.Record) {
	t.Helper()
	if _, err := harness.Virtual(t.Context(), p, c.New(), seed, func(r report.Record) { records = append(records, r) }); err != nil {
		t.Fatal(err)
	}
	return records
}

// A pairOf is a phase of one seed in both times.
type pairOf struct{ success, p95 [2]float64 }

func compare(virtual, live []report.Record, phase int) (p pairOf, answered int) {
	for i, records := range [][]report.Record{virtual, live} {
		var times []time.Duration
		calls := 0
		for _, r := range records {
			if r.Phase != phase {
				continue
			}
			calls++
			if r.Outcome == sim.OK {
				times = append(times, r.ResponseTime())
			}
		}
		p.success[i], p.p95[i] = float64(len(times))/float64(calls), math.NaN()
		if len(times) > 0 {
			slices.Sort(times)
			p.p95[i] = times[int(math.Ceil(0.95*float64(len(times))))-1].Seconds()
		}
		answered += len(times)
	}
	return p, answered / 2
}

// TestTwoTimesAgree is the promise that what was compared in virtual time is what happens over real
// sockets: the same schedule and the same strategy, once against the model in a World, once through the
// live driver, loopback and serve. The runs go side by side, for they mostly wait.
func TestTwoTimesAgree(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute of real time")
	}
	type contest struct {
		plan      *harness.Plan
		contender harness.Contender
		both      [][2][]report.Record
	}
	var all []contest
	var ran sync.WaitGroup
	free := make(chan struct{}, agreeAtOnce)
	for _, model := range []string{"queue", "llm"} {
		p := readPlan(t, model, agreeScenarios[model])
		for _, c := range p.Strategies {
			one := contest{p, c, make([][2][]report.Record, agreeSeeds)}
			all = append(all, one)
			for i := range one.both {
				seed := uint64(i + 1)
				one.both[i][0] = virtual(t, p, c, seed)
				ran.Go(func() {
					free <- struct{}{}
					defer func() { <-free }()
					one.both[i][1] = served(t, p, c, seed)
				})
			}
		}
	}
	ran.Wait()
	for _, one := range all {
		t.Run(one.plan.Scenario.Name+"/"+one.contender.Name, func(t *testing.T) { agreeing(t, one.plan, one.both) })
	}
}

// agreeAtOnce bounds the live runs at once: each takes about a twentieth of a core, and a machine that
// is busy adds its own delays.
const agreeAtOnce = 12

func agreeing(t *testing.T, p *harness.Plan, both [][2][]report.Record) {
	for phase, span := range p.Scenario.Spans() {
		var all []pairOf
		answered := 0
		for i := range both {
			one, n := compare(both[i][0], both[i][1], phase)
			all = append(all, one)
			answered += n
			if d := one.success[1] - one.success[0]; math.Abs(d) > agreeOneSeed {
				t.Errorf("%s, seed %d: success %.3f in virtual time, %.3f served: %+.3f, allowed ±%.2f", span.Name, i+1, one.success[0], one.success[1], d, agreeOneSeed)
			}
		}
		mean := func(value func(pairOf) float64) (sum float64) {
			for _, one := range all {
				sum += value(one) / float64(len(all))
			}
			return sum
		}
		success := mean(func(p pairOf) float64 { return p.success[1] - p.success[0] })
		before, after := mean(func(p pairOf) float64 { return p.p95[0] }), mean(func(p pairOf) float64 { return p.p95[1] })
		t.Logf("%-8s success %.3f virtual, %+.4f served; P95 %.0f ms virtual, %+.1f %% served; %d answered", span.Name,
			mean(func(p pairOf) float64 { return p.success[0] }), success, before*1e3, 100*(after/before-1), answered)
		if math.Abs(success) > agreeSuccess {
			t.Errorf("%s: success differs by %+.4f in the mean, allowed ±%.2f", span.Name, success, agreeSuccess)
		}
		if answered >= agreeLeastP95 && math.Abs(after/before-1) > agreeP95 {
			t.Errorf("%s: P95 is %.0f ms in virtual time and %.0f ms served: %+.1f %%, allowed ±%.0f %%", span.Name, before*1e3, after*1e3, 100*(after/before-1), 100*agreeP95)
		}
	}
}
