package harness_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/headroom-dev/headroom/internal/harness"
)

// BenchmarkCall is one call of a whole simulated run, records, tallies and result included, through
// the strategies that matter for speed.
func BenchmarkCall(b *testing.B) {
	for _, c := range []struct{ name, strategy, load, service string }{
		{"MM10 at 0.9 sync", "sync", "450/s", "queue: {servers: 10, service: {exp: {mean: 20ms}}}"},
		{"MM10 at 0.9 pooled", "pooled: {size: 10, wait: 1h}", "450/s", "queue: {servers: 1000, service: {exp: {mean: 20ms}}}"},
		{"MM10 at 2 backoff", "backoff", "1000/s", "queue: {servers: 10, limit: 50, service: {exp: {mean: 20ms}}}"},
		{"llm at 35 per second sync", "sync", "35/s", "llm: {model: llama-3.1-8b, gpu: h100}"},
	} {
		b.Run(c.name, func(b *testing.B) {
			plan, err := harness.Read("bench.yaml", strings.NewReader(fmt.Sprintf(`
name: bench
seeds: 1
load: {phases: [{name: steady, rate: %s, for: 1h}]}
requests: {%s}
service: {model: {%s}}
strategies: [{%s}]
`, c.load, requestsFor(c.service), c.service, strings.TrimSuffix(c.strategy, ":")+colon(c.strategy))))
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			done := 0.0
			for b.Loop() {
				r, err := harness.Run(b.Context(), plan, harness.Options{Seeds: seeds(1), Workers: 1})
				if err != nil {
					b.Fatal(err)
				}
				done += float64(r.Strategies[0].Total.Calls)
			}
			b.ReportMetric(done/b.Elapsed().Seconds(), "calls/s")
			b.ReportMetric(b.Elapsed().Seconds()*1e9/done, "ns/call")
		})
	}
}

// colon makes a strategy without settings a mapping.
func colon(strategy string) string {
	if strings.Contains(strategy, ":") {
		return ""
	}
	return ": {}"
}

// requestsFor gives calls tokens where the service counts them.
func requestsFor(service string) string {
	if strings.HasPrefix(service, "llm") {
		return "prompt: {lognormal: {mean: 512, p99: 4096}}, output: {lognormal: {mean: 128, p99: 512}}"
	}
	return ""
}
