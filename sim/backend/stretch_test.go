package backend

import (
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/headroom-dev/headroom/sim"
)

// A randomCase is an engine and calls to it, drawn at random.
type randomCase struct {
	size engineSize
	time interface {
		StepTime
		Affine
	}
	seed    uint64
	calls   int
	gap     time.Duration // mean between arrivals
	grid    time.Duration // arrivals and patience are multiples of it, so that they meet boundaries; 0: they never do
	prompts int           // longest
	outputs int
	keys    int  // different prompts; 0: none is known by a key
	patient bool // nobody goes
	watched int  // every so manieth call asks for its tokens; 0: none
	clients int  // callers that each wait for an answer before they call again; 0: calls come by themselves
	pace    []paceChange
	look    func() // at moments that are no boundaries; nil: nobody
}

// A paceChange is a factor of step times from a moment on.
type paceChange struct {
	at     time.Duration
	factor float64
}

func drawCase(t *rapid.T) randomCase {
	seqs := rapid.SampledFrom([]int{1, 2, 3, 8, 64}).Draw(t, "seqs")
	flag := func(name string) bool { return rapid.Bool().Draw(t, name) }
	c := randomCase{
		size: engineSize{
			seqs:      seqs,
			tokens:    seqs + rapid.SampledFrom([]int{0, 1, 50, 2048}).Draw(t, "budget beside the decoders"),
			limit:     rapid.SampledFrom([]int{-1, -1, 0, 5}).Draw(t, "limit"),
			block:     rapid.SampledFrom([]int{16, 16, 5, 1}).Draw(t, "block"),
			blocks:    rapid.IntRange(20, 670).Draw(t, "blocks"),
			watermark: rapid.SampledFrom([]int{0, 0, 0, 3}).Draw(t, "watermark"),
			threshold: rapid.SampledFrom([]int{0, 0, 0, 7, 100}).Draw(t, "threshold"),
			whole:     rapid.SampledFrom([]bool{false, false, false, true}).Draw(t, "whole"),
			caching:   flag("caching"), reserve: flag("reserve"), byClass: flag("by class"), async: flag("async"),
			ingress:  rapid.SampledFrom([]time.Duration{0, 9 * ms, 9*ms + 1}).Draw(t, "ingress"),
			response: rapid.SampledFrom([]time.Duration{0, 46 * time.Microsecond}).Draw(t, "response"),
			cancel:   rapid.SampledFrom([]Cancel{CancelFree, CancelQueued, CancelZombie}).Draw(t, "cancel"),
		},
		seed:    rapid.Uint64().Draw(t, "seed"),
		calls:   rapid.IntRange(1, 200).Draw(t, "calls"),
		gap:     time.Duration(rapid.IntRange(1, 400).Draw(t, "gap")) * ms,
		prompts: rapid.SampledFrom([]int{1, 40, 400}).Draw(t, "prompts"),
		outputs: rapid.SampledFrom([]int{1, 10, 100, 300}).Draw(t, "outputs"),
		keys:    rapid.SampledFrom([]int{0, 1, 5}).Draw(t, "keys"),
		patient: flag("patient"),
		watched: rapid.SampledFrom([]int{0, 0, 0, 7}).Draw(t, "watched"),
		clients: rapid.SampledFrom([]int{0, 0, 1, 10, 70}).Draw(t, "clients"),
	}
	if flag("physics") {
		c.time = NewLLM().physics() // its steps grow with the context and are no whole nanoseconds
	} else {
		c.time = Linear{Base: 10 * ms, PerPrefillToken: ms, PerSequence: ms}
		c.grid = rapid.SampledFrom([]time.Duration{0, ms, 11 * ms}).Draw(t, "grid")
	}
	if c.grid > 0 || c.clients > 0 {
		c.size.limit = -1 // whether there is room in the very instant of a boundary depends on who comes first
	}
	for at := time.Duration(0); c.grid == 0 && flag("another pace"); {
		at += time.Duration(rapid.Int64Range(1, 3e9).Draw(t, "until"))
		c.pace = append(c.pace, paceChange{at, rapid.SampledFrom([]float64{0.3, 1, 2, math.Inf(1)}).Draw(t, "pace")})
	}
	if len(c.pace) > 0 {
		c.pace = append(c.pace, paceChange{c.pace[len(c.pace)-1].at + 1234567, 1.5})
	}
	return c
}

func (c randomCase) request(call int) sim.Request {
	r := sim.NewStream(c.seed, "lengths").For(call, 0)
	q := sim.Request{Prompt: 1 + r.IntN(c.prompts), Output: 1 + r.IntN(c.outputs), Priority: sim.Priority(r.IntN(3))}
	if c.keys > 0 {
		q.Key = 1 + uint64(r.IntN(c.keys))
	}
	return q
}

// onGrid moves a time to the grid.
func (c randomCase) onGrid(d time.Duration) time.Duration {
	if c.grid == 0 {
		return d
	}
	return d.Round(c.grid)
}

// A result is all that can be seen of a run.
type result struct {
	Records []record // in the order of the schedule
	Cost    sim.Cost
	Gaps    map[time.Duration]int64
	Levels  []float64 // read at moments that are no boundaries
}

// run carries the calls.
func (c randomCase) run(t tester, model Model) result {
	t.Helper()
	w := sim.NewWorld(c.seed)
	replica := model.Start(w)
	out := result{Records: make([]record, c.calls), Gaps: map[time.Duration]int64{}}
	out.Cost.Gap = func(d time.Duration, n int64) { out.Gaps[d] += n }
	draws := w.Rand("arrivals")
	next := 0
	one := func(i int, arrival time.Duration, patience time.Duration) {
		request := c.request(i)
		request.Call, request.Cost = i, &out.Cost
		seen := 0
		if c.watched > 0 && i%c.watched == 0 {
			request.Token = func(n int) {
				if seen++; seen != n {
					t.Errorf("call %d: got token %d after %d", i, n, seen-1)
				}
			}
		}
		reply := sim.Within(w, patience, replica.Handle, request)
		if request.Token != nil && reply.Outcome == sim.OK && seen != reply.Tokens {
			t.Errorf("call %d: saw %d tokens of %d", i, seen, reply.Tokens)
		}
		if w.Now() > arrival+patience && !c.patient {
			t.Errorf("call %d: ended at %v, after its patience of %v", i, w.Now(), patience)
		}
		out.Records[i] = record{i, arrival, w.Now(), reply}
	}
	at := time.Duration(0)
	plan := func(i int) (arrival, patience time.Duration) {
		r := draws.For(i, 0)
		at += time.Duration(r.ExpFloat64() * float64(c.gap))
		arrival, patience = c.onGrid(at), sim.Forever
		if !c.patient {
			patience = c.onGrid(time.Duration(r.ExpFloat64() * float64(2*time.Second)))
		}
		return arrival, patience
	}
	for range c.clients {
		w.Go(func() {
			for next < c.calls {
				i := next
				next++
				_, patience := plan(i)
				one(i, w.Now(), patience)
				sim.Sleep(w, time.Duration(1+i%3*1e6), nil)
			}
		})
	}
	for i := 0; c.clients == 0 && i < c.calls; i++ {
		arrival, patience := plan(i)
		// Calls come by an event, or out of a sleep of a length of its own: so in the instant of a
		// boundary some come before its event and some behind.
		asleep := time.Duration(i%4) * arrival / 3
		w.At(arrival-asleep, func() {
			w.Go(func() {
				sim.Sleep(w, asleep, nil)
				one(i, arrival, patience)
			})
		})
	}
	for _, p := range c.pace {
		w.At(p.at, func() { replica.Pace(p.factor) })
	}
	for i := range 20 {
		w.At(time.Duration(i*i)*37_123_457+500_011, func() {
			if c.look != nil {
				c.look()
			}
			n := replica.Counters()
			out.Levels = append(out.Levels, float64(replica.Prompts()), float64(n.Generated), float64(n.Steps), float64(n.CacheHits), replica.Busy().Seconds())
			for _, g := range replica.Gauges {
				out.Levels = append(out.Levels, g.Read())
			}
		})
	}
	if blocked := w.Run(sim.Forever); blocked != 0 {
		t.Fatalf("got %d processes left over, want 0", blocked)
	}
	out.Cost.Gap = nil
	return out
}

// TestSkippingChangesNothing: one event for many steps, and a batch formed without looking at each of
// its sequences, give the same replies, the same work, gaps, levels and counts, to the last bit, as an
// event for each step and a batch formed by the book.
func TestSkippingChangesNothing(t *testing.T) {
	skipped, events, preempted, hits := int64(0), int64(0), int64(0), int64(0)
	rounds := 40 // of a hundred cases: the interesting ones are one in some hundred
	if testing.Short() {
		rounds = 4
	}
	for range rounds {
		rapid.Check(t, func(t *rapid.T) {
			c := drawCase(t)
			skipping := &engineModel{size: c.size, time: c.time}
			single := &engineModel{size: c.size, time: c.time, single: true}
			got, want := c.run(t, skipping), c.run(t, single)
			if !reflect.DeepEqual(got, want) { // cmp.Diff is slow; it is for the message
				same(t, "results", got, want)
			}
			checkEngine(t, skipping.last)
			checkEngine(t, single.last)
			a, b := skipping.last.totals, single.last.totals
			skipped += b.events - a.events
			events += b.events
			preempted += a.preempted
			hits += a.hits
			a.events, b.events = 0, 0
			if a != b {
				t.Errorf("totals: got %+v, want %+v", a, b)
			}
			if got.Cost.Wasted > got.Cost.Work || got.Cost.Recomputed > got.Cost.Work {
				t.Errorf("got %v of wasted and %v of repeated work in %v of work", got.Cost.Wasted, got.Cost.Recomputed, got.Cost.Work)
			}
		})
	}
	if skipped < events/4 || preempted == 0 || hits == 0 {
		t.Errorf("got %d of %d events skipped, %d preemptions, %d hits: the test does not test", skipped, events, preempted, hits)
	}
	t.Logf("%d of %d events skipped, %d preemptions, %d tokens found in the cache", skipped, events, preempted, hits)
}

// TestStretchArithmetic: a stretch cut in two ends at the same picosecond and costs the same.
func TestStretchArithmetic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		decode := rapid.IntRange(1, 1024).Draw(t, "decoding")
		slope := rapid.Int64Range(0, 100_000).Draw(t, "slope")
		whole := stretch{first: rapid.Int64Range(1, 1e12).Draw(t, "first"), growth: slope * int64(decode), decode: decode, tokens: decode}
		a, b := rapid.Int64Range(0, 10_000).Draw(t, "steps"), rapid.Int64Range(0, 10_000).Draw(t, "more steps")
		rest := whole
		rest.first += whole.growth * a
		if got, want := whole.after(a)+rest.after(b), whole.after(a+b); got != want {
			t.Errorf("time: got %d, want %d", got, want)
		}
		if got, want := whole.share(a)+rest.share(b), whole.share(a+b); got != want {
			t.Errorf("share: got %d, want %d", got, want)
		}
	})
}

// TestDecodersAreAHeap: against a list that is sorted anew.
func TestDecodersAreAHeap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h decoders
		var list []decoder
		order := int64(0)
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) {
				d := decoder{ends: rapid.Int64Range(0, 20).Draw(t, "ends"), order: order, sequence: &sequence{}}
				order++
				h.push(d)
				list = append(list, d)
			},
			"remove": func(t *rapid.T) {
				if len(list) == 0 {
					t.Skip("empty")
				}
				i := rapid.IntRange(0, len(list)-1).Draw(t, "which")
				if got := h.remove(list[i].place); got != list[i] {
					t.Fatalf("got %+v, want %+v", got, list[i])
				}
				list = slices.Delete(list, i, i+1)
			},
			"pop": func(t *rapid.T) {
				if len(list) == 0 {
					t.Skip("empty")
				}
				slices.SortFunc(list, func(a, b decoder) int {
					if a.before(b) {
						return -1
					}
					return 1
				})
				if got := h.remove(0); got != list[0] {
					t.Fatalf("got %+v, want %+v", got, list[0])
				}
				list = list[1:]
			},
			"": func(t *rapid.T) {
				for i, d := range h {
					if d.place != i {
						t.Fatalf("the decoder at %d believes to be at %d", i, d.place)
					}
				}
			},
		})
	})
}
