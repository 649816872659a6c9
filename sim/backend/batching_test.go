package backend

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/headroom-dev/headroom/sim"
)

// batches returns a dynamic batch model, changed by change.
func batches(t tester, change func(m *Batching)) *Batching {
	t.Helper()
	m := NewBatching()
	m.MaxBatchSize, m.Time = 4, &BatchTime{Base: 10 * time.Second}
	change(m)
	if err := m.Validate(); err != nil {
		t.Fatalf("%v", err)
	}
	return m
}

// inSeconds returns when the calls of a script ended.
func inSeconds(s *script) []float64 {
	var ends []float64
	for _, r := range s.log {
		ends = append(ends, r.Done.Seconds())
	}
	return ends
}

// TestBatchMeetsInoue: a server that takes all who wait, and needs tau0 + alpha b for b of them, keeps a
// call on average for
//
//	3/2 tau0/(1 - lambda alpha) + alpha/2 (lambda alpha + 2)/(1 - lambda^2 alpha^2)
//
// where it is never idle (Inoue, Queueing analysis of GPU-based inference servers with dynamic
// batching, Performance Evaluation 147, 2021: the bound phi1, exact there). Here lambda tau0 = 10 and
// 20 calls come in a batch's base time, so an idle moment has a chance of e^-10 and less.
func TestBatchMeetsInoue(t *testing.T) {
	for _, row := range []struct{ rate, base, perRequest, want float64 }{
		{20, .5, .02, 1.5*.5/.6 + .01*2.4/.84},
		{20, .5, 0, .75},
		{10, 1, .08, 1.5/.2 + .04*2.8/.36},
	} {
		m := batches(t, func(m *Batching) {
			m.MaxBatchSize = 1000
			m.Time = &BatchTime{Base: time.Duration(row.base * 1e9), PerRequest: time.Duration(row.perRequest * 1e9)}
		})
		stays, _ := meanStays(t, m, row.rate, 1, plain)
		stays[0].within(t, "mean stay", row.want)
	}
}

// TestBatchOfOneIsAServer: with batches of one the model is M/D/c: here M/D/1 at load 0.8, whose mean
// wait is 2 services.
func TestBatchOfOneIsAServer(t *testing.T) {
	m := batches(t, func(m *Batching) { m.MaxBatchSize, m.Time = 1, &BatchTime{Base: 750 * ms, PerRequest: 250 * ms} })
	stays, _ := meanStays(t, m, .8, 1, plain)
	stays[0].within(t, "mean stay", 3)
}

// TestBatchSaturated: c instances with batches of at most b carry c b/s(b) calls a second.
func TestBatchSaturated(t *testing.T) {
	m := batches(t, func(m *Batching) {
		m.MaxBatchSize, m.Instances, m.MaxQueueSize = 8, 2, 50
		m.Time = &BatchTime{Base: 100 * ms, PerRequest: 50 * ms}
	})
	records := traffic{seed: 1, calls: 5000, rate: 100}.carry(t, func(env sim.Env) sim.Handler { return m.Start(env).Handle })
	same(t, "answers in 20 s", answered(records, 10*time.Second, 30*time.Second), 20*2*8*2)
}

// TestBatchSizes is the third rule. Calls come at the given times; a batch takes 10 s.
func TestBatchSizes(t *testing.T) {
	for _, row := range []struct {
		name      string
		preferred []int
		delay     time.Duration
		arrivals  []time.Duration
		ends      []float64
	}{
		{"no delay: the first goes alone, then who is there", nil, 0, []time.Duration{0, 1, 2, 3}, []float64{10, 20, 20, 20}},
		{"a lone call leaves after the delay, exactly", nil, 3, []time.Duration{1}, []float64{14}},
		{"the oldest counts", nil, 3, []time.Duration{1, 3}, []float64{14, 14}},
		{"a full batch does not wait", nil, 3, []time.Duration{0, 1, 1, 2, 2}, []float64{12, 12, 12, 12, 22}},
		{"a preferred size does not wait", []int{2}, 3, []time.Duration{0, 1, 2}, []float64{11, 11, 21}},
		{"the largest preferred size", []int{3, 2}, 3, []time.Duration{0, 0, 1, 1, 1, 1, 1}, []float64{10, 10, 20, 20, 20, 30, 30}},
		{"no preferred size in time: what is there", []int{4}, 3, []time.Duration{0, 1, 2}, []float64{13, 13, 13}},
		{"after a batch the wait counts", []int{4}, 3, []time.Duration{0, 4, 5, 12}, []float64{13, 23, 23, 23}},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := batches(t, func(m *Batching) { m.PreferredBatchSize, m.MaxQueueDelay = row.preferred, row.delay*time.Second })
			s, _ := newScript(m)
			for _, at := range row.arrivals {
				s.call(at*time.Second, 0, sim.Request{})
			}
			s.run(t)
			same(t, "ends", inSeconds(s), row.ends)
		})
	}
}

// TestBatchLevels: batches of two and 10 s each. While the first level keeps one instance busy the
// second starves: there is no ageing. The fourth class has no level of its own and takes the default.
func TestBatchLevels(t *testing.T) {
	m := batches(t, func(m *Batching) { m.MaxBatchSize, m.PriorityLevels, m.DefaultPriorityLevel = 2, 2, 1 })
	s, replica := newScript(m)
	s.call(0, 0, sim.Request{Priority: 1})
	s.call(1, 0, sim.Request{Priority: 1, Prompt: 7})
	for i := range 20 {
		s.call(time.Duration(i)*5*time.Second+2, 0, sim.Request{Priority: sim.Priority(i % 2 * 3)})
	}
	s.world.At(95*time.Second, func() {
		same(t, "waiting, running, free", []int{replica.Waiting(), replica.Running(), replica.Free()}, []int{2, 2, 0})
		same(t, "prompts", replica.Prompts(), 7)
	})
	s.run(t)
	same(t, "end of the one on level 2", s.log[1].Done, 120*time.Second)
	same(t, "end of the last on level 1", s.log[21].Done, 110*time.Second)
}

// TestBatchTimeouts is the fourth rule: a batch of one takes 10 s, a call is late after 2 s.
func TestBatchTimeouts(t *testing.T) {
	policy := func(p QueuePolicy) func(*Batching) {
		return func(m *Batching) { m.MaxBatchSize, m.Cancel, m.QueuePolicy = 1, CancelZombie, p }
	}
	late := sim.Reply{Outcome: sim.Busy, Status: 503, Reason: ReasonQueueTimeout}

	t.Run("REJECT answers when the next batch is formed", func(t *testing.T) {
		s, _ := newScript(batches(t, policy(QueuePolicy{DefaultTimeout: 2 * time.Second, TimeoutAction: TimeoutReject})))
		for _, at := range []time.Duration{0, 1, 9} {
			s.call(at*time.Second, 0, sim.Request{})
		}
		s.run(t)
		same(t, "ends", inSeconds(s), []float64{10, 10, 20})
		same(t, "reply", s.log[1].Reply, late)
	})
	t.Run("DELAY puts the late behind all who are not", func(t *testing.T) {
		s, _ := newScript(batches(t, policy(QueuePolicy{DefaultTimeout: 12 * time.Second, TimeoutAction: TimeoutDelay})))
		for _, at := range []time.Duration{0, 1, 2, 9, 19} {
			s.call(at*time.Second, 0, sim.Request{})
		}
		s.run(t)
		// At 10 s nobody is late and the call of 1 s goes. At 20 s the call of 2 s is late: that of 9 s
		// goes. At 30 s that of 19 s goes, 11 s old. Then the late one.
		same(t, "ends", inSeconds(s), []float64{10, 20, 50, 30, 40})
	})
	t.Run("an instance that waits for company looks at once", func(t *testing.T) {
		s, _ := newScript(batches(t, func(m *Batching) {
			m.MaxQueueDelay, m.DefaultTimeout = 5*time.Second, 2*time.Second
		}))
		s.call(time.Second, 0, sim.Request{})
		s.run(t)
		same(t, "ends", inSeconds(s), []float64{3})
		same(t, "reply", s.log[0].Reply, late)
	})
	t.Run("patience counts where the level allows it", func(t *testing.T) {
		s, _ := newScript(batches(t, policy(QueuePolicy{AllowTimeoutOverride: true, TimeoutAction: TimeoutReject})))
		s.call(0, 0, sim.Request{})
		s.call(0, 3*time.Second, sim.Request{}) // nobody waits for it at 10 s, and nothing is done for it
		s.call(0, 0, sim.Request{})
		s.run(t)
		same(t, "ends", inSeconds(s), []float64{10, 3, 20})
		same(t, "cost", s.cost, sim.Cost{Work: 20 * time.Second})
	})
}

// TestBatchRefuses: each level has its own number of places.
func TestBatchRefuses(t *testing.T) {
	m := batches(t, func(m *Batching) {
		m.MaxBatchSize, m.PriorityLevels, m.MaxQueueSize, m.Levels = 1, 2, 2, []QueuePolicy{{MaxQueueSize: 1}}
	})
	s, _ := newScript(m)
	for i := range 7 {
		s.call(0, 0, sim.Request{Priority: sim.Priority(i % 2)})
	}
	s.run(t)
	full := 0
	for _, r := range s.log {
		if r.Reply.Reason == ReasonQueueFull {
			full++
			same(t, "a refusal comes at once with", []int{int(r.Done), r.Reply.Status}, []int{0, 503})
		}
	}
	same(t, "refused: two of level 1, one of level 2", full, 3)
}

// TestStaticBatch: prompts padded to the longest in one step, then as many steps as the longest output
// has tokens. Steps of 10 ms, 1 ms for each token of a prompt and 2 ms for each sequence: prompts of 10
// and 20 tokens make 10 + 40 ms, five steps of two sequences 5 (10 + 4) ms.
func TestStaticBatch(t *testing.T) {
	m := NewBatching()
	m.Mode, m.Size, m.Wait, m.LLM = StaticBatches, 2, 30*ms, Tables{NewLLM()}
	m.LLM.StepTime.Linear = &Linear{Base: 10 * ms, PerPrefillToken: ms, PerSequence: 2 * ms}
	if err := m.Validate(); err != nil {
		t.Fatal(err)
	}
	s, _ := newScript(m)
	s.call(0, 0, sim.Request{Prompt: 10, Output: 5})
	s.call(20*ms, 0, sim.Request{Prompt: 20, Output: 3})
	s.call(time.Second, 0, sim.Request{Prompt: 10, Output: 5}) // alone: 30 ms, 10 + 10, 5 (10 + 2)
	s.run(t)
	same(t, "ends", inSeconds(s), []float64{.140, .140, 1.110})
	reply := answer(140*ms, 3, 60*ms)
	reply.Began = 20 * ms
	same(t, "reply", s.log[1].Reply, reply)
	same(t, "cost", s.cost, sim.Cost{Work: 200 * ms})
}

// TestPaddedStepsAddUp: the closed form of many steps is the sum of the steps.
func TestPaddedStepsAddUp(t *testing.T) {
	m := fastLLM(t)
	for _, steps := range []StepTime{m.stepTime(), Linear{Base: 10 * ms, PerPrefillToken: ms, PerSequence: 2 * ms}} {
		whole := padded{steps}.of(8, 500, 200)
		one := padded{oneByOne(steps.StepTime)}.of(8, 500, 200)
		near(t, "200 steps", whole.Seconds(), one.Seconds(), 1e-6)
	}
}

// oneByOne is a step time that knows no closed form.
type oneByOne func(Batch) time.Duration

func (f oneByOne) StepTime(b Batch) time.Duration { return f(b) }

// TestBatchCancel: two calls in a batch of 10 s, their callers go at 4 and 6 s; a third that waits
// from 1 s goes at 2 s, a fourth stays.
func TestBatchCancel(t *testing.T) {
	for _, row := range []struct {
		cancel       Cancel
		done         float64
		work, wasted time.Duration
	}{
		{CancelFree, 16, 16, 6},
		{CancelQueued, 20, 20, 10},
		{CancelZombie, 20, 20, 15}, // the third shares the second batch
	} {
		t.Run(string(row.cancel), func(t *testing.T) {
			s, replica := newScript(batches(t, func(m *Batching) { m.PreferredBatchSize, m.MaxQueueDelay, m.Cancel = []int{2}, time.Second, row.cancel }))
			s.call(0, 4*time.Second, sim.Request{})
			s.call(0, 6*time.Second, sim.Request{})
			s.call(time.Second, time.Second, sim.Request{})
			s.call(time.Second, 0, sim.Request{})
			s.run(t)
			same(t, "ends", inSeconds(s), []float64{4, 6, 2, row.done})
			same(t, "cost", s.cost, sim.Cost{Work: row.work * time.Second, Wasted: row.wasted * time.Second})
			same(t, "left inside", []int{replica.Waiting(), replica.Running(), replica.Free(), int(replica.Busy() / time.Second)}, []int{0, 0, 4, int(row.work)})
		})
	}
}

// TestBatchPaceAndKill: a batch of 10 s is slowed to half its speed after 4 s, and dies at 8 s with the
// call that waits behind it.
func TestBatchPaceAndKill(t *testing.T) {
	s, replica := newScript(batches(t, func(m *Batching) { m.MaxBatchSize = 1 }))
	s.call(0, 0, sim.Request{})
	s.call(0, 0, sim.Request{})
	s.call(0, 0, sim.Request{})
	s.world.At(4*time.Second, func() { replica.Pace(2) })
	s.world.At(20*time.Second, replica.Kill)
	s.run(t)
	same(t, "ends", inSeconds(s), []float64{16, 20, 20})
	same(t, "replies", []string{s.log[0].Reply.Reason, s.log[1].Reply.Reason, s.log[2].Reply.Reason}, []string{"", ReasonReset, ReasonReset})
	same(t, "cost", s.cost, sim.Cost{Work: 20 * time.Second, Wasted: 4 * time.Second})
	same(t, "the last event", s.world.Now(), 20*time.Second)
}

// TestBatchKeepsItsBooks over random configurations: every call ends, in its place of the queue or a
// batch; what instances worked is what was booked; nothing is left; Little's law where all are patient.
func TestBatchKeepsItsBooks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string, most int) int { return rapid.IntRange(0, most).Draw(t, name) }
		m := batches(t, func(m *Batching) {
			m.MaxBatchSize, m.Instances, m.MaxQueueSize = 1+draw("size", 5), 1+draw("instances", 2), draw("places", 9)
			m.MaxQueueDelay, m.DefaultTimeout = time.Duration(draw("delay", 3))*200*ms, time.Duration(draw("timeout", 2))*700*ms
			if draw("prefers", 1) == 1 {
				m.PreferredBatchSize = []int{1 + draw("preferred", m.MaxBatchSize-1)}
			}
			m.PriorityLevels, m.AllowTimeoutOverride = draw("levels", 3), draw("override", 1) == 1
			m.TimeoutAction = []TimeoutAction{TimeoutReject, TimeoutDelay}[draw("action", 1)]
			m.Cancel = []Cancel{CancelFree, CancelQueued, CancelZombie}[draw("cancel", 2)]
			m.Time = &BatchTime{Base: 400 * ms, PerRequest: 150 * ms}
		})
		var cost sim.Cost
		var replica Replica
		patience := []time.Duration{0, 1500 * ms}[draw("patience", 1)]
		records := traffic{
			seed: uint64(draw("seed", 1000)), calls: 200, rate: 6, patience: patience,
			request: func(call int) sim.Request { return sim.Request{Cost: &cost, Priority: sim.Priority(call % 4)} },
		}.carry(t, func(env sim.Env) sim.Handler {
			replica = m.Start(env)
			return replica.Handle
		})
		for _, r := range records {
			if r.Reply.Outcome == sim.Unsent || patience == 0 && r.Reply.Outcome == sim.Timeout {
				t.Fatalf("got %+v", r)
			}
		}
		same(t, "left inside", []int{replica.Waiting(), replica.Running(), replica.Prompts(), replica.Free()}, []int{0, 0, 0, m.Instances * m.MaxBatchSize})
		same(t, "busy", replica.Busy(), cost.Work/time.Duration(m.Instances))
	})
}

// TestBatchLittle: L = lambda W.
func TestBatchLittle(t *testing.T) {
	littles(t, batches(t, func(m *Batching) { m.MaxQueueDelay, m.Time = 300*ms, &BatchTime{Base: time.Second} }), 3, plain)
}

// TestBatchAllocations: a call allocates nothing in the long run, beyond what the kernel does.
func TestBatchAllocations(t *testing.T) {
	w := sim.NewWorld(1)
	handle := batches(t, func(m *Batching) { m.MaxQueueDelay = ms }).Start(w).Handle
	w.Go(func() {
		handle(sim.Request{})
		if got := testing.AllocsPerRun(100, func() { handle(sim.Request{}) }); got != 0 {
			t.Errorf("got %v allocations a call, want 0", got)
		}
	})
	w.Run(sim.Forever)
}

func TestBatchValidate(t *testing.T) {
	m := NewBatching()
	m.Size, m.PreferredBatchSize, m.Instances, m.DefaultPriorityLevel, m.Levels = 3, []int{4}, 0, 2, []QueuePolicy{{TimeoutAction: "WAIT"}}
	var f sim.Faults
	if err := m.Validate(); !errors.As(err, &f) {
		t.Fatalf("got %v, want Faults", err)
	}
	same(t, "faults", f, sim.Faults{
		{Path: "max_batch_size", Found: "0", Allowed: "1 to 65536"},
		{Path: "preferred_batch_size[0]", Found: "4", Allowed: "1 to max_batch_size"},
		{Path: "size", Found: "is given beside mode dynamic", Allowed: "only with the other mode"},
		{Path: "instances", Found: "0", Allowed: "1 to 10000"},
		{Path: "default_priority_level", Found: "2", Allowed: "1 to priority_levels, 0"},
		{Path: "levels", Found: "1 policies", Allowed: "at most one for each of the priority_levels, 0"},
		{Path: "levels[0].timeout_action", Found: "WAIT", Allowed: "REJECT, DELAY"},
		{Found: "no time of a batch", Allowed: "exactly one of time {base, per_request} and llm"},
	})
}
