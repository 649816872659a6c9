package backend

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

const us = time.Microsecond

// TestAsyncFormsBatchesAhead: call 0 runs in steps that end at 11, 22, 33 ms ... Call 1 can be seen at
// 25 ms, 8 ms before the end of a step. In sync it joins the step that begins at 33 ms; in async that
// step's batch was formed at 22 ms, so its first token takes the rest of the running step, one whole
// step, and its own (GPU_MODEL 3.3). An idle engine takes a call at once either way.
func TestAsyncFormsBatchesAhead(t *testing.T) {
	for _, row := range []struct {
		about             string
		async             bool
		ingress, response time.Duration
		first             [2]time.Duration
	}{
		{"sync", false, 0, 0, [2]time.Duration{11 * ms, 45 * ms}},
		{"async", true, 0, 0, [2]time.Duration{11 * ms, 56 * ms}},
		{"sync, seen late", false, 9 * ms, 0, [2]time.Duration{20 * ms, 54 * ms}},
		{"async, seen late", true, 9 * ms, 0, [2]time.Duration{20 * ms, 65 * ms}},
		{"async, and told late", true, 9 * ms, 46 * us, [2]time.Duration{20*ms + 46*us, 65*ms + 46*us}},
	} {
		t.Run(row.about, func(t *testing.T) {
			size := roomy
			size.async, size.ingress, size.response = row.async, row.ingress, row.response
			model := &engineModel{size: size, time: round}
			s, _ := newScript(model)
			s.call(0, 0, sim.Request{Prompt: 100, Output: 20})
			s.call(25*ms, 0, sim.Request{Prompt: 100, Output: 1})
			s.run(t)
			same(t, "first tokens", [2]time.Duration{s.log[0].Reply.First, s.log[1].Reply.First}, row.first)
			same(t, "end of call 1", s.log[1].Done, row.first[1])
			same(t, "end of call 0", s.log[0].Done, row.first[0]+18*11*ms+12*ms) // one step beside a prompt
			same(t, "began", s.log[0].Reply.Began, row.ingress)
			checkEngine(t, model.last)
		})
	}
}

// tight is an engine of 4 blocks in which two calls of 30 and 20 tokens begin at once; from their third
// token on each needs a third block.
func tight() engineSize {
	size := roomy
	size.blocks = 4
	return size
}

// TestPreemption works two calls out by hand. Their prompts take 10.6 ms and two steps of both 24 ms;
// at 34.6 ms both need a block, there is none, and call 1, admitted last, gives way. Call 0 goes on
// alone, 17 steps of 11 ms. Then call 1 computes its prompt and 3 tokens of output as one prompt, 10.33
// ms, and decodes 16 more. An engine that decoded its outputs again would need 19 steps.
func TestPreemption(t *testing.T) {
	for _, row := range []struct {
		ablation Ablation
		done     time.Duration // of call 1
		again    time.Duration // work
	}{
		{Ablation{}, 221600*us + 10330*us + 16*11*ms, 10330 * us * 32 / 33},
		{Ablation{Redecode: true}, 221600*us + 10300*us + 19*11*ms, 10300 * us},
	} {
		size := tight()
		size.ablation = row.ablation
		model := &engineModel{size: size, time: round}
		s, replica := newScript(model)
		gaps := map[time.Duration]int64{}
		s.cost.Gap = func(d time.Duration, n int64) { gaps[d.Round(ms)] += n }
		tokens := 0
		s.call(0, 0, sim.Request{Prompt: 30, Output: 20})
		s.call(0, 0, sim.Request{Prompt: 30, Output: 20, Token: func(n int) {
			if tokens++; n != tokens && !row.ablation.Redecode {
				t.Errorf("got token %d, want %d", n, tokens)
			}
		}})
		s.run(t)
		same(t, "first tokens", []time.Duration{s.log[0].Reply.First, s.log[1].Reply.First}, []time.Duration{10600 * us, 10600 * us})
		same(t, "ends", []time.Duration{s.log[0].Done, s.log[1].Done}, []time.Duration{34600*us + 17*11*ms, row.done})
		same(t, "counters", replica.Counters().Preemptions, int64(1))
		if !row.ablation.Redecode {
			near(t, "work done again", float64(s.cost.Recomputed), float64(row.again), 1e-5)
			same(t, "gaps", gaps, map[time.Duration]int64{12 * ms: 4, 11 * ms: 17 + 16, 197 * ms: 1}) // 34.6 to 231.93 ms
			same(t, "counters", replica.Counters(), Counters{Preemptions: 1, Prompt: 60, Generated: 40, Steps: 1 + 2 + 17 + 1 + 16})
		}
		checkEngine(t, model.last)
	}
}

// TestNoAdmissionBesidePreemption: in steps of 16 tokens of one prompt and without reserve the call that
// gave way comes in again with a chunk that fits, and gives way again at the next (rule 5): so call 0
// computes beside a chunk of 16 tokens in every other step only, as the steps between threw call 1 out
// (rule 6).
func TestNoAdmissionBesidePreemption(t *testing.T) {
	for _, row := range []struct {
		reserve     bool
		ablation    Ablation
		done        time.Duration // of call 0
		preemptions int64
	}{
		{false, Ablation{}, 44600*us + 9*11*ms + 8*11160*us, 9},
		{false, Ablation{AdmitAfterPreemption: true}, 44600*us + 11*ms + 16*11160*us, 17},
		{true, Ablation{}, 44600*us + 17*11*ms, 1},
	} {
		size := tight()
		size.threshold, size.reserve, size.ablation = 16, row.reserve, row.ablation
		s, replica := newScript(&engineModel{size: size, time: round})
		s.call(0, 0, sim.Request{Prompt: 30, Output: 20})
		s.call(0, 0, sim.Request{Prompt: 30, Output: 20})
		s.run(t)
		same(t, "end of call 0", s.log[0].Done, row.done)
		same(t, "preemptions", replica.Counters().Preemptions, row.preemptions)
	}
}

// TestPolicyPriority: who waits goes by class, then arrival; the lowest class gives its memory back,
// even where it was admitted first.
func TestPolicyPriority(t *testing.T) {
	size := roomy
	size.seqs, size.byClass = 1, true
	s, _ := newScript(&engineModel{size: size, time: round})
	for i, class := range []sim.Priority{1, 2, 2, 0} {
		s.call(time.Duration(i)*ms, 0, sim.Request{Prompt: 100, Output: 1, Priority: class})
	}
	s.run(t)
	same(t, "ends", []time.Duration{s.log[0].Done, s.log[1].Done, s.log[2].Done, s.log[3].Done}, []time.Duration{11 * ms, 33 * ms, 44 * ms, 22 * ms})

	size = tight()
	size.byClass = true
	s, _ = newScript(&engineModel{size: size, time: round})
	s.call(0, 0, sim.Request{Prompt: 30, Output: 20, Priority: 2})
	s.call(0, 0, sim.Request{Prompt: 30, Output: 20, Priority: 1})
	s.run(t)
	same(t, "ends", []time.Duration{s.log[0].Done, s.log[1].Done}, []time.Duration{221600*us + 10330*us + 16*11*ms, 34600*us + 17*11*ms})
}

// TestDecodingGoesFirst: a prompt that needs several steps does not hold up decoding; an engine that
// computes prompts alone and first does (rule 4).
func TestDecodingGoesFirst(t *testing.T) {
	for _, row := range []struct {
		ablation Ablation
		done     time.Duration
	}{
		{Ablation{}, 11*ms + 2*(11*ms+20470*us) + 11*ms + 9060*us},
		{Ablation{PrefillFirst: true}, 11*ms + 2*(10*ms+20480*us) + 10*ms + 9040*us + 3*11*ms},
	} {
		size := roomy
		size.ablation = row.ablation
		model := &engineModel{size: size, time: round}
		s, _ := newScript(model)
		s.call(0, 0, sim.Request{Prompt: 100, Output: 4})
		s.call(1*ms, 0, sim.Request{Prompt: 5000, Output: 1})
		s.run(t)
		same(t, "end", s.log[0].Done, row.done)
		checkEngine(t, model.last)
	}
}

// TestChunks: how a prompt is spread over steps under each setting.
func TestChunks(t *testing.T) {
	for _, row := range []struct {
		about  string
		change func(*engineSize)
		first  time.Duration // token of the second call
	}{
		{"chunked: 101 tokens beside a decoder, then one", func(*engineSize) {}, 11*ms + 12010*us + 11010*us},
		{"whole: it waits until all of it fits", func(e *engineSize) { e.whole = true }, 33*ms + 11020*us},
		{"40 tokens of each at most: 40; 40 and 40; 20 and 40; one and 22", func(e *engineSize) { e.threshold = 40 }, 10400*us + 10800*us + 10600*us + 11220*us},
	} {
		t.Run(row.about, func(t *testing.T) {
			size := roomy
			size.seqs, size.tokens = 4, 102
			row.change(&size)
			s, _ := newScript(&engineModel{size: size, time: round})
			s.call(0, 0, sim.Request{Prompt: 100, Output: 3})
			s.call(1*ms, 0, sim.Request{Prompt: 102, Output: 1})
			s.run(t)
			same(t, "first token", s.log[1].Reply.First, row.first)
		})
	}
}

// TestFits: a call that can never be served is refused with 400, and Fits says why.
func TestFits(t *testing.T) {
	m := NewLLM()
	m.GPUMemoryUtilization, m.Watermark, m.MaxModelLen, m.ChunkedPrefill = 0.3, 0.1, 16384, false
	if err := m.Validate(); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		prompt, output int
		words          []string
	}{
		{4000, 1000, nil},
		{8000, 193, nil},
		{8000, 194, []string{"8000 tokens of prompt and 194 of output can never be served", "above max_batched_tokens, 8192"}},
		{16000, 385, []string{"above max_model_len, 16384"}},
		{30000, 1, []string{"1875 blocks of 16 tokens", "above a watermark of", "GiB usable", "one of them reserved"}},
	} {
		err := m.Fits(row.prompt, row.output)
		if (err == nil) != (row.words == nil) {
			t.Errorf("%d + %d: got %v", row.prompt, row.output, err)
		}
		for _, words := range row.words {
			if err != nil && !strings.Contains(err.Error(), words) {
				t.Errorf("%d + %d: got %q, want %q in it", row.prompt, row.output, err, words)
			}
		}
		s, _ := newScript(m)
		s.call(0, 0, sim.Request{Prompt: row.prompt, Output: row.output})
		s.run(t)
		if got := s.log[0].Reply.Status; (got == 400) != (err != nil) {
			t.Errorf("%d + %d: got status %d, and Fits says %v", row.prompt, row.output, got, err)
		}
	}
}

// TestPace: a call of three steps of 11 ms. From 5.5 ms on all takes twice as long, so the first ends
// at 16.5 ms. At 20 ms the engine stops, 3.5 ms into a step of 22, and at 100 ms it goes on at its own
// pace: 9.25 ms are left of that step.
func TestPace(t *testing.T) {
	for _, single := range []bool{false, true} {
		model := &engineModel{size: roomy, time: round, single: single}
		s, replica := newScript(model)
		s.call(0, 0, sim.Request{Prompt: 100, Output: 3})
		s.call(30*ms, 0, sim.Request{Prompt: 100, Output: 1})
		s.world.At(5500*us, func() { replica.Pace(2) })
		s.world.At(20*ms, func() { replica.Pace(math.Inf(1)) })
		s.world.At(50*ms, func() {
			same(t, "busy so far", replica.Busy(), 20*ms)
			same(t, "levels", []int{replica.Waiting(), replica.Running(), replica.Prompts()}, []int{1, 1, 100})
		})
		s.world.At(100*ms, func() { replica.Pace(1) })
		s.run(t)
		same(t, "first token", s.log[0].Reply.First, 16500*us)
		same(t, "ends", []time.Duration{s.log[0].Done, s.log[1].Done}, []time.Duration{109250*us + 12*ms, 109250*us + 12*ms})
		same(t, "busy", replica.Busy(), 16500*us+(3500+9250)*us+12*ms)
		checkEngine(t, model.last)
	}
}

// TestKill: one slot. Call 0 has run for 15 ms, 4 of them in the step under way, call 1 waits, call 2 is
// on its way in.
func TestKill(t *testing.T) {
	for _, stopped := range []bool{false, true} {
		size := roomy
		size.seqs, size.ingress, size.response = 1, 2*ms, 100*us
		model := &engineModel{size: size, time: round}
		s, replica := newScript(model)
		s.call(0, 0, sim.Request{Prompt: 100, Output: 50})
		s.call(1*ms, 0, sim.Request{Prompt: 100, Output: 50})
		s.call(16*ms, 0, sim.Request{Prompt: 100, Output: 50})
		if stopped {
			s.world.At(15*ms, func() { replica.Pace(math.Inf(1)) })
		}
		at := 17 * ms
		s.world.At(at, replica.Kill)
		s.run(t)
		for _, r := range s.log {
			same(t, "record", r, record{r.Call, r.Arrived, at, broken(ReasonReset)})
		}
		used := at - size.ingress
		if stopped {
			used -= 2 * ms
		}
		same(t, "work and wasted", []time.Duration{s.cost.Work, s.cost.Wasted}, []time.Duration{used, used})
		same(t, "the world's end", s.world.Now(), at)
		checkEngine(t, model.last)
	}
}

// TestWatch: who watches sees every step and its tokens, from the next on.
func TestWatch(t *testing.T) {
	s, replica := newScript(&engineModel{size: roomy, time: round})
	var steps []Step
	s.call(0, 0, sim.Request{Prompt: 100, Output: 6})
	s.world.At(25*ms, func() { replica.Watch(func(one Step) { steps = append(steps, one) }) })
	s.run(t)
	same(t, "steps", steps, []Step{{1, 0}, {1, 0}, {1, 0}, {1, 0}}) // 33, 44, 55 and 66 ms
	same(t, "end", s.log[0].Done, 66*ms)
}

// TestPublishedStepTimes: Llama-3.1-8B on A100 as inference-sim published it, 16442 us and 47.8 us a
// prompt token and 18.2 us a sequence: alone, 512/128 take one step of a prompt and 127 of decoding, and
// the time between tokens is the time of a step exactly.
func TestPublishedStepTimes(t *testing.T) {
	m := NewLLM()
	m.GPU.GPU = gpuNamed("a100")
	m.StepTime.Linear = &Linear{Base: 16442 * us, PerPrefillToken: 47800, PerSequence: 18200}
	if err := m.Validate(); err != nil {
		t.Fatal(err)
	}
	s, replica := newScript(m)
	s.call(0, 0, sim.Request{Prompt: 512, Output: 128})
	s.run(t)
	first := 9*ms + 16442*us + 512*47800 + 46*us
	same(t, "first token and end", []time.Duration{s.log[0].Reply.First, s.log[0].Done}, []time.Duration{first, first + 127*16460200})
	same(t, "busy", replica.Busy(), first-9*ms-46*us+127*16460200)
}
