package serve

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/headroom-dev/headroom/sim/backend"
)

// engineMetrics are vLLM's (vllm/v1/metrics/loggers.py), with labels model_name and engine.
var engineMetrics = []struct {
	name, help string
	read       reader
}{
	{"vllm:num_requests_running", "Number of requests in model execution batches.", level(func(e *engine) float64 { return float64(e.machine.Running()) })},
	{"vllm:num_requests_waiting", "Number of requests waiting to be processed.", level(func(e *engine) float64 { return float64(e.machine.Waiting()) })},
	{"vllm:kv_cache_usage_perc", "KV-cache usage. 1 means 100 percent usage.", level(func(e *engine) float64 { return e.gauge("kv") })},
	{"vllm:gpu_cache_usage_perc", "KV-cache usage under its older name.", level(func(e *engine) float64 { return e.gauge("kv") })},

	{"vllm:num_preemptions_total", "Cumulative number of preemptions from the engine.", counted(func(c *backend.Counters) int64 { return c.Preemptions })},
	{"vllm:prompt_tokens_total", "Number of prefill tokens processed.", counted(func(c *backend.Counters) int64 { return c.Prompt })},
	{"vllm:generation_tokens_total", "Number of generation tokens processed.", counted(func(c *backend.Counters) int64 { return c.Generated })},
	{"vllm:prefix_cache_queries_total", "Prefix cache queries, in terms of number of queried tokens.", counted(func(c *backend.Counters) int64 { return c.CacheQueries })},
	{"vllm:prefix_cache_hits_total", "Prefix cache hits, in terms of number of cached tokens.", counted(func(c *backend.Counters) int64 { return c.CacheHits })},

	{"vllm:time_to_first_token_seconds", "Histogram of time to first token in seconds.", histogramOf(func(e *engine) *histogram { return &e.first })},
	{"vllm:time_per_output_token_seconds", "Histogram of time per output token in seconds.", histogramOf(func(e *engine) *histogram { return &e.perToken })},
	{"vllm:e2e_request_latency_seconds", "Histogram of e2e request latency in seconds.", histogramOf(func(e *engine) *histogram { return &e.whole })},
	{"vllm:request_queue_time_seconds", "Histogram of time spent in WAITING phase for request.", histogramOf(func(e *engine) *histogram { return &e.queued })},
	{"vllm:request_prefill_time_seconds", "Histogram of time spent in PREFILL phase for request.", histogramOf(func(e *engine) *histogram { return &e.prefill })},
	{"vllm:request_decode_time_seconds", "Histogram of time spent in DECODE phase for request.", histogramOf(func(e *engine) *histogram { return &e.decode })},
	{"vllm:request_inference_time_seconds", "Histogram of time spent in RUNNING phase for request.", histogramOf(func(e *engine) *histogram { return &e.inference })},
	{"vllm:request_prompt_tokens", "Number of prefill tokens processed, by request.", histogramOf(func(e *engine) *histogram { return &e.prompts })},
	{"vllm:request_generation_tokens", "Number of generation tokens processed, by request.", histogramOf(func(e *engine) *histogram { return &e.outputs })},
	{"vllm:iteration_tokens_total", "Histogram of number of tokens per engine_step.", histogramOf(func(e *engine) *histogram { return &e.iteration })},
}

// serviceMetrics are those of the whole service: one of vLLM's that has a label more, our own, and the
// names that the dashboards and alert rules of the source articles ask for, which are aliases of values
// that stand here under other names.
var serviceMetrics = []struct {
	name, help string
	labels     []string
	read       reader
}{
	{"vllm:request_success_total", "Count of successfully processed requests.", []string{"model_name", "engine", "finished_reason"}, readEnds},

	{"headroom_refused_total", "Calls refused, by the service's reason and the status of the answer; status 0 is a broken connection.", []string{"reason", "status"}, readRefused},
	{"headroom_replicas", "Replicas, by where they are in their life.", []string{"state"}, readReplicas},
	{"headroom_admission_queue", "Calls taken in that no replica has yet.", nil, one(prometheus.GaugeValue, (*Server).held)},
	{"headroom_work_seconds_total", "Service time spent.", nil, one(prometheus.CounterValue, func(s *Server) float64 { return s.cost.Work.Seconds() })},
	{"headroom_wasted_seconds_total", "Service time spent on answers that reached nobody.", nil, one(prometheus.CounterValue, func(s *Server) float64 { return s.cost.Wasted.Seconds() })},
	{"headroom_step_lag_seconds", "How late the events of the service were, of which engine steps are most.", nil, func(s *Server, d *prometheus.Desc, emit func(prometheus.Metric)) { emit(constant(d, &s.late)) }},

	{"deepseek_request_latency_seconds", "Seconds from a request to the end of its answer, over all replicas.", nil, func(s *Server, d *prometheus.Desc, emit func(prometheus.Metric)) { emit(constant(d, &s.whole)) }},
	{"deepseek_error_rate", "Share of the last minute's requests that were refused or failed.", nil, one(prometheus.GaugeValue, func(s *Server) float64 { return s.recent.share(s.clock.Now()) })},
	{"deepseek_queue_depth", "Requests waiting, before the replicas and in them.", nil, one(prometheus.GaugeValue, (*Server).waiting)},
	{"nginx_upstream_responses_total", "Answers under /v1, by class of status; a cut connection is 5xx, a caller who left 4xx.", []string{"status"}, readAnswers},
	{"nginx_server_requests_total", "Requests under /v1 that have been answered.", nil, one(prometheus.CounterValue, (*Server).requests)},
}

func readEnds(s *Server, d *prometheus.Desc, emit func(prometheus.Metric)) {
	for _, e := range s.engines {
		for end, name := range endNames {
			emit(prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(e.ends[end]), s.model, strconv.Itoa(e.id), name))
		}
	}
}

func readRefused(s *Server, d *prometheus.Desc, emit func(prometheus.Metric)) {
	for r, n := range s.refused { // the registry sorts
		emit(prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), r.reason, strconv.Itoa(r.status)))
	}
}

func readReplicas(s *Server, d *prometheus.Desc, emit func(prometheus.Metric)) {
	var n [backend.Gone + 1]int
	for _, m := range s.running.Pool.Members() {
		n[m.State()]++
	}
	for state := backend.Starting; state < backend.Gone; state++ { // those gone are no longer counted
		emit(prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(n[state]), state.String()))
	}
}

func readAnswers(s *Server, d *prometheus.Desc, emit func(prometheus.Metric)) {
	for class := 1; class <= 5; class++ {
		emit(prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(s.answers[class]), strconv.Itoa(class)+"xx"))
	}
}

func (s *Server) requests() (sum float64) {
	for _, n := range s.answers {
		sum += float64(n)
	}
	return sum
}

// held returns the calls inside that no engine has.
func (s *Server) held() float64 {
	n := s.inside
	for _, e := range s.engines {
		n -= e.inside
	}
	return float64(n)
}

// waiting returns the calls that wait before the engines and in them.
func (s *Server) waiting() float64 {
	n := s.held()
	for _, e := range s.engines {
		if !e.dead {
			n += float64(e.machine.Waiting())
		}
	}
	return n
}
