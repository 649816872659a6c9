package strategies

import (
	"fmt"
	"testing"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// limited gives every attempt so much time.
func limited(env sim.Env, limit time.Duration, next sim.Handler) sim.Handler {
	return func(r sim.Request) sim.Reply { return sim.Within(env, limit, next, r) }
}

// afterABlip returns the share of calls, of those that arrive in the last 20 s, that are answered within an
// attempt's second. The service is a queue, first come, first served, of constant work, which serves the
// abandoned too; for 10 s from t = 20 s on it does nothing.
func afterABlip(seed uint64, b *Backoff, capacity, rate, seconds float64) float64 {
	w := sim.NewWorld(seed)
	free := time.Duration(0)
	w.At(20*time.Second, func() { free = max(free, w.Now()) + 10*time.Second })
	service := func(r sim.Request) sim.Reply {
		free = max(free, w.Now()) + time.Duration(float64(time.Second)/capacity)
		if !sim.Sleep(w, free-w.Now(), r.Gone) {
			return sim.Reply{Outcome: sim.Timeout}
		}
		return good
	}
	stack := Fresh(b).Wrap(w, limited(w, time.Second, service))
	arrivals, asked, answered := w.Rand("arrivals"), 0, 0
	end := time.Duration(seconds * float64(time.Second))
	w.Go(func() {
		for call := 0; ; call++ {
			sim.Sleep(w, time.Duration(arrivals.For(call, 0).ExpFloat64()/rate*float64(time.Second)), nil)
			if w.Now() > end {
				return
			}
			counts := w.Now() > end-20*time.Second
			if counts {
				asked++
			}
			w.Go(func() {
				if stack(sim.Request{Call: call}).Outcome == sim.OK && counts {
					answered++
				}
			})
		}
	})
	w.Run(sim.Forever)
	return float64(answered) / float64(asked)
}

// A service that serves the abandoned recovers from a blip iff lambda0·(1 + n) < C, n being the retries of
// each call, and with a budget of r retries per call iff lambda0·(1 + r) < C.
func TestRecoveryHasAThreshold(t *testing.T) {
	long(t)
	retries := func(n int) *Backoff { return &Backoff{Tries: n + 1, Factor: 1, Clients: 1} }
	ratio := func(r float64) *Backoff { return atOnce(4, &BrookerBudget{Ratio: r, Cap: 5}, 1) }
	for _, row := range []struct {
		name           string
		b              *Backoff
		capacity, rate float64
		share          float64 // retries per call: n or r
	}{
		{"no retry", retries(0), 300, 280, 0},
		{"one retry", retries(1), 300, 130, 1},
		{"one retry", retries(1), 300, 170, 1},
		{"one retry", retries(1), 300, 280, 1}, // HotOS'21: after a blip of 10 s it never recovers
		{"two retries", retries(2), 200, 55, 2},
		{"two retries", retries(2), 200, 80, 2},
		{"three retries", retries(3), 400, 85, 3},
		{"three retries", retries(3), 400, 120, 3},
		{"budget .1", ratio(.1), 300, 250, .1},
		{"budget .1", ratio(.1), 300, 285, .1},
		{"budget .5", ratio(.5), 200, 120, .5},
		{"budget .5", ratio(.5), 200, 150, .5},
		{"sre", atOnce(3, NewSREBudget(), 1), 300, 250, .1},
		{"sre", atOnce(3, NewSREBudget(), 1), 300, 290, .1},
	} {
		recovers := row.rate*(1+row.share) < row.capacity
		got := afterABlip(1, row.b, row.capacity, row.rate, 400)
		if recovers && got < .99 || !recovers && got > .2 {
			t.Errorf("%s, %g/s of %g/s: %.3f answered after all, and lambda0 (1 + n) < C is %v", row.name, row.rate, row.capacity, got, recovers)
		}
	}
}

// slowing is the service of Brooker's simple_collapse_sim: a request takes 1 + .01·inflight seconds, itself
// counted, and Exp(.1 s) each way. Whoever leaves is served all the same.
func slowing(w *sim.World, inFlight *int) sim.Handler {
	draws := w.Rand("network")
	seconds := func(s float64) time.Duration { return w.Now() + time.Duration(s*float64(time.Second)) }
	sent := map[int]int{}
	return func(r sim.Request) sim.Reply {
		random := draws.For(r.Call, sent[r.Call])
		sent[r.Call]++
		there, back := .1*random.ExpFloat64(), .1*random.ExpFloat64()
		done := new(sim.Signal)
		w.At(seconds(there), func() {
			*inFlight++
			w.At(seconds(1+.01*float64(*inFlight)), func() {
				*inFlight--
				w.At(seconds(back), done.Fire)
			})
		})
		if !w.Await(sim.Forever, done, r.Gone) {
			return sim.Reply{Outcome: sim.Timeout}
		}
		return good
	}
}

// collapse runs Poisson calls through b, each attempt limited to 3 s, for 80 s, and returns the share of
// the calls of seconds 55 to 70 that were answered, and the mean in flight of seconds 10 to 20.
func collapse(seed uint64, b *Backoff, base, spike float64) (answeredShare, steady float64) {
	w := sim.NewWorld(seed)
	inFlight, samples := 0, 0
	stack := b.Wrap(w, limited(w, 3*time.Second, slowing(w, &inFlight)))
	arrivals, asked, answered := w.Rand("arrivals"), 0, 0
	for at := 10 * time.Second; at < 20*time.Second; at += 10 * time.Millisecond {
		w.At(at, func() { steady += float64(inFlight); samples++ })
	}
	w.Go(func() {
		for call := 0; w.Now() < 80*time.Second; call++ {
			rate := base
			if now := w.Now().Seconds(); now >= 20 && now <= 25 {
				rate = spike
			}
			sim.Sleep(w, time.Duration(arrivals.For(call, 0).ExpFloat64()/rate*float64(time.Second)), nil)
			late := w.Now() > 55*time.Second && w.Now() < 70*time.Second
			if late {
				asked++
			}
			w.Go(func() {
				if stack(sim.Request{Call: call}).Outcome == sim.OK && late {
					answered++
				}
			})
		}
	})
	w.Run(80 * time.Second)
	return float64(answered) / float64(asked), steady / float64(samples)
}

// A service that slows down with what is in flight keeps N = 1.01·lambda/(1 - .01·lambda) of it, a request
// counting itself: 67 at 40/s, where one takes 1.67 s.
func TestSlowingServiceIsSteady(t *testing.T) {
	long(t)
	for _, rate := range []float64{15, 25, 40} {
		n := over(30, func(seed uint64) float64 {
			_, steady := collapse(seed, &Backoff{Tries: 1, Clients: 1}, rate, rate)
			return steady
		})
		n.holds(t, fmt.Sprintf("in flight at %g/s", rate), 1.01*rate/(1-.01*rate))
	}
}

// After a spike from 40 to 80/s for 5 s three attempts at once keep it down; with waits U(0, 20) and
// U(0, 40) s it always comes back.
func TestWaitsLetASlowingServiceRecover(t *testing.T) {
	long(t)
	for _, row := range []struct {
		name        string
		b           *Backoff
		least, most int // of 60 runs that stay down
	}{
		{"without waits", &Backoff{Tries: 3, Factor: 1, Clients: 1}, 31, 60},
		{"with waits", &Backoff{Tries: 3, Base: 20 * time.Second, Factor: 2, Jitter: Jitter{Kind: JitterFull}, Clients: 1}, 0, 0},
		{"one attempt", &Backoff{Tries: 1, Clients: 1}, 0, 0},
	} {
		down := 0
		for seed := range uint64(60) {
			if answered, _ := collapse(seed, Fresh(row.b).(*Backoff), 40, 80); answered < .5 {
				down++
			}
		}
		t.Logf("%s: %d of 60 runs stay down", row.name, down)
		if down < row.least || down > row.most {
			t.Errorf("%s: %d of 60 runs stay down, want %d to %d", row.name, down, row.least, row.most)
		}
	}
}
