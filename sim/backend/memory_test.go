package backend

import (
	"testing"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// longPrompts is a replica with memory for keys and values of some 19,000 tokens, not quite four calls of
// 4000 and 1000 tokens.
func longPrompts(t testing.TB, reserve bool, seqs int) *LLM {
	m := NewLLM()
	m.GPUMemoryUtilization, m.Reserve, m.MaxSeqs = 0.3, reserve, seqs
	if err := m.Validate(); err != nil {
		t.Fatal(err)
	}
	return m
}

// TestLongPromptsRunOutOfMemory: an engine that admits by slots alone takes on more long prompts than it
// has memory for, throws sequences out as their outputs grow, and does their work again; all calls end
// all the same. Blocks that can be found again spare most of that work (vLLM #25780). With as few slots as the memory holds nothing is thrown out.
func TestLongPromptsRunOutOfMemory(t *testing.T) {
	carry := func(m *LLM) (Counters, sim.Cost, time.Duration) {
		s, replica := newScript(m)
		for i := range 60 {
			r := sim.NewStream(3, "lengths").For(i, 0)
			s.call(time.Duration(i)*300*ms, 0, sim.Request{Prompt: 3000 + r.IntN(1000), Output: 500 + r.IntN(500)})
		}
		s.run(t)
		for _, r := range s.log {
			if r.Reply.Outcome != sim.OK {
				t.Errorf("call %d: got %v", r.Call, r.Reply)
			}
		}
		return replica.Counters(), s.cost, s.world.Now()
	}
	cached, found, _ := carry(longPrompts(t, false, 64))
	without := longPrompts(t, false, 64)
	without.PrefixCaching = false
	unbounded, cost, _ := carry(without)
	if unbounded.Preemptions < 10 || cost.Recomputed < cost.Work/100 {
		t.Errorf("got %d preemptions and %v of %v done again, want many", unbounded.Preemptions, cost.Recomputed, cost.Work)
	}
	if cached.Preemptions == 0 || found.Recomputed > cost.Recomputed/2 {
		t.Errorf("where released blocks can be found again: got %v done again, without %v", found.Recomputed, cost.Recomputed)
	}
	bounded, cost, _ := carry(longPrompts(t, false, 3))
	if bounded.Preemptions != 0 || cost.Recomputed != 0 {
		t.Errorf("with three slots: got %d preemptions and %v done again, want none", bounded.Preemptions, cost.Recomputed)
	}
	same(t, "output tokens", unbounded.Generated, bounded.Generated)
	reserved, _, _ := carry(longPrompts(t, true, 64))
	if reserved.Preemptions > unbounded.Preemptions {
		t.Errorf("with reserve: got %d preemptions, without %d", reserved.Preemptions, unbounded.Preemptions)
	}
}

// TestMoreMemoryChangesNothing: where memory never binds, more of it does not change a bit; where it
// does, a backlog is not carried later for it, but for the odd anomaly.
func TestMoreMemoryChangesNothing(t *testing.T) {
	carry := func(blocks int) (records []record, end time.Duration) {
		size := roomy
		size.seqs, size.blocks, size.async = 32, blocks, true
		s, _ := newScript(&engineModel{size: size, time: NewLLM().physics()})
		for i := range 300 {
			r := sim.NewStream(3, "lengths").For(i, 0)
			s.call(0, 0, sim.Request{Prompt: 1 + r.IntN(1000), Output: 1 + r.IntN(300)})
		}
		s.run(t)
		return s.log, s.world.Now()
	}
	records, last := carry(32 * (1300/16 + 1))
	more, _ := carry(100_000)
	same(t, "records", more, records)
	for _, blocks := range []int{1600, 800, 400, 200, 100} {
		_, end := carry(blocks)
		if end < last*99/100 {
			t.Errorf("a backlog took %v with %d blocks, less than the %v with more", end, blocks, last)
		}
		last = max(last, end)
	}
}

// TestBurstsLengthenTheFirstToken: with the same mean rate, 65 % of what the replica carries, gaps of a
// coefficient of variation of 3 make the mean time to the first token some three times as long
// (inference-sim reports 3.2 to 4.0-fold for such loads).
func TestBurstsLengthenTheFirstToken(t *testing.T) {
	m := NewLLM()
	if err := m.Validate(); err != nil {
		t.Fatal(err)
	}
	mean := func(cv float64) float64 {
		sum, n := 0.0, 0
		for seed := range uint64(5) {
			s, _ := newScript(m)
			at := 0.0
			gaps := sim.NewStream(seed, "gaps")
			const calls = 4000
			for i := range calls {
				r := gaps.For(i, 0)
				gap := r.ExpFloat64()
				if p := 2 / (cv*cv + 1); cv > 1 { // hyperexponential: a share p of gaps of mean 1/p, the others none
					if r.Float64() < p {
						gap /= p
					} else {
						gap = 0
					}
				}
				at += gap / (0.65 * m.Capacity(512, 128))
				lengths := sim.NewStream(seed, "lengths").For(i, 0)
				s.call(time.Duration(at*1e9), 0, sim.Request{Prompt: 256 + lengths.IntN(513), Output: 64 + lengths.IntN(129)})
			}
			s.run(t)
			for _, r := range s.log {
				sum += (r.Reply.First - r.Arrived).Seconds()
				n++
			}
		}
		return sum / float64(n)
	}
	poisson, bursts := mean(1), mean(3)
	t.Logf("mean time to the first token: %.0f ms, in bursts %.0f ms", poisson*1e3, bursts*1e3)
	if bursts < 1.5*poisson || bursts > 6*poisson {
		t.Errorf("got %.3g s in bursts, %.3g s without", bursts, poisson)
	}
}
