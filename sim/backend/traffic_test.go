package backend

import (
	"math"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/headroom-dev/headroom/sim"
)

// offer lets n calls arrive in w, Poisson at rate a second, and hands each to handle within patience.
// Every call is a process, as in a run; done sees its reply.
func offer(w *sim.World, n int, rate float64, patience time.Duration, handle sim.Handler, request func(call int) sim.Request, done func(call int, arrived time.Duration, r sim.Reply)) {
	gaps := w.Rand("arrivals")
	call := 0
	var arrive func()
	arrive = func() {
		i := call
		call++
		w.Go(func() {
			arrived := w.Now()
			r := request(i)
			r.Call = i
			reply := sim.Within(w, patience, handle, r)
			if done != nil {
				done(i, arrived, reply)
			}
		})
		if call < n {
			gap := time.Duration(gaps.For(call, 0).ExpFloat64() * 1e9 / rate)
			w.At(w.Now()+gap, arrive)
		}
	}
	w.At(0, arrive)
}

// A record is how one call of a test went.
type record struct {
	Call          int
	Arrived, Done time.Duration
	Reply         sim.Reply
}

func (r record) stay() time.Duration { return r.Done - r.Arrived }

// traffic is calls for a test: all of them Poisson, with patience.
type traffic struct {
	seed     uint64
	calls    int
	rate     float64 // a second
	patience time.Duration
	request  func(call int) sim.Request
}

// carry runs the traffic against what start makes, and returns the records in the order of their
// ends. It fails the test if a process is left over.
func (tr traffic) carry(t tester, start func(env sim.Env) sim.Handler) []record {
	t.Helper()
	w := sim.NewWorld(tr.seed)
	var records []record
	if tr.request == nil {
		tr.request = func(int) sim.Request { return sim.Request{} }
	}
	if tr.patience == 0 {
		tr.patience = sim.Forever
	}
	offer(w, tr.calls, tr.rate, tr.patience, start(w), tr.request, func(call int, arrived time.Duration, r sim.Reply) {
		records = append(records, record{call, arrived, w.Now(), r})
	})
	if blocked := w.Run(sim.Forever); blocked != 0 {
		t.Fatalf("got %d processes left over, want 0", blocked)
	}
	if len(records) != tr.calls {
		t.Fatalf("got %d records, want %d", len(records), tr.calls)
	}
	return records
}

// A tester is a *testing.T or a *rapid.T.
type tester interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// sample is a mean over independent runs and its standard error.
type sample struct{ values []float64 }

func (s *sample) add(v float64) { s.values = append(s.values, v) }

func (s *sample) meanAndError() (mean, standardError float64) {
	n := float64(len(s.values))
	for _, v := range s.values {
		mean += v / n
	}
	variance := 0.0
	for _, v := range s.values {
		variance += (v - mean) * (v - mean) / (n - 1)
	}
	return mean, math.Sqrt(variance / n)
}

// within fails the test unless the mean lies within 4 standard errors of want.
func (s *sample) within(t tester, what string, want float64) {
	t.Helper()
	mean, err := s.meanAndError()
	if math.Abs(mean-want) > 4*err+1e-12 {
		t.Errorf("%s: got %.6g, want %.6g: %.1f standard errors of %.3g apart", what, mean, want, math.Abs(mean-want)/err, err)
	}
}

func same(t tester, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("%s differ (-got +want):\n%s", what, diff)
	}
}

func pointer(n int) *int { return &n }

// near fails the test unless got lies within the share of want.
func near(t tester, what string, got, want, share float64) {
	t.Helper()
	if !(math.Abs(got-want) <= share*math.Abs(want)) {
		t.Errorf("%s: got %.6g, want %.6g within %g%%", what, got, want, share*100)
	}
}
