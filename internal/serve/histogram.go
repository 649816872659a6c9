package serve

import "sort"

// A histogram counts values by bucket. It is used in the turn, where it needs no lock; unlike the one
// of the metrics library it can take many equal values at once and be added to another.
type histogram struct {
	bounds []float64 // upper ends, ascending; shared
	counts []uint64  // one more than bounds; nil until the first value
	sum    float64
}

func newHistogram(bounds []float64) histogram { return histogram{bounds: bounds} }

// add counts n values v.
func (h *histogram) add(v float64, n uint64) {
	if h.counts == nil {
		h.counts = make([]uint64, len(h.bounds)+1)
	}
	h.counts[sort.SearchFloat64s(h.bounds, v)] += n // a value on a bound belongs below it
	h.sum += v * float64(n)
}

// merge adds another of the same bounds.
func (h *histogram) merge(other *histogram) {
	if other.counts == nil {
		return
	}
	if h.counts == nil {
		h.counts = make([]uint64, len(h.bounds)+1)
	}
	for i, n := range other.counts {
		h.counts[i] += n
	}
	h.sum += other.sum
}

// cumulated returns the number of values, and for each bound how many are at most it.
func (h *histogram) cumulated() (total uint64, upTo map[float64]uint64) {
	upTo = make(map[float64]uint64, len(h.bounds))
	for i, bound := range h.bounds {
		if h.counts != nil {
			total += h.counts[i]
		}
		upTo[bound] = total
	}
	if h.counts != nil {
		total += h.counts[len(h.bounds)]
	}
	return total, upTo
}

// The buckets are vLLM's (vllm/v1/metrics/loggers.py), in seconds and in tokens.
var (
	firstBuckets     = []float64{.001, .005, .01, .02, .04, .06, .08, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640, 2560}
	perTokenBuckets  = []float64{.01, .025, .05, .075, .1, .15, .2, .3, .4, .5, .75, 1, 2.5, 5, 7.5, 10, 20, 40, 80}
	wholeBuckets     = []float64{.3, .5, .8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680}
	iterationBuckets = []float64{1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384}
	lagBuckets       = []float64{.0001, .0005, .001, .002, .005, .01, .02, .05, .1, .25, .5, 1}
)

// mostTokens bounds the buckets of token counts where the model has no longest sequence.
const mostTokens = 1 << 17

// tokenBuckets are 1, 2, 5, 10 ... up to the longest sequence, as vLLM's build_1_2_5_buckets.
func tokenBuckets(longest int) []float64 {
	if longest <= 0 {
		longest = mostTokens
	}
	var all []float64
	for ten := 1; ; ten *= 10 {
		for _, m := range []int{1, 2, 5} {
			if m*ten > longest {
				return all
			}
			all = append(all, float64(m*ten))
		}
	}
}
