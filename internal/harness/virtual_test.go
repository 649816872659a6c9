package harness_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/headroom-dev/headroom/internal/harness"
	"github.com/headroom-dev/headroom/report"
	"github.com/headroom-dev/headroom/scenarios"
)

// Little's law on a closed loop: n callers who never pause, each of whose calls takes R, make n/R calls
// a second, whatever the strategy and wherever they wait.
func TestClosedLoopKeepsLittlesLaw(t *testing.T) {
	for _, row := range []struct {
		name, service string
		response      float64 // seconds that every call takes; 0 is not known
	}{
		{"servers for all", "{servers: 40, service: 100ms}", .120},
		{"half as many servers as callers", "{servers: 8, service: 100ms}", 0},
		{"random service times", "{servers: 8, service: {exp: {mean: 100ms}}}", 0},
	} {
		const callers, calls = 16.0, 4000
		result := run(t, fmt.Sprintf(`
load: {phases: [{name: warm, rate: 20/s, for: 2s}, {name: steady, concurrency: %g, calls: %d}]}
network: {rtt: 20ms}
service: {model: {queue: %s}}
strategies: [{sync: {connections: warm}}, {pooled: {size: 8, wait: 1m}}, {async-queue: {workers: 8}}, cache, backoff, {stack: [cache, backoff, pooled]}]
`, callers, calls, row.service), 2)
		for _, s := range result.Strategies {
			steady := phase(t, result, s.Name, "steady")
			if steady.Calls != 2*calls || steady.Outcomes["ok"] != 2*calls {
				t.Errorf("%s, %s: %d calls, %v, want %d ok", row.name, s.Name, steady.Calls, steady.Outcomes, 2*calls)
			}
			// At the end the callers stop one by one: of calls/callers rounds two are lost at most.
			got, want := *steady.ThroughputQPS, callers/(*steady.MeanMS/1000)
			if math.Abs(got/want-1) > 2*callers/calls {
				t.Errorf("%s, %s: %.2f calls a second, Little's law says %.2f", row.name, s.Name, got, want)
			}
			if pool := s.Name == "pooled" || s.Name == "async-queue"; row.response > 0 && !pool && math.Abs(*steady.MeanMS/1000-row.response) > 1e-9 {
				t.Errorf("%s, %s: a call takes %v ms, want %v", row.name, s.Name, *steady.MeanMS, 1000*row.response)
			}
		}
	}
}

// The service draws a call's time once: what is luck of the service is the same for every strategy, and
// for every attempt, so that runs of one seed can be paired. On a service where nobody waits the calls
// of all strategies then take the same times.
func TestStrategiesMeetTheSameService(t *testing.T) {
	var files [3]bytes.Buffer
	for i, strategy := range []string{"sync: {connections: warm}", "pooled: {size: 1000}", "stack: [cache, async-queue, backoff, pooled]"} {
		plan := read(t, fmt.Sprintf(`
load: {arrivals: {gamma: {cv: 2}}, phases: [{name: only, rate: 40/s, for: 20s}]}
service: {model: {queue: {servers: 500, service: {exp: {mean: 50ms}}}}, replicas: %d}
strategies: [{name: one, %s}]
`, i+1, strategy))
		if _, err := harness.Run(t.Context(), plan, harness.Options{Seeds: seeds(2), Calls: &files[i]}); err != nil {
			t.Fatal(err)
		}
	}
	if rows := strings.Count(files[0].String(), "\n"); rows < 1000 {
		t.Fatalf("only %d rows: the test shows little", rows)
	}
	for i := range files[1:] {
		if files[i+1].String() != files[0].String() {
			t.Errorf("the calls of strategy %d differ from those of the first", i+1)
		}
	}
}

// What becomes of the work of callers who have gone is the service's choice, and is booked as wasted:
// one server of 1 s, ten calls at once, each with a patience of 1.5 s.
func TestAbandonedWorkIsBooked(t *testing.T) {
	for _, row := range []struct {
		cancel       string
		work, wasted float64 // seconds
	}{
		// The first is served for 1 s; the second gets the half second that is left, and all have gone.
		{"free", 1.5, .5},
		// The second runs on to its end; the others left the queue.
		{"queued", 2, 1},
		// Nine seconds of work for nobody.
		{"zombie", 10, 9},
	} {
		plan := read(t, fmt.Sprintf(`
load: {phases: [{name: burst, concurrency: 10, calls: 10}]}
requests: {patience: 1500ms}
service: {model: {queue: {servers: 1, service: 1s, cancel: %s}}}
strategies: [sync]
`, row.cancel))
		side, err := harness.Virtual(t.Context(), plan, plan.Strategies[0].New(), 1, func(report.Record) {})
		if err != nil {
			t.Fatal(err)
		}
		cost := side.Costs[0]
		if got := cost.Work.Seconds(); got != row.work {
			t.Errorf("%s: %v s of work, want %v", row.cancel, got, row.work)
		}
		if got := cost.Wasted.Seconds(); got != row.wasted {
			t.Errorf("%s: %v s of it wasted, want %v", row.cancel, got, row.wasted)
		}
	}
}

// A scenario may leave out the service, for a target stands in its place, and the strategies; run as it
// is, it is a bad scenario, and no panic and no empty result.
func TestRunOfAnIncompleteScenario(t *testing.T) {
	plan := read(t, "load: {phases: [{name: a, rate: 1/s, for: 1s}]}\n")
	_, err := harness.Run(t.Context(), plan, harness.Options{Seeds: seeds(1)})
	if bad := new(scenarios.Error); !errors.As(err, &bad) || len(bad.Faults) != 2 {
		t.Fatalf("got %v, want the two faults of a scenario", err)
	}
	for _, want := range []string{"service is missing; allowed: ", "strategies is missing; allowed: "} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
}

// The calls file is CSV, whatever the names, and whole, in both times.
func TestCallsFile(t *testing.T) {
	const scenario = `
load: {arrivals: uniform, phases: [{name: "first, then", rate: 100/s, for: 200ms}]}
requests: {priority: {'the "high"': 100%}, patience: 10s}
service: {model: {queue: {servers: 1, service: 1ms}}}
strategies: [{name: 'a,"b"', sync: {}}]
`
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	live := harness.Live{URLs: []string{server.URL}}
	endpoint, err := live.Prepare()
	if err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]*harness.Endpoint{"virtual": nil, "live": endpoint} {
		var file bytes.Buffer
		if _, err := harness.Run(t.Context(), read(t, scenario), harness.Options{Seeds: seeds(1), Live: target, Calls: &file}); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(&file).ReadAll()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(rows) != 1+20 {
			t.Fatalf("%s: %d rows, want a header and 20 calls", name, len(rows))
		}
		for _, row := range rows[1:] {
			if row[0] != `a,"b"` || row[3] != "first, then" || row[4] != `the "high"` || row[9] != "ok" {
				t.Errorf("%s: row %q", name, row)
			}
		}
	}
}

// A run whose clock stands still, because its calls take no time, can be interrupted all the same.
func TestInterruptedWhileTheClockStandsStill(t *testing.T) {
	plan := read(t, `
load: {phases: [{name: steady, concurrency: 4, calls: 1000000000}]}
requests: {keys: {zipf: {s: 1, n: 1}}}
service: {model: {queue: {servers: 4, service: 10ms}}}
strategies: [cache]
`)
	ctx, interrupt := context.WithCancel(t.Context())
	calls := 0
	_, err := harness.Virtual(ctx, plan, plan.Strategies[0].New(), 1, func(report.Record) {
		if calls++; calls == 10_000 {
			interrupt()
		}
	})
	if !errors.Is(err, context.Canceled) || calls > 20_000 {
		t.Errorf("%v after %d calls, want it cancelled soon after 10000", err, calls)
	}
}

// Runs are paired by their traffic: what the service reads from files is no part of it.
func TestTrafficIsWhatDecidesTheSchedule(t *testing.T) {
	file := filepath.Join(t.TempDir(), "times")
	if err := os.WriteFile(file, []byte("10ms\n30ms\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	traffic := func(rate, service string) string {
		return run(t, fmt.Sprintf(`
load: {phases: [{name: a, rate: %s, for: 5s}]}
service: {model: {queue: {servers: 9, service: %s}}}
strategies: [sync]
`, rate, service), 1).TrafficSHA256
	}
	reference := traffic("10/s", "20ms")
	if got := traffic("10/s", "{empirical: "+file+"}"); got != reference {
		t.Error("another service changes the traffic's hash")
	}
	if got := traffic("11/s", "20ms"); got == reference {
		t.Error("another rate leaves the traffic's hash as it was")
	}
}

// Who watches is told of every call in the end, in runs of few calls too.
func TestProgressCountsEveryCall(t *testing.T) {
	var last harness.Progress
	result, err := harness.Run(t.Context(), read(t, small), harness.Options{Seeds: seeds(2), Watch: func(p harness.Progress) { last = p }})
	if err != nil {
		t.Fatal(err)
	}
	if last.Done != 10 || last.Total != 10 || last.Share != 1 || last.Calls != result.Validity.Planned {
		t.Errorf("the last report is %+v, want 10 runs of 10 and %d calls", last, result.Validity.Planned)
	}
}
