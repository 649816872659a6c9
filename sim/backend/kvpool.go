package backend

// A kvPool counts the blocks of keys and values of one engine and knows which of them may be found
// again, as vLLM V1 does (v1/core/kv_cache_manager.py, block_pool.py):
//
//   - A full block of a prompt is named by all that stands before it and in it. Who is admitted shares
//     the blocks from the start of its prompt that are there, up to the first that is not.
//   - A released block keeps its name until it is needed: the one released longest ago goes first, and
//     of one sequence the last block, so that beginnings survive longest. Blocks without a name wait
//     their turn among them.
//   - What a sequence has put out has a name for itself alone, so it is of use only after a preemption;
//     so has the block in which prompt and output meet. It is named when the sequence is thrown out.
//   - Of two sequences that compute the same block at once, the second has a block without a name.
//
// No block has an identity. Names come in runs (run), of which always a beginning is there, so a call
// costs the same however many blocks it moves.
type kvPool struct {
	blocks, held int
	caching      bool
	runs         map[runName]*run // those of which a block is there
	released     extents          // what nobody holds, the longest released first
	unused       []*run
}

// newKVPool returns a pool of that many blocks, all free. Without caching nothing is ever found.
func newKVPool(blocks int, caching bool) *kvPool {
	p := &kvPool{blocks: blocks, caching: caching}
	if caching {
		p.runs = make(map[runName]*run)
		p.released.pushBlank(blocks)
	}
	return p
}

// A holding is the blocks of one sequence. The zero holding has none; release makes it zero again.
type holding struct {
	blocks   int // held in all
	computed int // tokens of which fill was told
	names    *promptNames
	next     int // segment up to which fill has named, and the block at which it starts
	start    int
}

// free returns the blocks nobody holds, those that may still be found included.
func (p *kvPool) free() int { return p.blocks - p.held }

// hit returns how many blocks of a sequence that is not running are there, from its start and at most
// `most`, and how many of these nobody holds: they count as free until it takes them.
func (p *kvPool) hit(n *promptNames, most int) (blocks, unheld int) {
	if !p.caching {
		return 0, 0
	}
	for i := range n.segments {
		s := &n.segments[i]
		r := p.runs[s.name]
		if r == nil {
			return blocks, unheld
		}
		there := min(r.present, s.blocks, most-blocks)
		blocks += there
		unheld += max(there-r.held(), 0)
		if there < s.blocks {
			return blocks, unheld
		}
	}
	if n.own != nil {
		there := min(n.own.present, most-blocks)
		blocks += there
		unheld += there
	}
	return blocks, unheld
}

// admit gives h, which must have none, `hit` blocks that are there and `more` new ones. n must stay
// where it is until the release.
func (p *kvPool) admit(h *holding, n *promptNames, hit, more int) {
	*h = holding{names: n, blocks: hit}
	if p.caching {
		p.share(n, hit)
	}
	p.grow(h, more)
}

// share makes a sequence one of those that hold its first blocks.
func (p *kvPool) share(n *promptNames, hit int) {
	for i := range n.segments {
		if hit == 0 {
			break
		}
		s := &n.segments[i]
		s.run, s.held = p.runs[s.name], min(hit, s.blocks)
		p.hold(s.run, s.held)
		hit -= s.held
	}
	n.ownHeld = hit
	if hit > 0 {
		p.hold(n.own, hit)
	} else {
		n.own = nil // what is left of it cannot be reached again before it is computed anew
	}
}

// hold adds a holder of the first n blocks of r, all of which are there.
func (p *kvPool) hold(r *run, n int) {
	if before := r.held(); n > before {
		p.released.take(r, n)
		p.held += n - before
	}
	r.holders.add(n)
}

// grow takes new blocks for h. It panics if there are not as many.
func (p *kvPool) grow(h *holding, more int) {
	p.takeBlank(more)
	h.blocks += more
}

// takeBlank takes new blocks that belong to no holding yet: many sequences' growth at once. Each is
// told by adopt what it got before it is released.
func (p *kvPool) takeBlank(k int) {
	if k > p.free() {
		panic("backend: more blocks taken than are free")
	}
	p.held += k
	if !p.caching {
		return
	}
	for k > 0 {
		e := p.released.first
		n := min(k, e.size())
		k -= n
		e.to -= n
		r := e.run
		if r != nil {
			r.present = e.to
		}
		if e.size() == 0 {
			p.released.remove(e)
		}
		if r != nil && r.present == 0 {
			p.forget(r)
		}
	}
}

// adopt says that h has so many blocks in all, the others of which were taken by takeBlank.
func (p *kvPool) adopt(h *holding, blocks int) { h.blocks = blocks }

// fill says that the first `computed` tokens are computed, or scheduled to be, so that blocks full of
// prompt can be found from now on. A release that is not final wants to have been told of all tokens.
func (p *kvPool) fill(h *holding, computed int) {
	h.computed = computed
	n := h.names
	if !p.caching || n == nil {
		return
	}
	for h.next < len(n.segments) {
		s := &n.segments[h.next]
		full := min(computed/n.block-h.start, s.blocks)
		if full > s.held && !s.double {
			p.name(s, full)
		}
		if full < s.blocks {
			return
		}
		h.start += s.blocks
		h.next++
	}
}

// name gives names to the blocks of s up to `full`, unless others have them.
func (p *kvPool) name(s *segment, full int) {
	if s.run == nil {
		if s.run = p.runs[s.name]; s.run == nil {
			s.run = p.fresh(s.name)
			p.runs[s.name] = s.run
		}
	}
	if s.run.present > s.held {
		s.double = true
		if s.held == 0 {
			s.run = nil
		}
		return
	}
	if s.held > 0 {
		s.run.holders.remove(s.held)
	}
	s.run.present, s.held = full, full
	s.run.holders.add(full)
}

// release frees all blocks of h, the last one first. final says that the sequence will not come back,
// so that what it has put out loses its name.
func (p *kvPool) release(h *holding, final bool) {
	n := h.names
	if !p.caching || n == nil {
		p.drop(h.blocks)
		*h = holding{}
		return
	}
	last := h.blocks
	if own := max(last-n.blocks, 0); own > 0 {
		p.releaseOwn(n, own, h.computed/n.block-n.blocks, final)
		last = n.blocks
	}
	start := n.blocks
	for i := len(n.segments) - 1; i >= 0; i-- {
		s := &n.segments[i]
		start -= s.blocks
		if last <= start {
			continue
		}
		p.drop(last - start - s.held)
		last = start
		if s.held > 0 {
			p.leave(s.run, s.held)
		}
		s.run, s.held, s.double = nil, 0, false
	}
	*h = holding{}
}

// releaseOwn frees the `all` blocks behind those of the prompt, the first `full` of which are full.
func (p *kvPool) releaseOwn(n *promptNames, all, full int, final bool) {
	if n.ownHeld > 0 {
		n.own.holders.remove(n.ownHeld)
	}
	held := n.ownHeld
	n.ownHeld = 0
	if final {
		n.own = nil
		p.drop(all)
		return
	}
	full = max(min(full, all), held)
	if n.own == nil && full > 0 {
		n.own = new(run)
	}
	if n.own == nil || n.own.present > held {
		full = held
	} else {
		n.own.present = full
	}
	p.drop(all - full)
	if full > 0 {
		p.held -= full
		p.released.push(n.own, 0, full)
	}
}

// leave takes a holder of the first n blocks of r away, and frees what nobody else holds.
func (p *kvPool) leave(r *run, n int) {
	before := r.held()
	r.holders.remove(n)
	if after := r.held(); after < before {
		p.held -= before - after
		p.released.push(r, after, before)
	}
}

// drop frees k blocks without a name.
func (p *kvPool) drop(k int) {
	p.held -= k
	if p.caching && k > 0 {
		p.released.pushBlank(k)
	}
}

// fresh returns a run of that name to use.
func (p *kvPool) fresh(name runName) *run {
	last := len(p.unused) - 1
	if last < 0 {
		return &run{name: name}
	}
	r := p.unused[last]
	p.unused = p.unused[:last]
	r.name = name
	return r
}

// forget takes back a run of which no block is left.
func (p *kvPool) forget(r *run) {
	if r.name == (runName{}) {
		return // a sequence may still ask for what it has put out
	}
	delete(p.runs, r.name)
	r.name = runName{}
	p.unused = append(p.unused, r)
}
