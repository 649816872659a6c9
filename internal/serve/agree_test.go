package serve

import (
	"context"
	"fmt"
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
	agreeSeeds    = 5
	agreeSuccess  = 0.02 // of success, in the mean, in each phase
	agreeOneSeed  = 0.06 // of success, in any one seed
	agreeP95      = 0.10 // of the P95 of the answered calls, in the mean
	agreeLeastP95 = 50   // answered calls of a phase, over all seeds, to have a P95 worth comparing
)

// agreeScenarios are short on purpose: a run takes as long as its load. Service times and steps are long
// against what the machine adds (llm has not the fastest card), and patience is short, so that retries
// and timeouts happen; both models refuse, and both strategies that wait do wait. A phase has hundreds of
// calls in each seed, and the recovery is so long that those the spike left over are few of its calls:
// where the P95 falls between the calls that retried and those that did not, it would say nothing.
var agreeScenarios = map[string]string{
	"queue": `
load: {phases: [{name: before, rate: 80/s, for: 1s}, {name: spike, rate: 400/s, for: 1500ms}, {name: recovery, rate: 100/s, for: 3s}]}
requests: {prompt: 16, output: 1, users: 50, keys: {zipf: {s: 1, n: 500}}, patience: 1500ms}
service: {model: {queue: {servers: 40, service: {lognormal: {mean: 200ms, p99: 700ms}}}}, admission: {queue: 40}}
strategies: [sync, {pooled: {size: 60, wait: 700ms}}, {backoff: {tries: 4, base: 200ms, cap: 1s}}]
`,
	"llm": `
load: {phases: [{name: before, rate: 80/s, for: 1s}, {name: spike, rate: 520/s, for: 1500ms}, {name: recovery, rate: 100/s, for: 3500ms}]}
requests: {prompt: {lognormal: {mean: 64, p99: 256}}, output: {lognormal: {mean: 16, p99: 48}}, users: 50, keys: {zipf: {s: 1, n: 500}}, patience: 2s}
service: {model: {llm: {gpu: l40s, precision: fp8, max_seqs: 12}}, replicas: 4, balance: least-conn, admission: {queue: 32}}
strategies: [sync, {pooled: {size: 64, wait: 1s}}, {backoff: {tries: 4, base: 200ms, cap: 1s}}]
`,
}

// A live run is worth comparing only where the machine kept up: calls started in time, and so did what
// the service does by itself. A machine with other things to do (tests of other packages) does not.
const (
	healthyStart = 20 * time.Millisecond // P99 of the calls' start lag
	healthyLag   = 20 * time.Millisecond // P99 of the service's events
)

// served runs one strategy and seed live, against a server of its own, and reports whether the machine
// kept up.
func served(t *testing.T, p *harness.Plan, c harness.Contender, seed uint64) (records []report.Record, healthy bool) {
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
	late := 0.0
	s.wall.Do(func() {
		total, upTo := s.late.cumulated()
		late = 1 - float64(upTo[healthyLag.Seconds()])/float64(total)
	})
	return records, late < 0.01 && *side.Validity.StartLagP99MS < float64(healthyStart.Milliseconds())
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
		t.Skip("takes forty seconds of real time")
	}
	if raced {
		t.Skip("the race detector makes the machine too slow to keep up with the load")
	}
	var all []*pairing
	var lists [][]*pairing
	for _, model := range []string{"queue", "llm"} {
		p := readPlan(t, model, agreeScenarios[model])
		for _, c := range p.Strategies {
			var list []*pairing
			for seed := range uint64(agreeSeeds) {
				list = append(list, &pairing{plan: p, contender: c, seed: seed + 1, virtual: virtual(t, p, c, seed+1)})
			}
			all, lists = append(all, list...), append(lists, list)
		}
	}
	slices.SortStableFunc(all, func(a, b *pairing) int { return int(a.seed) - int(b.seed) }) // the two models side by side
	carry(t, all, 5)
	for _, list := range lists {
		t.Run(list[0].plan.Scenario.Name+"/"+list[0].contender.Name, func(t *testing.T) { agreeing(t, list) })
	}
}

// A pairing is one strategy and seed in both times.
type pairing struct {
	plan          *harness.Plan
	contender     harness.Contender
	seed          uint64
	virtual, live []report.Record
	healthy       bool // the live run met a machine that kept up
}

// carry runs pairings live, so many at once.
func carry(t *testing.T, all []*pairing, atOnce int) {
	t.Helper()
	var ran sync.WaitGroup
	free := make(chan struct{}, atOnce)
	for _, one := range all {
		ran.Go(func() {
			free <- struct{}{}
			defer func() { <-free }()
			one.live, one.healthy = served(t, one.plan, one.contender, one.seed)
		})
	}
	ran.Wait()
}

// agreeing holds the pairs of one strategy to the band. What was measured on a machine that was busy
// with other things is measured once more, with less beside it, before it may count against the band.
func agreeing(t *testing.T, list []*pairing) {
	t.Helper()
	busy := func() []*pairing {
		return slices.DeleteFunc(slices.Clone(list), func(p *pairing) bool { return p.healthy })
	}
	faults := outside(t, list)
	if again := busy(); len(faults) > 0 && len(again) > 0 {
		t.Logf("%d of %d runs met a busy machine, and are made again: %q", len(again), len(list), faults)
		carry(t, again, 2)
		faults = outside(t, list)
	}
	if n := len(busy()); len(faults) > 0 && n > 0 {
		t.Skipf("this machine was too busy in %d of %d runs, twice: %q", n, len(list), faults)
	}
	for _, fault := range faults {
		t.Error(fault)
	}
}

// outside lists what lies outside of the band.
func outside(t *testing.T, list []*pairing) (faults []string) {
	t.Helper()
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	for phase, span := range list[0].plan.Scenario.Spans() {
		var all []pairOf
		answered := 0
		for _, pair := range list {
			one, n := compare(pair.virtual, pair.live, phase)
			all = append(all, one)
			answered += n
			if d := one.success[1] - one.success[0]; math.Abs(d) > agreeOneSeed {
				fault("%s, seed %d: success %.3f in virtual time, %.3f served: %+.3f, allowed ±%.2f", span.Name, pair.seed, one.success[0], one.success[1], d, agreeOneSeed)
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
			fault("%s: success differs by %+.4f in the mean, allowed ±%.2f", span.Name, success, agreeSuccess)
		}
		if answered >= agreeLeastP95 && math.Abs(after/before-1) > agreeP95 {
			fault("%s: P95 is %.0f ms in virtual time and %.0f ms served: %+.1f %%, allowed ±%.0f %%", span.Name, before*1e3, after*1e3, 100*(after/before-1), 100*agreeP95)
		}
	}
	return faults
}
