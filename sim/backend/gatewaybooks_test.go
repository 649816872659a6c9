package backend

import (
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/headroom-dev/headroom/sim"
)

// A books is a service whose admission is watched from inside.
type books struct {
	t         tester
	env       sim.Env
	pool      *Pool
	admission *admission
	gateway   *gateway
	arrived   map[int]int           // place among the arrivals, by call
	handed    map[int]time.Duration // when a call was handed to the balancer
	inner     int                   // refusals behind admission
}

func openBooks(t tester, env sim.Env, s *Service) *books {
	t.Helper()
	if err := s.Validate(); err != nil {
		t.Fatalf("%v", err)
	}
	b := &books{t: t, env: env, pool: newPool(env, s), arrived: map[int]int{}, handed: map[int]time.Duration{}}
	next := newUpstream(env, s, b.pool).handle
	b.admission = newAdmission(env, s, b.pool, func(r sim.Request) sim.Reply {
		b.handed[r.Call] = env.Now()
		env.At(env.Now(), b.check)
		reply := next(r)
		if reply.Outcome == sim.Busy || reply.Outcome == sim.Refused {
			b.inner++
		}
		return reply
	})
	b.gateway = b.admission.gateway
	return b
}

// check holds what is true at any time: bounds are kept, and at rest nobody waits who could go.
func (b *books) check() {
	b.t.Helper()
	if most := b.pool.taking.pulls; most > 0 {
		for _, m := range b.pool.members {
			if m.inflight > most {
				b.t.Errorf("a replica has %d calls in flight, of %d at most", m.inflight, most)
			}
		}
	}
	g := b.gateway
	if g == nil {
		return
	}
	used := 0
	for class, p := range g.pools {
		if p.used < 0 || p.size > 0 && p.used > p.size {
			b.t.Errorf("the pool of class %d has %d of %d slots in use", class, p.used, p.size)
		}
		used += p.used
	}
	if g.limit >= 0 && g.queue.length > g.limit {
		b.t.Errorf("%d calls wait, of %d at most", g.queue.length, g.limit)
	}
	if g.outside != g.queue.length+g.promised {
		b.t.Errorf("%d calls are on this side, but %d wait and %d are on their way", g.outside, g.queue.length, g.promised)
	}
	if w, _ := g.first(); w != nil && g.promised == 0 && !g.left && (g.room == nil || g.room()) {
		b.t.Errorf("a call of class %d waits, with a slot and room", w.class)
	}
}

// drawService draws a service with admission of any kind.
func drawService(t *rapid.T, model Choice) *Service {
	few := func(name string) int { return rapid.IntRange(1, 6).Draw(t, name) }
	s := &Service{Model: model, Replicas: rapid.IntRange(1, 3).Draw(t, "replicas"),
		Balance: Balancing{Name: rapid.SampledFrom([]string{"round-robin", "least-conn", "p2c"}).Draw(t, "balance")}}
	s.Classes = []string{"a", "b", "c"}[:rapid.IntRange(1, 3).Draw(t, "classes")]
	a := &s.Admission
	if rapid.Bool().Draw(t, "priority") {
		s.Priority = &Priority{Age: rapid.SampledFrom([]time.Duration{0, time.Second, 10 * time.Second}).Draw(t, "age")}
	}
	if rapid.Bool().Draw(t, "pull") {
		a.Dispatch, a.MaxConcurrency = Pull, few("max_concurrency")
	}
	if rapid.Bool().Draw(t, "queue") {
		a.Queue = pointer(rapid.IntRange(0, 8).Draw(t, "queue length"))
	}
	if rapid.Bool().Draw(t, "requests") {
		a.MaxRequests = 3 * few("max_requests")
	}
	if rapid.Bool().Draw(t, "wait") {
		a.WhenFull = Wait
	}
	if rapid.Bool().Draw(t, "pools") {
		a.Pools = map[string]*ClassPool{}
		for _, class := range s.Classes {
			p := &ClassPool{MaxConcurrency: few("slots of " + class), Borrow: rapid.Bool().Draw(t, class+" borrows")}
			if rapid.Bool().Draw(t, class+" queues") {
				p.Queue = pointer(few("queue of " + class))
			}
			a.Pools[class] = p
		}
	}
	if rapid.Bool().Draw(t, "bucket") {
		a.Bucket = &Bucket{Rate: 6, Burst: few("burst"), Tokens: 3000}
	}
	a.DeadlineDrop = rapid.Bool().Draw(t, "deadline drop")
	a.RetryAfter.Drain = rapid.Bool().Draw(t, "drain")
	return s
}

// TestGatewayKeepsItsBooks: whatever is configured, and whoever leaves when, no slot is lost, each call
// has one outcome, in the instant its caller goes if that comes first, calls of a class are handed over
// in the order they came, and at the end all is as it was at the beginning.
func TestGatewayKeepsItsBooks(t *testing.T) {
	models, names := map[string]Model{}, []string(nil)
	for _, entry := range All {
		for _, cancel := range []Cancel{CancelFree, CancelQueued, CancelZombie} {
			name := entry.Name + " " + string(cancel)
			models[name], names = small(t, entry.Name, cancel), append(names, name)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		s := drawService(t, Choice{"", models[rapid.SampledFrom(names).Draw(t, "model")]})
		seed := rapid.Uint64().Draw(t, "seed")
		calls := rapid.IntRange(1, 120).Draw(t, "calls")
		w := sim.NewWorld(seed)
		b := openBooks(t, w, s)
		random, classes := sim.NewStream(seed, "callers"), mixed(seed, 1, 1, 1)
		ended := map[sim.Outcome]int{}
		at := time.Duration(0)
		class := func(call int) sim.Priority { return min(classes(call).Priority, sim.Priority(len(s.Classes)-1)) }
		for call := range calls {
			draw := random.For(call, 0)
			at += time.Duration(draw.ExpFloat64() * float64(time.Second) / 12)
			patience := sim.Forever
			if draw.IntN(4) > 0 {
				patience = time.Duration(draw.ExpFloat64() * float64(3*time.Second))
			}
			r := typical(call)
			r.Call, r.Priority = call, class(call)
			w.At(at, func() {
				w.Go(func() {
					arrived := w.Now()
					b.arrived[call] = len(b.arrived)
					reply := sim.Within(w, patience, b.admission.handle, r)
					ended[reply.Outcome]++
					if patience != sim.Forever && w.Now() > arrived+patience {
						t.Errorf("call %d returned at %v, its caller went at %v", call, w.Now(), arrived+patience)
					}
					w.At(w.Now(), b.check)
				})
			})
		}
		if blocked := w.Run(sim.Forever); blocked != 0 {
			t.Errorf("%d calls never ended", blocked)
		}
		refused := int64(b.inner)
		b.admission.desk.refused(func(_ string, _ int, n int64) { refused += n })
		if sum := ended[sim.OK] + ended[sim.Timeout] + ended[sim.Busy] + ended[sim.Refused]; sum != calls {
			t.Errorf("got %v: %d outcomes of %d calls", ended, sum, calls)
		}
		// A call that is refused in the very instant its caller goes ends as a timeout.
		if no := int64(ended[sim.Busy] + ended[sim.Refused]); no > refused || no < refused-int64(ended[sim.Timeout]) {
			t.Errorf("got %d calls refused, admission and replicas say %d", no, refused)
		}
		b.inOrder(calls, class)
		b.closed()
	})
}

// inOrder holds that of two calls of a class that were handed over, the one that came later was not
// handed over earlier.
func (b *books) inOrder(calls int, class func(call int) sim.Priority) {
	b.t.Helper()
	latest := map[sim.Priority]time.Duration{}
	for call := range calls { // in order of arrival
		at, ok := b.handed[call]
		if !ok {
			continue
		}
		c := class(call)
		if at < latest[c] {
			b.t.Errorf("call %d of class %d was handed over at %v, one that came after it earlier", call, c, at)
		}
		latest[c] = max(latest[c], at)
	}
}

// closed holds that nothing is left inside.
func (b *books) closed() {
	b.t.Helper()
	for _, m := range b.pool.members {
		if m.inflight != 0 || m.machine.Waiting() != 0 || m.machine.Running() != 0 {
			b.t.Errorf("a replica is left with %d calls in flight, %d waiting, %d running", m.inflight, m.machine.Waiting(), m.machine.Running())
		}
	}
	g := b.gateway
	if g == nil {
		return
	}
	if g.queue.length != 0 || g.outside != 0 || g.outsidePrompts != 0 || g.promised != 0 || g.promisedPrompts != 0 || g.handed != 0 || g.watching {
		b.t.Errorf("the gateway is left with %+v", g)
	}
	for class, p := range g.pools {
		if p.used != 0 {
			b.t.Errorf("the pool of class %d is left with %d slots in use", class, p.used)
		}
	}
}

// TestGatewayLooksForRoomThatNobodyReports: the only caller inside goes, and its call frees its slot
// later: at the end of the engine's step, or of a zombie's work. Who waits for it is served then.
func TestGatewayLooksForRoomThatNobodyReports(t *testing.T) {
	eachModel(t, func(t *testing.T, m Model, cancel Cancel) {
		w := sim.NewWorld(1)
		s := &Service{Model: Choice{"", m}, Replicas: 1, Priority: &Priority{}}
		b := openBooks(t, w, s)
		long := sim.Request{Prompt: 100, Output: 200, Work: 2}
		for i := range 4 { // all there is room for
			r := long
			r.Call = i
			w.Go(func() { sim.Within(w, 50*ms, b.admission.handle, r) })
		}
		var ended time.Duration
		w.At(20*ms, func() {
			w.Go(func() {
				r := long
				r.Call = 4
				if reply := b.admission.handle(r); reply.Outcome == sim.OK {
					ended = w.Now()
				}
			})
		})
		if blocked := w.Run(sim.Forever); blocked != 0 {
			t.Fatalf("%d calls never ended", blocked)
		}
		began := b.handed[4]
		switch {
		case ended == 0:
			t.Error("the call was not answered")
		case began < 50*ms:
			t.Errorf("the call was handed over at %v, before there was room", began)
		case cancel == CancelFree && began > 100*ms:
			t.Errorf("the call was handed over at %v, want it soon after 50ms", began)
		case cancel != CancelFree && began < 500*ms:
			t.Errorf("the call was handed over at %v, while zombies ran", began)
		}
		b.closed()
	})
}

// TestHungReplicasDoNotKeepTheGatewayLooking: where nothing moves, nothing is looked for, or the run
// would never end.
func TestHungReplicasDoNotKeepTheGatewayLooking(t *testing.T) {
	w := sim.NewWorld(1)
	s := &Service{Model: Choice{"queue", &Queue{Servers: 1, Service: Drawn(sim.ConstantDuration(1000 * time.Hour)), Discipline: FIFO, Cancel: CancelZombie}}, Replicas: 1, Priority: &Priority{}}
	b := openBooks(t, w, s)
	looks, look := 0, b.gateway.look
	b.gateway.look = func() { looks++; look() }
	w.Go(func() { sim.Within(w, ms, b.admission.handle, sim.Request{}) })
	w.At(10*ms, func() { b.pool.members[0].state = Hung })
	w.At(20*ms, func() { w.Go(func() { b.admission.handle(sim.Request{Call: 1}) }) })
	if blocked := w.Run(time.Hour); blocked != 1 || looks != 1 {
		t.Errorf("got %d calls that wait and %d looks, want one each", blocked, looks)
	}
}

// TestNobodyOvertakesAtRoomUnseen: who comes between the end of a zombie's work, of which nobody
// tells, and the gateway's next look does not go before who waits.
func TestNobodyOvertakesAtRoomUnseen(t *testing.T) {
	w := sim.NewWorld(1)
	s := &Service{Model: Choice{"queue", &Queue{Servers: 1, Service: Drawn(sim.ConstantDuration(10 * time.Second)), Discipline: FIFO, Cancel: CancelZombie}}, Replicas: 1, Priority: &Priority{}}
	b := openBooks(t, w, s)
	var waits, comes time.Duration
	w.Go(func() { sim.Within(w, 5*ms, b.admission.handle, sim.Request{}) })
	w.At(7*ms, func() { w.Go(func() { b.admission.handle(sim.Request{Call: 1}); waits = w.Now() }) })
	w.At(10*time.Second+2*ms, func() { w.Go(func() { b.admission.handle(sim.Request{Call: 2}); comes = w.Now() }) })
	w.Run(sim.Forever)
	same(t, "ends", []time.Duration{waits, comes}, []time.Duration{20*time.Second + 2*ms, 30*time.Second + 2*ms})
}

// TestRoomIsWhereCallsGo: slots of a replica that gets no calls, or answers none, are no room; calls
// that are inside it count as inside.
func TestRoomIsWhereCallsGo(t *testing.T) {
	w := sim.NewWorld(1)
	pool := newPool(w, &Service{Model: servers(4, second), Replicas: int(NumStates)})
	for state := range NumStates {
		m := pool.members[state]
		w.Go(func() { m.Handle(&sim.Request{}) })
		w.At(ms, func() { m.state = state })
	}
	w.At(2*ms, func() {
		got := limits{requests: 1, queue: 1}.over(pool, headcount{})
		same(t, "running in those that run, free in the one that is ready", got == headcount{running: 3, free: 3}, true)
		if t.Failed() {
			t.Logf("%+v", got)
		}
	})
	w.Run(3 * ms)
}

// TestPullFollowsTheReplicas: a replica that is not ready asks for nothing, and one that becomes ready
// takes who waits.
func TestPullFollowsTheReplicas(t *testing.T) {
	w := sim.NewWorld(1)
	s := &Service{Model: tenSeconds(), Replicas: 2, Balance: Balancing{Name: "least-conn"}, Admission: Admission{Dispatch: Pull, MaxConcurrency: 1}}
	b := openBooks(t, w, s)
	second := b.pool.members[1]
	second.state = Hung
	ends := make([]time.Duration, 3)
	for i := range ends {
		w.At(time.Duration(i)*ms, func() {
			w.Go(func() {
				b.admission.handle(sim.Request{Call: i})
				ends[i] = w.Now()
			})
		})
	}
	w.At(5*time.Second, func() {
		second.state = Ready
		b.pool.changed(second)
	})
	w.Run(sim.Forever)
	same(t, "ends", ends, []time.Duration{10 * time.Second, 15 * time.Second, 20 * time.Second})
}

// failing is a queue whose connections break until a time.
type failing struct {
	*Queue
	until time.Duration
}

func (f failing) Start(env sim.Env) Replica {
	replica := f.Queue.Start(env)
	handle := replica.Handle
	replica.Handle = func(r sim.Request) sim.Reply {
		if env.Now() < f.until {
			return broken(ReasonReset)
		}
		return handle(r)
	}
	return replica
}

// TestPullWaitsForTheChecks: while the checks keep calls from every replica, calls wait; when the time
// of that is over, which nobody reports, they go: one to each on trial, and the others when those are
// answered.
func TestPullWaitsForTheChecks(t *testing.T) {
	w := sim.NewWorld(1)
	s := &Service{Model: Choice{"", failing{tenSeconds().Model.(*Queue), time.Second}}, Replicas: 2, Balance: Balancing{Name: "round-robin"},
		Checks: &Checks{MaxFails: pointer(1), FailTimeout: 10 * time.Second}, Admission: Admission{Dispatch: Pull, MaxConcurrency: 2}}
	b := openBooks(t, w, s)
	replies, ends := make([]sim.Reply, 6), make([]time.Duration, 6)
	for i := range replies {
		w.At(time.Duration(i)*ms, func() {
			w.Go(func() {
				replies[i] = b.admission.handle(sim.Request{Call: i})
				ends[i] = w.Now()
			})
		})
	}
	w.Run(sim.Forever)
	same(t, "the first two fail", []sim.Outcome{replies[0].Outcome, replies[1].Outcome}, []sim.Outcome{sim.Error, sim.Error})
	for i := 2; i < 6; i++ {
		want := time.Duration(i/2+1) * 10 * time.Second
		if replies[i].Outcome != sim.OK || ends[i] < want || ends[i] > want+2*lookEvery {
			t.Errorf("call %d: got %v at %v, want ok soon after %v", i, replies[i].Outcome, ends[i], want)
		}
	}
}

// TestPullPicksWhoHasRoom: the balancer picks among replicas that ask, round robin too.
func TestPullPicksWhoHasRoom(t *testing.T) {
	w := sim.NewWorld(1)
	s := &Service{Model: tenSeconds(), Replicas: 3, Balance: Balancing{Name: "round-robin"}, Admission: Admission{Dispatch: Pull, MaxConcurrency: 1}}
	b := openBooks(t, w, s)
	ends := make([]time.Duration, 6)
	for i := range ends {
		w.At(time.Duration(i)*ms, func() {
			w.Go(func() {
				sim.Within(w, []time.Duration{sim.Forever, 5 * time.Second}[i%2], b.admission.handle, sim.Request{Call: i})
				ends[i] = w.Now()
			})
		})
	}
	w.Run(sim.Forever)
	// The caller of 1 goes at 5.001 s; 3 takes its slot and goes at 5.003 s, then 4; 5 goes as it waits.
	same(t, "ends", ends, []time.Duration{10 * time.Second, 5*time.Second + ms, 10*time.Second + 2*ms, 5*time.Second + 3*ms, 15*time.Second + 3*ms, 5*time.Second + 5*ms})
}

// TestAdmissionRunsInBothTimes: World and Wall give the same records, to the nanosecond.
func TestAdmissionRunsInBothTimes(t *testing.T) {
	for _, a := range []Admission{
		{Queue: pointer(12), Dispatch: Pull, MaxConcurrency: 2, DeadlineDrop: true, Bucket: &Bucket{Rate: 14, Burst: 20, Tokens: 7000, Per: OneEach}, RetryAfter: RetryAfter{Drain: true}},
		{Pools: map[string]*ClassPool{"high": {MaxConcurrency: 3, Borrow: true}, "low": {MaxConcurrency: 3, Queue: pointer(5)}}},
	} {
		s := &Service{Model: Choice{"", small(t, "queue", CancelFree)}, Replicas: 2, Balance: Balancing{Name: "least-conn"}, Classes: []string{"high", "low"},
			Priority: &Priority{Age: 2 * time.Second}, Admission: a}
		const calls = 300
		carry := func(env sim.Env, records []record) {
			handle := s.Start(env).Handle
			at := time.Duration(0)
			for i := range records {
				draw := sim.NewStream(7, "arrivals").For(i, 0)
				at += time.Duration(draw.ExpFloat64() * float64(time.Second) / 16)
				patience := time.Duration(draw.ExpFloat64() * float64(4*time.Second))
				request, arrived := typical(i), at
				request.Call, request.Priority = i, sim.Priority(draw.IntN(2))
				env.Go(func() {
					sim.Sleep(env, arrived, nil)
					records[i] = record{i, arrived, 0, sim.Within(env, patience, handle, request)}
					records[i].Done = env.Now()
				})
			}
		}
		want, got := make([]record, calls), make([]record, calls)
		w := sim.NewWorld(11)
		w.Go(func() { carry(w, want) })
		w.Run(sim.Forever)
		synctest.Test(t, func(*testing.T) {
			wall := sim.NewWall(11)
			wall.Do(func() { carry(wall, got) })
			wall.Wait()
		})
		counts := outcomes(want)
		if counts[sim.OK] < 50 || counts[sim.Timeout] < 30 || counts[sim.Busy]+counts[sim.Refused] < 5 {
			t.Errorf("got outcomes %v, want some of each kind", counts)
		}
		same(t, "records on Wall and in World", got, want)
	}
}
