package backend

import (
	"slices"
	"testing"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// slow is a link of one byte a millisecond, so that by hand a prompt of 5 tokens takes 20 ms and a
// token of a stream 206.
const slow = Bandwidth(8000)

// TestTransferPrices: a prompt of 5 tokens, to a service whose two tokens are ready 40 and 100 ms later.
func TestTransferPrices(t *testing.T) {
	for _, row := range []struct {
		about       string
		network     *Network
		shrink      float64
		first, done time.Duration
	}{
		{"the second token waits for the first", &Network{Bandwidth: slow}, 0, 266 * ms, 472 * ms},
		{"both halves of the round trip", &Network{Bandwidth: slow, RTT: 20 * ms}, 0, 286 * ms, 492 * ms},
		{"a smaller request", &Network{Bandwidth: slow}, 2, 256 * ms, 462 * ms},
		{"answers half the size", &Network{Bandwidth: slow, Compress: &Compress{Ratio: 2}}, 0, 163 * ms, 266 * ms},
		{"smaller than the gap between tokens", &Network{Bandwidth: slow, Compress: &Compress{Ratio: 20.6}}, 0, 70 * ms, 130 * ms},
		{"and 10.3 ms of work on each", &Network{Bandwidth: slow, Compress: &Compress{Ratio: 2, CPU: 50 * sec}}, 0, 173300 * time.Microsecond, 286600 * time.Microsecond},
		{"work alone", &Network{Compress: &Compress{Ratio: 2, CPU: 50 * sec}}, 0, 40*ms + 10300*time.Microsecond, 110300 * time.Microsecond},
	} {
		for _, watched := range []bool{false, true} {
			w := sim.NewWorld(1)
			handle := row.network.Wrap(w, behind(w))
			var tokens []time.Duration
			r := sim.Request{Prompt: 5}
			if row.shrink > 0 {
				r.Via.Codec = &sim.Codec{Ratio: row.shrink}
			}
			if watched {
				r.Token = func(int) { tokens = append(tokens, w.Now()) }
			}
			w.Go(func() {
				reply := handle(r)
				same(t, row.about+": first", reply.First, row.first)
				same(t, row.about+": done", w.Now(), row.done)
			})
			w.Run(sim.Forever)
			if watched {
				same(t, row.about+": tokens", tokens, []time.Duration{row.first, row.done})
			}
		}
	}
}

// TestTransferOfAPage: 8 KB at 100 Mbit/s are 0.655 ms.
func TestTransferOfAPage(t *testing.T) {
	w := sim.NewWorld(1)
	handle := (&Network{Bandwidth: 100e6}).Wrap(w, holds(w))
	w.Go(func() {
		handle(sim.Request{Prompt: 2048})
		same(t, "took", w.Now(), 655360*time.Nanosecond+16*time.Microsecond) // and an answer without tokens, 200 bytes
	})
	w.Run(sim.Forever)
}

// A caller that goes while bytes are on the way has nothing of the work that was done.
func TestGoneInTransferIsWastedWork(t *testing.T) {
	for _, row := range []struct {
		why              string
		patience         time.Duration
		work, wasted     time.Duration
		share, untouched float64
	}{
		{"all arrives: 20 ms up, 100 of service, 206 down", 330 * ms, 100 * ms, 0, 226.0 / 326, 0},
		{"gone on the way up", 15 * ms, 0, 0, 1, 0},
		{"gone on the way down", 220 * ms, 100 * ms, 100 * ms, 120.0 / 220, 0},
		{"gone in the service", 70 * ms, 50 * ms, 50 * ms, 20.0 / 70, 0},
	} {
		w := sim.NewWorld(1)
		q := &Queue{Servers: 1, Service: Drawn(sim.ConstantDuration(100 * ms)), Discipline: FIFO, Cancel: CancelFree}
		link := (&Network{Bandwidth: slow}).Start(w, q.Start(w).Handle)
		var cost sim.Cost
		w.Go(func() {
			sim.Within(w, row.patience, link.Handle, sim.Request{Prompt: 5, Output: 1, Cost: &cost})
			near(t, row.why+": share", link.Resources[0].Read(), row.share, 1e-6)
		})
		w.Run(sim.Forever)
		same(t, row.why+": work, wasted", []time.Duration{cost.Work, cost.Wasted}, []time.Duration{row.work, row.wasted})
		same(t, row.why+": owed", link.Resources[0].Read(), row.untouched)
	}
}

// TestBandwidthShare: ten callers who ask again at once, on links that need 20 + 206 ms of each 326, and a
// service for all of them. The levels of single seconds vary; their mean is that share.
func TestBandwidthShare(t *testing.T) {
	w := sim.NewWorld(1)
	q := &Queue{Servers: 10, Service: Drawn(sim.ConstantDuration(100 * ms)), Discipline: FIFO, Cancel: CancelFree}
	link := (&Network{Bandwidth: slow}).Start(w, q.Start(w).Handle)
	for range 10 {
		w.Go(func() {
			for w.Now() < 100*sec {
				link.Handle(sim.Request{Prompt: 5, Output: 1})
			}
		})
	}
	var shares []float64
	for at := sec; at <= 100*sec; at += sec {
		w.At(at, func() { shares = append(shares, link.Resources[0].Read()) })
	}
	w.Run(sim.Forever)
	total := 0.0
	for _, s := range shares {
		total += s
	}
	near(t, "mean share", total/float64(len(shares)), 226.0/326, 0.01)
	if most := slices.Max(shares); most > 1 {
		t.Errorf("got a share of %g", most)
	}
}

// TestCompressionHasNoEffectOnAnLLM: answers 6.4 times smaller for 27 ms of work a megabyte (gzip 6 on
// chat JSON, measured) save 84 % of the bytes and a share of a millisecond per call, of seconds.
func TestCompressionHasNoEffectOnAnLLM(t *testing.T) {
	m := fastLLM(t)
	carry := func(n *Network) (p99 float64, tokens int, counts map[string]int64) {
		var link Link
		tr := traffic{seed: 3, calls: 3000, rate: 0.8 * m.Capacity(400, 100), request: typical}
		var stays []time.Duration
		for _, r := range tr.carry(t, func(env sim.Env) sim.Handler {
			link = n.Start(env, m.Start(env).Handle)
			return link.Handle
		}) {
			stays = append(stays, r.stay())
			tokens += r.Reply.Tokens
		}
		slices.Sort(stays)
		return stays[len(stays)*99/100].Seconds(), tokens, counted(link)
	}
	plain, tokens, counts := carry(&Network{Bandwidth: 100e6})
	same(t, "counts without compression", counts, map[string]int64{"answer bytes": int64(206 * tokens)})
	small, _, counts := carry(&Network{Bandwidth: 100e6, Compress: &Compress{Ratio: 6.4, CPU: 27 * ms}})
	near(t, "P99", small, plain, 0.01)
	bytes := float64(206 * tokens)
	near(t, "bytes", float64(counts["answer bytes"]), bytes, 1e-6)
	near(t, "bytes saved", float64(counts["answer bytes saved"]), bytes*(1-1/6.4), 1e-6)
	near(t, "ms saved", float64(counts["transfer ms saved"]), bytes*(1-1/6.4)*8/100e6*1000, 0.001)
	near(t, "ms of work", float64(counts["compression ms"]), bytes/1e6*27, 0.001)
}
