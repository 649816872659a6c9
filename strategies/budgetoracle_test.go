package strategies

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// atOnce returns a backoff that never waits, under a budget.
func atOnce(tries int, rule BudgetRule, clients int) *Backoff {
	return &Backoff{Tries: tries, Factor: 1, Budget: Budget{rule}, Clients: clients}
}

// members returns one user of each of n clients.
func members(n int) []uint64 {
	ids := newPerClient(n, func(client int) int { return client })
	users, found := make([]uint64, n), 0
	for user := uint64(1); found < n; user++ {
		if i := ids.of(user); users[i] == 0 {
			users[i] = user
			found++
		}
	}
	return users
}

// open sends Poisson calls from the users, each as likely as the others, through b to a service whose
// attempts last Exp(mean) and fail with probability f. It returns attempts and successes for each call.
func open(t *testing.T, seed uint64, b *Backoff, users []uint64, calls int, rate float64, mean time.Duration, f float64) (load, success float64) {
	t.Helper()
	w := sim.NewWorld(seed)
	service, arrivals := w.Rand("service"), w.Rand("arrivals")
	attempts, answered := 0, 0
	counted := make([]int, calls)
	stack := Fresh(b).Wrap(w, func(r sim.Request) sim.Reply {
		random := service.For(r.Call, counted[r.Call])
		counted[r.Call]++
		attempts++
		fails := random.Float64() < f
		sim.Sleep(w, time.Duration(random.ExpFloat64()*float64(mean)), nil)
		if fails {
			return busy
		}
		return good
	})
	w.Go(func() {
		for call := range calls {
			random := arrivals.For(call, 0)
			sim.Sleep(w, time.Duration(random.ExpFloat64()/rate*float64(time.Second)), nil)
			r := sim.Request{Call: call, User: users[random.IntN(len(users))]}
			w.Go(func() {
				if stack(r).Outcome == sim.OK {
					answered++
				}
			})
		}
	})
	if blocked := w.Run(sim.Forever); blocked != 0 {
		t.Fatalf("%d processes left over, want 0", blocked)
	}
	return float64(attempts) / float64(calls), float64(answered) / float64(calls)
}

// both returns the means of load and success over seeds 1 to n.
func both(n int, run func(seed uint64) (load, success float64)) (load, success estimate) {
	var successes []float64
	load = over(n, func(seed uint64) float64 {
		l, s := run(seed)
		successes = append(successes, s)
		return l
	})
	return load, values(successes)
}

// brookerChain is one client with Poisson(mean) calls that come one by one, exactly: tokens in tenths,
// a deposit of r tenths at each start, retries while more than 1 is left. It returns load and success.
func brookerChain(b, r int, f, mean float64) (load, success float64) {
	full := 10 * b
	at := make([]float64, full+1) // probability of so many tenths
	at[full] = 1
	attempts, answered := 0.0, 0.0 // of the calls so far
	logWeight := -mean             // of k calls: e^-mean mean^k / k!, which is too small for k = 0
	for k := 1; k < int(mean+12*math.Sqrt(mean))+20; k++ {
		next := make([]float64, full+1)
		for tokens, p := range at {
			level := min(tokens+r, full)
			for p > 0 {
				attempts += p
				answered += p * (1 - f)
				next[level] += p * (1 - f)
				p *= f
				if level <= 10 {
					next[level] += p
					break
				}
				level -= 10
			}
		}
		at = next
		logWeight += math.Log(mean / float64(k))
		weight := math.Exp(logWeight)
		load += weight * attempts
		success += weight * answered
	}
	return load / mean, success / mean
}

// The bucket of a call's 0.1 tokens, by the number of clients that share the calls: the chain, and the
// closed form 1 + r + (b-1)·clients/calls up to a token or two a client.
func TestBrookerBudget(t *testing.T) {
	long(t)
	for _, row := range []struct {
		clients, calls      int
		f                   float64
		load, success, near float64 // as printed, and how near its single run is
	}{
		{100, 40_000, .5, 1.1108, .5559, .006},
		{100, 40_000, .2, 1.1088, .8844, .006},
		{10, 20_000, .5, 1.10, .550, .011},
		{1000, 20_000, .5, 1.30, .647, .011},
		{100, 20_000, .3, 0, 0, 0},
		{1000, 40_000, .7, 0, 0, 0},
		{10, 20_000, .05, 0, 0, 0},
	} {
		users := members(row.clients)
		b := atOnce(1000, NewBrookerBudget(), row.clients)
		load, success := both(12, func(seed uint64) (float64, float64) {
			// The calls of a client hardly ever overlap, as in the chain.
			return open(t, seed, b, users, row.calls, 100, 10*time.Microsecond, row.f)
		})
		wantLoad, wantSuccess := brookerChain(5, 1, row.f, float64(row.calls)/float64(row.clients))
		name := fmt.Sprintf("%d clients, %d calls, f %g", row.clients, row.calls, row.f)
		load.holds(t, name+": load", wantLoad)
		success.holds(t, name+": success", wantSuccess)
		if row.load > 0 && (math.Abs(load.mean-row.load) > row.near || math.Abs(success.mean-row.success) > row.near) {
			t.Errorf("%s: load %.4f, success %.4f, printed %.4f, %.4f", name, load.mean, success.mean, row.load, row.success)
		}
		each := float64(row.clients) / float64(row.calls)
		if closed := 1 + .1 + 4*each; row.f >= .2 && math.Abs(load.mean-closed) > 2*each {
			t.Errorf("%s: load %.4f, the closed form says %.4f", name, load.mean, closed)
		}
		if row.f < .1/1.1 && math.Abs(load.mean-1/(1-row.f)) > .005 {
			t.Errorf("%s: load %.4f below the cliff, want that of unlimited retries, %.4f", name, load.mean, 1/(1-row.f))
		}
	}
}

// Brooker's retry breaker: at a fifth of failures it shuts for good, and hardly ever retries.
func TestRetryBreakerBudget(t *testing.T) {
	long(t)
	users := members(100)
	for _, row := range []struct{ f, low, high, success float64 }{
		{.2, 1.0004, 1.0010, .8011},
		{.05, 1 / .95 * .97, 1 / .95 * 1.001, .999}, // under its rate it does not act
	} {
		load, success := both(6, func(seed uint64) (float64, float64) {
			return open(t, seed, atOnce(4, NewRetryBreakerBudget(), 100), users, 40_000, 1000, 10*time.Millisecond, row.f)
		})
		if load.mean < row.low || load.mean > row.high || math.Abs(success.mean-row.success) > .01 {
			t.Errorf("f %g: load %.5f, success %.4f, want %.4f to %.4f and %.4f", row.f, load.mean, success.mean, row.low, row.high, row.success)
		}
	}
}

// grpcChain is one serial caller under gRPC's throttling, exactly: tokens in tenths. It returns attempts
// per call, success and the probability of more than half the tokens between calls.
func grpcChain(most int, tries int, f float64) (attempts, success, allowed float64) {
	full := 10 * most
	at := make([]float64, full+1)
	at[full] = 1
	for range 200_000 {
		next := make([]float64, full+1)
		attempts, success, allowed = 0, 0, 0
		for tokens, p := range at {
			if p < 1e-18 {
				continue
			}
			if 2*tokens > full {
				allowed += p
			}
			for made := 1; ; made++ {
				attempts += p
				success += p * (1 - f)
				next[min(tokens+1, full)] += p * (1 - f)
				p *= f
				tokens = max(0, tokens-10)
				if 2*tokens <= full || made == tries {
					next[tokens] += p
					break
				}
			}
		}
		moved := 0.0
		for i := range at {
			moved += math.Abs(next[i] - at[i])
		}
		at = next
		if moved < 1e-12 {
			break
		}
	}
	return attempts, success, allowed
}

func TestGRPCBudgetIsTheChain(t *testing.T) {
	for _, row := range []struct {
		most                       int
		f                          float64
		attempts, success, allowed float64 // as printed; 0 is not
	}{
		{10, .05, 1.05209, .999489, .99657},
		{10, 1. / 11, 1.03905, .944588, .49047},
		{10, .12, 1.00304, .882674, .04440},
		{100, .08, 1.08691, .999959, 0},
		{10, .15, 0, 0, 0},
		{20, .08, 0, 0, 0},
	} {
		attempts, success, allowed := grpcChain(row.most, 4, row.f)
		for _, one := range []struct{ got, printed, unit float64 }{{attempts, row.attempts, 1e-5}, {success, row.success, 1e-6}, {allowed, row.allowed, 1e-5}} {
			if one.printed > 0 && math.Abs(one.got-one.printed) > one.unit {
				t.Errorf("max %d, f %.3f: the chain says %.6f, printed %.6f", row.most, row.f, one.got, one.printed)
			}
		}
		if testing.Short() || raced {
			continue
		}
		var shares []float64
		load, answered := both(24, func(seed uint64) (float64, float64) {
			load, success, allowed := serialGRPC(seed+uint64(1000*row.f), row.most, row.f)
			shares = append(shares, allowed)
			return load, success
		})
		name := fmt.Sprintf("max %d, f %.3f", row.most, row.f)
		load.holds(t, name+": attempts per call", attempts)
		answered.holds(t, name+": success", success)
		if allowed > .01 && allowed < .999 {
			values(shares).holds(t, name+": tokens above half", allowed)
		}
	}
}

// serialGRPC lets one caller make 15,000 calls one after the other, from a state that the first 3,000
// have forgotten.
func serialGRPC(seed uint64, most int, f float64) (load, success, allowed float64) {
	const calls, warm = 15_000, 3_000
	w := sim.NewWorld(seed)
	b := atOnce(4, &GRPCBudget{Max: float64(most), Ratio: .1}, 1)
	coins := w.Rand("coin")
	attempts, made := 0, 0
	stack := b.Wrap(w, func(r sim.Request) sim.Reply {
		attempts++
		made++
		if coins.For(r.Call, made).Float64() < f {
			return busy
		}
		return good
	})
	w.Go(func() {
		for call := range calls + warm {
			if call == warm {
				attempts, success, allowed = 0, 0, 0
			}
			if state := b.budgets.of(0).(*grpcState); 2*state.level > state.cap {
				allowed++
			}
			made = 0
			if stack(sim.Request{Call: call}).Outcome == sim.OK {
				success++
			}
			sim.Sleep(w, time.Millisecond, nil)
		}
	})
	w.Run(sim.Forever)
	return float64(attempts) / calls, success / calls, allowed / calls
}

// Finagle's load is at most 1.2 + 10/lambda, and comes to it where most attempts fail; Envoy's at most
// 1/(1 - 0.2) where retries last as long as first attempts.
func TestLoadsOfBudgetsAreBounded(t *testing.T) {
	long(t)
	users := []uint64{0}
	for _, row := range []struct {
		rule           BudgetRule
		lambda, f      float64
		bound, reached float64
	}{
		{NewFinagleBudget(), 20, .9, 1.7, .9},
		{NewFinagleBudget(), 100, .9, 1.3, .95},
		{NewFinagleBudget(), 400, .8, 1.225, .95},
		{&FinagleBudget{TTL: 5 * time.Second, Reserve: 2, Share: .5}, 100, .9, 1.52, .95},
		{NewEnvoyBudget(), 200, .9, 1.25, .95},
		{NewEnvoyBudget(), 400, .5, 1.25, .95},
		{&EnvoyBudget{Share: .5, Min: 3}, 300, .9, 2, .95},
		{NewSREBudget(), 100, .9, 1.1, .99},
		{&SREBudget{Ratio: .05, Window: time.Minute, InFlight: 8}, 50, .9, 1.05, .95},
	} {
		const span = 100.0 // seconds, and then the reserve of one more window
		load, _ := both(4, func(seed uint64) (float64, float64) {
			return open(t, seed, atOnce(1000, row.rule, 1), users, int(span*row.lambda), row.lambda, time.Second, row.f)
		})
		bound := row.bound
		if f, ok := row.rule.(*FinagleBudget); ok {
			bound += f.Reserve * f.TTL.Seconds() / (row.lambda * span)
		}
		if load.mean-4*load.se > bound || load.mean < 1+row.reached*(row.bound-1) {
			t.Errorf("%T at %g/s, f %g: load %.4f (%.4f), want at most %.4f and near it", row.rule, row.lambda, row.f, load.mean, load.se, bound)
		}
	}
}

// A caller that waits for its answer before it asks again offers less the more it fails: the closed loop
// hides the overload. In T it begins T/(think + attempts·rtt + waits) calls.
func TestSerialCallersOfferLess(t *testing.T) {
	long(t)
	const think, rtt, wait, span, callers = .1, .02, .1, 20.0, 100
	for _, f := range []float64{0, .2, .5} {
		retries := f + f*f + f*f*f
		cycle := think + (1+retries)*rtt + retries*wait
		first := over(12, func(seed uint64) float64 {
			w := sim.NewWorld(seed)
			b := &Backoff{Tries: 4, Base: time.Duration(wait * 1e9), Factor: 1}
			draws, begun := w.Rand("caller"), 0
			made := make([]int, callers)
			stack := b.Wrap(w, func(r sim.Request) sim.Reply {
				random := draws.For(int(r.User), made[r.User])
				made[r.User]++
				sim.Sleep(w, time.Duration((random.ExpFloat64()+random.ExpFloat64())*rtt/2*1e9), nil)
				if random.Float64() < f {
					return busy
				}
				return good
			})
			for caller := range callers {
				w.Go(func() {
					for {
						random := draws.For(caller, made[caller])
						made[caller]++
						sim.Sleep(w, time.Duration(random.ExpFloat64()*think*1e9), nil)
						begun++
						stack(sim.Request{Call: caller<<32 + made[caller], User: uint64(caller)})
					}
				})
			}
			w.Run(time.Duration(span * 1e9))
			return float64(begun)
		})
		// Each caller begins to count at a think, not in the middle of a cycle: less than one call more.
		if want := callers * span / cycle; first.mean < want-4*first.se || first.mean > want+callers+4*first.se {
			t.Errorf("f %g: %.0f first attempts, want %.0f to %.0f", f, first.mean, want, want+callers)
		}
	}
}
