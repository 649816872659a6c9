package backend

import "github.com/headroom-dev/headroom/sim"

// A kvPool is the blocks of keys and values of one engine, as vLLM V1 keeps them: full blocks of prompts
// have names, so that later calls that begin alike find them; released blocks can be found until they are
// taken for something else, the longest released first.
//
// No block has an identity. A block is an entry that is held or lies in the order of release, or one of
// a number of blanks, which nobody can find.
type kvPool struct {
	blocks int
	unheld int
	caches bool
	found  map[blockName]*cachedBlock
	oldest *cachedBlock // the order of release, a ring through this
	unused *cachedBlock // a list through next
}

// A blockName stands for the content of a block and of all before it.
type blockName struct {
	kind  nameKind
	id    uint64
	index int
}

type nameKind uint8

const (
	byKey    nameKind = iota // of a prompt that its key names
	byPrefix                 // of a prompt whose blocks have names
	byOwner                  // of one sequence alone, outputs among them: never the name of another's prompt
)

// A cachedBlock is a block with a name, or in the order of release a number of blanks.
type cachedBlock struct {
	name       blockName
	holders    int
	blanks     int // 0: it has a name
	prev, next *cachedBlock
}

// promptNames are the names of a sequence's blocks.
type promptNames struct {
	prefix []uint64
	key    uint64
	owner  uint64
	prompt int // tokens
	block  int
	thrown bool // it was thrown out: from now on its own blocks are worth a name
}

// known reports whether any block can be found.
func (n *promptNames) known() bool { return n.key != 0 || n.prefix != nil || n.thrown }

// name returns the name of block i.
func (n *promptNames) name(i int) blockName {
	end := (i + 1) * n.block
	if end <= n.prompt {
		if last := (end - 1) / sim.PrefixBlock; n.prefix != nil {
			if last < len(n.prefix) {
				return blockName{byPrefix, n.prefix[last], i}
			}
		} else if n.key != 0 {
			return blockName{byKey, n.key, i}
		}
	}
	return blockName{byOwner, n.owner, i}
}

// A holding is the blocks of one sequence: the first of them with an entry each, nil for a blank, the
// rest blanks.
type holding struct {
	names   *promptNames
	entries []*cachedBlock
	blocks  int
}

func newKVPool(blocks int, caching bool) *kvPool {
	p := &kvPool{blocks: blocks, unheld: blocks, caches: caching, found: map[blockName]*cachedBlock{}}
	p.oldest = new(cachedBlock)
	p.oldest.prev, p.oldest.next = p.oldest, p.oldest
	p.append(&cachedBlock{blanks: blocks})
	return p
}

// append puts an entry at the young end of the order of release.
func (p *kvPool) append(b *cachedBlock) {
	b.prev, b.next = p.oldest.prev, p.oldest
	b.prev.next, b.next.prev = b, b
}

func (b *cachedBlock) leave() {
	b.prev.next, b.next.prev = b.next, b.prev
	b.prev, b.next = nil, nil
}

func (p *kvPool) fresh() *cachedBlock {
	b := p.unused
	if b == nil {
		return new(cachedBlock)
	}
	p.unused = b.next
	*b = cachedBlock{}
	return b
}

func (p *kvPool) recycle(b *cachedBlock) { b.next, p.unused = p.unused, b }

// free returns the blocks that nobody holds, those that can be found included.
func (p *kvPool) free() int { return p.unheld }

// hit returns how many blocks from the first on, at most `most`, can be found, and how many of them
// nobody holds.
func (p *kvPool) hit(n *promptNames, most int) (blocks, unheld int) {
	if !n.known() {
		return 0, 0
	}
	for blocks < most {
		b := p.found[n.name(blocks)]
		if b == nil {
			break
		}
		if blocks++; b.holders == 0 {
			unheld++
		}
	}
	return blocks, unheld
}

// admit gives a holding the first blocks that were found, and more.
func (p *kvPool) admit(h *holding, n *promptNames, hit, more int) {
	h.names = n
	for i := range hit {
		b := p.found[n.name(i)]
		if b.holders == 0 {
			b.leave()
			p.unheld--
		}
		b.holders++
		h.entries = append(h.entries, b)
	}
	h.blocks = hit
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
		b := p.oldest.next
		if b.blanks > k {
			b.blanks -= k
			return
		}
		k -= max(b.blanks, 1)
		if b.blanks == 0 {
			delete(p.found, b.name)
		}
		b.leave()
		p.recycle(b)
	}
}

// adopt says that so many blocks in all are the holding's: those taken while it decoded among them.
func (p *kvPool) adopt(h *holding, blocks int) { h.blocks = blocks }

// fill says that the blocks of the first tokens are full, so that they can be found. One that another
// holding has filled with the same stays a blank.
func (p *kvPool) fill(h *holding, computed int) {
	if !p.caches || !h.names.known() {
		return
	}
	for i := len(h.entries); i < computed/h.names.block; i++ {
		name := h.names.name(i)
		if p.found[name] != nil || name.kind == byOwner && !h.names.thrown {
			h.entries = append(h.entries, nil)
			continue
		}
		b := p.fresh()
		b.name, b.holders = name, 1
		p.found[name] = b
		h.entries = append(h.entries, b)
	}
}

// release gives all blocks back, the last first, so that the beginning of a prompt can be found longest.
// final says that nobody will ask for the sequence's own blocks again.
func (p *kvPool) release(h *holding, final bool) {
	for i := h.blocks - 1; i >= 0; i-- {
		if i >= len(h.entries) {
			p.putBlank(h.blocks - len(h.entries))
			i = len(h.entries)
			continue
		}
		b := h.entries[i]
		if b == nil {
			p.putBlank(1)
			continue
		}
		if b.holders--; b.holders > 0 {
			continue
		}
		if final && b.name.kind == byOwner {
			delete(p.found, b.name)
			p.recycle(b)
			p.putBlank(1)
			continue
		}
		p.append(b)
		p.unheld++
	}
	clear(h.entries)
	h.entries, h.blocks = h.entries[:0], 0
}

// putBlank gives blanks back.
func (p *kvPool) putBlank(k int) {
	p.unheld += k
	if last := p.oldest.prev; last.blanks > 0 {
		last.blanks += k
		return
	}
	b := p.fresh()
	b.blanks = k
	p.append(b)
}
