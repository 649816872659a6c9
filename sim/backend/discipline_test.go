package backend

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/headroom-dev/headroom/sim"
)

// meanStays runs the model ten times and returns a sample of the mean stay of the calls of each class
// that were served, and of the share refused. Call i is of class(i).
func meanStays(t *testing.T, m Model, rate float64, classes int, request func(call int) sim.Request) (stays []sample, refused sample) {
	t.Helper()
	const calls, warm = 10_000, 2_000
	stays = make([]sample, classes)
	for seed := range uint64(10) {
		sums, counts, no := make([]float64, classes), make([]float64, classes), 0.0
		records := traffic{seed: seed, calls: calls, rate: rate, request: request}.carry(t, func(env sim.Env) sim.Handler { return m.Start(env).Handle })
		for _, r := range records {
			switch {
			case r.Call < warm:
			case r.Reply.Outcome == sim.Busy:
				no++
			default:
				class := request(r.Call).Priority
				sums[class] += r.stay().Seconds()
				counts[class]++
			}
		}
		for class := range stays {
			stays[class].add(sums[class] / counts[class])
		}
		refused.add(no / (calls - warm))
	}
	return stays, refused
}

func plain(int) sim.Request { return sim.Request{} }

func law(t *testing.T, form any) sim.DurationDist {
	t.Helper()
	d, err := sim.NewDurationDist(form)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

type written = map[string]any

var bimodal = written{"mix": []any{written{"weight": 0.9, "value": "500ms"}, written{"weight": 0.1, "exp": written{"mean": "5500ms"}}}}

// TestSharingDoesNotSeeTheLaw: M/G/1 under processor sharing has the mean stay E[S]/(1 - rho) whatever
// the law (Kleinrock, Queueing Systems 2, 4.4), here 1/(1 - 0.7); and as many calls inside, so as many
// refused, as the queue in order of arrival where the law is exponential.
func TestSharingDoesNotSeeTheLaw(t *testing.T) {
	for _, row := range []struct {
		name    string
		service sim.DurationDist
		servers int
		rate    float64
		limit   *int
		stay    float64
		refused float64
	}{
		{"fixed", sim.ConstantDuration(time.Second), 1, 0.7, nil, 1 / 0.3, 0},
		{"exponential", second, 1, 0.7, nil, 1 / 0.3, 0},
		{"mixed", law(t, bimodal), 1, 0.7, nil, 1 / 0.3, 0},
		{"M/M/2", second, 2, 1.6, nil, 2.777778, 0},
		{"M/M/1/5", second, 1, 0.8, pointer(4), 2.563065, .088819},
		{"Erlang B, any law", law(t, bimodal), 10, 10, pointer(0), 1, .214582},
	} {
		t.Run(row.name, func(t *testing.T) {
			q := &Queue{Servers: row.servers, Service: Drawn(row.service), Limit: row.limit, Discipline: PS, Cancel: CancelFree}
			stays, refused := meanStays(t, q, row.rate, 1, plain)
			stays[0].within(t, "mean stay", row.stay)
			refused.within(t, "share refused", row.refused)
		})
	}
}

// TestSharingByHand: one server. A needs 4 s from 0, B 2 s from 1 s, C goes after 1 s of sharing. Alone
// A does 1 s of work by 1 s; A and B share until 2 s (half a second each); C comes then and the three
// share until 3.5 s (half a second each), when C's caller goes. Left are 2 s of A and 1 s of B: B ends
// at 5.5 s, and A, with 1 s left, at 6.5 s. C has used half a second.
func TestSharingByHand(t *testing.T) {
	s, replica := newScript(&Queue{Servers: 1, Service: Drawn(sim.ConstantDuration(time.Second)), Discipline: PS, Cancel: CancelFree})
	s.call(0, 0, sim.Request{Work: 4})
	s.call(time.Second, 0, sim.Request{Work: 2})
	s.call(2*time.Second, 1500*time.Millisecond, sim.Request{Work: 5})
	s.world.At(3*time.Second, func() {
		same(t, "levels", []int{replica.Waiting(), replica.Running(), replica.Free()}, []int{2, 1, 0})
	})
	s.run(t)
	for i, want := range []time.Duration{6500, 5500, 3500} {
		near(t, fmt.Sprintf("end of call %d", i), s.log[i].Done.Seconds(), (want * ms).Seconds(), 1e-8)
	}
	near(t, "wasted", s.cost.Wasted.Seconds(), 0.5, 1e-8)
	near(t, "work", s.cost.Work.Seconds(), 6.5, 1e-8)
}

// TestOrderDoesNotChangeTheMeanWait: for orders that do not look at sizes and take no server away, the
// mean wait of M/G/1 is Pollaczek-Khinchine's (Kleinrock, Queueing Systems 2, 3.4).
func TestOrderDoesNotChangeTheMeanWait(t *testing.T) {
	lognormal := law(t, written{"lognormal": written{"median": "200ms", "p99": "1s"}})
	for _, d := range []Discipline{FIFO, LIFO} {
		stays, _ := meanStays(t, &Queue{Servers: 1, Service: Drawn(lognormal), Discipline: d, Cancel: CancelFree}, 2.7550853, 1, plain)
		stays[0].within(t, string(d)+": mean stay", .478383+.2540756)
	}
	s, _ := newScript(&Queue{Servers: 1, Service: Drawn(sim.ConstantDuration(time.Second)), Discipline: LIFO, Cancel: CancelFree})
	for range 4 {
		s.call(0, 0, sim.Request{})
	}
	s.run(t)
	var ends []time.Duration
	for _, r := range s.log {
		ends = append(ends, r.Done/time.Second)
	}
	same(t, "ends under lifo, in seconds", ends, []time.Duration{1, 4, 3, 2})
}

// TestLawsMeetPollaczekKhinchine: Wq = lambda E[S^2]/(2 (1 - rho)) for the laws with long tails, whose
// second moments are (mean 1):
//
//	pareto   (alpha - 1)^2/(alpha (alpha - 2))
//	weibull  Gamma(1 + 2/k)/Gamma(1 + 1/k)^2
//	mix      sum of w E[S^2]
func TestLawsMeetPollaczekKhinchine(t *testing.T) {
	for _, row := range []struct {
		name   string
		form   any
		second float64
	}{
		{"pareto", written{"pareto": written{"mean": "1s", "alpha": 6}}, 25.0 / 24},
		{"weibull", written{"weibull": written{"mean": "1s", "k": 0.7}}, math.Gamma(1+2/0.7) / math.Pow(math.Gamma(1+1/0.7), 2)},
		{"mix", bimodal, 0.9*0.25 + 0.1*2*5.5*5.5},
	} {
		t.Run(row.name, func(t *testing.T) {
			const rate = 0.6
			q := &Queue{Servers: 1, Service: Drawn(law(t, row.form)), Discipline: FIFO, Cancel: CancelFree}
			stays, _ := meanStays(t, q, rate, 1, plain)
			stays[0].within(t, "mean stay", 1+rate*row.second/(2*(1-rate)))
		})
	}
}

// TestPriorityMeetsCobham: with strict classes that take no server away, W0 = sum lambda E[S^2]/2,
//
//	W1 = W0/(1 - rho1),  W2 = W0/((1 - rho1)(1 - rho1 - rho2))
//
// (Cobham 1954), and rho1 W1 + rho2 W2 = rho W0/(1 - rho), as without classes (Kleinrock's
// conservation law).
func TestPriorityMeetsCobham(t *testing.T) {
	class := func(call int, share float64) sim.Priority {
		if sim.NewStream(1, "class").For(call, 0).Float64() < share {
			return 0
		}
		return 1
	}
	for _, row := range []struct {
		name     string
		service  sim.DurationDist
		rates    [2]float64
		work     [2]float64 // 0: drawn
		means    [2]float64
		waits    [2]float64
		residual float64 // W0
	}{
		{"exponential", second, [2]float64{.3, .5}, [2]float64{}, [2]float64{1, 1}, [2]float64{.8 / .7, .8 / .14}, .8},
		{"short and long", sim.ConstantDuration(time.Second), [2]float64{.6, .25}, [2]float64{.5, 2}, [2]float64{.5, 2}, [2]float64{.575 / .7, .575 / .14}, .575},
	} {
		t.Run(row.name, func(t *testing.T) {
			rate, age := row.rates[0]+row.rates[1], time.Duration(0)
			q := &Queue{Servers: 1, Service: Drawn(row.service), Discipline: ByPriority, Age: &age, Cancel: CancelFree}
			stays, _ := meanStays(t, q, rate, 2, func(call int) sim.Request {
				c := class(call, row.rates[0]/rate)
				return sim.Request{Priority: c, Work: row.work[c]}
			})
			var law sample
			for i := range stays[0].values {
				law.add(row.rates[0]*row.means[0]*(stays[0].values[i]-row.means[0]) + row.rates[1]*row.means[1]*(stays[1].values[i]-row.means[1]))
			}
			stays[0].within(t, "stay of the first class", row.means[0]+row.waits[0])
			stays[1].within(t, "stay of the second class", row.means[1]+row.waits[1])
			law.within(t, "conservation law", .8*row.residual/.2)
		})
	}
}

// TestPriorityAges: a server of 1 s, a call of the first class every 0.9 s, so that one always waits,
// and one of the third class that comes at 0.5 s. With an age of 2 s it stands where a call of the
// first class would that came at 4.5 s: behind the five of 0 to 3.6 s, and before the one of 4.5 s, as it
// came first. With strict classes it is last.
func TestPriorityAges(t *testing.T) {
	for age, begins := range map[time.Duration]time.Duration{2 * time.Second: 5 * time.Second, 0: 100 * time.Second} {
		q := &Queue{Servers: 1, Service: Drawn(sim.ConstantDuration(time.Second)), Discipline: ByPriority, Age: &age, Cancel: CancelFree}
		s, _ := newScript(q)
		for i := range 100 {
			s.call(time.Duration(i)*900*ms, 0, sim.Request{})
		}
		s.call(500*ms, 0, sim.Request{Priority: 2})
		s.run(t)
		same(t, fmt.Sprintf("the call of the third class with age %v begins", age), s.log[100].Reply.Began, begins)
	}
	q := &Queue{Servers: 1, Service: Drawn(second), Discipline: ByPriority, Cancel: CancelFree}
	if err := q.Validate(); err != nil || *q.Age != 10*time.Second {
		t.Errorf("got age %v, %v; want the default of 10s", q.Age, err)
	}
}

// TestDisciplinesKeepLittlesLaw: L = lambda W.
func TestDisciplinesKeepLittlesLaw(t *testing.T) {
	for _, d := range disciplines {
		littles(t, &Queue{Servers: 3, Service: Drawn(second), Discipline: d, Cancel: CancelFree}, 2.5, plain)
	}
}

// TestDisciplinesAllocateNothing in the long run, beyond what the kernel does.
func TestDisciplinesAllocateNothing(t *testing.T) {
	for _, d := range disciplines {
		w := sim.NewWorld(1)
		handle := (&Queue{Servers: 1, Service: Drawn(second), Discipline: d, Cancel: CancelFree}).Start(w).Handle
		w.Go(func() {
			handle(sim.Request{})
			if got := testing.AllocsPerRun(100, func() { handle(sim.Request{}) }); got != 0 {
				t.Errorf("%s: got %v allocations a call, want 0", d, got)
			}
		})
		w.Run(sim.Forever)
	}
}

// TestRankedIsAHeap against a slice that is searched.
func TestRankedIsAHeap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var heap ranked[int64]
		var naive []rank[int64]
		order := int64(0)
		before := func(a, b rank[int64]) int {
			if a.before(b) {
				return -1
			}
			return 1
		}
		t.Repeat(map[string]func(*rapid.T){
			"join": func(t *rapid.T) {
				order++
				r := rank[int64]{rapid.Int64Range(0, 9).Draw(t, "key"), order, &job{}}
				heap.push(r)
				naive = append(naive, r)
			},
			"leave": func(t *rapid.T) {
				if len(naive) == 0 {
					t.Skip("empty")
				}
				i := rapid.IntRange(0, len(naive)-1).Draw(t, "who")
				if got := heap.remove(naive[i].job.index); got != naive[i] {
					t.Fatalf("got %v, want %v", got, naive[i])
				}
				naive = slices.Delete(naive, i, i+1)
			},
			"": func(t *rapid.T) {
				if len(heap) != len(naive) || len(naive) > 0 && heap[0] != slices.MinFunc(naive, before) {
					t.Fatalf("got %v, want %v", heap, naive)
				}
			},
		})
	})
}
