package harness

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/headroom-dev/headroom/report"
	"github.com/headroom-dev/headroom/sim"
	"github.com/headroom-dev/headroom/sim/backend"
)

// One strategy, two times, through everything: a scenario run by Virtual, and the same scenario run by
// the live driver with vegeta, its pacing and its carrier, in a bubble and with the simulated service in
// the endpoint's place. Every record must be the same, call by call and to the nanosecond: when it
// was sent, when it ended, how, why and after how many attempts; and so must what the service booked
// and what the strategy decided. Service times of nanosecond grain leave no two causes to one instant,
// whose order a Wall does not promise: hence no cache in the closed loop, whose callers begin together
// and of whom one would lead the flight that the others join.
func TestVirtualAndLiveAgree(t *testing.T) {
	for _, row := range []struct{ name, load, service, strategies string }{
		{"every strategy in an overload", spikeLoad,
			`{model: {queue: {servers: 20, limit: 240, service: {lognormal: {mean: 200ms, p99: 1s}}}}}`,
			`[sync, {pooled: {size: 18, wait: 2s}}, {async-queue: {workers: 20, size: 400, deadline: 12s}}, {cache: {entries: 100, ttl: 3s}}, {backoff: {base: 100ms}}, {stack: [cache, {backoff: {base: 200ms}}, {pooled: {size: 25, wait: 500ms}}]}]`},
		{"replicas that notice nobody's leaving", spikeLoad,
			`{model: {queue: {servers: 5, cancel: queued, service: {exp: {mean: 150ms}}}}, replicas: 3, balance: least-conn, admission: {queue: 100, when_full: 429}}`,
			`[sync, backoff]`},
		{"a closed loop behind an open phase", `[{name: warm, rate: 30/s, for: 5s}, {name: steady, concurrency: 16, calls: 1000}]`,
			`{model: {queue: {servers: 60, service: {gamma: {mean: 120ms, cv: 0.7}}}}}`,
			`[sync, {pooled: {size: 60}}]`},
		{"replicas that callers choose, and bodies made smaller", spikeLoad,
			`{model: {queue: {servers: 5, limit: 20, service: {exp: {mean: 150ms}}}}, replicas: 4}`,
			`[shard, {name: second choice, stack: [{backoff: {base: 100ms}}, {shard: {by: key, algorithm: jump, failover: true}}, {compress: {cpu: 1s}}]}, {compress: {codec: gzip}}]`},
		{"a language model", `[{name: spike, rate: 60/s, for: 15s}]`,
			`{model: {llm: {max_seqs: 16}}, admission: {queue: 30}}`,
			`[sync, {backoff: {base: 300ms}}]`},
	} {
		p, err := Read(row.name, strings.NewReader(fmt.Sprintf(agreeScenario, row.load, row.service, row.strategies)))
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range p.Strategies {
			t.Run(row.name+"/"+c.Name, func(t *testing.T) { agree(t, p, c) })
		}
	}
}

const agreeScenario = `
load: {phases: %s}
requests:
  prompt: {lognormal: {mean: 256, p99: 1024}}
  output: {lognormal: {mean: 64, p99: 256}}
  keys: {zipf: {s: 1, n: 1000}}
  patience: 2s
network: {dns: 10ms, connect: 5ms, tls: 15ms, rtt: 4ms}
service: %s
strategies: %s
`

const spikeLoad = `[{name: before, rate: 50/s, for: 3s}, {name: spike, rate: 300/s, ramp: 1s, for: 5s}, {name: recovery, rate: 50/s, for: 10s}]`

func agree(t *testing.T, p *Plan, c Contender) {
	const seed = 9
	var virtual []report.Record
	want, err := Virtual(t.Context(), p, c.New(), seed, func(r report.Record) { virtual = append(virtual, r) })
	if err != nil {
		t.Fatal(err)
	}
	var live []report.Record
	var got report.Side
	var link backend.Link
	synctest.Test(t, func(t *testing.T) {
		run := LiveRun{
			Name: c.Name, Strategy: c.New(), Seed: seed, Schedule: func() (Source, error) { return p.Scenario.Schedule(seed) },
			Patience: p.Scenario.Requests.Patience, Closed: closedPhase(p.Scenario), Add: func(r report.Record) { live = append(live, r) },
		}
		for _, span := range p.Scenario.Spans() {
			run.Phases = append(run.Phases, span.Name)
		}
		if run.Closed >= 0 {
			run.Concurrency = p.Scenario.Load.Phases[run.Closed].Concurrency
		}
		got = inBubble(t, t.Context(), context.Background(), run, maxWorkers, func(w *sim.Wall) sim.Handler {
			service := p.Service.Start(w)
			spread(run.Strategy, len(service.Pool.Members()))
			link = p.linked(w, run.Strategy, service.Handle)
			return link.Handle
		})
		time.Sleep(time.Minute) // the service books the work of the last to leave after they have left
	})
	if link.Counts != nil { // Virtual counts them with the strategy's; a real network counts nothing
		link.Counts(func(name string, n int64) { got.Counts[name] = int(n) })
	}
	if ends := outcomes(virtual); p.Scenario.Load.Phases[0].Name != "warm" && len(ends) < 2 && c.Kind != "stack" {
		t.Errorf("all calls ended alike, %v: nothing happens here that could differ", ends)
	}
	check(t, got, live)
	check(t, want, virtual)
	byCall := func(a, b report.Record) int { return a.Call - b.Call }
	slices.SortFunc(virtual, byCall)
	slices.SortFunc(live, byCall)
	if diff := cmp.Diff(virtual, live); diff != "" {
		t.Errorf("records differ (-virtual +live):\n%.3000s", diff)
	}
	if diff := cmp.Diff(booked(want), booked(got)); diff != "" {
		t.Errorf("what was booked differs (-virtual +live):\n%s", diff)
	}
}

// booked is what a Side says of a run besides its health and its gauges.
func booked(s report.Side) any {
	type cost struct{ Work, Wasted time.Duration }
	var costs []cost
	for _, c := range s.Costs {
		costs = append(costs, cost{c.Work, c.Wasted})
	}
	return []any{costs, s.Causes, s.Counts, s.Series}
}
