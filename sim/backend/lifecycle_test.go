package backend

import (
	"fmt"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/headroom-dev/headroom/sim"
)

const sec = time.Second

// A stay is a call of a test at one replica: when it came, when it ended and how.
type stay struct {
	At, Done time.Duration
	How      string
}

// visits lets a call go to the first replica each second, up to last, and returns how each went.
// happens is told the pool before the first.
func visits(t tester, s *Service, last time.Duration, happens func(w *sim.World, p *Pool)) []stay {
	t.Helper()
	w := sim.NewWorld(1)
	p := newPool(w, s)
	first := p.members[0]
	if happens != nil {
		happens(w, p)
	}
	var all []stay
	for at := time.Duration(0); at <= last; at += sec {
		i := len(all)
		all = append(all, stay{At: at})
		w.At(at, func() {
			w.Go(func() {
				r := first.Handle(&sim.Request{})
				all[i].Done, all[i].How = w.Now(), r.Outcome.String()
				if r.Reason != "" {
					all[i].How = r.Reason
				}
			})
		})
	}
	if blocked := w.Run(sim.Forever); blocked != 0 {
		t.Fatalf("got %d callers left over, want 0", blocked)
	}
	return all
}

// oneShop is a service of one replica whose services take d.
func oneShop(d time.Duration) *Service {
	return &Service{Model: Choice{"shop", &shop{1000, d}}, Replicas: 1}
}

func whole(d time.Duration) *StartUp { return &StartUp{Whole: sim.ConstantDuration(d)} }

func TestCrash(t *testing.T) {
	s := oneShop(1500 * ms)
	s.StartUp = whole(2 * sec)
	s.Fail = []Failure{{Replica: pointer(0), At: 3400 * ms, For: 3 * sec, How: howCrash}}
	same(t, "visits", visits(t, s, 9*sec, nil), []stay{
		{0, 1500 * ms, "ok"}, {1 * sec, 2500 * ms, "ok"},
		{2 * sec, 3400 * ms, "reset"}, {3 * sec, 3400 * ms, "reset"},
		{4 * sec, 4 * sec, "unreachable"}, {5 * sec, 5 * sec, "unreachable"}, {6 * sec, 6 * sec, "unreachable"}, // dead until 6.4 s
		{7 * sec, 7 * sec, "unreachable"}, {8 * sec, 8 * sec, "unreachable"}, // starting until 8.4 s
		{9 * sec, 10500 * ms, "ok"},
	})
}

func TestCrashLosesTheMachine(t *testing.T) {
	s := oneShop(10 * sec)
	var before, after *Member
	visits(t, s, 0, func(w *sim.World, p *Pool) {
		before = p.members[0]
		w.At(2*sec, func() {
			if busy := before.Busy(); busy != 2*sec/1000 {
				t.Errorf("got %v of work before the crash, want 2ms: one of 1000 servers for 2s", busy)
			}
			before.dies(0)
			after = p.members[0]
			if got := after.machine.Running(); got != 0 || after.State() != Ready {
				t.Errorf("got %d calls on the new machine, %v; want none, ready at once without a start-up", got, after.State())
			}
			if busy := after.Busy(); busy != 2*sec/1000 {
				t.Errorf("got %v of work after the crash, want that of the machine before too", busy)
			}
		})
	})
	if before != after {
		t.Error("the replica lost its place in the pool")
	}
}

func TestHang(t *testing.T) {
	s := oneShop(1500 * ms)
	s.Fail = []Failure{{Replica: pointer(0), At: 2 * sec, For: 10 * sec, How: howHang}}
	got := visits(t, s, 3*sec, nil)
	same(t, "visits", got, []stay{
		{0, 1500 * ms, "ok"},
		{1 * sec, 12500 * ms, "ok"}, // half a second of work was left
		{2 * sec, 13500 * ms, "ok"}, // a hung replica takes calls
		{3 * sec, 13500 * ms, "ok"},
	})
}

func TestSlow(t *testing.T) {
	s := oneShop(2 * sec)
	s.Fail = []Failure{{Replica: pointer(0), At: 1 * sec, For: 4 * sec, How: howSlow, Factor: 2}}
	got := visits(t, s, 3*sec, nil)
	same(t, "visits", got, []stay{
		{0, 3 * sec, "ok"}, // one second of work, at half the speed
		{1 * sec, 5 * sec, "ok"},
		{2 * sec, 5500 * ms, "ok"}, // 3 s at half the speed do 1.5 s of 2 s
		{3 * sec, 6 * sec, "ok"},
	})
}

func TestHangWhileSlow(t *testing.T) {
	s := oneShop(4 * sec)
	s.Fail = []Failure{
		{Replica: pointer(0), At: 0, For: 20 * sec, How: howSlow, Factor: 2},
		{Replica: pointer(0), At: 2 * sec, For: 5 * sec, How: howHang},
	}
	// 2 s at half the speed, 5 s of nothing, then 3 s of work at half the speed.
	same(t, "visits", visits(t, s, 0, nil), []stay{{0, 13 * sec, "ok"}})
}

func TestDrain(t *testing.T) {
	s := oneShop(10 * sec)
	s.Drain = new(8 * sec)
	got := visits(t, s, 6*sec, func(w *sim.World, p *Pool) {
		m := p.members[0]
		w.At(5500*ms, func() {
			m.drain()
			if m.State() != Draining || m.Listed() {
				t.Errorf("got %v, listed %v; want draining and out of the list", m.State(), m.Listed())
			}
		})
		w.At(13400*ms, func() { same(t, "members", len(p.Members()), 1) })
		w.At(13600*ms, func() { same(t, "members", len(p.Members()), 0) })
	})
	for _, one := range got[:4] { // until 13.5 s
		same(t, "ends in time", one, stay{one.At, one.At + 10*sec, "ok"})
	}
	for _, one := range got[4:] {
		same(t, "cut off", one, stay{one.At, 13500 * ms, "reset"})
	}
}

func TestDrainedEarly(t *testing.T) {
	s := oneShop(2 * sec)
	s.Drain = new(time.Hour)
	w := sim.NewWorld(1)
	p := newPool(w, s)
	m := p.members[0]
	w.Go(func() { m.Handle(&sim.Request{}) })
	w.At(sec, m.drain)
	w.Run(sim.Forever)
	if w.Now() != 2*sec || m.State() != Gone {
		t.Errorf("got %v at %v, want gone when its last call had ended, at 2s", m.State(), w.Now())
	}
}

// The same accidents on the queue model, which keeps its own account of work and time.
func TestAccidentsOnTheQueue(t *testing.T) {
	for _, row := range []struct {
		how  string
		want []stay
	}{
		{howCrash, []stay{{0, 1500 * ms, "reset"}, {1 * sec, 1500 * ms, "reset"}}},
		{howHang, []stay{{0, 6 * sec, "ok"}, {1 * sec, 7 * sec, "ok"}}},
		{howSlow, []stay{{0, 2500 * ms, "ok"}, {1 * sec, 4500 * ms, "ok"}}},
	} {
		s := oneShop(0)
		s.Model = Choice{"queue", &Queue{Servers: 1000, Service: Drawn(sim.ConstantDuration(2 * sec)), Discipline: FIFO, Cancel: CancelFree}}
		s.Fail = []Failure{{Replica: pointer(0), At: 1500 * ms, For: 4 * sec, How: row.how, Factor: 2}}
		same(t, row.how, visits(t, s, sec, nil), row.want)
	}
}

func TestZoneFails(t *testing.T) {
	s := oneShop(sec)
	s.Replicas = 4
	s.Groups = []Group{{Count: 2, Zone: "a", Weight: 1}, {Count: 2, Zone: "b", Weight: 1}}
	s.StartUp = whole(2 * sec)
	s.Fail = []Failure{{Zone: "b", At: 10 * sec, For: 5 * sec, How: howCrash}}
	w := sim.NewWorld(1)
	p := newPool(w, s)
	for at, want := range map[time.Duration][3]int{9 * sec: {4, 0, 0}, 11 * sec: {2, 2, 0}, 16 * sec: {2, 0, 2}, 18 * sec: {4, 0, 0}} {
		w.At(at, func() {
			states := p.States()
			same(t, fmt.Sprint("ready, dead, starting at ", at), [3]int{states[Ready], states[Dead], states[Starting]}, want)
		})
	}
	w.Run(sim.Forever)
}

// Crashes by chance are a Poisson process of the time a replica is up: n crashes in an up time T have
// the mean T/mtbf and the variance of a Poisson law. And they are keyed, so runs pair.
func TestMTBF(t *testing.T) {
	crashes := func(seed uint64) (n int) {
		s := oneShop(sec)
		s.Replicas, s.MTBF, s.StartUp = 20, 100*sec, whole(25*sec)
		w := sim.NewWorld(seed)
		p := newPool(w, s)
		starts := 0
		w.At(10_000*sec, func() {
			for _, m := range p.members {
				starts += m.life.starts - 1
			}
			p.stop()
		})
		w.Run(sim.Forever)
		return starts
	}
	var counts sample
	for seed := range uint64(20) {
		counts.add(float64(crashes(seed + 1)))
	}
	// 20 replicas that are up for 100 s and down for 25 s in the mean: 20 x 10,000/125 renewals.
	counts.within(t, "crashes", 20*10_000/125)
	if mean, err := counts.meanAndError(); math.Abs(mean-1600) > 40 || err > 10 {
		t.Errorf("got %.0f, s.e. %.1f: the band is no test", mean, err)
	}
	if one, again := crashes(7), crashes(7); one != again {
		t.Errorf("got %d crashes and %d with the same seed", one, again)
	}
}

func TestStartUpParts(t *testing.T) {
	s := oneShop(sec)
	s.StartUp = &StartUp{Parts: &StartUpParts{Pending: sim.ConstantDuration(5 * sec), Weights: sim.ConstantDuration(40 * sec)}}
	w := sim.NewWorld(1)
	p := newPool(w, s)
	p.grow()
	w.At(44*sec, func() { same(t, "state at 44 s", p.members[1].State(), Starting) })
	w.At(46*sec, func() { same(t, "state at 46 s", p.members[1].State(), Ready) })
	w.Run(sim.Forever)
	same(t, "mean", s.StartUp.mean(), 45*sec)
}

func TestShrinkTakesWhoIsNotReadyThenTheNewest(t *testing.T) {
	s := oneShop(sec)
	s.Replicas, s.StartUp = 3, whole(time.Minute)
	w := sim.NewWorld(1)
	p := newPool(w, s)
	ids := func() (all []int) {
		for _, m := range p.members {
			all = append(all, m.ID)
		}
		return all
	}
	p.members[0].dies(time.Minute)
	p.grow()
	p.grow()
	p.shrink(2)
	same(t, "after two that start", ids(), []int{0, 1, 2})
	p.shrink(2)
	same(t, "after the dead one and the newest", ids(), []int{1})
	p.grow()
	same(t, "an ID is never used again", ids(), []int{1, 5})
	p.stop()
	w.Run(sim.Forever)
}

func TestFaults(t *testing.T) {
	faults := []Fault{{Share: 0.1, Status: 500}, {Share: 0.2}}
	w := sim.NewWorld(3)
	handle := injected(w, faults, func(sim.Request) sim.Reply { return answer(0, 0, 0) })
	const n = 20_000
	counts := map[string]int{}
	for call := range n {
		r := handle(sim.Request{Call: call})
		counts[fmt.Sprint(r.Outcome, " ", r.Status)]++
		if again := handle(sim.Request{Call: call}); again != r {
			t.Fatal("one attempt drew twice")
		}
	}
	for kind, share := range map[string]float64{"error 500": 0.1, "error 0": 0.2, "ok 200": 0.7} {
		if got, e := float64(counts[kind])/n, math.Sqrt(share*(1-share)/n); math.Abs(got-share) > 4*e {
			t.Errorf("%s: got a share of %.4f, want %.2f within %.4f", kind, got, share, 4*e)
		}
	}
}

// Whatever happens to a pool, every call ends, once, and nobody is left over.
func TestLifeKeepsCalls(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		length, servers := time.Duration(rapid.IntRange(1, 5000).Draw(t, "service"))*ms, rapid.IntRange(1, 3).Draw(t, "servers")
		s := oneShop(length)
		s.Model.Model.(*shop).servers = servers
		if rapid.Bool().Draw(t, "queue") {
			s.Model = Choice{"queue", &Queue{Servers: servers, Service: Drawn(sim.ConstantDuration(length)), Discipline: FIFO, Cancel: CancelFree}}
		}
		s.Replicas = rapid.IntRange(1, 4).Draw(t, "replicas")
		s.Drain = new(time.Duration(rapid.IntRange(0, 5000).Draw(t, "drain")) * ms)
		if rapid.Bool().Draw(t, "slow start") {
			s.StartUp = whole(3 * sec)
		}
		w := sim.NewWorld(rapid.Uint64().Draw(t, "seed"))
		p := newPool(w, s)
		for range rapid.IntRange(0, 12).Draw(t, "events") {
			at := time.Duration(rapid.IntRange(0, 20_000).Draw(t, "at")) * ms
			span := time.Duration(rapid.IntRange(1, 6000).Draw(t, "span")) * ms
			what := rapid.IntRange(0, 4).Draw(t, "what")
			which := rapid.IntRange(0, 9).Draw(t, "which")
			w.At(at, func() {
				if what == 4 || len(p.members) == 0 {
					p.grow()
					return
				}
				m := p.members[which%len(p.members)]
				[]func(){func() { m.dies(span) }, func() { m.hangs(span) }, func() { m.slows(3, span) }, m.drain}[what]()
			})
		}
		ended, calls := 0, 40
		for i := range calls {
			w.At(time.Duration(i)*500*ms, func() {
				w.Go(func() {
					defer func() { ended++ }()
					if len(p.members) > 0 {
						sim.Within(w, 4*sec, func(r sim.Request) sim.Reply { return p.members[i%len(p.members)].Handle(&r) }, sim.Request{Call: i})
					}
				})
			})
		}
		if blocked := w.Run(sim.Forever); blocked != 0 || ended != calls {
			t.Fatalf("got %d calls ended of %d, %d left over", ended, calls, blocked)
		}
		for _, m := range p.members {
			if m.inflight != 0 || m.state == Draining || m.state == Gone {
				t.Fatalf("replica %d is %v with %d calls in flight", m.ID, m.state, m.inflight)
			}
		}
	})
}
