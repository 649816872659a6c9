package harness_test

import (
	"testing"

	"github.com/headroom-dev/headroom/internal/harness"
)

// BenchmarkDefaultScenario is the main job at two seeds, without its files.
func BenchmarkDefaultScenario(b *testing.B) {
	plan, err := harness.Load("spike-100-1000", nil)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := harness.Run(b.Context(), plan, harness.Options{Seeds: seeds(2)}); err != nil {
			b.Fatal(err)
		}
	}
}
