package serve

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/headroom-dev/headroom/internal/harness"
	"github.com/headroom-dev/headroom/report"
	"github.com/headroom-dev/headroom/sim"
)

// What dashboards made for vLLM ask for (vllm/v1/metrics/loggers.py), by type.
var vllmNames = map[string][]string{
	"gauge": {"vllm:num_requests_running", "vllm:num_requests_waiting", "vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"},
	"counter": {"vllm:num_preemptions_total", "vllm:prompt_tokens_total", "vllm:generation_tokens_total", "vllm:request_success_total",
		"vllm:prefix_cache_queries_total", "vllm:prefix_cache_hits_total"},
	"histogram": {"vllm:time_to_first_token_seconds", "vllm:time_per_output_token_seconds", "vllm:e2e_request_latency_seconds",
		"vllm:request_queue_time_seconds", "vllm:request_prefill_time_seconds", "vllm:request_decode_time_seconds",
		"vllm:request_inference_time_seconds", "vllm:request_prompt_tokens", "vllm:request_generation_tokens", "vllm:iteration_tokens_total"},
}

// What the gates, scrape jobs and alert rules of the source articles ask for.
var articleNames = map[string][]string{
	"gauge":     {"deepseek_error_rate", "deepseek_queue_depth"},
	"counter":   {"nginx_upstream_responses_total", "nginx_server_requests_total"},
	"histogram": {"deepseek_request_latency_seconds"},
}

var ownNames = map[string][]string{
	"gauge":     {"headroom_replicas", "headroom_admission_queue"},
	"counter":   {"headroom_work_seconds_total", "headroom_wasted_seconds_total"},
	"histogram": {"headroom_step_lag_seconds"},
}

func TestMetricNames(t *testing.T) {
	_, url := start(t, Options{Plan: planned(t, "{model: {llm: {}}, replicas: 2}")})
	page := get(t, url+"/metrics")
	if kind := page.header.Get("Content-Type"); !strings.HasPrefix(kind, "text/plain; version=0.0.4") {
		t.Errorf("got Content-Type %q", kind)
	}
	for _, table := range []map[string][]string{vllmNames, articleNames, ownNames} {
		for kind, names := range table {
			for _, name := range names {
				if !strings.Contains(page.body, "# TYPE "+name+" "+kind+"\n") {
					t.Errorf("no %s %s", kind, name)
				}
			}
		}
	}
	for _, name := range slices.Concat(vllmNames["gauge"], vllmNames["counter"], vllmNames["histogram"]) {
		for engine := range 2 {
			labels := fmt.Sprintf(`engine="%d"`, engine)
			if !slices.ContainsFunc(strings.Split(page.body, "\n"), func(line string) bool {
				return strings.HasPrefix(line, name) && strings.Contains(line, labels) && strings.Contains(line, `model_name="llama-3.1-8b"`)
			}) {
				t.Errorf("%s: no series with %s", name, labels)
			}
		}
	}
}

// The first and last buckets of vLLM's lists, and how many there are with +Inf.
func TestMetricBuckets(t *testing.T) {
	_, url := start(t, Options{Plan: planned(t, "{model: {llm: {max_model_len: 4096}}}")})
	page := get(t, url+"/metrics").body
	for name, want := range map[string]struct {
		first, last string
		n           int
	}{
		"vllm:time_to_first_token_seconds":   {"0.001", "2560", 23},
		"vllm:time_per_output_token_seconds": {"0.01", "80", 20},
		"vllm:e2e_request_latency_seconds":   {"0.3", "7680", 22},
		"vllm:request_queue_time_seconds":    {"0.3", "7680", 22},
		"vllm:request_prompt_tokens":         {"1", "2000", 12}, // 1, 2, 5 ... up to the model's length
	} {
		var bounds []string
		for line := range strings.SplitSeq(page, "\n") {
			if strings.HasPrefix(line, name+"_bucket{") {
				_, le, _ := strings.Cut(line, `le="`)
				le, _, _ = strings.Cut(le, `"`)
				bounds = append(bounds, le)
			}
		}
		if len(bounds) != want.n || bounds[0] != want.first || bounds[len(bounds)-2] != want.last {
			t.Errorf("%s: got buckets %v, want %d from %s to %s", name, bounds, want.n, want.first, want.last)
		}
	}
}

// TestCountersEqualTheRun holds the page against the records of a run that met refusals and timeouts.
// The page is read by Prometheus' own parser.
func TestCountersEqualTheRun(t *testing.T) {
	p := readPlan(t, "counted", `
load: {phases: [{name: spike, rate: 200/s, for: 1500ms}]}
requests: {prompt: 20, output: 3, users: 5, patience: 400ms}
service: {model: {queue: {servers: 10, service: {exp: {mean: 150ms}}}}, admission: {queue: 30}}
strategies: [sync]
`)
	s, url := start(t, Options{Plan: p, Model: "m"})
	e, err := (&harness.Live{URLs: []string{url + "/v1/chat/completions"}}).Prepare()
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	ends := map[sim.Outcome]int{}
	run := harness.LiveRun{
		Name: "counted", Strategy: p.Strategies[0].New(), Seed: 1, Patience: p.Scenario.Requests.Patience, Closed: -1, Phases: []string{"spike"},
		Schedule: func() (harness.Source, error) { return p.Scenario.Schedule(1) },
		Add:      func(r report.Record) { ends[r.Outcome]++ },
	}
	if _, err := harness.Wall(t.Context(), context.Background(), e, run); err != nil {
		t.Fatal(err)
	}
	calls := 0
	for _, n := range ends {
		calls += n
	}
	if ends[sim.OK] < 50 || ends[sim.Busy] < 20 || ends[sim.Timeout] < 20 {
		t.Fatalf("got outcomes %v: too few of some to count", ends)
	}
	eventually(t, "every request is counted", func() bool { return int(figure(t, url, "nginx_server_requests_total")) == calls })
	if n := s.callsInside(); n != 0 {
		t.Errorf("%d calls are inside after the run", n)
	}
	// An answer may be on its way when its caller's patience ends: such a call is done by the engine, or even
	// answered by the server, and the caller's timeout.
	late := int(figure(t, url, `nginx_upstream_responses_total{status="2xx"}`)) - ends[sim.OK]
	done := int(figure(t, url, `vllm:request_success_total{engine="0",finished_reason="length",model_name="m"}`)) - ends[sim.OK]
	if late < 0 || done < late || done > 5 {
		t.Errorf("the engine has done %d calls more than callers got answers to, and the server answered %d more", done, late)
	}
	want := fmt.Sprintf(`
# HELP nginx_upstream_responses_total Answers under /v1, by class of status; a cut connection is 5xx, a caller who left 4xx.
# TYPE nginx_upstream_responses_total counter
nginx_upstream_responses_total{status="1xx"} 0
nginx_upstream_responses_total{status="2xx"} %[1]d
nginx_upstream_responses_total{status="3xx"} 0
nginx_upstream_responses_total{status="4xx"} %[2]d
nginx_upstream_responses_total{status="5xx"} %[3]d
# HELP headroom_refused_total Calls refused, by the service's reason and the status of the answer; status 0 is a broken connection.
# TYPE headroom_refused_total counter
headroom_refused_total{reason="queue-full",status="503"} %[3]d
# HELP vllm:prompt_tokens_total Number of prefill tokens processed.
# TYPE vllm:prompt_tokens_total counter
vllm:prompt_tokens_total{engine="0",model_name="m"} %[4]d
# HELP vllm:generation_tokens_total Number of generation tokens processed.
# TYPE vllm:generation_tokens_total counter
vllm:generation_tokens_total{engine="0",model_name="m"} %[5]d
# HELP vllm:request_success_total Count of successfully processed requests.
# TYPE vllm:request_success_total counter
vllm:request_success_total{engine="0",finished_reason="abort",model_name="m"} %[6]d
vllm:request_success_total{engine="0",finished_reason="error",model_name="m"} 0
vllm:request_success_total{engine="0",finished_reason="length",model_name="m"} %[7]d
vllm:request_success_total{engine="0",finished_reason="stop",model_name="m"} 0
`, ends[sim.OK]+late, ends[sim.Timeout]-late, ends[sim.Busy]+ends[sim.Error], 20*(ends[sim.OK]+done), 3*(ends[sim.OK]+done), ends[sim.Timeout]-done, ends[sim.OK]+done)
	err = testutil.ScrapeAndCompare(url+"/metrics", strings.NewReader(want), "nginx_upstream_responses_total", "headroom_refused_total",
		"vllm:prompt_tokens_total", "vllm:generation_tokens_total", "vllm:request_success_total")
	if err != nil {
		t.Error(err)
	}
	http.DefaultClient.CloseIdleConnections()
}

// A service of known times has known figures.
func TestFiguresOfKnownTimes(t *testing.T) {
	s, err := New(Options{Plan: script(t, "vllm", nil), Model: "m"})
	if err != nil {
		t.Fatal(err)
	}
	e := s.engines[0]
	f := &flow{exchange: &exchange{server: s, ask: &ask{prompt: 100}}, engine: e, arrived: 10 * time.Second, ended: 13 * time.Second, gaps: newHistogram(perTokenBuckets)}
	f.gaps.add(0.025, 80) // on a bound: belongs to the bucket that ends there
	s.wall.Do(func() {
		s.countEnd(f, sim.Reply{Outcome: sim.OK, Status: 200, Began: 10500 * time.Millisecond, First: 11 * time.Second, Tokens: 81})
	})
	for name, want := range map[string]struct {
		h   *histogram
		sum float64
		le  float64 // the smallest bound that holds all
	}{
		"end to end": {&e.whole, 3, 5}, "first": {&e.first, 1, 1}, "queued": {&e.queued, .5, .5}, "prefill": {&e.prefill, .5, .5}, "decode": {&e.decode, 2, 2},
		"inference": {&e.inference, 2.5, 2.5}, "gaps": {&e.perToken, 2, .025}, "prompt": {&e.prompts, 100, 100}, "output": {&e.outputs, 81, 100}, "articles' latency": {&s.whole, 3, 5},
	} {
		total, upTo := want.h.cumulated()
		below := 0.0
		for _, bound := range want.h.bounds {
			if bound < want.le {
				below = bound
			}
		}
		if d := want.h.sum - want.sum; total == 0 || upTo[want.le] != total || upTo[below] != 0 || d > 1e-9 || d < -1e-9 {
			t.Errorf("%s: got sum %v, %d values, %d up to %v; want sum %v", name, want.h.sum, total, upTo[want.le], want.le, want.sum)
		}
	}
	s.Close()
}

// The share of errors looks a minute back, by the service's clock.
func TestErrorRateForgets(t *testing.T) {
	var r recent
	for second := range 30 {
		r.add(time.Duration(second)*time.Second, second < 3)
	}
	for at, want := range map[time.Duration]float64{29 * time.Second: 0.1, 61 * time.Second: 1.0 / 28, 70 * time.Second: 0, 3 * time.Hour: 0} {
		if got := r.share(at); got != want {
			t.Errorf("at %v: got %v, want %v", at, got, want)
		}
	}
	r.add(65*time.Second, true) // in the place of second 5
	if got, want := r.share(65*time.Second), 1.0/25; got != want {
		t.Errorf("after a minute: got %v, want %v", got, want)
	}
}

// Calls that no replica has yet count as the admission's, and wait by the articles' name too.
func TestQueueDepth(t *testing.T) {
	s, err := New(Options{Plan: planned(t, "{model: {queue: {servers: 1, service: 1h}}}")})
	if err != nil {
		t.Fatal(err)
	}
	url := listen(t, s)
	ctx, leave := context.WithCancel(t.Context())
	done := make(chan struct{}, 3)
	for range 3 {
		go func() {
			_, _ = try(ctx, url+"/v1/completions", `{"prompt":"x"}`)
			done <- struct{}{}
		}()
	}
	eventually(t, "two of three calls wait", func() bool { return figure(t, url, "deepseek_queue_depth") == 2 })
	s.wall.Do(func() { s.inside += 4 }) // as a stage before the replicas holds them
	if held, depth := figure(t, url, "headroom_admission_queue"), figure(t, url, "deepseek_queue_depth"); held != 4 || depth != 6 {
		t.Errorf("got %v held and %v waiting, want 4 and 6", held, depth)
	}
	s.wall.Do(func() { s.inside -= 4 })
	leave()
	for range 3 {
		<-done
	}
}

// Replicas are shown by state, a dead machine without levels, and the one in its place as a new engine.
func TestMachinesThatDie(t *testing.T) {
	s, url := start(t, Options{Plan: planned(t, "{model: {queue: {servers: 1, service: 1h}}, replicas: 2}")})
	if got := figure(t, url, `headroom_replicas{state="ready"}`); got != 2 {
		t.Errorf("got %v ready replicas, want 2", got)
	}
	s.wall.Do(func() { s.engines[0].dead = true })
	if page := get(t, url+"/metrics").body; strings.Contains(page, `vllm:num_requests_running{engine="0"`) || !strings.Contains(page, `vllm:num_requests_running{engine="1"`) ||
		!strings.Contains(page, `vllm:prompt_tokens_total{engine="0"`) {
		t.Error("a dead engine has levels, or lost its counters")
	}
}
