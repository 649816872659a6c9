package backend

import (
	"fmt"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/headroom-dev/headroom/sim"
)

// counted returns what a link has counted.
func counted(l Link) map[string]int64 {
	all := map[string]int64{}
	if l.Counts != nil {
		l.Counts(func(name string, n int64) { all[name] = n })
	}
	return all
}

// holds is a service that takes as many milliseconds as a call asks for output.
func holds(env sim.Env) sim.Handler {
	return func(r sim.Request) sim.Reply {
		if !sim.Sleep(env, time.Duration(r.Output)*ms, r.Gone) {
			return abandoned
		}
		return sim.Reply{Outcome: sim.OK}
	}
}

// A visit is a call that comes at a millisecond, holds its connection for some, and goes after patience.
type visit struct{ at, hold, patience int }

// TestConnections: what each call waits for its connection, by hand; opening one takes 300 ms.
func TestConnections(t *testing.T) {
	one := func(n Network) Network {
		n.DNS, n.Connect, n.TLS = 100*ms, 50*ms, 150*ms
		return n
	}
	for _, row := range []struct {
		about      string
		network    Network
		visits     []visit
		waits      []int // in ms, beyond the hold; -1: the caller went
		handshakes int64
	}{
		{"one after the other use one", one(Network{HTTP: 1}), []visit{{0, 10, 0}, {400, 10, 0}, {800, 10, 0}}, []int{300, 0, 0}, 1},
		{"side by side have one each, and both are kept", one(Network{HTTP: 1}), []visit{{0, 10, 0}, {5, 10, 0}, {500, 10, 0}, {505, 10, 0}}, []int{300, 300, 0, 0}, 2},
		{"one too many is closed", one(Network{IdleConns: 1}), []visit{{0, 10, 0}, {5, 10, 0}, {500, 10, 0}, {505, 10, 0}}, []int{300, 300, 0, 300}, 3},
		{"kept to the last moment", one(Network{IdleTimeout: sec}), []visit{{0, 10, 0}, {1309, 10, 0}}, []int{300, 0}, 1},
		{"and not beyond", one(Network{IdleTimeout: sec}), []visit{{0, 10, 0}, {1310, 10, 0}}, []int{300, 300}, 2},
		{"two requests on each", one(Network{ConnRequests: 2}), []visit{{0, 1, 0}, {500, 1, 0}, {1000, 1, 0}, {1500, 1, 0}}, []int{300, 0, 300, 0}, 2},
		{"the last used is used first, the other one times out", one(Network{IdleTimeout: sec}),
			[]visit{{0, 10, 0}, {5, 10, 0}, {1000, 10, 0}, {1900, 10, 0}, {1905, 10, 0}}, []int{300, 300, 0, 0, 300}, 3},
		{"http 1: who goes takes the connection along", one(Network{HTTP: 1}), []visit{{0, 1000, 500}, {600, 10, 0}}, []int{-1, 300}, 2},
		{"http 2: the connection stays", one(Network{HTTP: 2}), []visit{{0, 1000, 500}, {600, 10, 0}}, []int{-1, 0}, 1},
		{"http 2: all on one, and who comes early waits for it", one(Network{HTTP: 2}), []visit{{0, 900, 0}, {100, 10, 0}, {400, 10, 0}}, []int{300, 200, 0}, 1},
		{"http 2: idle is without any stream", one(Network{HTTP: 2, IdleTimeout: sec}), []visit{{0, 3000, 0}, {3200, 10, 0}, {4400, 10, 0}}, []int{300, 0, 300}, 2},
		{"http 2: another when it is used up", one(Network{HTTP: 2, ConnRequests: 2}), []visit{{0, 900, 0}, {400, 900, 0}, {500, 10, 0}}, []int{300, 0, 300}, 2},
		{"a name is remembered from when it is known", one(Network{ConnRequests: 1, DNSTTL: sec}), []visit{{0, 1, 0}, {40, 1, 0}, {1099, 1, 0}, {1100, 1, 0}}, []int{300, 260, 200, 300}, 4},
		{"connections that are not modelled are there", one(Network{}), []visit{{0, 10, 0}, {5, 10, 0}}, []int{0, 0}, 0},
	} {
		t.Run(row.about, func(t *testing.T) {
			if err := row.network.Validate(); err != nil {
				t.Fatal(err)
			}
			w := sim.NewWorld(1)
			link := row.network.Start(w, holds(w))
			waits := make([]int, len(row.visits))
			for i, v := range row.visits {
				at, patience := time.Duration(v.at)*ms, time.Duration(v.patience)*ms
				if patience == 0 {
					patience = sim.Forever
				}
				w.At(at, func() {
					w.Go(func() {
						waits[i] = -1
						if sim.Within(w, patience, link.Handle, sim.Request{Output: v.hold}).Outcome == sim.OK {
							waits[i] = int((w.Now()-at)/ms) - v.hold
						}
					})
				})
			}
			w.Run(sim.Forever)
			same(t, "waits", waits, row.waits)
			same(t, "handshakes", counted(link)["handshakes"], row.handshakes)
		})
	}
}

// TestFreshCostsSetUp: on an idle service a call on a fresh connection takes 300 ms more than one on a
// warm one, whether connections are modelled or not. A remembered name saves dns of it: a third.
func TestFreshCostsSetUp(t *testing.T) {
	for _, n := range []*Network{
		{DNS: 100 * ms, Connect: 50 * ms, TLS: 150 * ms, RTT: 20 * ms},
		{DNS: 100 * ms, Connect: 50 * ms, TLS: 150 * ms, RTT: 20 * ms, HTTP: 1, IdleTimeout: time.Minute},
		{DNS: 100 * ms, Connect: 50 * ms, TLS: 150 * ms, RTT: 20 * ms, DNSTTL: time.Minute},
	} {
		w := sim.NewWorld(1)
		q := &Queue{Servers: 1, Service: Drawn(sim.ConstantDuration(500 * ms)), Discipline: FIFO, Cancel: CancelFree}
		handle := n.Wrap(w, q.Start(w).Handle)
		var took []time.Duration
		w.Go(func() {
			for _, fresh := range []bool{false, true, false, true} {
				began := w.Now()
				handle(sim.Request{Via: sim.Via{Fresh: fresh}})
				took = append(took, w.Now()-began)
			}
		})
		w.Run(sim.Forever)
		cold, warm, again := took[1], took[2], took[3]
		same(t, "warm", warm, 520*ms)
		same(t, "fresh", cold-warm, 300*ms)
		want := 300 * ms
		if n.DNSTTL > 0 {
			want = 200 * ms
		}
		same(t, "fresh again", again-warm, want)
	}
}

// TestSavedHandshakes: k calls on a connection save 1 - 1/k of the handshakes, so 70 % are saved from
// 3.3 calls on each (10 calls on 3) and not before.
func TestSavedHandshakes(t *testing.T) {
	for _, row := range []struct {
		groups []int // calls on each connection: then a pause lets it time out
		saved  float64
	}{
		{[]int{1, 1, 1}, 0}, {[]int{2, 2}, 0.5}, {[]int{3, 3, 3}, 2.0 / 3}, {[]int{4, 3, 3}, 0.7}, {[]int{4, 4, 4}, 0.75}, {[]int{100}, 0.99},
	} {
		w := sim.NewWorld(1)
		link := (&Network{HTTP: 1, IdleTimeout: sec, Connect: 50 * ms}).Start(w, holds(w))
		calls := 0
		w.Go(func() {
			for _, n := range row.groups {
				for range n {
					link.Handle(sim.Request{Output: 10})
					calls++
				}
				sim.Sleep(w, 2*sec, nil)
			}
		})
		w.Run(sim.Forever)
		saved := 1 - float64(counted(link)["handshakes"])/float64(calls)
		near(t, fmt.Sprintf("saved with %v", row.groups), saved, row.saved, 1e-9)
		if perConn := float64(calls) / float64(len(row.groups)); saved >= 0.7 != (perConn >= 10.0/3) {
			t.Errorf("%v: saved %.2f with %.2f calls on a connection", row.groups, saved, perConn)
		}
	}
}

// TestKeepAliveOfNginx: with keepalive_timeout 60s and keepalive_requests 1000 (the values of the
// source article), and calls that take no time, a connection ends where a gap of Poisson arrivals is
// longer than the timeout, of chance q = e^(-60 rate), or after 1000 calls. It carries
// (1 - (1-q)^1000)/q of them on average.
func TestKeepAliveOfNginx(t *testing.T) {
	last := math.Inf(1)
	for _, rate := range []float64{0.005, 0.02, 0.05, 0.1, 1} {
		var perCall sample
		for seed := range uint64(8) {
			w := sim.NewWorld(seed)
			link := (&Network{HTTP: 1, IdleTimeout: time.Minute, ConnRequests: 1000}).Start(w, holds(w))
			const calls = 5000
			offer(w, calls, rate, sim.Forever, link.Handle, func(int) sim.Request { return sim.Request{} }, nil)
			w.Run(sim.Forever)
			perCall.add(float64(counted(link)["handshakes"]) / calls)
		}
		q := math.Exp(-60 * rate)
		perCall.within(t, fmt.Sprintf("handshakes per call at %g/s", rate), -q/math.Expm1(1000*math.Log1p(-q)))
		mean, _ := perCall.meanAndError()
		if mean >= last || mean < 1.0/1000 {
			t.Errorf("%g/s: %.5f handshakes per call, want less than %.5f and at least 1/1000", rate, mean, last)
		}
		last = mean
	}
}

// TestConnectionsAreAllocatedOnce: a call on a connection that is open allocates nothing for it.
func TestConnectionsAreAllocatedOnce(t *testing.T) {
	for _, n := range []*Network{{HTTP: 1, IdleTimeout: time.Minute}, {HTTP: 2, IdleTimeout: time.Minute}} {
		w := sim.NewWorld(1)
		w.Go(func() {
			handle := n.Wrap(w, func(sim.Request) sim.Reply { return sim.Reply{Outcome: sim.OK} })
			handle(sim.Request{})
			if got := testing.AllocsPerRun(100, func() { handle(sim.Request{}) }); got != 0 {
				t.Errorf("http %d: %g allocations a call, want none", n.HTTP, got)
			}
		})
		w.Run(sim.Forever)
	}
}

// TestHandshakesAreThePeakInFlight: where no connection times out or is used up and no caller goes, HTTP/1
// opens as many as were ever in use at once, and HTTP/2 one.
func TestHandshakesAreThePeakInFlight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := &Network{HTTP: HTTP(rapid.IntRange(1, 2).Draw(t, "http")), IdleTimeout: time.Hour, Connect: 7 * ms, RTT: 3 * ms, Bandwidth: rapid.SampledFrom([]Bandwidth{0, 1e6}).Draw(t, "bandwidth")}
		w := sim.NewWorld(1)
		link := n.Start(w, holds(w))
		inside, peak, answered := 0, 0, 0
		visits := rapid.IntRange(1, 40).Draw(t, "visits")
		for range visits {
			hold := rapid.IntRange(0, 300).Draw(t, "hold")
			w.At(time.Duration(rapid.IntRange(0, 1000).Draw(t, "at"))*ms, func() {
				w.Go(func() {
					inside++
					peak = max(peak, inside)
					if link.Handle(sim.Request{Output: hold}).Outcome == sim.OK {
						answered++
					}
					inside--
				})
			})
		}
		w.Run(sim.Forever)
		if n.HTTP == 2 {
			peak = 1
		}
		same(t, "handshakes", counted(link)["handshakes"], int64(peak))
		same(t, "answered", answered, visits)
	})
}
