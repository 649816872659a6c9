package backend

import (
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
	patient bool // nobody goes
	watched int  // every so manieth call asks for its tokens; 0: none
}

func drawCase(t *rapid.T) randomCase {
	seqs := rapid.SampledFrom([]int{1, 2, 3, 8, 64}).Draw(t, "seqs")
	c := randomCase{
		size: engineSize{
			seqs:   seqs,
			tokens: seqs + rapid.SampledFrom([]int{0, 1, 50, 2048}).Draw(t, "budget beside the decoders"),
			limit:  rapid.SampledFrom([]int{-1, -1, 0, 5}).Draw(t, "limit"),
			block:  16,
			blocks: rapid.IntRange(20, 200).Draw(t, "blocks"),
			cancel: rapid.SampledFrom([]Cancel{CancelFree, CancelQueued, CancelZombie}).Draw(t, "cancel"),
		},
		seed:    rapid.Uint64().Draw(t, "seed"),
		calls:   rapid.IntRange(1, 150).Draw(t, "calls"),
		gap:     time.Duration(rapid.IntRange(1, 400).Draw(t, "gap")) * ms,
		prompts: rapid.SampledFrom([]int{1, 40, 400}).Draw(t, "prompts"),
		outputs: rapid.SampledFrom([]int{1, 10, 100}).Draw(t, "outputs"),
		patient: rapid.Bool().Draw(t, "patient"),
		watched: rapid.SampledFrom([]int{0, 0, 7}).Draw(t, "watched"),
	}
	if rapid.Bool().Draw(t, "physics") {
		c.time = NewLLM().physics() // its steps grow with the context and are no whole nanoseconds
	} else {
		c.time = Linear{Base: 10 * ms, PerPrefillToken: ms, PerSequence: ms}
		c.grid = rapid.SampledFrom([]time.Duration{0, ms, 11 * ms}).Draw(t, "grid")
	}
	if c.grid > 0 {
		c.size.limit = -1 // whether there is room in the very instant of a boundary depends on who comes first
	}
	return c
}

func (c randomCase) request(call int) sim.Request {
	r := sim.NewStream(c.seed, "lengths").For(call, 0)
	return sim.Request{Prompt: 1 + r.IntN(c.prompts), Output: 1 + r.IntN(c.outputs)}
}

// onGrid moves a time to the grid.
func (c randomCase) onGrid(d time.Duration) time.Duration {
	if c.grid == 0 {
		return d
	}
	return d.Round(c.grid)
}

// run carries the calls, and returns records in the order of the schedule.
func (c randomCase) run(t tester, model Model) ([]record, sim.Cost) {
	t.Helper()
	w := sim.NewWorld(c.seed)
	handle := model.Start(w).Handle
	records := make([]record, c.calls)
	var cost sim.Cost
	at := time.Duration(0)
	draws := w.Rand("arrivals")
	for i := range records {
		r := draws.For(i, 0)
		at += time.Duration(r.ExpFloat64() * float64(c.gap))
		arrival, patience := c.onGrid(at), sim.Forever
		if !c.patient {
			patience = c.onGrid(time.Duration(r.ExpFloat64() * float64(2*time.Second)))
		}
		// Calls come by an event, or out of a sleep of a length of its own: so in the instant of a
		// boundary some come before its event and some behind.
		asleep := time.Duration(i%4) * arrival / 3
		w.At(arrival-asleep, func() {
			w.Go(func() {
				sim.Sleep(w, asleep, nil)
				request := c.request(i)
				request.Call, request.Cost = i, &cost
				seen := 0
				if c.watched > 0 && i%c.watched == 0 {
					request.Token = func(n int) {
						if seen++; seen != n {
							t.Errorf("call %d: got token %d after %d", i, n, seen-1)
						}
					}
				}
				reply := sim.Within(w, patience, handle, request)
				if request.Token != nil && reply.Outcome == sim.OK && seen != reply.Tokens {
					t.Errorf("call %d: saw %d tokens of %d", i, seen, reply.Tokens)
				}
				if w.Now() > arrival+patience && !c.patient {
					t.Errorf("call %d: ended at %v, after its patience of %v", i, w.Now(), patience)
				}
				records[i] = record{i, arrival, w.Now(), reply}
			})
		})
	}
	if blocked := w.Run(sim.Forever); blocked != 0 {
		t.Fatalf("got %d processes left over, want 0", blocked)
	}
	return records, cost
}

// TestSkippingChangesNothing: one event for many steps gives the same replies, the same work and the
// same counts, to the last bit, as an event for each step.
func TestSkippingChangesNothing(t *testing.T) {
	skipped, events := int64(0), int64(0)
	for range 10 { // the interesting cases are one in some hundred
		rapid.Check(t, func(t *rapid.T) {
			c := drawCase(t)
			skipping := &engineModel{size: c.size, time: c.time}
			single := &engineModel{size: c.size, time: c.time, single: true}
			got, gotCost := c.run(t, skipping)
			want, wantCost := c.run(t, single)
			if !slices.Equal(got, want) { // cmp.Diff is slow; it is for the message
				same(t, "records", got, want)
			}
			same(t, "work", []time.Duration{gotCost.Work, gotCost.Wasted}, []time.Duration{wantCost.Work, wantCost.Wasted})
			checkEngine(t, skipping.last)
			checkEngine(t, single.last)
			a, b := skipping.last.totals, single.last.totals
			skipped += b.events - a.events
			events += b.events
			a.events, b.events = 0, 0
			if a != b {
				t.Errorf("totals: got %+v, want %+v", a, b)
			}
			if gotCost.Wasted > gotCost.Work {
				t.Errorf("got %v of wasted work in %v of work", gotCost.Wasted, gotCost.Work)
			}
		})
	}
	if skipped < events/4 {
		t.Errorf("got %d of %d events skipped: the test does not test", skipped, events)
	}
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
