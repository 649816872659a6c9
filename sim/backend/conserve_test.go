package backend

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/headroom-dev/headroom/sim"
)

// TestEngineConserves: over random engines and calls, no step is above its bounds, first tokens come in
// the order of arrival, tokens are neither lost nor made, and the work booked is the time of the steps.
func TestEngineConserves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawCase(t)
		c.patient, c.grid, c.pace = true, 0, nil // of calls that come in one instant the order is not the schedule's
		model := &engineModel{size: c.size, time: &watching{of: c.time, size: c.size, t: t}}
		out := c.run(t, model)
		records, cost := out.Records, out.Cost
		e := model.last
		checkEngine(t, e)
		if got := e.totals.finished + e.totals.refused; got != e.totals.arrived || int(got) != len(records) {
			t.Errorf("%d arrived, %d finished, %d refused; want a sum of %d", e.totals.arrived, e.totals.finished, e.totals.refused, len(records))
		}
		prompts, decoded, ok := int64(0), int64(0), int64(0)
		last := time.Duration(0)
		slices.SortFunc(records, func(a, b record) int { return a.Call - b.Call })
		for _, r := range records {
			if r.Reply.Outcome != sim.OK {
				continue
			}
			q := c.request(r.Call)
			prompts += int64(q.Prompt)
			decoded += int64(q.Output)
			ok++
			if r.Reply.First < last && !c.size.byClass && e.totals.preempted == 0 && c.size.threshold == 0 {
				t.Errorf("call %d got its first token at %v, a call before it at %v", r.Call, r.Reply.First, last)
			}
			last = r.Reply.First
		}
		same(t, "prompt tokens", e.totals.prompted, prompts)
		same(t, "output tokens", e.totals.emitted, decoded)
		if e.totals.preempted == 0 {
			same(t, "tokens computed", e.totals.prefilled+e.totals.decoded, prompts+decoded-ok-e.totals.hits)
		} else if least := e.totals.hits == 0; least && cost.Recomputed <= 0 || cost.Recomputed < 0 || cost.Recomputed > cost.Work {
			// Who was thrown out may find all of its blocks in the prefix cache again, and compute nothing twice.
			t.Errorf("%d thrown out, %v of %v computed again", e.totals.preempted, cost.Recomputed, cost.Work)
		}
		// A step's time is shared in whole picoseconds, a sequence's work in whole nanoseconds.
		lost := time.Duration(e.totals.busy/picoseconds) - cost.Work
		if slack := time.Duration(len(records)) + time.Duration(e.totals.steps*int64(c.size.tokens)/picoseconds) + 1; lost < 0 || lost > slack {
			t.Errorf("got %v of work in %v of steps: %v apart, want at most %v", cost.Work, time.Duration(e.totals.busy/picoseconds), lost, slack)
		}
	})
}

// TestEngineBalances: at any moment of a random run every call taken in is somewhere, and every block is
// held by a sequence that has tokens for it, or free.
func TestEngineBalances(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawCase(t)
		model := &engineModel{size: c.size, time: c.time, single: true}
		c.look = func() {
			e := model.last
			underWay := 0
			for _, p := range e.outbox.parcels[e.outbox.next:] {
				if p.token == 0 {
					underWay++
				}
			}
			n := e.totals
			if got := n.refused + n.finished + n.dropped + int64(e.queued()+e.running.length); got != n.arrived {
				t.Errorf("%d calls came, %d are accounted for: %+v, %d queued, %d running", n.arrived, got, n, e.queued(), e.running.length)
			}
			if int64(underWay) > n.finished || len(e.prefilling)+len(e.stalled)+len(e.decoding) != e.running.length {
				t.Errorf("%d prefilling, %d standing aside, %d decoding of %d running, %d under way",
					len(e.prefilling), len(e.stalled), len(e.decoding), e.running.length, underWay)
			}
			held := 0
			for s := e.running.first; s != nil; s = s.next {
				blocks := s.kv.blocks
				if s.stage == decoding {
					blocks = e.blocksFor(s.computed + int(e.epoch-s.joined) + 1)
				} else if want := e.blocksFor(s.computed + s.chunk); blocks != want {
					t.Errorf("a sequence with %d tokens and %d to come holds %d blocks, want %d", s.computed, s.chunk, blocks, want)
				}
				held += blocks
			}
			free := e.pool.free()
			if got := held + free; got != e.blocks && !e.caching || got < e.blocks {
				t.Errorf("%d blocks held and %d free of %d", held, free, e.blocks)
			}
		}
		c.run(t, model)
		checkEngine(t, model.last)
	})
}

// watching is a step time that looks at every batch. It is not Affine, so it sees every step.
type watching struct {
	of   StepTime
	size engineSize
	t    *rapid.T
}

func (w *watching) StepTime(b Batch) time.Duration {
	if b.Prefill+b.Decode > w.size.tokens || b.Seqs > w.size.seqs || b.Decode > b.Seqs || b.Prefill+b.Decode < 1 {
		w.t.Errorf("got a step of %+v in an engine of %+v", b, w.size)
	}
	return w.of.StepTime(b)
}
