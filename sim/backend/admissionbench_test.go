package backend

import (
	"fmt"
	"testing"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// BenchmarkAdmission is a service of small queues in overload, behind each kind of admission: what a
// call costs with few replicas and with hundreds. Round robin, so that the balancer costs nothing.
func BenchmarkAdmission(b *testing.B) {
	for _, row := range []struct {
		about     string
		admission Admission
		priority  *Priority
	}{
		{"none", Admission{}, nil},
		{"queue", Admission{Queue: pointer(256)}, nil},
		{"bucket", Admission{Bucket: &Bucket{Rate: 1e6, Tokens: 1e9, Per: OneEach}}, nil},
		{"pull", Admission{Queue: pointer(256), Dispatch: Pull, MaxConcurrency: 4}, nil},
		{"priority", Admission{Queue: pointer(256)}, &Priority{Age: 10 * time.Second}},
		{"pools", Admission{Pools: map[string]*ClassPool{"a": {MaxConcurrency: 1000, Queue: pointer(256)}, "b": {MaxConcurrency: 4, Queue: pointer(256)}}}, nil},
	} {
		for _, replicas := range []int{3, 300} {
			b.Run(fmt.Sprintf("%s/%d", row.about, replicas), func(b *testing.B) {
				b.ReportAllocs()
				s := &Service{Model: servers(4, sim.ConstantDuration(20*ms)), Replicas: replicas, Admission: row.admission, Priority: row.priority, Classes: []string{"a", "b"}}
				if err := s.Validate(); err != nil {
					b.Fatal(err)
				}
				w := sim.NewWorld(1)
				handle := s.Start(w).Handle
				offer(w, b.N, 220*float64(replicas), 5*time.Second, handle, func(call int) sim.Request {
					return sim.Request{User: uint64(call % 2000), Priority: sim.Priority(call % 2), Prompt: 100, Output: 100}
				}, nil)
				if blocked := w.Run(sim.Forever); blocked != 0 {
					b.Fatalf("%d processes left", blocked)
				}
			})
		}
	}
}

// TestAdmissionAllocates asserts that no stage allocates for a call, whether it passes, waits or is
// refused.
func TestAdmissionAllocates(t *testing.T) {
	for _, row := range []struct {
		about     string
		admission Admission
	}{
		{"limits", Admission{Queue: pointer(1), MaxRequests: 3}},
		{"each replica", Admission{Queue: pointer(1), Per: PerReplica}},
		{"bucket", Admission{Bucket: &Bucket{Rate: 1e6, Tokens: 1e6, Per: OneEach}}},
		{"gateway", Admission{Queue: pointer(2), Dispatch: Pull, MaxConcurrency: 1, DeadlineDrop: true, RetryAfter: RetryAfter{Drain: true}}},
		{"pools", Admission{Pools: map[string]*ClassPool{"a": {MaxConcurrency: 1, Queue: pointer(1)}}}},
	} {
		w := sim.NewWorld(1)
		s := &Service{Model: servers(1, sim.ConstantDuration(ms)), Replicas: 1, Classes: []string{"a"}, Admission: row.admission}
		handle := s.Start(w).Handle
		call := func() { handle(sim.Request{Prompt: 10, Output: 10}) }
		w.Go(func() {
			five := func() { // some pass, some wait, some are refused
				for range 5 {
					w.Go(call)
				}
				sim.Sleep(w, 10*ms, nil)
			}
			for range 300 {
				five()
			}
			if got := testing.AllocsPerRun(300, five); got > 0 {
				t.Errorf("%s: got %v allocations in five calls, want none", row.about, got)
			}
		})
		w.Run(sim.Forever)
	}
}
