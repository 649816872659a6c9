package backend

import (
	"testing"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// roomy is an engine that nothing bounds but what a test sets.
var roomy = engineSize{seqs: 256, tokens: 2048, limit: -1, block: 16, blocks: 100_000, reserve: true, cancel: CancelFree}

// engineModel is an engine of given bounds and step time as a Model, which keeps the last engine.
type engineModel struct {
	size   engineSize
	time   StepTime
	single bool
	last   *engine
}

func (m *engineModel) Start(env sim.Env) Replica {
	m.last = newEngine(env, m.size, m.time)
	m.last.single = m.single
	return m.last.replica()
}

// round is a step time whose sums are easy: 10 ms, 10 us a prompt token, 1 ms a decoding sequence.
var round = Linear{Base: 10 * time.Millisecond, PerPrefillToken: 10 * time.Microsecond, PerSequence: time.Millisecond}

const ms = time.Millisecond

// checkEngine holds what must be true of every engine at the end of a run.
func checkEngine(t tester, e *engine) {
	t.Helper()
	held := e.blocks - e.pool.free()
	for _, decoders := range e.phases {
		held += decoders
	}
	if held != 0 || e.running.length != 0 || e.queued() != 0 || e.busy || e.waking || e.context != 0 || e.totals.pending != 0 ||
		len(e.watched)+len(e.leaving)+len(e.stalled)+len(e.prefilling)+len(e.gaps)+len(e.outbox.parcels) != 0 {
		t.Errorf("at the end: %d blocks, %d running, %d waiting, busy %v, context %d, %d prompt tokens, %d watched, %d leaving; want nothing",
			held, e.running.length, e.queued(), e.busy, e.context, e.totals.pending, len(e.watched), len(e.leaving))
	}
}

// TestEngineOneCall: a prompt of 100 tokens and 5 of output, alone: one step for the prompt, which
// yields the first token, and 4 of decoding.
func TestEngineOneCall(t *testing.T) {
	model := &engineModel{size: roomy, time: round}
	s, _ := newScript(model)
	s.call(3*ms, 0, sim.Request{Prompt: 100, Output: 5})
	s.run(t)
	first := 3*ms + 11*ms
	same(t, "record", s.log[0], record{0, 3 * ms, first + 4*11*ms, sim.Reply{Outcome: sim.OK, Status: 200, Began: 3 * ms, First: first, Tokens: 5, Work: 55 * ms}})
	same(t, "work", s.cost.Work, 55*ms)
	same(t, "wasted", s.cost.Wasted, time.Duration(0))
	same(t, "steps and events", []int64{model.last.totals.steps, model.last.totals.events}, []int64{5, 3})
	checkEngine(t, model.last)
}

// TestEngineBatches: calls that come together share a step; one that comes in the middle of a step
// joins at the next boundary, where decoding goes on beside its prompt.
func TestEngineBatches(t *testing.T) {
	model := &engineModel{size: roomy, time: round}
	s, _ := newScript(model)
	s.call(0, 0, sim.Request{Prompt: 100, Output: 3})
	s.call(0, 0, sim.Request{Prompt: 200, Output: 2})
	s.call(5*ms, 0, sim.Request{Prompt: 100, Output: 1})
	s.run(t)
	// 0 ms: prompts of 0 and 1, 13 ms. Then both decode beside the prompt of 2, 10 + 1 + 2 ms: 1 and
	// 2 end at 26 ms. Then 0 alone, 11 ms.
	same(t, "ends", []time.Duration{s.log[0].Done, s.log[1].Done, s.log[2].Done}, []time.Duration{37 * ms, 26 * ms, 26 * ms})
	same(t, "first tokens", []time.Duration{s.log[0].Reply.First, s.log[1].Reply.First, s.log[2].Reply.First}, []time.Duration{13 * ms, 13 * ms, 26 * ms})
	// Every step is shared by its tokens, so the work is the time of the steps, to a picosecond a token.
	if d := s.cost.Work - 37*ms; d.Abs() > time.Microsecond {
		t.Errorf("got %v of work, want 37ms", s.cost.Work)
	}
}

// TestEngineChunks: a prompt of 5000 tokens beside a decoding sequence, 2048 tokens a step.
func TestEngineChunks(t *testing.T) {
	model := &engineModel{size: roomy, time: round}
	s, _ := newScript(model)
	s.call(0, 0, sim.Request{Prompt: 100, Output: 6})
	s.call(1*ms, 0, sim.Request{Prompt: 5000, Output: 1})
	s.run(t)
	// 11 ms, then two steps with 2047 prompt tokens and the last 906: 10 + 1 + 20.47, twice, and
	// 10 + 1 + 9.06.
	want := 11*ms + 2*(11*ms+20470*time.Microsecond) + 11*ms + 9060*time.Microsecond
	same(t, "first token of the long prompt", s.log[1].Reply.First, want)
	same(t, "prompt tokens", model.last.totals.prefilled, int64(5100))
}

// TestEngineOneAtATime: with one slot, a backlog takes the sum of its step times.
func TestEngineOneAtATime(t *testing.T) {
	size := roomy
	size.seqs = 1
	s, replica := newScript(&engineModel{size: size, time: round})
	sum := time.Duration(0)
	for i := range 20 {
		prompt, output := 10+i*37%100, 1+i*13%7
		s.call(0, 0, sim.Request{Prompt: prompt, Output: output})
		sum += 10*ms + time.Duration(prompt)*10*time.Microsecond + time.Duration(output-1)*11*ms
	}
	s.world.At(ms, func() {
		same(t, "levels", []int{replica.Waiting(), replica.Running(), replica.Free()}, []int{19, 1, 0})
	})
	s.run(t)
	same(t, "the last end", s.log[19].Done, sum)
	if d := sum - s.cost.Work; d < 0 || d > time.Microsecond { // a step is shared in whole picoseconds
		t.Errorf("got %v of work, want %v", s.cost.Work, sum)
	}
	for i := 1; i < len(s.log); i++ {
		if s.log[i].Done <= s.log[i-1].Done {
			t.Errorf("call %d ended at %v, before call %d at %v", i, s.log[i].Done, i-1, s.log[i-1].Done)
		}
	}
}

// TestEngineMemory: with reserve a prompt begins only if all of it fits, without it as soon as its first
// chunk does; either way the head of the queue holds up a smaller call behind it.
func TestEngineMemory(t *testing.T) {
	for _, row := range []struct {
		reserve bool
		second  time.Duration // when the second gets its first token
	}{{true, 10900*time.Microsecond + 5*11*ms + 10890*time.Microsecond}, {false, 10900*time.Microsecond + 11500*time.Microsecond + 11290*time.Microsecond}} {
		size := roomy
		size.seqs, size.tokens, size.blocks, size.reserve = 4, 51, 10, row.reserve // 160 tokens
		if row.reserve {
			size.tokens = 2048
		}
		s, replica := newScript(&engineModel{size: size, time: round})
		s.call(0, 0, sim.Request{Prompt: 90, Output: 6})    // 6 blocks
		s.call(1*ms, 0, sim.Request{Prompt: 79, Output: 1}) // 5 blocks, the first 50 tokens 4
		s.call(2*ms, 0, sim.Request{Prompt: 10, Output: 1}) // 1 block: would fit, waits behind it
		s.call(3*ms, 0, sim.Request{Prompt: 160, Output: 2})
		s.world.At(20*ms, func() {
			if row.reserve {
				same(t, "levels", []int{replica.Waiting(), replica.Running(), replica.Free()}, []int{2, 1, 0})
				same(t, "share of blocks", replica.Gauges[2].Read(), 0.6)
			}
		})
		s.run(t)
		if row.reserve {
			same(t, "end of the first", s.log[0].Done, 10900*time.Microsecond+5*11*ms)
			same(t, "first token of the second", s.log[1].Reply.First, row.second)
			same(t, "first token of the third", s.log[2].Reply.First, row.second)
		} else if began, end := s.log[1].Reply.Began, s.log[0].Done; began >= end {
			t.Errorf("the second began at %v, after the first ended at %v", began, end)
		}
		same(t, "never fits", s.log[3], record{3, 3 * ms, 3 * ms, sim.Reply{Outcome: sim.Error, Status: 400, Reason: "too-long"}})
		if s.log[3].Reply.Retryable() {
			t.Error("a call that can never fit may be tried again, want never")
		}
	}
}

// TestEngineLimits: its own limit of waiting calls, and the longest sequence.
func TestEngineLimits(t *testing.T) {
	size := roomy
	size.seqs, size.limit, size.length = 1, 1, 1000
	s, _ := newScript(&engineModel{size: size, time: round})
	for range 3 {
		s.call(0, 0, sim.Request{Prompt: 500, Output: 500})
	}
	s.call(0, 0, sim.Request{Prompt: 501, Output: 500})
	s.run(t)
	same(t, "outcomes", []sim.Outcome{s.log[0].Reply.Outcome, s.log[1].Reply.Outcome, s.log[2].Reply.Outcome, s.log[3].Reply.Outcome},
		[]sim.Outcome{sim.OK, sim.OK, sim.Busy, sim.Error})
	same(t, "reason", s.log[2].Reply.Reason, "queue-full")
}

// TestEngineCancel: one slot. Call 0 runs, and its caller goes at 15 ms, in its second step; call 1
// waits and its caller goes at 16 ms; call 2 waits to the end. A call is a step of 11 ms and 4 more.
func TestEngineCancel(t *testing.T) {
	for _, row := range []struct {
		cancel       Cancel
		done         time.Duration // of call 2
		work, wasted time.Duration
	}{
		{CancelFree, (22 + 55) * ms, 77 * ms, 22 * ms}, // the step under way still carries it
		{CancelQueued, 110 * ms, 110 * ms, 55 * ms},
		{CancelZombie, 165 * ms, 165 * ms, 110 * ms},
	} {
		t.Run(string(row.cancel), func(t *testing.T) {
			size := roomy
			size.seqs, size.cancel = 1, row.cancel
			model := &engineModel{size: size, time: round}
			s, _ := newScript(model)
			s.call(0, 15*ms, sim.Request{Prompt: 100, Output: 5})
			s.call(1*ms, 15*ms, sim.Request{Prompt: 100, Output: 5})
			s.call(2*ms, 0, sim.Request{Prompt: 100, Output: 5})
			s.run(t)
			same(t, "ends", []time.Duration{s.log[0].Done, s.log[1].Done, s.log[2].Done}, []time.Duration{15 * ms, 16 * ms, row.done})
			same(t, "work", s.cost.Work, row.work)
			same(t, "wasted", s.cost.Wasted, row.wasted)
			checkEngine(t, model.last)
		})
	}
}

// TestEngineCancelsAll: when all callers go at once, nothing runs after one more step.
func TestEngineCancelsAll(t *testing.T) {
	for _, cancel := range []Cancel{CancelFree, CancelZombie} {
		size := roomy
		size.seqs, size.cancel = 50, cancel
		s, replica := newScript(&engineModel{size: size, time: round})
		for range 100 {
			s.call(0, 500*ms, sim.Request{Prompt: 10, Output: 100})
		}
		s.world.At(500*ms+100*ms, func() {
			want := []int{0, 0}
			if cancel == CancelZombie {
				want = []int{50, 50}
			}
			same(t, string(cancel)+": waiting and running", []int{replica.Waiting(), replica.Running()}, want)
		})
		s.run(t)
	}
}

// TestEngineTokens: a call that asks for every token gets each once, in order, the first when Reply
// says, the last when it ends; none comes after its caller has gone.
func TestEngineTokens(t *testing.T) {
	s, _ := newScript(&engineModel{size: roomy, time: round})
	times := make([][]time.Duration, 2)
	ask := func(i int) func(int) {
		return func(n int) {
			if n != len(times[i])+1 {
				t.Errorf("call %d: got token %d, want %d", i, n, len(times[i])+1)
			}
			times[i] = append(times[i], s.world.Now())
		}
	}
	s.call(0, 0, sim.Request{Prompt: 100, Output: 4, Token: ask(0)})
	s.call(0, 30*ms, sim.Request{Prompt: 100, Output: 50, Token: ask(1)})
	s.call(0, 0, sim.Request{Prompt: 100, Output: 60})
	s.run(t)
	same(t, "call 0", times[0], []time.Duration{13 * ms, 26 * ms, 39 * ms, 51 * ms}) // call 1 leaves at 39 ms
	same(t, "call 1", times[1], []time.Duration{13 * ms, 26 * ms})
	same(t, "first and last", []time.Duration{s.log[0].Reply.First, s.log[0].Done}, []time.Duration{13 * ms, 51 * ms})
}

// TestEngineIsAQueue: without prompts to compute, with fixed outputs and a fixed step, an engine is a
// queue with max_seqs servers and constant service, but that calls wait for the next boundary, half a
// step on average: the two agree to that.
func TestEngineIsAQueue(t *testing.T) {
	const output, step, servers = 50, 10 * time.Millisecond, 8
	service := output * step
	size := roomy
	size.seqs = servers
	queue := &Queue{Servers: servers, Service: Drawn(sim.ConstantDuration(service)), Discipline: FIFO, Cancel: CancelFree}
	engine := &engineModel{size: size, time: Linear{Base: step}}
	var difference sample
	for seed := range uint64(10) {
		mean := func(m Model) float64 {
			sum := 0.0
			for _, r := range (traffic{seed: seed, calls: 5000, rate: 0.9 * servers / service.Seconds(), request: func(int) sim.Request {
				return sim.Request{Prompt: 1, Output: output}
			}}).carry(t, func(env sim.Env) sim.Handler { return m.Start(env).Handle }) {
				sum += r.stay().Seconds() / 5000
			}
			return sum
		}
		difference.add(mean(engine) - mean(queue))
	}
	got, err := difference.meanAndError()
	if got < 0 || got > step.Seconds()+4*err {
		t.Errorf("got a mean stay %.4f s longer than the queue's, want 0 to %v", got, step)
	}
}

// TestEngineLittle: L = lambda W, exactly, over a run that drains.
func TestEngineLittle(t *testing.T) {
	m := fastLLM(t)
	m.Response = 0 // the way back is neither waiting nor running
	lengths := sim.NewStream(4, "lengths")
	littles(t, m, 0.85*m.Capacity(512, 128), func(i int) sim.Request {
		r := lengths.For(i, 0)
		return sim.Request{Prompt: 1 + r.IntN(1023), Output: 1 + r.IntN(255)}
	})
}

// littles carries 20,000 calls and returns the integrals of waiting and running over time, in
// call-seconds. It holds their sum against the calls' stays.
func littles(t *testing.T, m Model, rate float64, request func(int) sim.Request) (waiting, running float64, records []record) {
	t.Helper()
	records = traffic{seed: 4, calls: 20_000, rate: rate, request: request}.carry(t, func(env sim.Env) sim.Handler {
		replica := m.Start(env)
		var last float64
		var levels [2]int
		sum := func() { // the levels change in the instants in which calls come and end, and only then
			now := env.Now().Seconds()
			waiting += float64(levels[0]) * (now - last)
			running += float64(levels[1]) * (now - last)
			last, levels = now, [2]int{replica.Waiting(), replica.Running()}
		}
		return func(r sim.Request) sim.Reply {
			env.At(env.Now(), sum)
			reply := replica.Handle(r)
			sum()
			return reply
		}
	})
	stays := 0.0
	for _, r := range records {
		stays += r.stay().Seconds()
	}
	near(t, "calls inside, over time", waiting+running, stays, 1e-9)
	return waiting, running, records
}

// fastLLM is the default model in fp8 with 64 slots.
func fastLLM(t testing.TB) *LLM {
	m := NewLLM()
	m.Precision, m.MaxSeqs = FP8, 64
	if err := m.Validate(); err != nil {
		t.Fatal(err)
	}
	return m
}

// TestLLMCapacity: the estimate is what a backlogged replica carries.
func TestLLMCapacity(t *testing.T) {
	for _, row := range []struct {
		about          string
		prompt, output int
		change         func(*LLM)
	}{
		{"slots bind", 512, 128, func(*LLM) {}},
		{"memory binds", 4000, 2000, func(m *LLM) { m.MaxSeqs, m.MaxModelLen = 256, 8192 }},
		{"the token budget binds", 4000, 8, func(m *LLM) { m.MaxBatchedTokens = 2048 }},
		{"outputs of one token", 300, 1, func(*LLM) {}},
	} {
		t.Run(row.about, func(t *testing.T) {
			m := fastLLM(t)
			row.change(m)
			s, _ := newScript(m)
			const calls = 3000
			for i := range calls {
				// Outputs of half to one and a half, or all would march in step and their prompts come at once.
				output := row.output
				if output > 1 {
					output = row.output/2 + sim.NewStream(1, "outputs").For(i, 0).IntN(row.output+1)
				}
				s.call(0, 0, sim.Request{Prompt: row.prompt, Output: output})
			}
			s.run(t)
			// The first and the last tenth, when the batch fills and empties, are left out.
			from, to := s.log[calls/10], s.log[calls*9/10]
			rate := float64(to.Call-from.Call) / (to.Done - from.Done).Seconds()
			near(t, "calls a second", m.Capacity(float64(row.prompt), float64(row.output)), rate, 0.05)
		})
	}
}
