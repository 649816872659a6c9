package harness_test

import (
	"strings"
	"testing"

	"github.com/headroom-dev/headroom/internal/harness"
)

// TestCallsThatNeverFit: constant lengths that no empty engine could hold are a fault of the scenario,
// with the arithmetic; drawn ones are not.
func TestCallsThatNeverFit(t *testing.T) {
	const rest = "\nload: {phases: [{name: a, rate: 1/s, for: 1s}]}\nservice:\n  model: {llm: {model: llama-2-7b, gpu: h100}}\n"
	_, err := harness.Read("long.yaml", strings.NewReader("requests: {prompt: 200000, output: 10}"+rest))
	if err == nil {
		t.Fatal("a prompt of 200,000 tokens is taken, where 110,160 fit")
	}
	for _, want := range []string{"long.yaml:4:", "llm is too small", "200000 tokens of prompt and 10 of output", "12501 blocks of 16 tokens", "room for 6885", "GiB usable", "a higher tp"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %q, want %q in it", err, want)
		}
	}
	for _, fits := range []string{"requests: {prompt: 100000, output: 10}", "requests: {prompt: {uniform: {min: 1, max: 200000}}, output: 10}"} {
		if _, err := harness.Read("row.yaml", strings.NewReader(fits+rest)); err != nil {
			t.Errorf("%s: got %v", fits, err)
		}
	}
}
