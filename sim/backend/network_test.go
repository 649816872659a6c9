package backend

import (
	"testing"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

var prices = &Network{DNS: 100 * ms, Connect: 50 * ms, TLS: 150 * ms, RTT: 21 * ms}

// behind is a service 100 ms behind the network, whose first token comes after 40.
func behind(env sim.Env) sim.Handler {
	return func(r sim.Request) sim.Reply {
		first := env.Now() + 40*ms
		if r.Token != nil {
			env.At(first, func() { r.Token(1) })
			env.At(first+60*ms, func() { r.Token(2) })
		}
		if !sim.Sleep(env, 100*ms, r.Gone) {
			return abandoned
		}
		return answer(first, 2, 100*ms)
	}
}

// TestNetworkPrices: what a fresh connection costs more than a warm one, and when callers go.
func TestNetworkPrices(t *testing.T) {
	ok := func(first time.Duration) sim.Reply { return answer(first, 2, 100*ms) }
	for _, row := range []struct {
		about    string
		network  *Network
		fresh    bool
		patience time.Duration
		done     time.Duration
		reply    sim.Reply
	}{
		{"nothing costs nothing", &Network{}, true, 0, 100 * ms, ok(40 * ms)},
		{"a warm connection pays the round trip", prices, false, 0, 121 * ms, ok(61 * ms)},
		{"a fresh one pays for itself too", prices, true, 0, 421 * ms, ok(361 * ms)},
		{"without a round trip, the fresh connection alone", &Network{Connect: 50 * ms}, true, 0, 150 * ms, ok(90 * ms)},
		{"gone while connecting", prices, true, 200 * ms, 200 * ms, abandoned},
		{"gone while the service works", prices, false, 50 * ms, 50 * ms, abandoned},
		{"gone while the answer is on its way", prices, false, 115 * ms, 115 * ms, abandoned},
	} {
		t.Run(row.about, func(t *testing.T) {
			w := sim.NewWorld(1)
			patience := row.patience
			if patience == 0 {
				patience = sim.Forever
			}
			w.Go(func() {
				reply := sim.Within(w, patience, row.network.Wrap(w, behind(w)), sim.Request{Via: sim.Via{Fresh: row.fresh}})
				same(t, "done", w.Now(), row.done)
				same(t, "reply", reply, row.reply)
			})
			w.Run(sim.Forever)
		})
	}
}

// TestNetworkDelaysTokens: each token comes half a round trip after it was made, the first when Reply
// says, and none to a caller that has gone.
func TestNetworkDelaysTokens(t *testing.T) {
	for _, row := range []struct {
		patience time.Duration
		want     []time.Duration
	}{{sim.Forever, []time.Duration{61 * ms, 121 * ms}}, {115 * ms, []time.Duration{61 * ms}}} {
		w := sim.NewWorld(1)
		var times []time.Duration
		var reply sim.Reply
		w.Go(func() {
			reply = sim.Within(w, row.patience, prices.Wrap(w, behind(w)), sim.Request{Token: func(n int) {
				times = append(times, w.Now())
				same(t, "number", n, len(times))
			}})
		})
		w.Run(sim.Forever)
		same(t, "times", times, row.want)
		if reply.Outcome == sim.OK {
			same(t, "first", reply.First, times[0])
		}
	}
}

func TestNetworkValidate(t *testing.T) {
	same(t, "a good network", prices.Validate(), error(nil))
	same(t, "faults", (&Network{TLS: -ms, RTT: 2 * time.Hour}).Validate(), error(sim.Faults{
		{Path: "tls", Found: "-1ms", Allowed: "0s to 1h"}, {Path: "rtt", Found: "2h0m0s", Allowed: "0s to 1h"}}))
}

// A caller that goes while its answer is on the way back has the whole work of that answer wasted, as
// one that goes before it has.
func TestAnswerLostOnTheWayBackIsWastedWork(t *testing.T) {
	for _, row := range []struct {
		why      string
		patience time.Duration
		wasted   time.Duration
	}{
		{"the answer arrives", 130 * time.Millisecond, 0},
		{"the caller goes on the way back", 115 * time.Millisecond, 100 * time.Millisecond},
		{"the caller goes during the service", 60 * time.Millisecond, 50 * time.Millisecond},
	} {
		w := sim.NewWorld(1)
		queue := NewQueue()
		queue.Servers, queue.Service = 1, Drawn(sim.ConstantDuration(100*time.Millisecond))
		if err := queue.Validate(); err != nil {
			t.Fatal(err)
		}
		network := &Network{RTT: 20 * time.Millisecond}
		handle := network.Wrap(w, queue.Start(w).Handle)
		var cost sim.Cost
		w.Go(func() { sim.Within(w, row.patience, handle, sim.Request{Cost: &cost}) })
		w.Run(sim.Forever)
		if cost.Wasted != row.wasted {
			t.Errorf("%s: wasted %v, want %v", row.why, cost.Wasted, row.wasted)
		}
		if cost.Wasted > cost.Work {
			t.Errorf("%s: wasted %v of %v", row.why, cost.Wasted, cost.Work)
		}
	}
}
