package backend

import "slices"

// A kvPool is the blocks of keys and values of one engine, as vLLM V1 keeps them: full blocks of prompts
// have names, so that later calls that begin alike find them; released blocks can be found until they are
// taken for something else, the longest released first, of a sequence its tail first.
//
// No block has an identity. Blocks that follow each other under one name are a run (kvrun.go). Whoever
// holds one block of a run holds all before it, so what can be found of it is always its beginning, and
// holding, releasing and evicting are a few numbers, however many blocks they are.
type kvPool struct {
	blocks int
	unheld int
	caches bool
	found  map[runName]*kvRun
	oldest *extent // the order of release, a ring through this
	spare  *extent // a list through next
	unused []*kvRun
}

// An extent is neighbours in the order of release: blocks [from, to) of a run, to be evicted from the
// end; or without a run so many blanks.
type extent struct {
	run        *kvRun
	from, to   int
	prev, next *extent
}

// A holding is the blocks of one sequence: those with a name, in parts of runs, and blanks.
type holding struct {
	names   *promptNames
	parts   []part
	blocks  int
	filled  int // blocks that are full, and named if they can be
	segment int // of names, in which the next of them is
	before  int // blocks before that segment
}

// A part is the first blocks of a run.
type part struct {
	run     *kvRun
	depth   int
	segment int
}

func newKVPool(blocks int, caching bool) *kvPool {
	p := &kvPool{blocks: blocks, caches: caching, found: map[runName]*kvRun{}, oldest: new(extent)}
	p.oldest.prev, p.oldest.next = p.oldest, p.oldest
	p.putBlank(blocks)
	return p
}

// free returns the blocks that nobody holds, those that can be found included.
func (p *kvPool) free() int { return p.unheld }

// hit returns how many blocks from the first on, at most `most`, can be found, and how many of them
// nobody holds.
func (p *kvPool) hit(n *promptNames, most int) (blocks, unheld int) {
	for i := 0; blocks < most; i++ {
		name, size, ok := n.segment(i)
		if !ok {
			break
		}
		r := p.found[name]
		if r == nil {
			break
		}
		got := min(r.present, size, most-blocks)
		blocks += got
		unheld += max(got-r.held, 0)
		if got < size {
			break
		}
	}
	return blocks, unheld
}

// admit gives a holding the first blocks that were found, and more.
func (p *kvPool) admit(h *holding, n *promptNames, hit, more int) {
	h.names, h.parts = n, h.parts[:0]
	h.segment, h.before = 0, 0
	for i := 0; h.before < hit; i++ {
		name, size, _ := n.segment(i)
		r, depth := p.found[name], min(size, hit-h.before)
		p.hold(r, depth)
		h.parts = append(h.parts, part{r, depth, i})
		if depth < size {
			break
		}
		h.before += depth
		h.segment = i + 1
	}
	h.blocks, h.filled = hit, hit
	p.grow(h, more)
}

// grow gives a holding more blocks. It panics if there are none.
func (p *kvPool) grow(h *holding, more int) {
	p.takeBlank(more)
	h.blocks += more
}

// takeBlank takes blocks for decoders, who adopt them when they stop decoding.
func (p *kvPool) takeBlank(k int) {
	if p.unheld -= k; p.unheld < 0 {
		panic("backend: more blocks taken than there are")
	}
	for k > 0 {
		x := p.oldest.next
		n := min(k, x.to-x.from)
		k -= n
		x.to -= n
		if x.run != nil {
			p.evict(x.run, x.to)
		}
		if x.to == x.from {
			p.forget(x)
		}
	}
}

// adopt says that so many blocks in all are the holding's: those taken while it decoded among them.
func (p *kvPool) adopt(h *holding, blocks int) { h.blocks = blocks }

// fill says that the blocks of the first tokens are full, so that they can be found. What another
// sequence has filled with the same, it and all after it in its run stay blank.
func (p *kvPool) fill(h *holding, computed int) {
	if !p.caches {
		return
	}
	target := computed / h.names.block
	for h.filled < target {
		name, size, ok := h.names.segment(h.segment)
		if !ok {
			return
		}
		at, upto := h.filled-h.before, min(target-h.before, size)
		p.extend(h, name, at, upto)
		h.filled = h.before + upto
		if upto == size {
			h.segment++
			h.before += size
		}
	}
}

// extend names blocks [at, upto) of the holding's segment, unless somebody else has.
func (p *kvPool) extend(h *holding, name runName, at, upto int) {
	var mine *part
	if last := len(h.parts) - 1; last >= 0 && h.parts[last].segment == h.segment {
		mine = &h.parts[last]
	}
	switch r := p.found[name]; {
	case r == nil && at == 0:
		r = p.newRun(name)
		r.present = upto
		p.hold(r, upto)
		h.parts = append(h.parts, part{r, upto, h.segment})
	case mine != nil && mine.depth == at && r.present == at:
		r.present, r.held = upto, upto
		r.holders[slices.Index(r.holders, at)] = upto
		mine.depth = upto
	}
}

// release gives all blocks back, the last first, so that the beginning of a prompt can be found longest.
func (p *kvPool) release(h *holding) {
	blanks := h.blocks
	for _, one := range h.parts {
		blanks -= one.depth
	}
	p.putBlank(blanks)
	for i := len(h.parts) - 1; i >= 0; i-- {
		p.drop(h.parts[i].run, h.parts[i].depth)
	}
	clear(h.parts)
	h.parts, h.blocks, h.filled = h.parts[:0], 0, 0
}

// putBlank gives blanks back.
func (p *kvPool) putBlank(k int) {
	p.unheld += k
	if last := p.oldest.prev; last != p.oldest && last.run == nil {
		last.to += k
	} else if k > 0 {
		p.remember(nil, 0, k)
	}
}

// remember puts blocks at the young end of the order of release.
func (p *kvPool) remember(r *kvRun, from, to int) *extent {
	x := p.spare
	if x == nil {
		x = new(extent)
	} else {
		p.spare = x.next
	}
	*x = extent{run: r, from: from, to: to, prev: p.oldest.prev, next: p.oldest}
	x.prev.next, x.next.prev = x, x
	return x
}

// forget takes an extent out of the order of release.
func (p *kvPool) forget(x *extent) {
	x.prev.next, x.next.prev = x.next, x.prev
	x.run, x.prev, x.next = nil, nil, p.spare
	p.spare = x
}
