package backend

import (
	"slices"
	"testing"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// All callers in one place.
var europe, america = &Network{RTT: 20 * ms}, &Network{RTT: 110 * ms}

// TestRegionsSplitUsers: by weight, and a user stays where it is.
func TestRegionsSplitUsers(t *testing.T) {
	n := &Network{Regions: map[string]Region{"asia": {RTT: 300 * ms}, "eu": {RTT: 20 * ms, Weight: 2}, "us": {RTT: 110 * ms}}}
	if err := n.Validate(); err != nil {
		t.Fatal(err)
	}
	w := sim.NewWorld(1)
	handle := n.Wrap(w, holds(w))
	const users = 20000
	count := map[time.Duration]float64{}
	for user := range uint64(users) {
		w.Go(func() {
			for range 2 {
				began := w.Now()
				handle(sim.Request{User: user, Output: 0})
				count[w.Now()-began] += 0.5 / users
			}
		})
	}
	w.Run(sim.Forever)
	for rtt, want := range map[time.Duration]float64{20 * ms: .5, 110 * ms: .25, 300 * ms: .25} {
		near(t, rtt.String(), count[rtt], want, 0.05)
	}
	if len(count) != 3 {
		t.Errorf("got %v, want three times", count)
	}
}

// Each region has connections of its own.
func TestRegionsShareNoConnections(t *testing.T) {
	n := &Network{HTTP: 2, Connect: 50 * ms, Regions: map[string]Region{"eu": {RTT: 20 * ms}, "us": {RTT: 110 * ms}}}
	if err := n.Validate(); err != nil {
		t.Fatal(err)
	}
	w := sim.NewWorld(1)
	link := n.Start(w, holds(w))
	for user := range uint64(100) {
		w.Go(func() { link.Handle(sim.Request{User: user}) })
	}
	w.Run(sim.Forever)
	same(t, "handshakes", counted(link)["handshakes"], int64(2))
}

// TestNearnessHelpsTheIdle: a region 90 ms nearer has its first tokens 90 ms sooner from an idle service.
// In an overload the wait decides: behind a bounded queue P99 falls by the same 90 ms, which are a small
// part of it; where callers leave a queue without bound, P99 is their patience and does not move.
func TestNearnessHelpsTheIdle(t *testing.T) {
	m := fastLLM(t)
	capacity := m.Capacity(400, 100)
	p99 := func(n *Network, rate float64, calls int, patience time.Duration) (ttft, stay time.Duration) {
		var ttfts, stays []time.Duration
		for _, r := range (traffic{seed: 3, calls: calls, rate: rate, patience: patience, request: typical}).carry(t, func(env sim.Env) sim.Handler {
			return n.Wrap(env, m.Start(env).Handle)
		}) {
			if r.Reply.Outcome == sim.OK {
				ttfts, stays = append(ttfts, r.Reply.First-r.Arrived), append(stays, r.stay())
			}
		}
		slices.Sort(ttfts)
		slices.Sort(stays)
		return ttfts[len(ttfts)/2], stays[len(stays)*99/100]
	}
	nearTTFT, _ := p99(europe, capacity/1000, 200, 0)
	farTTFT, _ := p99(america, capacity/1000, 200, 0)
	near(t, "idle: TTFT sooner by", (farTTFT - nearTTFT).Seconds(), 0.09, 0.001)

	_, nearStay := p99(europe, 3*capacity, 8000, 10*sec)
	_, farStay := p99(america, 3*capacity, 8000, 10*sec)
	near(t, "patience: P99", farStay.Seconds(), nearStay.Seconds(), 0.002)

	m.Limit = pointer(256)
	_, nearStay = p99(europe, 2*capacity, 5000, 0)
	_, farStay = p99(america, 2*capacity, 5000, 0)
	near(t, "bounded: P99 sooner by", (farStay - nearStay).Seconds(), 0.09, 0.1)
	near(t, "bounded: P99", farStay.Seconds(), nearStay.Seconds(), 0.02)
}
