package backend

import (
	"container/list"
	"time"
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

func (p *plainEngine) name(c *plainCall, id, index int) (plainName, bool) {
	if (index+1)*p.block <= c.prompt && c.key != 0 {
		return plainName{key: c.key, index: index}, true
	}
	return plainName{own: id + 1, index: index}, true
}

// hit returns the cached full blocks from the start.
func (p *plainEngine) hit(c *plainCall, id int) (found []*plainBlock) {
	if !p.caching {
		return nil
	}
	for i := 0; (i+1)*p.block <= c.tokens()-1; i++ {
		name, _ := p.name(c, id, i)
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
		name, _ := p.name(c, id, i)
		if b := c.blocks[i]; !b.named && p.byName[name] == nil {
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
	c.blocks = nil
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
		if idle && len(p.waiting) == 0 {
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
			if next < len(calls) && calls[next].visible <= now+1 {
				now = max(now, calls[next].visible)
			}
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
