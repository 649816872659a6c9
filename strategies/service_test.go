package strategies

import (
	"slices"
	"testing"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// A record is how one call went, as the harness would note it.
type record struct {
	Call          int
	Arrived, Done time.Duration
	Attempts      int
	Causes        [sim.NumCauses]int
	Sent          time.Duration // of the first attempt; -1 if there was none
	Reply         sim.Reply     // Payload left out
}

func (r record) took() time.Duration { return r.Done - r.Arrived }

// meter counts attempts just inside the strategy, through Payload, as the harness does.
func meter(env sim.Env, next sim.Handler) sim.Handler {
	return func(r sim.Request) sim.Reply {
		c := r.Payload.(*record)
		if c.Attempts == 0 {
			c.Sent = env.Now()
		}
		r.Attempt = c.Attempts
		c.Attempts++
		c.Causes[r.Cause]++
		return next(r)
	}
}

// A load is the traffic of a test: calls in the order of their arrival.
type load struct {
	calls    int
	rate     func(at time.Duration) float64 // calls per second
	patience time.Duration                  // 0 is for ever
	keys     func(draw float64) uint64      // nil: each call asks something of its own
}

func steady(rate float64) func(time.Duration) float64 {
	return func(time.Duration) float64 { return rate }
}

// drive sends the load, Poisson, through a strategy around a service, and hands on the records in the
// order in which calls end. It must have the turn of env, and returns before the first arrival.
func drive(env sim.Env, s Strategy, service sim.Handler, l load, add func(record)) {
	stack := s.Wrap(env, meter(env, service))
	gaps, keys := env.Rand("arrivals"), env.Rand("keys")
	env.Go(func() {
		at := env.Now()
		for call := range l.calls {
			at += time.Duration(gaps.For(call, 0).ExpFloat64() / l.rate(at) * float64(time.Second))
			sim.Sleep(env, at-env.Now(), nil)
			r := sim.Request{Call: call, Key: uint64(call)}
			if l.keys != nil {
				r.Key = l.keys(keys.For(call, 0).Float64())
			}
			arrived := at
			env.Go(func() { add(carry(env, stack, r, arrived, l.patience)) })
		}
	})
}

// carry sends one call through, within its patience.
func carry(env sim.Env, stack sim.Handler, r sim.Request, arrived, patience time.Duration) record {
	rec := record{Call: r.Call, Arrived: arrived, Sent: -1}
	r.Payload = &rec
	reply := sim.Reply{}
	if patience > 0 {
		reply = sim.Within(env, patience-(env.Now()-arrived), stack, r)
	} else {
		reply = stack(r)
	}
	rec.Done, rec.Reply = env.Now(), reply
	return rec
}

// play runs a load in a World of its own and returns the records by call. No process may be left over.
func play(t testing.TB, seed uint64, s Strategy, m mmc, l load) []record {
	t.Helper()
	w := sim.NewWorld(seed)
	records := make([]record, 0, l.calls)
	drive(w, s, m.start(w), l, func(r record) { records = append(records, r) })
	if blocked := w.Run(sim.Forever); blocked != 0 {
		t.Fatalf("%d processes left over, want 0", blocked)
	}
	slices.SortFunc(records, func(a, b record) int { return a.Call - b.Call })
	conserve(t, l, records)
	return records
}

// conserve holds what is true of every run: each planned call ended once, attempts add up by cause,
// and nobody was kept beyond its patience.
func conserve(t testing.TB, l load, records []record) {
	t.Helper()
	if len(records) != l.calls {
		t.Fatalf("%d calls ended, want %d", len(records), l.calls)
	}
	for i, r := range records {
		causes := 0
		for _, n := range r.Causes {
			causes += n
		}
		switch {
		case r.Call != i:
			t.Fatalf("call %d ended where %d was expected: one ended twice", r.Call, i)
		case causes != r.Attempts:
			t.Fatalf("call %d: %d attempts by cause, %d in all", i, causes, r.Attempts)
		case l.patience > 0 && r.took() > l.patience:
			t.Fatalf("call %d was kept for %v, beyond its patience of %v", i, r.took(), l.patience)
		case r.Reply.Outcome == sim.Unsent:
			t.Fatalf("call %d has no outcome", i)
		}
	}
}

// share returns the part of the records for which is holds.
func share(records []record, is func(record) bool) float64 {
	n := 0
	for _, r := range records {
		if is(r) {
			n++
		}
	}
	return float64(n) / float64(len(records))
}

func isOK(r record) bool { return r.Reply.Outcome == sim.OK }

// An mmc is a service of the tests: servers with exponential service times and a bounded
// first-in, first-out queue in front of them.
type mmc struct {
	servers  int
	mean     time.Duration // mean service time; 0 answers at once
	constant bool          // all service times are the mean
	limit    int           // places in the queue; a full one answers 503. Negative: no limit
	zombies  bool          // calls whose caller has gone are served all the same
}

func (m mmc) start(env sim.Env) sim.Handler {
	servers, draws := sim.NewPermits(env, m.servers), env.Rand("service")
	serve := func(r sim.Request, length time.Duration, gone *sim.Signal) sim.Reply {
		if !servers.Take(sim.Forever, gone) {
			return sim.Reply{Outcome: sim.Timeout}
		}
		defer servers.Give()
		if !sim.Sleep(env, length, gone) {
			return sim.Reply{Outcome: sim.Timeout}
		}
		return sim.Reply{Outcome: sim.OK, Status: 200}
	}
	return func(r sim.Request) sim.Reply {
		if m.limit >= 0 && servers.Free() == 0 && servers.Waiting() >= m.limit {
			return sim.Reply{Outcome: sim.Busy, Status: 503, Reason: "queue-full"}
		}
		length := m.mean
		if !m.constant {
			length = time.Duration(draws.For(r.Call, r.Attempt).ExpFloat64() * float64(m.mean))
		}
		if !m.zombies {
			return serve(r, length, r.Gone)
		}
		var done sim.Signal
		reply := sim.Reply{Outcome: sim.Timeout}
		env.Go(func() {
			answer := serve(r, length, nil)
			if !r.Gone.Fired() {
				reply = answer
			}
			done.Fire()
		})
		env.Await(sim.Forever, &done, r.Gone)
		return reply
	}
}

// silent is a service that never answers.
func silent(env sim.Env) sim.Handler {
	return func(r sim.Request) sim.Reply {
		env.Await(sim.Forever, nil, r.Gone)
		return sim.Reply{Outcome: sim.Timeout, Reason: "silent"}
	}
}

// always is a service that answers the same at once.
func always(reply sim.Reply) sim.Handler {
	return func(sim.Request) sim.Reply { return reply }
}

var (
	good = sim.Reply{Outcome: sim.OK, Status: 200}
	busy = sim.Reply{Outcome: sim.Busy, Status: 503, Reason: "queue-full"}
)

// run lets one process have a World of its own, to its end.
func run(t testing.TB, f func(w *sim.World)) {
	t.Helper()
	w := sim.NewWorld(1)
	w.Go(func() { f(w) })
	if blocked := w.Run(sim.Forever); blocked != 0 {
		t.Errorf("%d processes left over, want 0", blocked)
	}
}

// counts returns what a strategy counted, by name.
func counts(s Strategy) map[string]int64 {
	all := make(map[string]int64)
	if c, ok := s.(Counting); ok {
		c.Counts(func(name string, n int64) { all[name] += n })
	}
	return all
}
