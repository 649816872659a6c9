package backend

import (
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/headroom-dev/headroom/sim"
)

// backlog is how long an engine takes for calls that are all there at once.
func backlog(m *LLM, blocks int, calls []sim.Request) time.Duration {
	w := sim.NewWorld(1)
	size := m.size()
	if blocks > 0 {
		size.blocks = blocks
	}
	e := newEngine(w, size, m.stepTime())
	var last time.Duration
	for _, r := range calls {
		w.Go(func() {
			e.handle(r)
			last = w.Now()
		})
	}
	w.Run(sim.Forever)
	return last
}

// TestBetterHardwareNeverCarriesLess: more memory, bandwidth or FLOPS, a cheaper step or a longer prefix
// in common never make a backlog take longer, but for a hundredth: a single call may well fare worse
// (scheduling anomalies, Graham 1969), so the whole is what is held.
func TestBetterHardwareNeverCarriesLess(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := NewLLM()
		m.MaxSeqs = rapid.SampledFrom([]int{4, 16, 64}).Draw(t, "seqs")
		m.PrefixCaching = rapid.Bool().Draw(t, "caching")
		m.Reserve = rapid.Bool().Draw(t, "reserve")
		m.MaxBatchedTokens = 512
		blocks := rapid.IntRange(100, 400).Draw(t, "blocks")
		prefix := rapid.IntRange(0, 10).Draw(t, "blocks in common")
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		calls := make([]sim.Request, 150)
		for i := range calls {
			calls[i] = sim.Request{Call: i, Prompt: 200 + r.IntN(400), Output: 1 + r.IntN(300)}
		}
		common := func(n int) []sim.Request {
			with := make([]sim.Request, len(calls))
			for i, c := range calls {
				c.Prefix = make([]uint64, c.Prompt/sim.PrefixBlock)
				for j := range c.Prefix {
					c.Prefix[j] = uint64(i+1)<<32 + uint64(j)
					if j < n {
						c.Prefix[j] = uint64(j)
					}
				}
				with[i] = c
			}
			return with
		}
		base := backlog(m, blocks, common(prefix))
		better := func(about string, took time.Duration) {
			if float64(took) > 1.01*float64(base) {
				t.Errorf("%s: the backlog takes %v, and %v without", about, took, base)
			}
		}
		better("half as many blocks again", backlog(m, blocks*3/2, common(prefix)))
		better("a longer prefix in common", backlog(m, blocks, common(prefix+4)))
		faster := *m
		faster.GPU.Bandwidth *= 1.3
		better("more bandwidth", backlog(&faster, blocks, common(prefix)))
		faster = *m
		faster.GPU.BF16 *= 1.3
		better("more FLOPS", backlog(&faster, blocks, common(prefix)))
		faster = *m
		faster.Engine.Version = "0.15"
		slower := *m
		slower.Engine.Version = "0.12"
		slower.Engine.Scheduling, faster.Engine.Scheduling = "async", "async"
		if cheap, dear := backlog(&faster, blocks, common(prefix)), backlog(&slower, blocks, common(prefix)); float64(cheap) > 1.01*float64(dear) {
			t.Errorf("a cheaper sequence: the backlog takes %v, and %v with a dearer one", cheap, dear)
		}
	})
}
