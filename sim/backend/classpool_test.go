package backend

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// percentile returns the stay of rank ceil(n q) of the calls that were answered.
func percentile(records []record, q float64) time.Duration {
	var stays []time.Duration
	for _, r := range records {
		if r.Reply.Outcome == sim.OK {
			stays = append(stays, r.stay())
		}
	}
	slices.Sort(stays)
	return stays[int(math.Ceil(float64(len(stays))*q))-1]
}

// TestPoolsIsolateTasks is the articles' task pools: text has 100 slots, images 50, and a flood of
// images comes, ten times what their slots carry. With pools the 99th percentile of text stays within
// 5 % of what it is without the flood; in one shared pool of as many slots it does not.
func TestPoolsIsolateTasks(t *testing.T) {
	const text, image = 0, 1
	lognormal, err := sim.NewDurationDist(map[string]any{"lognormal": map[string]any{"mean": "500ms", "p99": "2s"}})
	if err != nil {
		t.Fatal(err)
	}
	request := mixed(1, 160, 1000) // calls a second; text carries 200
	p99 := func(flood bool, a Admission) time.Duration {
		s := &Service{Model: servers(75, lognormal), Replicas: 2, Balance: Balancing{Name: "least-conn"}, Classes: []string{"text", "image"}, Admission: a}
		if err := s.Validate(); err != nil {
			t.Fatal(err)
		}
		records := traffic{seed: 1, calls: 60_000, rate: 1160, patience: 30 * time.Second, request: request}.carry(t, func(env sim.Env) sim.Handler {
			handle := s.Start(env).Handle
			return func(r sim.Request) sim.Reply {
				if r.Priority == image && !flood {
					return abandoned
				}
				return handle(r)
			}
		})
		return percentile(slices.DeleteFunc(records, func(r record) bool { return request(r.Call).Priority != text }), 0.99)
	}
	pools := Admission{Pools: map[string]*ClassPool{"text": {MaxConcurrency: 100, Queue: pointer(200)}, "image": {MaxConcurrency: 50, Queue: pointer(100)}}}
	quiet, flooded := p99(false, pools), p99(true, pools)
	near(t, "99th percentile of text beside a flood, with pools", flooded.Seconds(), quiet.Seconds(), 0.05)
	shared := Admission{MaxRequests: 150, WhenFull: Wait}
	quiet, flooded = p99(false, shared), p99(true, shared)
	if !(flooded.Seconds() > 1.05*quiet.Seconds()) {
		t.Errorf("got a 99th percentile of text of %v beside a flood and %v without, in one shared pool; want more", flooded, quiet)
	}
}

// TestPriorityShedsLowFirst is an overload of two: classes by business value lose from the bottom. The
// top two classes, a fifth of the calls, are not touched.
func TestPriorityShedsLowFirst(t *testing.T) {
	request := mixed(1, 5, 15, 30, 50)
	for _, row := range []struct {
		about     string
		admission Admission
	}{
		{"handed over as servers come free", Admission{Queue: pointer(50)}},
		{"pulled", Admission{Queue: pointer(50), Dispatch: Pull, MaxConcurrency: 5}},
	} {
		t.Run(row.about, func(t *testing.T) {
			s := &Service{Model: servers(5, second), Replicas: 2, Balance: Balancing{Name: "least-conn"}, Classes: []string{"p0", "p1", "p2", "p3"},
				Priority: &Priority{Age: 10 * time.Second}, Admission: row.admission}
			if err := s.Validate(); err != nil {
				t.Fatal(err)
			}
			records := traffic{seed: 1, calls: 20_000, rate: 20, patience: 30 * time.Second, request: request}.carry(t, func(env sim.Env) sim.Handler { return s.Start(env).Handle })
			success := make([]float64, 4)
			for class := range success {
				counts := outcomes(slices.DeleteFunc(slices.Clone(records), func(r record) bool { return int(request(r.Call).Priority) != class }))
				sum := 0
				for _, n := range counts {
					sum += n
				}
				success[class] = float64(counts[sim.OK]) / float64(sum)
			}
			if !(success[0] > 0.999 && success[1] > 0.999 && success[2] < 0.999 && success[2] > success[3]) {
				t.Errorf("got success %.3f by class, want the top two whole and then less and less", success)
			}
		})
	}
}
