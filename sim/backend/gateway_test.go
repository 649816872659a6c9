package backend

import (
	"slices"
	"testing"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// servers is a queue of so many servers behind what a test puts before it.
func servers(n int, service sim.DurationDist) Choice {
	return Choice{"queue", &Queue{Servers: n, Service: Drawn(service), Discipline: FIFO, Cancel: CancelFree}}
}

// mixed draws the class of each call, in proportion to the rates.
func mixed(seed uint64, rates ...float64) func(call int) sim.Request {
	sum := 0.0
	for _, r := range rates {
		sum += r
	}
	classes := sim.NewStream(seed, "classes")
	return func(call int) sim.Request {
		u, class := classes.For(call, 0).Float64()*sum, 0
		for ; class < len(rates)-1 && u >= rates[class]; class++ {
			u -= rates[class]
		}
		return sim.Request{Priority: sim.Priority(class), Prompt: 1, Output: 1}
	}
}

// meets runs a service under several seeds and holds the wait and the share refused, by class, within
// four standard errors of theory. Rates are in calls per mean service time, which is one second; a
// negative wait is not looked at.
func meets(t *testing.T, s *Service, rates, waits, refused []float64) {
	t.Helper()
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	const calls, warm = 12_000, 2_000
	sum := 0.0
	for _, r := range rates {
		sum += r
	}
	wait, no := make([]sample, len(rates)), make([]sample, len(rates))
	for seed := range uint64(10) {
		request := mixed(seed, rates...)
		records := traffic{seed: seed, calls: calls, rate: sum, request: request}.carry(t, func(env sim.Env) sim.Handler { return s.Start(env).Handle })
		random := sim.NewStream(seed, "queue")
		service := s.Model.Model.(*Queue).Service
		waited, served, turned := make([]float64, len(rates)), make([]float64, len(rates)), make([]float64, len(rates))
		for _, r := range records {
			if r.Call < warm {
				continue
			}
			class := request(r.Call).Priority
			if r.Reply.Outcome != sim.OK {
				turned[class]++
				continue
			}
			served[class]++
			waited[class] += (r.stay() - service.Duration(random.For(r.Call, 0))).Seconds()
		}
		for i := range rates {
			wait[i].add(waited[i] / max(served[i], 1))
			no[i].add(turned[i] / (served[i] + turned[i]))
		}
	}
	for i := range rates {
		if waits[i] >= 0 {
			wait[i].within(t, "mean wait", waits[i])
		}
		no[i].within(t, "share refused", refused[i])
	}
}

// TestGatewayMeetsTheory holds what waits before the replicas to the closed forms of queues, mu = 1:
//
//	M/M/c/K  p_n = p_(n-1) a/min(n, c), P_block = p_K
//	M/M/c    Wq = C/(c - a), C of Erlang
//	Erlang B B_k = a B_(k-1)/(k + a B_(k-1))
//	Cobham   W_k = rho/((1 - s_(k-1))(1 - s_k)), s_k = the load of the classes to k (Priority assignment
//	         in waiting line problems, 1954; one server, exponential)
func TestGatewayMeetsTheory(t *testing.T) {
	none := []float64{0}
	two := []string{"high", "low"}
	pool := func(n int, queue *int, borrow bool) *ClassPool {
		return &ClassPool{MaxConcurrency: n, Queue: queue, Borrow: borrow}
	}
	for _, row := range []struct {
		about                 string
		service               Service
		rates, waits, refused []float64
	}{
		{"a queue limit before replicas that queue is M/M/10/30",
			Service{Model: servers(10, second), Replicas: 1, Admission: Admission{Queue: pointer(20)}},
			[]float64{12}, []float64{1.534560}, []float64{.168637}},
		{"a bound on what is inside is M/M/10/30 too",
			Service{Model: servers(10, second), Replicas: 1, Admission: Admission{MaxRequests: 30}},
			[]float64{12}, []float64{1.534560}, []float64{.168637}},
		{"two replicas of five that pull from a queue of twenty are M/M/10/30",
			Service{Model: servers(5, second), Replicas: 2, Balance: Balancing{Name: "least-conn"},
				Admission: Admission{Queue: pointer(20), Dispatch: Pull, MaxConcurrency: 5}},
			[]float64{12}, []float64{1.534560}, []float64{.168637}},
		{"a bound on what is inside where callers wait is M/M/10",
			Service{Model: servers(100, second), Replicas: 1, Admission: Admission{MaxRequests: 10, WhenFull: Wait}},
			[]float64{8}, []float64{.204590}, none},
		{"strict classes, pulled",
			Service{Model: servers(1, second), Replicas: 1, Classes: two, Priority: &Priority{},
				Admission: Admission{Dispatch: Pull, MaxConcurrency: 1}},
			[]float64{.4, .4}, []float64{.8 / .6, .8 / (.6 * .2)}, []float64{0, 0}},
		{"strict classes, handed over as servers come free",
			Service{Model: servers(1, second), Replicas: 1, Classes: two, Priority: &Priority{}},
			[]float64{.4, .4}, []float64{.8 / .6, .8 / (.6 * .2)}, []float64{0, 0}},
		{"pools without a queue are Erlang B each",
			Service{Model: servers(15, second), Replicas: 1, Classes: two,
				Admission: Admission{Pools: map[string]*ClassPool{"high": pool(5, pointer(0), false), "low": pool(10, pointer(0), false)}}},
			[]float64{3, 10}, []float64{0, 0}, []float64{.110054, .214582}},
		{"pools with a queue are M/M/c each: one at 0.8 beside one that is overloaded",
			Service{Model: servers(11, second), Replicas: 1, Classes: two,
				Admission: Admission{Pools: map[string]*ClassPool{"high": pool(10, nil, false), "low": pool(1, pointer(9), false)}}},
			[]float64{8, 2}, []float64{.204590, 8.009775}, []float64{0, .500244}},
		{"pools that all borrow are one: M/M/10",
			Service{Model: servers(10, second), Replicas: 1, Classes: two,
				Admission: Admission{Pools: map[string]*ClassPool{"high": pool(7, nil, true), "low": pool(3, nil, true)}}},
			[]float64{4, 4}, []float64{-1, -1}, []float64{0, 0}},
	} {
		t.Run(row.about, func(t *testing.T) { meets(t, &row.service, row.rates, row.waits, row.refused) })
	}
}

// gaugeNamed returns what reads the gauge of that name.
func gaugeNamed(t *testing.T, running Running, name string) func() float64 {
	t.Helper()
	for _, g := range running.Gauges {
		if g.Name == name {
			return g.Read
		}
	}
	t.Fatalf("there is no gauge %s", name)
	return nil
}

// TestBorrowingWastesNoSlot: pools that all borrow carry calls of two classes as one pool of all their
// slots, M/M/10 at load 0.8: the mean wait over both classes is Erlang's. So a slot is never idle while
// anybody waits.
func TestBorrowingWastesNoSlot(t *testing.T) {
	var wait sample
	for seed := range uint64(10) {
		s := &Service{Model: servers(10, second), Replicas: 1, Classes: []string{"a", "b"}, Admission: Admission{
			Pools: map[string]*ClassPool{"a": {MaxConcurrency: 7, Borrow: true}, "b": {MaxConcurrency: 3, Borrow: true}}}}
		sum, n := 0.0, 0.0
		random := sim.NewStream(seed, "queue")
		for _, r := range (traffic{seed: seed, calls: 12_000, rate: 8, request: mixed(seed, 4, 4)}).carry(t, func(env sim.Env) sim.Handler {
			running := s.Start(env)
			queue, a, b := gaugeNamed(t, running, "admission queue"), gaugeNamed(t, running, "pool a"), gaugeNamed(t, running, "pool b")
			return func(r sim.Request) sim.Reply {
				env.At(env.Now(), func() {
					if queued, used := queue(), a()+b(); queued > 0 && used < 10 {
						t.Errorf("got %v calls waiting and %v of 10 slots in use", queued, used)
					}
				})
				return running.Handle(r)
			}
		}) {
			if r.Call >= 2000 {
				sum += (r.stay() - second.Duration(random.For(r.Call, 0))).Seconds()
				n++
			}
		}
		wait.add(sum / n)
	}
	wait.within(t, "mean wait", .204590)
}

// TestAgeingMovesWaitsWithoutLosingTime: classes change who waits, not how much is waited in all: with
// equal services the mean over all classes is that of first come, first served, rho/(1 - rho) = 4 at
// load 0.8 (Kleinrock's conservation law). Between no classes and strict ones, ageing sets how far the
// classes part.
func TestAgeingMovesWaitsWithoutLosingTime(t *testing.T) {
	apart := func(p *Priority) float64 {
		var all, parting sample
		for seed := range uint64(10) {
			s := &Service{Model: servers(1, second), Replicas: 1, Classes: []string{"high", "low"}, Priority: p,
				Admission: Admission{Dispatch: Pull, MaxConcurrency: 1}}
			request := mixed(seed, 1, 1)
			var waits, n [2]float64
			random := sim.NewStream(seed, "queue")
			for _, r := range (traffic{seed: seed, calls: 12_000, rate: 0.8, request: request}).carry(t, func(env sim.Env) sim.Handler { return s.Start(env).Handle }) {
				class := request(r.Call).Priority
				waits[class] += (r.stay() - second.Duration(random.For(r.Call, 0))).Seconds()
				n[class]++
			}
			all.add((waits[0] + waits[1]) / (n[0] + n[1]))
			parting.add(waits[1]/n[1] - waits[0]/n[0])
		}
		all.within(t, "mean wait over both classes", 4)
		mean, _ := parting.meanAndError()
		return mean
	}
	strict, slow, fast := apart(&Priority{}), apart(&Priority{Age: 10 * time.Second}), apart(&Priority{Age: time.Second})
	near(t, "strict classes apart", strict, .8/(.6*.2)-.8/.6, 0.2)
	if !(strict > slow && slow > fast && fast > 0.2 && fast < 1 && slow < 10) {
		t.Errorf("got %.2f s between the classes when strict, %.2f at an age of 10 s, %.2f at 1 s; want them to fall, and below the age", strict, slow, fast)
	}
}

// TestAgeingBoundsTheWait: one server of one second, one call of the high class every 999 ms,
// which is a little more than it carries, and one low call at 0.5 s. With ageing it goes before the
// high calls that come 10 s after it; eleven came until then, so its turn is at 11 s. Strict classes starve it until the high calls end.
func TestAgeingBoundsTheWait(t *testing.T) {
	for _, row := range []struct {
		about string
		age   time.Duration
		ends  time.Duration
	}{
		{"ageing", 10 * time.Second, 12 * time.Second},
		{"strict", 0, 102 * time.Second},
	} {
		t.Run(row.about, func(t *testing.T) {
			for _, dispatch := range []Admission{{}, {Dispatch: Pull, MaxConcurrency: 1}} {
				s := &Service{Model: servers(1, sim.ConstantDuration(time.Second)), Replicas: 1, Classes: []string{"high", "low"},
					Priority: &Priority{Age: row.age}, Admission: dispatch}
				w := sim.NewWorld(1)
				handle := s.Start(w).Handle
				var low time.Duration
				for i := range 101 {
					w.At(time.Duration(i)*999*ms, func() {
						w.Go(func() { handle(sim.Request{Call: i}) })
					})
				}
				w.At(500*ms, func() {
					w.Go(func() {
						handle(sim.Request{Call: 1000, Priority: 1})
						low = w.Now()
					})
				})
				w.Run(sim.Forever)
				same(t, "when the low call ended", low, row.ends)
			}
		})
	}
}

// TestGatewayDecisions: one server of ten seconds; calls come a millisecond apart, and the test says
// what became of each, and when.
func TestGatewayDecisions(t *testing.T) {
	const high, low = 0, 1
	ends := func(s int) time.Duration { return time.Duration(s) * time.Second }
	type fate struct {
		reason string        // "" is ok
		at     time.Duration // seconds, of the answer; -1: at once
	}
	at := func(s int) fate { return fate{"", ends(s)} }
	no := func(reason string) fate { return fate{reason, -1} }
	for _, row := range []struct {
		about    string
		service  Service
		classes  []sim.Priority
		patience map[int]time.Duration
		want     []fate
	}{
		{"a bounded gateway", Service{Admission: Admission{Queue: pointer(2), Dispatch: Pull, MaxConcurrency: 1}},
			[]sim.Priority{low, high, low, high}, nil,
			[]fate{at(10), at(20), at(30), no("queue-full")}},
		{"classes go first, and push out who would go last", Service{Priority: &Priority{}, Admission: Admission{Queue: pointer(2)}},
			[]sim.Priority{low, low, low, high, high, high}, nil,
			[]fate{at(10), {"queue-full", 4 * ms}, {"queue-full", 3 * ms}, at(20), at(30), no("queue-full")}},
		{"a call that goes last pushes nobody out", Service{Priority: &Priority{}, Admission: Admission{Queue: pointer(1)}},
			[]sim.Priority{low, high, low}, nil,
			[]fate{at(10), at(20), no("queue-full")}},
		{"an old low call goes before a young high one", Service{Priority: &Priority{Age: ms / 2}},
			[]sim.Priority{low, low, high}, nil,
			[]fate{at(10), at(20), at(30)}},
		{"who leaves the queue makes room in it", Service{Admission: Admission{Queue: pointer(1), Dispatch: Pull, MaxConcurrency: 1}},
			[]sim.Priority{low, low, low}, map[int]time.Duration{1: ms / 2},
			[]fate{at(10), {"gone", ms + ms/2}, at(20)}},
		{"who leaves the server lets the next in", Service{Admission: Admission{Dispatch: Pull, MaxConcurrency: 1}},
			[]sim.Priority{low, low}, map[int]time.Duration{0: 5 * ms},
			[]fate{{"gone", 5 * ms}, {"", 10*time.Second + 5*ms}}},
		{"when full, wait", Service{Admission: Admission{MaxRequests: 1, WhenFull: Wait}},
			[]sim.Priority{low, low, low}, nil, []fate{at(10), at(20), at(30)}},
		{"when full, wait: a queue in the replica before that", Service{Admission: Admission{Queue: pointer(1), WhenFull: Wait}},
			[]sim.Priority{low, low, low, low}, nil, []fate{at(10), at(20), at(30), at(40)}},
		{"pools keep classes apart", Service{Model: servers(2, sim.ConstantDuration(ends(10))), Admission: Admission{
			Pools: map[string]*ClassPool{"high": {MaxConcurrency: 1}, "low": {MaxConcurrency: 1, Queue: pointer(1)}}}},
			[]sim.Priority{low, low, low, high, high}, nil,
			[]fate{at(10), at(20), no("pool-full"), {"", ends(10) + 3*ms}, {"", ends(20) + 3*ms}}},
		{"the queue of the service stands before the pool's", Service{Model: servers(2, sim.ConstantDuration(ends(10))), Admission: Admission{Queue: pointer(0),
			Pools: map[string]*ClassPool{"high": {MaxConcurrency: 1}, "low": {MaxConcurrency: 1, Queue: pointer(0)}}}},
			[]sim.Priority{low, low, high}, nil,
			[]fate{at(10), no("queue-full"), {"", ends(10) + 2*ms}}},
		{"pools before a service that is full", Service{Admission: Admission{Queue: pointer(0),
			Pools: map[string]*ClassPool{"high": {MaxConcurrency: 5}, "low": {MaxConcurrency: 5}}}},
			[]sim.Priority{low, high}, nil,
			[]fate{at(10), no("queue-full")}},
		{"a borrowed slot goes back to whose it is", Service{Model: servers(2, sim.ConstantDuration(ends(10))), Admission: Admission{
			Pools: map[string]*ClassPool{"high": {MaxConcurrency: 1}, "low": {MaxConcurrency: 1, Borrow: true}}}},
			[]sim.Priority{low, low, low, low, high}, nil,
			[]fate{at(10), {"", ends(10) + ms}, at(20), at(30), {"", ends(20) + ms}}},
		{"a class without a pool is not bounded by one", Service{Model: servers(3, sim.ConstantDuration(ends(10))), Admission: Admission{
			Pools: map[string]*ClassPool{"high": {MaxConcurrency: 1, Queue: pointer(0)}}}},
			[]sim.Priority{low, low, high, high}, nil,
			[]fate{at(10), {"", ends(10) + ms}, {"", ends(10) + 2*ms}, no("pool-full")}},
		{"a limit in each replica", Service{Replicas: 2, Admission: Admission{Queue: pointer(1), Per: PerReplica}},
			[]sim.Priority{low, low, low, low, low}, nil,
			[]fate{at(10), {"", ends(10) + ms}, at(20), {"", ends(20) + ms}, no("queue-full")}},
	} {
		t.Run(row.about, func(t *testing.T) {
			s := row.service
			s.Classes = []string{"high", "low"}
			if s.Model.Model == nil {
				s.Model = tenSeconds()
			}
			s.Replicas = max(s.Replicas, 1)
			if err := s.Validate(); err != nil {
				t.Fatal(err)
			}
			w := sim.NewWorld(1)
			running := s.Start(w)
			got := make([]fate, len(row.classes))
			for i, class := range row.classes {
				w.At(time.Duration(i)*ms, func() {
					w.Go(func() {
						patience := sim.Forever
						if p, ok := row.patience[i]; ok {
							patience = p
						}
						reply := sim.Within(w, patience, running.Handle, sim.Request{Call: i, Priority: class})
						got[i] = fate{reply.Reason, w.Now()}
						switch {
						case reply.Outcome == sim.Timeout:
							got[i].reason = "gone"
						case w.Now() == time.Duration(i)*ms:
							got[i].at = -1
						}
					})
				})
			}
			if blocked := w.Run(sim.Forever); blocked != 0 {
				t.Errorf("%d calls never ended", blocked)
			}
			if !slices.Equal(got, row.want) {
				t.Errorf("\ngot  %v\nwant %v", got, row.want)
			}
		})
	}
}
