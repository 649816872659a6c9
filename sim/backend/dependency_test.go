package backend

import (
	"testing"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// answered counts the records of calls that were served and ended in [from, to).
func answered(records []record, from, to time.Duration) int {
	n := 0
	for _, r := range records {
		if r.Reply.Outcome == sim.OK && r.Done >= from && r.Done < to {
			n++
		}
	}
	return n
}

// TestDependencyCutsThroughput: X = c/(own + dependency). Where own is 250 ms, a dependency that goes
// from 50 to 500 ms cuts what three servers carry from 10 to 4 calls a second: by 60 %.
func TestDependencyCutsThroughput(t *testing.T) {
	q := &Queue{
		Servers: 3, Service: Drawn(sim.ConstantDuration(250 * ms)), Limit: pointer(10), Discipline: FIFO, Cancel: CancelFree,
		Dependency: &Dependency{Time: sim.ConstantDuration(50 * ms), Slow: &Slowness{At: 30 * time.Second, For: 60 * time.Second, Factor: 10}},
	}
	if err := q.Validate(); err != nil {
		t.Fatal(err)
	}
	records := traffic{seed: 1, calls: 2400, rate: 20}.carry(t, func(env sim.Env) sim.Handler { return q.Start(env).Handle })
	same(t, "calls in 15 s before", answered(records, 10*time.Second, 25*time.Second), 150)
	same(t, "calls in 15 s after", answered(records, 40*time.Second, 55*time.Second), 60)
	same(t, "calls in 15 s when it is over", answered(records, 95*time.Second, 110*time.Second), 150)
}

// TestDependencySpike: a chain of calls whose last link goes from 200 ms to 5 s for ten seconds. Every
// service that begins in the spike takes 5 s, those before and after 200 ms.
func TestDependencySpike(t *testing.T) {
	for _, d := range disciplines {
		q := &Queue{
			Servers: 100, Service: Drawn(sim.ConstantDuration(0)), Discipline: d, Cancel: CancelFree,
			Dependency: &Dependency{Time: sim.ConstantDuration(200 * ms), Slow: &Slowness{At: 10 * time.Second, For: 10 * time.Second, Factor: 25}},
		}
		s, _ := newScript(q)
		var want []time.Duration
		for at := 0; at < 30; at++ {
			s.call(time.Duration(at)*time.Second, 0, sim.Request{})
			stay := 200 * ms
			if at >= 10 && at < 20 {
				stay = 5 * time.Second
			}
			want = append(want, stay)
		}
		s.run(t)
		var got []time.Duration
		for _, r := range s.log {
			got = append(got, r.stay())
		}
		same(t, string(d)+": stays", got, want)
	}
}

// TestRefusalsCost: where refusing a call costs the share phi of a service, of capacity C and A
// attempts a second there remain (C - phi A)/(1 - phi) answers; at phi A = C nothing is left.
func TestRefusalsCost(t *testing.T) {
	for _, d := range disciplines {
		for _, row := range []struct{ attempts, answers float64 }{{12, 9.7778}, {40, 6.6667}, {80, 2.2222}, {130, 0}} {
			q := &Queue{Servers: 10, Service: Drawn(sim.ConstantDuration(time.Second)), Limit: pointer(20), RejectCost: 0.1, Discipline: d, Cancel: CancelFree}
			var cost sim.Cost
			records := traffic{seed: 2, calls: int(120 * row.attempts), rate: row.attempts, request: func(int) sim.Request { return sim.Request{Cost: &cost} }}.
				carry(t, func(env sim.Env) sim.Handler { return q.Start(env).Handle })
			got := float64(answered(records, 20*time.Second, 120*time.Second)) / 100
			if diff := got - row.answers; diff > 0.25 || diff < -0.25 {
				t.Errorf("%s: got %v answers a second of %v attempts, want %v", d, got, row.attempts, row.answers)
			}
			refused := 0
			for _, r := range records {
				if r.Reply.Outcome == sim.Busy {
					refused++
				}
			}
			near(t, "wasted", cost.Wasted.Seconds(), 0.1*float64(refused), 1e-6)
		}
	}
}

// TestServiceByTokens: 50 ms, 1 ms for each token of the prompt and 10 ms for each of the output.
func TestServiceByTokens(t *testing.T) {
	q := NewQueue()
	q.Service = ServiceTime{Linear: &TokenTime{Base: 50 * ms, PerPromptToken: ms, PerOutputToken: 10 * ms}}
	if err := q.Validate(); err != nil {
		t.Fatal(err)
	}
	s, _ := newScript(q)
	s.call(0, 0, sim.Request{Prompt: 100, Output: 20})
	s.call(time.Second, 0, sim.Request{Prompt: 1, Output: 1, Work: 9})
	s.run(t)
	same(t, "stays", []time.Duration{s.log[0].stay(), s.log[1].stay()}, []time.Duration{350 * ms, 61 * ms})
}

// TestAdmissionBeforeTheQueue: a limit at the door of the service is M/M/c/K, as the model's own is.
func TestAdmissionBeforeTheQueue(t *testing.T) {
	for _, row := range []struct {
		servers, places     int
		load, blocked, wait float64
	}{{1, 5, .8, .08881949865556425, 1.563065207044265}, {10, 30, 12, .16863724455188886, 1.5345601940534241}} {
		s := NewService()
		s.Model = Choice{"queue", &Queue{Servers: row.servers, Service: Drawn(second), Discipline: FIFO, Cancel: CancelFree}}
		s.Admission.Queue = pointer(row.places - row.servers)
		if err := s.Validate(); err != nil {
			t.Fatal(err)
		}
		stays, refused := meanStays(t, startOf(func(env sim.Env) Replica { return Replica{Handle: s.Start(env).Handle} }), row.load, 1, plain)
		stays[0].within(t, "mean stay", 1+row.wait)
		refused.within(t, "share refused", row.blocked)
	}
}

// startOf is a Model that is started so.
type startOf func(env sim.Env) Replica

func (s startOf) Start(env sim.Env) Replica { return s(env) }
