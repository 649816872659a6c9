package strategies

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/headroom-dev/headroom/sim"
	"pgregory.net/rapid"
)

func TestAsyncQueueIsMMcK(t *testing.T) {
	long(t)
	for _, row := range []struct {
		c, k         int
		a            float64
		block, w     float64
		callsPerSeed int
	}{
		{1, 5, .8, .088819, 2.563065, 20_000},
		{1, 10, 2, .500244, 9.009775, 20_000},
		{10, 30, 12, .168637, 2.534560, 20_000},
		{20, 120, 30, .333333, 5.9, 20_000},
		{16, 80, 160, .9, 4.993056, 40_000},
	} {
		t.Run(fmt.Sprintf("c=%d,K=%d,a=%g", row.c, row.k, row.a), func(t *testing.T) {
			var spent []float64
			over(12, func(seed uint64) float64 {
				queue := NewAsyncQueue()
				queue.Workers, queue.Size = row.c, row.k-row.c
				records := steadyState(t, seed, queue, ample, row.a, row.callsPerSeed)
				var in time.Duration
				n := 0
				for _, r := range records {
					if isOK(r) {
						in += r.took()
						n++
					}
				}
				spent = append(spent, in.Seconds()/float64(n))
				return share(records, func(r record) bool { return r.Reply.Reason == "full" })
			}).holds(t, "share turned away", row.block)
			values(spent).holds(t, "time in the system", row.w)
		})
	}
}

// A call is served if it waits less than L - margin. With a margin that no service time reaches, the
// patience never cuts a service short, and what remains is M/M/c with patience L - margin exactly:
// dropped at the head or leaving by itself is the same to who stands behind.
func TestAsyncQueueExpiryIsMMcD(t *testing.T) {
	long(t)
	const margin = 40 * time.Second // of a mean service time of 1 s: e^-40
	for _, row := range []struct {
		c      int
		a, tau float64
	}{{1, .8, 2}, {1, 2, 1.5}, {5, 6, 1}, {10, 12, .5}} {
		want := mmcD(row.c, row.a, row.tau)
		over(12, func(seed uint64) float64 {
			queue := NewAsyncQueue()
			queue.Workers, queue.Margin = row.c, Margin{Fixed: margin}
			queue.Deadline = margin + time.Duration(row.tau*float64(time.Second))
			records := steadyState(t, seed, queue, ample, row.a, 20_000)
			return share(records, func(r record) bool { return r.Reply.Reason == "expired" })
		}).holds(t, fmt.Sprintf("share expired, c=%d a=%g tau=%g", row.c, row.a, row.tau), want)
	}
}

// spike is the load of the headline claim: 100, 1000, 100 calls a second.
type spike struct {
	before, length, after time.Duration
	patience              time.Duration
}

func (s spike) rate(at time.Duration) float64 {
	if at >= s.before && at < s.before+s.length {
		return 1000
	}
	return 100
}

// success returns the success of the calls that arrive in the spike, over seeds.
func (s spike) success(t *testing.T, seeds int, service mmc, strategy func() Strategy) estimate {
	calls := int(100*(s.before+s.after).Seconds() + 1000*s.length.Seconds())
	return over(seeds, func(seed uint64) float64 {
		records := play(t, seed, strategy(), service, load{calls: calls, rate: s.rate, patience: s.patience})
		in := records[:0]
		for _, r := range records {
			if r.Arrived >= s.before && r.Arrived < s.before+s.length {
				in = append(in, r)
			}
		}
		return share(in, isOK)
	})
}

// within fails unless e is within a share of what a fluid formula says. The formulas leave out
// chance and the tail of the service times, so no standard error is owed to them.
func (e estimate) within(t *testing.T, what string, tolerance, want float64) {
	t.Helper()
	t.Logf("%s: %.4f +- %.4f, formula %.4f", what, e.mean, e.se, want)
	if e.mean < want*(1-tolerance) || e.mean > want*(1+tolerance) {
		t.Errorf("%s is %.4f, want %.4f within %g %%", what, e.mean, want, 100*tolerance)
	}
}

// The worked example of the headline claim: capacity C = 280/s (140 servers of S = 0.5 s), spike
// D = 30 s at lambda = 1000/s, queue's patience L = 60 s.
func TestAsyncQueueInTheSpike(t *testing.T) {
	long(t)
	const capacity, lambda, d, s, l = 280.0, 1000.0, 30.0, .5, 60.0
	service := mmc{servers: 140, mean: 500 * time.Millisecond, limit: -1}
	load := spike{before: 10 * time.Second, length: 30 * time.Second, after: 140 * time.Second, patience: 60 * time.Second}
	queue := func(edit func(*AsyncQueue)) func() Strategy {
		return func() Strategy {
			q := NewAsyncQueue()
			q.Workers, q.Size = 140, 100_000
			edit(q)
			return q
		}
	}
	// Without useful expiry, before a service that finishes what nobody waits for any more:
	// s = C L'/((lambda - C) D), L' = L - S; simulated elsewhere: .763.
	zombies := service
	zombies.zombies = true
	load.success(t, 2, zombies, queue(func(q *AsyncQueue) { q.Margin = Margin{} })).
		within(t, "no margin, no bound", .05, capacity*(l-s)/((lambda-capacity)*d))
	// Bounded by Q = C(L - 3S), or expiring with a margin of 3S: s = (C D + Q)/(lambda D); .819.
	bound := capacity * (l - 3*s)
	want := (capacity*d + bound) / (lambda * d)
	load.success(t, 2, service, queue(func(q *AsyncQueue) { q.Size, q.Margin = int(bound), Margin{} })).
		within(t, "bounded", .05, want)
	load.success(t, 2, service, queue(func(q *AsyncQueue) { q.Margin = Margin{Fixed: 1500 * time.Millisecond} })).
		within(t, "margin 3S", .05, want)
	got := load.success(t, 2, service, queue(func(*AsyncQueue) {}))
	got.within(t, "margin p95", .05, want)
	// Nobody beats min(1, C(D + L)/(lambda D)).
	if best := capacity * (d + l) / (lambda * d); got.mean > best {
		t.Errorf("success %.4f beats %.4f, the bound of any work-conserving scheme", got.mean, best)
	}
}

// The margin must not shrink while it cuts the slow services off: at saturation each served call has
// just the margin left.
func TestMeasuredMarginHoldsAtSaturation(t *testing.T) {
	queue := NewAsyncQueue()
	queue.Workers, queue.Size = 20, 10_000
	// A minute below capacity, then five minutes at twice it: 20/s of service, 40/s offered.
	rate := func(at time.Duration) float64 {
		if at < time.Minute {
			return 16
		}
		return 40
	}
	records := play(t, 5, queue, ample, load{calls: 960 + 12_000, rate: rate, patience: 10 * time.Second})
	late := records[len(records)-4000 : len(records)-500]
	served := share(late, isOK)
	wasted := share(late, func(r record) bool { return r.Reply.Outcome == sim.Timeout && r.Attempts > 0 })
	t.Logf("ok %.3f of the calls, %.3f served in vain, margin %v", served, wasted, queue.Margin.of(queue.served))
	if served < .46 || wasted > .05 { // capacity is half of the offered load
		t.Errorf("ok %.3f, served in vain %.3f; want at least .46 and at most .05", served, wasted)
	}
}

// A stall makes the measured margin longer than the patience; it must come back by itself.
func TestMeasuredMarginRecoversFromAStall(t *testing.T) {
	stalled := func(env sim.Env) sim.Handler {
		healthy := ample.start(env)
		return func(r sim.Request) sim.Reply {
			if now := env.Now(); now > 60*time.Second && now < 160*time.Second {
				env.Await(sim.Forever, nil, r.Gone)
				return sim.Reply{Outcome: sim.Timeout}
			}
			return healthy(r)
		}
	}
	queue := NewAsyncQueue()
	queue.Workers, queue.Size = 30, 1000
	w := sim.NewWorld(4)
	l := load{calls: 8000, rate: steady(20), patience: 5 * time.Second}
	ok, offered := 0, 0
	drive(w, queue, stalled(w), l, func(r record) {
		if r.Arrived > 200*time.Second {
			offered++
			if isOK(r) {
				ok++
			}
		}
	})
	if blocked := w.Run(sim.Forever); blocked != 0 {
		t.Errorf("%d processes left over, want 0", blocked)
	}
	// Exponential service of mean 1 s within 5 s, hardly any waiting: 1 - e^-5 = .993.
	if got := float64(ok) / float64(offered); got < .97 {
		t.Errorf("success after the stall is %.3f, want at least .97", got)
	}
}

func TestAsyncQueuePatience(t *testing.T) {
	for _, row := range []struct {
		name                string
		deadline, own, want time.Duration
	}{
		{"without a deadline the patience is the scenario's", 0, 30 * time.Second, 30 * time.Second},
		{"a longer deadline replaces it", 2 * time.Minute, 30 * time.Second, 2 * time.Minute},
		{"a shorter one leaves it, and cuts inside", 10 * time.Second, 30 * time.Second, 30 * time.Second},
		{"who waits for ever is told nothing else", 10 * time.Second, 0, 0},
	} {
		q := NewAsyncQueue()
		q.Deadline = row.deadline
		if got := q.Patience(sim.Request{}, row.own); got != row.want {
			t.Errorf("%s: %v, want %v", row.name, got, row.want)
		}
	}
}

func TestAsyncQueueDeadlineCutsALongerPatience(t *testing.T) {
	run(t, func(w *sim.World) {
		q := NewAsyncQueue()
		q.Workers, q.Deadline = 1, 2*time.Second
		stack := q.Wrap(w, silent(w))
		w.Go(func() { // waits behind the first
			reply := sim.Within(w, time.Minute, stack, sim.Request{Call: 1})
			if reply.Outcome != sim.Timeout || reply.Reason != "expired" || w.Now() != 2*time.Second {
				t.Errorf("who waited: %v %q at %v, want timeout \"expired\" at 2s", reply.Outcome, reply.Reason, w.Now())
			}
		})
		reply := sim.Within(w, time.Minute, stack, sim.Request{})
		if reply.Outcome != sim.Timeout || reply.Reason != "silent" || w.Now() != 2*time.Second {
			t.Errorf("who was served: %v %q at %v, want timeout \"silent\" at 2s", reply.Outcome, reply.Reason, w.Now())
		}
	})
}

// With constant service times and random arrivals, whole microseconds apart, the queue does call by
// call what a naive model on sorted lists does.
func TestAsyncQueueIsItsNaiveModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		workers := rapid.IntRange(1, 3).Draw(t, "workers")
		size := rapid.IntRange(0, 5).Draw(t, "size")
		service := time.Duration(rapid.IntRange(1, 40).Draw(t, "service"))*time.Microsecond + 17 // never ties with an arrival
		patience := time.Duration(rapid.IntRange(1, 200).Draw(t, "patience"))*time.Microsecond + 5
		margin := time.Duration(rapid.IntRange(0, 100).Draw(t, "margin"))*time.Microsecond + 3
		gaps := rapid.SliceOfN(rapid.IntRange(1, 30), 1, 40).Draw(t, "gaps")

		w := sim.NewWorld(1)
		q := NewAsyncQueue()
		q.Workers, q.Size, q.Margin = workers, size, Margin{Fixed: margin}
		stack := q.Wrap(w, mmc{servers: 1000, mean: service, constant: true, limit: -1}.start(w))
		got := make([]ending, len(gaps))
		var at time.Duration
		var arrivals []time.Duration
		for i, gap := range gaps {
			at += time.Duration(gap) * time.Microsecond
			arrivals = append(arrivals, at)
			w.At(at, func() {
				w.Go(func() {
					reply := sim.Within(w, patience, stack, sim.Request{Call: i})
					got[i] = ending{w.Now(), reply.Outcome, reply.Reason}
				})
			})
		}
		if blocked := w.Run(sim.Forever); blocked != 0 {
			t.Fatalf("%d processes left over, want 0", blocked)
		}
		if diff := cmp.Diff(naiveQueue(arrivals, workers, size, service, patience, margin), got); diff != "" {
			t.Fatalf("queue and naive model differ (-model +queue):\n%s", diff)
		}
	})
}

// An ending is when and how a call ended.
type ending struct {
	At      time.Duration
	Outcome sim.Outcome
	Reason  string
}

// naiveQueue works out what a bounded queue does by looking, at each arrival and at each instant in
// which a worker is free again, at everybody.
func naiveQueue(arrivals []time.Duration, workers, size int, service, patience, margin time.Duration) []ending {
	ends := make([]ending, len(arrivals))
	free := make([]time.Duration, workers) // when each worker is free again
	var line []int
	serve := func(worker, call int, now time.Duration) {
		limit := arrivals[call] + patience
		if done := now + service; done < limit {
			ends[call], free[worker] = ending{done, sim.OK, ""}, done
		} else {
			ends[call], free[worker] = ending{limit, sim.Timeout, ""}, limit
		}
	}
	leave := func(now time.Duration) { // those whose patience has ended
		kept := line[:0:0]
		for _, call := range line {
			if limit := arrivals[call] + patience; limit <= now {
				ends[call] = ending{limit, sim.Timeout, "expired"}
			} else {
				kept = append(kept, call)
			}
		}
		line = kept
	}
	// work lets workers that are free before now take from the line, in order of time.
	work := func(now time.Duration) {
		for {
			first := 0
			for i := range free {
				if free[i] < free[first] {
					first = i
				}
			}
			if free[first] > now {
				break
			}
			leave(free[first])
			if len(line) == 0 {
				break
			}
			call, at := line[0], free[first]
			line = line[1:]
			if arrivals[call]+patience-at < margin {
				ends[call] = ending{at, sim.Shed, "expired"}
				continue
			}
			serve(first, call, at)
		}
		leave(now)
	}
	for call, now := range arrivals {
		work(now)
		placed := false
		for i := range free {
			if free[i] <= now && !placed {
				serve(i, call, now)
				placed = true
			}
		}
		switch {
		case placed:
		case len(line) >= size:
			ends[call] = ending{now, sim.Shed, "full"}
		default:
			line = append(line, call)
		}
	}
	work(1 << 60)
	return ends
}
