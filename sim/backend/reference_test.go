package backend

import (
	"container/list"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/headroom-dev/headroom/sim"
)

// A plain scheduler: the rules of vLLM V1 (vllm/v1/core/sched/scheduler.py, kv_cache_manager.py) written
// down one line after the other, with nothing skipped, joined or shared, a list entry for every block and
// a look at every sequence in every step. It knows neither World nor Handler. What the engine does fast
// must come out as this does it slowly.

type plainCall struct {
	arrived        time.Duration
	prompt, output int
	key            uint64 // 0: asks what nobody else asks

	visible          time.Duration
	computed, done   int // tokens computed; outputs emitted
	blocks           []*plainBlock
	began            bool
	first, last      time.Duration
	cached, preempts int
	forked           bool
}

func (c *plainCall) tokens() int { return c.prompt + c.done }

type plainName struct {
	key   uint64
	own   int // the sequence, for blocks that hold outputs or a prompt nobody shares
	index int
}

type plainBlock struct {
	name    plainName
	named   bool
	holders int
	free    *list.Element // in the queue of blocks that nobody holds
}

type plainEngine struct {
	seqs, budget, block, threshold, watermark int
	caching, reserve, async                   bool
	ingress, response                         time.Duration
	time                                      StepTime

	queue   *list.List // of blocks nobody holds, the first to be taken first
	byName  map[plainName]*plainBlock
	calls   []*plainCall // in order of arrival
	waiting []*plainCall
	running []*plainCall
	steps   int
}

func newPlain(blocks int) *plainEngine {
	p := &plainEngine{queue: list.New(), byName: map[plainName]*plainBlock{}}
	for range blocks {
		b := &plainBlock{}
		b.free = p.queue.PushBack(b)
	}
	return p
}

func (p *plainEngine) name(c *plainCall, id, index int) plainName {
	if (index+1)*p.block <= c.prompt && c.key != 0 {
		return plainName{key: c.key, index: index}
	}
	return plainName{own: id + 1, index: index}
}

// hit returns the cached full blocks from the start.
func (p *plainEngine) hit(c *plainCall, id int) (found []*plainBlock) {
	if !p.caching {
		return nil
	}
	for i := 0; (i+1)*p.block <= c.tokens()-1; i++ {
		name := p.name(c, id, i)
		b := p.byName[name]
		if b == nil {
			break
		}
		found = append(found, b)
	}
	return found
}

func (p *plainEngine) ceil(tokens int) int { return (tokens + p.block - 1) / p.block }

func (p *plainEngine) take() *plainBlock {
	b := p.queue.Remove(p.queue.Front()).(*plainBlock)
	b.free = nil
	if b.named {
		delete(p.byName, b.name)
		b.named = false
	}
	b.holders = 1
	return b
}

func (p *plainEngine) grow(c *plainCall, id, upTo int) {
	for len(c.blocks) < p.ceil(upTo) {
		c.blocks = append(c.blocks, p.take())
	}
	if !p.caching {
		return
	}
	for i := 0; (i+1)*p.block <= upTo; i++ {
		name := p.name(c, id, i)
		b, other := c.blocks[i], p.byName[name]
		switch {
		case other == b || b.named || c.forked && name.key != 0:
		case other != nil:
			// Another computed the same in the same moment. vLLM gives both copies the name; here, and
			// in the engine, the later ones stay unknown.
			c.forked = true
		default:
			b.name, b.named, p.byName[name] = name, true, b
		}
	}
}

func (p *plainEngine) release(c *plainCall) {
	for i := len(c.blocks) - 1; i >= 0; i-- {
		b := c.blocks[i]
		if b.holders--; b.holders == 0 {
			b.free = p.queue.PushBack(b)
		}
	}
	c.blocks, c.forked = nil, false
}

// run carries all calls and leaves their times in them.
func (p *plainEngine) run(calls []*plainCall) {
	p.calls = calls
	ids := map[*plainCall]int{}
	for i, c := range calls {
		c.visible = c.arrived + p.ingress
		ids[c] = i
	}
	next, now, before := 0, time.Duration(0), time.Duration(-1)
	part := int64(0) // picoseconds behind now
	idle := true
	for next < len(calls) || len(p.waiting)+len(p.running) > 0 {
		if idle && len(p.waiting) == 0 && calls[next].visible > now {
			now, part = calls[next].visible, 0
		}
		for next < len(calls) {
			c := calls[next]
			seen := c.visible < now || idle && c.visible <= now
			if p.async && !idle {
				seen = c.visible < before
			}
			if !seen {
				break
			}
			p.waiting = append(p.waiting, c)
			next++
		}
		work, batch := p.schedule(ids)
		before = now
		if part > 0 {
			before++ // seen at the next whole nanosecond
		}
		if len(work) == 0 {
			if idle {
				panic("plain: nothing fits")
			}
			idle = true // what has come since joins at once
			continue
		}
		idle = false
		p.steps++
		took := int64(p.time.StepTime(batch)) * picoseconds
		if a, ok := p.time.(Affine); ok && batch.Prefill == 0 {
			base, slope := a.Affine(batch)
			took = base + slope*batch.Context
		}
		part += took
		now += time.Duration(part / picoseconds)
		part %= picoseconds
		p.emit(work, now+time.Duration((part+picoseconds-1)/picoseconds)+p.response)
	}
}

type plainWork struct {
	call *plainCall
	n    int
}

func (p *plainEngine) schedule(ids map[*plainCall]int) (work []plainWork, batch Batch) {
	budget, preempted := p.budget, false
	add := func(c *plainCall, n int) {
		work = append(work, plainWork{c, n})
		budget -= n
		batch.Seqs++
		if n == 1 && c.computed >= c.prompt {
			batch.Decode++
			batch.Context += int64(c.computed)
			return
		}
		batch.Prefill += n
		batch.Pairs += float64(n) * (float64(c.computed) + float64(n)/2)
	}
	for i := 0; i < len(p.running) && budget > 0; i++ {
		c := p.running[i]
		n := min(c.tokens()-c.computed, budget)
		if p.threshold > 0 {
			n = min(n, p.threshold)
		}
		for p.ceil(c.computed+n)-len(c.blocks) > p.queue.Len() {
			victim := p.running[len(p.running)-1]
			p.running = p.running[:len(p.running)-1]
			p.release(victim)
			victim.computed = 0
			victim.preempts++
			p.waiting = append([]*plainCall{victim}, p.waiting...)
			preempted = true
			if victim == c {
				n = 0
				break
			}
		}
		if n == 0 {
			break
		}
		p.grow(c, ids[c], c.computed+n)
		add(c, n)
	}
	for !preempted && len(p.waiting) > 0 && budget > 0 && len(p.running) < p.seqs {
		c := p.waiting[0]
		hits := p.hit(c, ids[c])
		hit := len(hits) * p.block
		n := min(c.tokens()-hit, budget)
		if p.threshold > 0 {
			n = min(n, p.threshold)
		}
		unheld := 0
		for _, b := range hits {
			if b.holders == 0 {
				unheld++
			}
		}
		upTo := hit + n
		if p.reserve {
			upTo = c.tokens()
		}
		if p.ceil(upTo)-len(hits)+unheld+p.watermark > p.queue.Len() {
			break
		}
		p.waiting = p.waiting[1:]
		for _, b := range hits {
			if b.holders == 0 {
				p.queue.Remove(b.free)
				b.free = nil
			}
			b.holders++
		}
		c.blocks = append(c.blocks, hits...)
		c.computed = hit
		if !c.began {
			c.began, c.cached = true, hit
		}
		p.grow(c, ids[c], hit+n)
		p.running = append(p.running, c)
		add(c, n)
	}
	return work, batch
}

func (p *plainEngine) emit(work []plainWork, at time.Duration) {
	for _, w := range work {
		c := w.call
		c.computed += w.n
		if c.computed < c.tokens() {
			continue
		}
		c.done++
		if c.done == 1 {
			c.first = at
		}
		if c.done < c.output {
			continue
		}
		c.last = at
		p.release(c)
		for i, r := range p.running {
			if r == c {
				p.running = append(p.running[:i], p.running[i+1:]...)
				break
			}
		}
	}
}

// plainCase is a random engine and its calls.
type plainCase struct {
	size  engineSize
	time  StepTime
	calls []plainCall
}

func drawPlain(t *rapid.T) plainCase {
	flag := func(name string) bool { return rapid.Bool().Draw(t, name) }
	seqs := rapid.SampledFrom([]int{1, 2, 4, 8, 32}).Draw(t, "seqs")
	c := plainCase{
		size: engineSize{
			seqs: seqs, tokens: seqs + rapid.SampledFrom([]int{0, 16, 50, 2048}).Draw(t, "budget beside the decoders"),
			limit: -1, block: rapid.SampledFrom([]int{16, 16, 5}).Draw(t, "block"), blocks: rapid.IntRange(30, 300).Draw(t, "blocks"),
			watermark: rapid.SampledFrom([]int{0, 0, 3}).Draw(t, "watermark"), threshold: rapid.SampledFrom([]int{0, 0, 33}).Draw(t, "threshold"),
			caching: flag("caching"), reserve: flag("reserve"), async: flag("async"),
			ingress: rapid.SampledFrom([]time.Duration{0, 9 * ms}).Draw(t, "ingress"), response: 46 * time.Microsecond, cancel: CancelFree,
		},
		time: NewLLM().physics(),
	}
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
	keys := rapid.SampledFrom([]int{0, 2, 20}).Draw(t, "keys")
	gap := rapid.SampledFrom([]float64{0.002, 0.02, 0.2}).Draw(t, "gap")
	lengths := map[uint64]int{}
	now := time.Duration(0)
	for range rapid.IntRange(1, 120).Draw(t, "calls") {
		now += time.Duration(r.ExpFloat64()*gap*1e9) + 1
		p := plainCall{arrived: now, prompt: 1 + r.IntN(150), output: 1 + r.IntN(100)}
		if keys > 0 {
			p.key = uint64(1 + r.IntN(keys))
			if lengths[p.key] == 0 {
				lengths[p.key] = p.prompt
				if p.prompt%c.size.block == 0 {
					lengths[p.key]++
				}
			}
			p.prompt = lengths[p.key]
		}
		if (p.prompt+p.output-2)/c.size.block+1+c.size.watermark <= c.size.blocks {
			c.calls = append(c.calls, p)
		}
	}
	return c
}

// TestEngineIsThePlainScheduler: first and last tokens, preemptions and cached tokens of every call are
// those of the plain scheduler.
func TestEngineIsThePlainScheduler(t *testing.T) {
	preempted, hits := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		c := drawPlain(t)
		z := c.size
		p := newPlain(z.blocks)
		p.seqs, p.budget, p.block, p.threshold, p.watermark = z.seqs, z.tokens, z.block, z.threshold, z.watermark
		p.caching, p.reserve, p.async, p.ingress, p.response, p.time = z.caching, z.reserve, z.async, z.ingress, z.response, c.time
		var want []*plainCall
		for i := range c.calls {
			want = append(want, &c.calls[i])
		}
		p.run(want)
		w := sim.NewWorld(1)
		e := newEngine(w, z, c.time)
		got := make([]sim.Reply, len(want))
		done := make([]time.Duration, len(want))
		for i, call := range want {
			w.At(call.arrived, func() {
				w.Go(func() {
					got[i] = e.handle(sim.Request{Call: i, Key: call.key, Prompt: call.prompt, Output: call.output})
					done[i] = w.Now()
				})
			})
		}
		w.Run(sim.Forever)
		for i, call := range want {
			preempted += call.preempts
			hits += call.cached
			if got[i].First != call.first || done[i] != call.last || got[i].Cached != call.cached {
				t.Fatalf("call %d (%+v): got first %v, last %v, cached %d; want %v, %v, %d", i, *call, got[i].First, done[i], got[i].Cached, call.first, call.last, call.cached)
			}
		}
		if e.totals.steps != int64(p.steps) {
			t.Fatalf("got %d steps, want %d", e.totals.steps, p.steps)
		}
	})
	t.Logf("%d preemptions, %d cached tokens", preempted, hits)
	if preempted == 0 || hits == 0 {
		t.Error("no call was thrown out, or none found its prompt: the test shows little")
	}
}
