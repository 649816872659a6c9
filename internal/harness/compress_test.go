package harness_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/headroom-dev/headroom/report"
)

// What it saves is arithmetic: 8 KB at 100 Mbit/s take 0.655 ms. Brotli sends a sixth of them and works
// 10.5 ns for each byte before; without a bandwidth the work is all there is.
func TestCompressTakesTheTimeItSays(t *testing.T) {
	const prompt, bytes = 2048, 8192.0
	work, sent := bytes/95e6*1e3, math.Ceil(bytes/6) // ms, bytes
	for _, row := range []struct {
		why, network, strategy string
		ms, sent               float64
	}{
		{"as it is", "{bandwidth: 100Mbit/s}", "sync: {connections: warm}", bytes * 80e-6, 0},
		{"Brotli", "{bandwidth: 100Mbit/s}", "compress", sent*80e-6 + work, sent},
		{"Brotli of prose, on a slow machine", "{bandwidth: 100Mbit/s}", "compress: {ratio: 2, cpu: 100ms}", bytes/2*80e-6 + bytes*100e-6, bytes / 2},
		{"below min", "{bandwidth: 100Mbit/s}", "compress: {min: 8193}", bytes * 80e-6, bytes},
		{"just min", "{bandwidth: 100Mbit/s}", "compress: {min: 8KiB}", sent*80e-6 + work, sent},
		{"no bandwidth", "{}", "compress", work, sent},
		{"a round trip alone", "{rtt: 20ms}", "compress: {ratio: 2}", work + 20, bytes / 2},
		{"in a stack", "{bandwidth: 100Mbit/s}", "stack: [pooled, compress]", sent*80e-6 + work, sent},
	} {
		r := run(t, fmt.Sprintf(`
load: {phases: [{name: only, rate: 10/s, for: 30s}]}
requests: {prompt: %d}
network: %s
service: {model: {queue: {servers: 1000, service: 50ms}}}
strategies: [{name: one, %s}]
`, prompt, row.network, row.strategy), 1)
		one := strategy(t, r, "one")
		answer := 0.0 // one without tokens has 200 bytes
		if row.network == "{bandwidth: 100Mbit/s}" {
			answer = 200 * 80e-6
		}
		if got, want := *phase(t, r, "one", "only").MeanMS, 50+answer+row.ms; math.Abs(got-want) > 1e-4 {
			t.Errorf("%s: a call takes %.5f ms, want %.5f", row.why, got, want)
		}
		calls := float64(phase(t, r, "one", "only").Calls)
		for name, want := range map[string]float64{"bodies": calls, "bytes_plain": calls * bytes, "bytes_sent": calls * row.sent} {
			if got, counted := one.Counts[name]; row.sent > 0 && float64(got) != want || counted != (row.sent > 0) {
				t.Errorf("%s: %s %d, want %.0f", row.why, name, got, want)
			}
		}
	}
}

// On a language model it has no effect: P99 moves by less than 1 %, though five sixths of the bytes are
// saved, and the counts say how few milliseconds that is.
func TestCompressHasNoEffectOnAnLLM(t *testing.T) {
	skipRaced(t)
	r := run(t, `
load: {phases: [{name: steady, rate: 8/s, for: 60s}]}
requests: {prompt: {lognormal: {mean: 2048, p99: 8192}}, output: {lognormal: {mean: 128, p99: 512}}}
network: {rtt: 20ms, bandwidth: 100Mbit/s}
service: {model: {llm: {}}}
strategies: [pooled, {name: smaller, stack: [pooled, compress]}]
`, 5)
	plain, smaller := phase(t, r, "pooled", "steady"), phase(t, r, "smaller", "steady")
	for _, of := range []*report.Figures{plain, smaller} {
		if *of.Success < .999 {
			t.Fatalf("success %v: this is about an idle enough service", *of.Success)
		}
	}
	if moved := *smaller.P99MS/(*plain.P99MS) - 1; math.Abs(moved) >= .01 {
		t.Errorf("P99 moves by %.2f %%, from %.1f to %.1f ms, want less than 1 %%", 100*moved, *plain.P99MS, *smaller.P99MS)
	}
	c := strategy(t, r, "smaller").Counts
	calls, saved := float64(smaller.Calls), float64(c["bytes_plain"]-c["bytes_sent"])
	if share := saved / float64(c["bytes_plain"]); share < .8 || share > 5.0/6 {
		t.Errorf("%.3f of the bytes are saved, want five sixths of those from 1 KiB on", share)
	}
	ms := float64(c["request transfer ms saved"])
	if want := saved * 80e-6; math.Abs(ms-want) > 6 { // five runs, each rounded down
		t.Errorf("%.0f ms of transfer saved, want %.0f", ms, want)
	}
	t.Logf("P99 %.1f ms and %.1f ms; a call saves %.2f ms of transfer for %.2f ms of work", *plain.P99MS, *smaller.P99MS, ms/calls, float64(c["request compression ms"])/calls)
}

// A fresh connection costs dns + connect + tls more than a warm one, here 300 ms, at an idle service.
func TestFreshConnectionsCostWhatTheySay(t *testing.T) {
	r := run(t, `
load: {phases: [{name: idle, rate: 5/s, for: 60s}]}
network: {dns: 100ms, connect: 50ms, tls: 150ms}
service: {model: {queue: {servers: 100, service: 40ms}}}
strategies: [sync, pooled]
`, 2)
	fresh, warm := *phase(t, r, "sync", "idle").MeanMS, *phase(t, r, "pooled", "idle").MeanMS
	if math.Abs(fresh-warm-300) > 1e-6 || math.Abs(warm-40) > 1e-6 {
		t.Errorf("a call takes %.4f ms on a fresh and %.4f ms on a warm connection, want 340 and 40", fresh, warm)
	}
}
