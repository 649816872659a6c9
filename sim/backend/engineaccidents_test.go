package backend

import (
	"math"
	"testing"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// An engine that crashed has an empty cache: what was a hit before is computed again.
func TestCrashLosesThePrefixCache(t *testing.T) {
	s := &Service{Model: Choice{"llm", fastLLM(t)}, Replicas: 1, Fail: []Failure{{Replica: pointer(0), At: 2500 * ms, How: howCrash}}}
	w := sim.NewWorld(1)
	running := s.Start(w)
	var cached []int
	for i := range 5 {
		w.At(time.Duration(i)*sec, func() {
			w.Go(func() {
				cached = append(cached, running.Handle(sim.Request{Call: i, Key: 5, Prompt: 160, Output: 4}).Cached)
			})
		})
	}
	w.Run(sim.Forever)
	same(t, "cached tokens", cached, []int{0, 144, 144, 0, 144}) // the last token is always computed: nine full blocks
}

// The same answer takes as much longer as the engine hangs, twice as long where it is half as fast, and
// none comes where it crashes.
func TestAccidentsOnTheEngine(t *testing.T) {
	run := func(fail ...Failure) (sim.Reply, time.Duration, []sim.Gauge, *sim.Cost) {
		s := &Service{Model: Choice{"llm", fastLLM(t)}, Replicas: 1, Fail: fail}
		w := sim.NewWorld(1)
		running := s.Start(w)
		var reply sim.Reply
		var done time.Duration
		var cost sim.Cost
		w.Go(func() {
			reply = running.Handle(sim.Request{Prompt: 500, Output: 400, Cost: &cost})
			done = w.Now()
		})
		w.Run(sim.Forever)
		return reply, done, running.Resources, &cost
	}
	normal, took, _, _ := run()
	if normal.Outcome != sim.OK || took < sec {
		t.Fatalf("got %v after %v, want an answer after a second or more", normal.Outcome, took)
	}
	at := 500 * ms
	if r, done, _, _ := run(Failure{Replica: pointer(0), At: at, For: 7 * sec, How: howHang}); r.Outcome != sim.OK || done != took+7*sec {
		t.Errorf("got %v after %v of an engine that hung for 7s, want ok after %v", r.Outcome, done, took+7*sec)
	}
	slow, done, _, _ := run(Failure{Replica: pointer(0), At: 0, For: time.Hour, How: howSlow, Factor: 2})
	if got := float64(done) / float64(took); slow.Outcome != sim.OK || math.Abs(got-2) > 0.02 { // but for the way in and out
		t.Errorf("got %v after %.3f times as long at half the speed, want ok after twice as long", slow.Outcome, got)
	}
	r, done, _, cost := run(Failure{Replica: pointer(0), At: at, How: howCrash})
	if r.Reason != ReasonReset || done != at || cost.Work == 0 || cost.Wasted != cost.Work {
		t.Errorf("got %v %q at %v with %v wasted of %v, want a reset at %v and all wasted", r.Outcome, r.Reason, done, cost.Wasted, cost.Work, at)
	}
}

// A service of engines tells its slots, the engines' time and the KV memory.
func TestResourcesOfEngines(t *testing.T) {
	s := &Service{Model: Choice{"llm", fastLLM(t)}, Replicas: 2}
	w := sim.NewWorld(1)
	running := s.Start(w)
	w.Go(func() { running.Handle(sim.Request{Prompt: 500, Output: 400}) })
	var names []string
	levels := map[string]float64{}
	w.At(500*ms, func() {
		for _, g := range running.Resources {
			names = append(names, g.Name)
			levels[g.Name] = g.Read()
		}
	})
	w.Run(sim.Forever)
	same(t, "resources", names, []string{"running slots", "engine", "kv memory"})
	near(t, "slots", levels["running slots"], 1.0/128, 1e-9)
	near(t, "engine", levels["engine"], 0.5, 0.03) // one of two, but for the way in
	if levels["kv memory"] <= 0 || levels["kv memory"] > 0.01 {
		t.Errorf("got %v of the KV memory in use, want a little", levels["kv memory"])
	}
}
