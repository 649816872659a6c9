package backend

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/headroom-dev/headroom/internal/shareddata"
	"github.com/headroom-dev/headroom/sim"
)

// An oracle is a queue of which theory knows the answer. Times are in mean service times of a server
// (here seconds), rates in calls per mean service time.
type oracle struct {
	name    string
	servers int
	places  int     // in all, the servers included; 0: no limit
	rate    float64 // arrivals
	service sim.DurationDist
	wq      float64 // mean wait of the calls that were served
	blocked float64 // share refused
	wq95    float64 // 95th percentile of the wait; 0: not known
}

// check runs the queue ten times and holds waits and refusals within four standard errors of theory.
func (o oracle) check(t *testing.T) {
	var wait, blocked, late sample
	const calls, warm = 8_000, 2_000
	for seed := range uint64(10) {
		q := &Queue{Servers: o.servers, Service: Drawn(o.service), Discipline: FIFO, Cancel: CancelFree}
		if o.places > 0 {
			q.Limit = pointer(o.places - o.servers)
		}
		mean := o.service.Mean().Seconds()
		records := traffic{seed: seed, calls: calls, rate: o.rate}.carry(t, func(env sim.Env) sim.Handler { return q.Start(env).Handle })
		random := sim.NewStream(seed, "queue")
		served, refused, beyond, waits := 0.0, 0.0, 0.0, 0.0
		for _, r := range records {
			if r.Call < warm {
				continue
			}
			if r.Reply.Outcome == sim.Busy {
				refused++
				continue
			}
			// The wait is the stay less the call's own service time, which depends on the call alone.
			w := (r.stay() - o.service.Duration(random.For(r.Call, 0))).Seconds()
			waits += w
			served++
			if o.wq95 > 0 && w > o.wq95*mean {
				beyond++
			}
		}
		wait.add(waits / served)
		blocked.add(refused / (served + refused))
		late.add(beyond / served)
	}
	wait.within(t, "mean wait", o.wq)
	blocked.within(t, "share refused", o.blocked)
	if o.wq95 > 0 {
		late.within(t, "share waiting beyond the 95th percentile", 0.05)
	}
}

var second = sim.ExponentialDuration(time.Second)

// TestQueueMeetsTheory holds the model to closed forms: M/M/1, Erlang C, M/M/c/K, Erlang B, and
// Pollaczek-Khinchine. The figures follow from the formulas, mu = 1:
//
//	M/M/1    Wq = rho/(1 - rho)
//	M/M/c    Wq = C/(c - a), C of Erlang
//	M/G/1    Wq = lambda E[S^2]/(2 (1 - rho))
func TestQueueMeetsTheory(t *testing.T) {
	lognormal, err := sim.NewDurationDist(map[string]any{"lognormal": map[string]any{"median": "200ms", "p99": "1s"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []oracle{
		{name: "M/M/1 at load 0.5", servers: 1, rate: 0.5, service: second, wq: 1},
		{name: "M/M/1 at load 0.9", servers: 1, rate: 0.9, service: second, wq: 9},
		{name: "M/M/2 at load 0.8", servers: 2, rate: 1.6, service: second, wq: 1.777778, wq95: 6.637014},
		{name: "M/M/10 at load 0.8", servers: 10, rate: 8, service: second, wq: .204590, wq95: 1.051066},
		{name: "Erlang B with 10 servers and load 1", servers: 10, places: 10, rate: 10, service: second, blocked: .214582},
		{name: "M/M/1/5", servers: 1, places: 5, rate: 0.8, service: second, wq: 1.563065, blocked: .088819},
		{name: "M/M/10/30 overloaded", servers: 10, places: 30, rate: 12, service: second, wq: 1.534560, blocked: .168637},
		{name: "M/D/1 at load 0.8", servers: 1, rate: 0.8, service: sim.ConstantDuration(time.Second), wq: 2},
		{name: "M/G/1 with lognormal service", servers: 1, rate: 2.7550853, service: lognormal, wq: .478383},
	} {
		t.Run(o.name, o.check)
	}
}

// TestQueueMeetsOracleFile is the same for every entry of the oracle file, where there is one.
func TestQueueMeetsOracleFile(t *testing.T) {
	var file struct {
		MM1     []struct{ Lam, Wq float64 }
		ErlangB []struct {
			C    int
			A, B float64
		}
		MMCK []struct {
			C, K   int
			A      float64
			Pblock float64
			Wq     float64
		}
		MG1 []struct {
			Name    string
			Lam, Wq float64
		}
	}
	text := shareddata.Read(t, "queue_oracles.json")
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	// In "mmc" the names c and C differ by case only, which encoding/json does not tell apart.
	var mmc struct{ MMC []map[string]float64 }
	if err := json.Unmarshal(text, &mmc); err != nil {
		t.Fatal(err)
	}
	var all []oracle
	for _, e := range file.MM1 {
		all = append(all, oracle{name: "mm1", servers: 1, rate: e.Lam, wq: e.Wq})
	}
	for _, e := range mmc.MMC {
		all = append(all, oracle{name: "mmc", servers: int(e["c"]), rate: e["a"], wq: e["Wq"], wq95: e["Wq_p95"]})
	}
	for _, e := range file.ErlangB {
		all = append(all, oracle{name: "erlangB", servers: e.C, places: e.C, rate: e.A, blocked: e.B})
	}
	for _, e := range file.MMCK {
		all = append(all, oracle{name: "mmcK", servers: e.C, places: e.K, rate: e.A, wq: e.Wq, blocked: e.Pblock})
	}
	for i := range all {
		all[i].service = second
	}
	for _, e := range file.MG1 {
		all = append(all, oracle{name: e.Name, servers: 1, rate: e.Lam, wq: e.Wq, service: generalService(t, e.Name)})
	}
	if len(all) != 21 {
		t.Fatalf("got %d entries, want 21", len(all))
	}
	for _, o := range all {
		t.Run(o.name, o.check)
	}
}

// generalService returns the service time that an entry's name describes.
func generalService(t *testing.T, name string) sim.DurationDist {
	t.Helper()
	type form = map[string]any
	exp := func(mean string) form { return form{"mean": mean} }
	for prefix, written := range map[string]any{
		"M/D/1":   "1s",
		"Brooker": form{"mix": []any{form{"weight": 0.999, "exp": exp("100ms")}, form{"weight": 0.001, "exp": exp("10s")}}},
		"lognorm": form{"lognormal": form{"median": "200ms", "p99": "1s"}},
	} {
		if strings.HasPrefix(name, prefix) {
			d, err := sim.NewDurationDist(written)
			if err != nil {
				t.Fatal(err)
			}
			return d
		}
	}
	t.Fatalf("no service time for %q", name)
	return sim.DurationDist{}
}

// script is a world in which calls are written out one by one.
type script struct {
	world  *sim.World
	handle sim.Handler
	cost   sim.Cost
	log    []record
}

func newScript(m Model) (*script, Replica) {
	s := &script{world: sim.NewWorld(1)}
	replica := m.Start(s.world)
	s.handle = replica.Handle
	return s, replica
}

// call lets a call arrive at a time; its caller goes after patience, 0 never.
func (s *script) call(at time.Duration, patience time.Duration, r sim.Request) {
	r.Call, r.Cost = len(s.log), &s.cost
	i := len(s.log)
	s.log = append(s.log, record{})
	if patience == 0 {
		patience = sim.Forever
	}
	s.world.At(at, func() {
		s.world.Go(func() {
			reply := sim.Within(s.world, patience, s.handle, r)
			s.log[i] = record{i, at, s.world.Now(), reply}
		})
	})
}

func (s *script) run(t *testing.T) {
	t.Helper()
	if blocked := s.world.Run(sim.Forever); blocked != 0 {
		t.Fatalf("got %d processes left over, want 0", blocked)
	}
}

// TestQueueCancel holds what a gone caller's work costs under each word. One server, 10 s a call. Call
// 0 is served from 0 and its caller goes at 4 s; call 1 waits from 1 s and its caller goes at 2 s; call
// 2 waits from 1 s to the end.
func TestQueueCancel(t *testing.T) {
	for _, row := range []struct {
		cancel       Cancel
		done         time.Duration // of call 2
		work, wasted time.Duration
	}{
		{CancelFree, 14 * time.Second, 14 * time.Second, 4 * time.Second},
		{CancelQueued, 20 * time.Second, 20 * time.Second, 10 * time.Second},
		{CancelZombie, 30 * time.Second, 30 * time.Second, 20 * time.Second},
	} {
		t.Run(string(row.cancel), func(t *testing.T) {
			s, replica := newScript(&Queue{Servers: 1, Service: Drawn(sim.ConstantDuration(10 * time.Second)), Discipline: FIFO, Cancel: row.cancel})
			s.call(0, 4*time.Second, sim.Request{})
			s.call(time.Second, time.Second, sim.Request{})
			s.call(time.Second+1, 0, sim.Request{})
			s.run(t)
			same(t, "call 0", s.log[0].Done, 4*time.Second)
			same(t, "call 1", s.log[1].Done, 2*time.Second)
			same(t, "outcomes", []sim.Outcome{s.log[0].Reply.Outcome, s.log[1].Reply.Outcome, s.log[2].Reply.Outcome},
				[]sim.Outcome{sim.Timeout, sim.Timeout, sim.OK})
			same(t, "call 2", s.log[2].Done, row.done)
			same(t, "work", s.cost.Work, row.work)
			same(t, "wasted", s.cost.Wasted, row.wasted)
			same(t, "left inside", []int{replica.Waiting(), replica.Running(), replica.Free()}, []int{0, 0, 1})
		})
	}
}

// TestQueueRefuses is a queue with one server and two places to wait.
func TestQueueRefuses(t *testing.T) {
	s, replica := newScript(&Queue{Servers: 1, Service: Drawn(sim.ConstantDuration(time.Second)), Limit: pointer(2), Discipline: FIFO, Cancel: CancelFree})
	for range 4 {
		s.call(0, 0, sim.Request{Output: 7})
	}
	s.world.At(time.Millisecond, func() {
		same(t, "levels", []int{replica.Waiting(), replica.Running(), replica.Free()}, []int{2, 1, 0})
		same(t, "gauges", []float64{replica.Gauges[0].Read(), replica.Gauges[1].Read()}, []float64{2, 1})
	})
	s.call(time.Second+1, 0, sim.Request{}) // a place has become free
	s.run(t)
	ok := sim.Reply{Outcome: sim.OK, Status: 200, Work: time.Second}
	began := func(at time.Duration, tokens int) sim.Reply {
		reply := ok
		reply.Began, reply.Tokens = at, tokens
		return reply
	}
	same(t, "records", s.log, []record{
		{0, 0, time.Second, began(0, 7)}, {1, 0, 2 * time.Second, began(time.Second, 7)}, {2, 0, 3 * time.Second, began(2*time.Second, 7)},
		{3, 0, 0, sim.Reply{Outcome: sim.Busy, Status: 503, Reason: "queue-full"}},
		{4, time.Second + 1, 4 * time.Second, began(3*time.Second, 0)},
	})
}

// TestQueueWork: where the schedule gives the size of a call, it is in mean service times.
func TestQueueWork(t *testing.T) {
	s, _ := newScript(&Queue{Servers: 2, Service: Drawn(sim.ExponentialDuration(time.Second)), Discipline: FIFO, Cancel: CancelFree})
	s.call(0, 0, sim.Request{Work: 2.5})
	s.call(0, 0, sim.Request{Work: 0.25})
	s.run(t)
	same(t, "ends", []time.Duration{s.log[0].Done, s.log[1].Done}, []time.Duration{2500 * time.Millisecond, 250 * time.Millisecond})
}

// TestQueueServiceBelongsToTheCall: a retry costs what the first attempt cost.
func TestQueueServiceBelongsToTheCall(t *testing.T) {
	w := sim.NewWorld(3)
	handle := (&Queue{Servers: 1, Service: Drawn(second), Discipline: FIFO, Cancel: CancelFree}).Start(w).Handle
	var stays []time.Duration
	w.Go(func() {
		for attempt := range 3 {
			from := w.Now()
			handle(sim.Request{Call: 5, Attempt: attempt})
			stays = append(stays, w.Now()-from)
		}
		from := w.Now()
		handle(sim.Request{Call: 6})
		if other := w.Now() - from; other == stays[0] {
			t.Errorf("got %v for calls 5 and 6, want two draws", other)
		}
	})
	w.Run(sim.Forever)
	same(t, "stays", stays, []time.Duration{stays[0], stays[0], stays[0]})
}

// TestQueueLittle: L = lambda W, exactly, for waiting and running apart.
func TestQueueLittle(t *testing.T) {
	waiting, running, records := littles(t, &Queue{Servers: 3, Service: Drawn(second), Discipline: FIFO, Cancel: CancelFree}, 2.7,
		func(int) sim.Request { return sim.Request{} })
	stays, served := 0.0, 0.0
	random := sim.NewStream(4, "queue")
	for _, r := range records {
		stays += r.stay().Seconds()
		served += second.Duration(random.For(r.Call, 0)).Seconds()
	}
	near(t, "running, over time", running, served, 1e-9)
	near(t, "waiting, over time", waiting, stays-served, 1e-9)
}

func TestQueueValidate(t *testing.T) {
	q := NewQueue()
	q.Servers, q.Limit, q.Discipline, q.Cancel, q.RejectCost = 0, pointer(-1), "random", "never", 2
	q.Dependency = &Dependency{Slow: &Slowness{At: -1, Factor: 0}}
	err := q.Validate()
	var f sim.Faults
	if !errors.As(err, &f) {
		t.Fatalf("got %v, want Faults", err)
	}
	same(t, "faults", f, sim.Faults{
		{Path: "servers", Found: "0", Allowed: "1 to 1000000"},
		{Path: "service", Allowed: "a duration such as 20ms, a law such as {exp: {mean: 20ms}}, or {linear: {base, per_prompt_token, per_output_token}}"},
		{Path: "dependency.time", Allowed: "a duration such as 250ms, or a law such as {exp: {mean: 250ms}}"},
		{Path: "dependency.slow.at", Found: "-1ns", Allowed: "0s or later"},
		{Path: "dependency.slow.for", Found: "0s", Allowed: "above 0s"},
		{Path: "dependency.slow.factor", Found: "0", Allowed: "above 0, at most 1000000"},
		{Path: "limit", Found: "-1", Allowed: "0 or more; without it there is no limit"},
		{Path: "reject_cost", Found: "200%", Allowed: "0% to 100% of a service"},
		{Path: "discipline", Found: "random", Allowed: "fifo, lifo, priority, ps"},
		{Path: "cancel", Found: "never", Allowed: "free, queued, zombie"},
	})
	good := &Queue{Servers: 1, Service: Drawn(second), Discipline: FIFO, Cancel: CancelFree}
	if err := good.Validate(); err != nil {
		t.Errorf("got %v for a good queue, want nil", err)
	}
}

// TestQueueAllocations: a call allocates nothing in the long run, beyond what the kernel does.
func TestQueueAllocations(t *testing.T) {
	w := sim.NewWorld(1)
	handle := (&Queue{Servers: 1, Service: Drawn(second), Discipline: FIFO, Cancel: CancelFree}).Start(w).Handle
	w.Go(func() {
		handle(sim.Request{})
		if got := testing.AllocsPerRun(100, func() { handle(sim.Request{}) }); got != 0 {
			t.Errorf("got %v allocations a call, want 0", got)
		}
	})
	w.Run(sim.Forever)
}
