package backend

import (
	"math"
	"testing"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// shapes are the queue model under every discipline, one server and 10 s a call.
func shapes() map[string]*Queue {
	all := map[string]*Queue{}
	for _, d := range disciplines {
		all[string(d)] = &Queue{Servers: 1, Service: Drawn(sim.ConstantDuration(10 * time.Second)), Discipline: d, Cancel: CancelFree}
	}
	return all
}

// TestQueuePace: a service of 10 s, half done, is slowed to a quarter of its speed for 8 s, stopped for
// 5 s, and goes on at normal pace: 5 + 8 + 5 + 3 s. The stop is no work.
func TestQueuePace(t *testing.T) {
	for name, q := range shapes() {
		t.Run(name, func(t *testing.T) {
			s, replica := newScript(q)
			s.call(0, 0, sim.Request{})
			for _, step := range []struct {
				at     time.Duration
				factor float64
			}{{5, 4}, {13, math.Inf(1)}, {18, 1}} {
				s.world.At(step.at*time.Second, func() { replica.Pace(step.factor) })
			}
			s.world.At(15*time.Second, func() { same(t, "busy while it is stopped", replica.Busy(), 13*time.Second) })
			s.run(t)
			same(t, "end", s.log[0].Done, 21*time.Second)
			same(t, "work", s.cost, sim.Cost{Work: 16 * time.Second})
			same(t, "busy", replica.Busy(), 16*time.Second)
			same(t, "work of the reply", s.log[0].Reply.Work, 16*time.Second)
		})
	}
}

// TestQueueStopped: who comes while the replica is stopped waits; a caller that goes is let go.
func TestQueueStopped(t *testing.T) {
	for name, q := range shapes() {
		t.Run(name, func(t *testing.T) {
			s, replica := newScript(q)
			replica.Pace(math.Inf(1))
			s.call(time.Second, 2*time.Second, sim.Request{})
			s.call(2*time.Second, 0, sim.Request{})
			s.world.At(20*time.Second, func() { replica.Pace(1) })
			s.run(t)
			same(t, "ends", []time.Duration{s.log[0].Done, s.log[1].Done}, []time.Duration{3 * time.Second, 30 * time.Second})
			same(t, "work", s.cost, sim.Cost{Work: 10 * time.Second})
		})
	}
}

// TestQueueKill: both calls inside break off at once, and what one had used is wasted.
func TestQueueKill(t *testing.T) {
	for name, q := range shapes() {
		t.Run(name, func(t *testing.T) {
			s, replica := newScript(q)
			s.call(0, 0, sim.Request{Prompt: 100})
			s.call(0, 0, sim.Request{Prompt: 10})
			s.world.At(4*time.Second, func() {
				if name != "ps" {
					same(t, "prompts", replica.Prompts(), 10)
				}
				replica.Kill()
			})
			s.run(t)
			reset := sim.Reply{Outcome: sim.Error, Reason: ReasonReset}
			same(t, "records", s.log, []record{{0, 0, 4 * time.Second, reset}, {1, 0, 4 * time.Second, reset}})
			same(t, "the last event", s.world.Now(), 4*time.Second)
			same(t, "busy", replica.Busy(), 4*time.Second)
			same(t, "wasted", s.cost, sim.Cost{Work: 4 * time.Second, Wasted: 4 * time.Second})
			same(t, "left inside", []int{replica.Waiting(), replica.Running(), replica.Free(), replica.Prompts()}, []int{0, 0, 1, 0})
		})
	}
}

// TestQueueBusyIsTheWork: over a crowd with changes of pace, what servers worked is what was booked.
func TestQueueBusyIsTheWork(t *testing.T) {
	for _, d := range disciplines {
		for _, cancel := range []Cancel{CancelFree, CancelQueued, CancelZombie} {
			var cost sim.Cost
			tr := crowd(6)
			var replica Replica
			tr.request = func(call int) sim.Request { return sim.Request{Cost: &cost, Priority: sim.Priority(call % 3)} }
			q := &Queue{Servers: 4, Service: Drawn(second), Limit: pointer(20), RejectCost: 0.1, Discipline: d, Cancel: cancel}
			tr.carry(t, func(env sim.Env) sim.Handler {
				replica = q.Start(env)
				for i, factor := range []float64{3, 0.5, math.Inf(1), 1} {
					env.At(time.Duration(5+4*i)*time.Second, func() { replica.Pace(factor) })
				}
				return replica.Handle
			})
			near(t, string(d)+" "+string(cancel), float64(q.Servers)*replica.Busy().Seconds(), cost.Work.Seconds(), 1e-6)
			if cost.Wasted <= 0 || cost.Wasted >= cost.Work {
				t.Errorf("%s %s: got %v wasted of %v", d, cancel, cost.Wasted, cost.Work)
			}
		}
	}
}
