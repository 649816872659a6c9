package harness_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/headroom-dev/headroom/internal/shareddata"
	"github.com/headroom-dev/headroom/scenarios"
	"github.com/headroom-dev/headroom/sim"
)

// cachedShare carries the calls of a trace through a language model and returns the share of the prompt
// tokens that it found in its prefix cache.
func cachedShare(t *testing.T, file, model string) float64 {
	t.Helper()
	plan := read(t, fmt.Sprintf("load: {arrivals: {trace: {file: %q}}}\nservice: {model: {llm: %s}}\nstrategies: [sync]\n", file, model))
	schedule, err := plan.Scenario.Schedule(1)
	if err != nil {
		t.Fatal(err)
	}
	world := sim.NewWorld(1)
	service := plan.Service.Start(world)
	prompt, found, left := 0, 0, 0
	for a, ok := schedule.Next(); ok; a, ok = schedule.Next() {
		prompt += a.Request.Prompt
		left++
		world.At(a.At, func() {
			world.Go(func() {
				r := a.Request
				reply := service.Handle(r)
				if reply.Outcome != sim.OK {
					t.Errorf("call %d: got %+v", r.Call, reply)
				}
				found += reply.Cached
				if left--; left == 0 {
					service.Stop()
				}
			})
		})
	}
	if blocked := world.Run(sim.Forever); blocked != 0 || left != 0 {
		t.Fatalf("%d blocked, %d calls left", blocked, left)
	}
	return float64(found) / float64(prompt)
}

// A trace that names its blocks is found again by the prefix cache. The sample fits whole, so that all
// that could be found is. Of the public one, a least-recently-used cache of whole prompts in blocks of 512
// tokens, written apart from this program, finds 0.0114 with the 474,240 tokens of one card and 0.1213 with
// the 4,564,912 of eight; ours holds the calls that run as well.
func TestTraceFillsThePrefixCache(t *testing.T) {
	const public = "mooncake_synthetic_head1200.jsonl"
	for _, row := range []struct {
		name, file, model string
		want, slack       float64
	}{
		{"sample", "fixture:traces/mooncake_sample.jsonl", "{model: llama-3.1-8b, gpu: h100}", 0.6886, 0.0001},
		{"one card", public, "{model: llama-3.1-8b, gpu: h100, precision: fp8, max_seqs: 256}", 0.0114, 0.0015},
		{"eight cards", public, "{model: llama-3.1-8b, gpu: h100, precision: fp8, max_seqs: 256, tp: 8}", 0.1213, 0.003},
	} {
		t.Run(row.name, func(t *testing.T) {
			file := row.file
			if file == public {
				file = shareddata.Path(t, file)
			}
			r, err := scenarios.ReadTraceFile(file)
			if err != nil {
				t.Fatal(err)
			}
			most, _ := r.Shared()
			if got := cachedShare(t, file, row.model); got > most || math.Abs(got-row.want) > row.slack {
				t.Errorf("%.4f of the prompt tokens were cached, want %.4f within %.4f and at most %.4f", got, row.want, row.slack, most)
			}
		})
	}
	for file, model := range map[string]string{
		"fixture:traces/mooncake_sample.jsonl": "{model: llama-3.1-8b, gpu: h100, prefix_caching: false}",
		"fixture:traces/vidur_sample.csv":      "{model: llama-3.1-8b, gpu: h100}", // says nothing of prompts
	} {
		if got := cachedShare(t, file, model); got != 0 {
			t.Errorf("%s: %.4f of the prompt tokens were cached, want none", file, got)
		}
	}
}
