package backend

import (
	"container/list"
	"testing"

	"pgregory.net/rapid"

	"github.com/headroom-dev/headroom/sim"
)

// naivePool is the rules of kvPool block by block, with a map and a list, as vLLM has them.
type naivePool struct {
	size, held int
	named      map[naiveName]*naiveBlock
	lru        *list.List // of *naiveBlock, the longest released first
}

type naiveName struct {
	of    string // "key", "prefix" or "own"
	name  uint64
	part  int // which block of the key, of the name, or of what a sequence put out
	birth int // how manieth time a sequence began to name what it put out
}

type naiveBlock struct {
	name    naiveName
	named   bool
	holders int
	place   *list.Element
}

// naiveSequence is a sequence of naivePool.
type naiveSequence struct {
	names  []naiveName
	starts []bool // a run begins with this block
	id     uint64
	birth  int
	block  int
	blocks []*naiveBlock
	hit    int
	filled int
	double bool
}

func newNaivePool(size int) *naivePool {
	p := &naivePool{size: size, named: map[naiveName]*naiveBlock{}, lru: list.New()}
	for range size {
		b := new(naiveBlock)
		b.place = p.lru.PushBack(b)
	}
	return p
}

func (s *naiveSequence) read(r *sim.Request, prompt, block int) {
	s.block = block
	for i := range prompt / block {
		switch at := ((i+1)*block+15)/16 - 1; {
		case r.Prefix == nil && r.Key != 0:
			s.names, s.starts = append(s.names, naiveName{of: "key", name: r.Key, part: i}), append(s.starts, i == 0)
		case r.Prefix != nil && at < len(r.Prefix):
			before := (i*block+15)/16 - 1
			starts := i == 0 || r.Prefix[at]-r.Prefix[before] != uint64(at-before)
			s.names, s.starts = append(s.names, naiveName{of: "prefix", name: r.Prefix[at], part: i}), append(s.starts, starts)
		}
	}
}

func (s *naiveSequence) name(i int) naiveName {
	if i < len(s.names) {
		return s.names[i]
	}
	return naiveName{of: "own", name: s.id, part: i, birth: s.birth}
}

func (p *naivePool) hit(s *naiveSequence, most int) (blocks, unheld int) {
	for blocks < most {
		b := p.named[s.name(blocks)]
		if b == nil {
			break
		}
		blocks++
		if b.holders == 0 {
			unheld++
		}
	}
	return blocks, unheld
}

func (p *naivePool) admit(s *naiveSequence, hit, more int) {
	s.blocks, s.hit, s.filled, s.double = nil, hit, hit, false
	for i := range hit {
		b := p.named[s.name(i)]
		if b.holders == 0 {
			p.lru.Remove(b.place)
			p.held++
		}
		b.holders++
		s.blocks = append(s.blocks, b)
	}
	if hit <= len(s.names) {
		s.birth++
	}
	p.grow(s, more)
}

func (p *naivePool) grow(s *naiveSequence, more int) {
	for range more {
		b := p.lru.Remove(p.lru.Front()).(*naiveBlock)
		if b.named {
			delete(p.named, b.name)
		}
		*b = naiveBlock{holders: 1}
		p.held++
		s.blocks = append(s.blocks, b)
	}
}

// fill names full blocks of the prompt. After one that somebody else has named the run has no more names.
func (p *naivePool) fill(s *naiveSequence, computed int) {
	for ; s.filled < min(computed/s.block, len(s.names)); s.filled++ {
		if s.starts[s.filled] {
			s.double = false
		}
		p.giveName(s, s.filled)
	}
}

func (p *naivePool) giveName(s *naiveSequence, i int) {
	b, name := s.blocks[i], s.name(i)
	s.double = s.double || p.named[name] != nil
	if !s.double {
		b.name, b.named, p.named[name] = name, true, b
	}
}

func (p *naivePool) release(s *naiveSequence, computed int, final bool) {
	s.double = false
	for i := len(s.names); i < len(s.blocks); i++ {
		if b := s.blocks[i]; b.named && final {
			delete(p.named, b.name)
			*b = naiveBlock{holders: 1}
		} else if !b.named && !final && i < computed/s.block {
			p.giveName(s, i)
		}
	}
	for i := len(s.blocks) - 1; i >= 0; i-- {
		b := s.blocks[i]
		if b.holders--; b.holders == 0 {
			b.place = p.lru.PushBack(b)
			p.held--
		}
	}
	s.blocks = nil
}

// poolPair drives both pools by the same calls.
type poolPair struct {
	t     *rapid.T
	block int
	pool  *kvPool
	naive *naivePool
	all   []*pairSequence
	next  uint64
}

type pairSequence struct {
	tokens, computed int
	running          bool
	names            promptNames
	kv               holding
	naive            naiveSequence
}

func (p *poolPair) add(r sim.Request, prompt int) {
	p.next++
	s := &pairSequence{tokens: prompt, naive: naiveSequence{id: p.next}}
	s.names.read(&r, prompt, p.block)
	s.naive.read(&r, prompt, p.block)
	p.all = append(p.all, s)
}

func (p *poolPair) blocksFor(tokens int) int { return (tokens + p.block - 1) / p.block }

// step computes some tokens of a sequence, if there is room, and reports whether it did.
func (p *poolPair) step(s *pairSequence, chunk int) bool {
	if !s.running {
		return p.admit(s, chunk)
	}
	if s.computed == s.tokens {
		s.tokens++
	}
	n := min(chunk, s.tokens-s.computed)
	more := p.blocksFor(s.computed+n) - p.blocksFor(s.computed)
	if more > p.pool.free() {
		return false
	}
	if n == 1 { // as decoders do
		p.pool.takeBlank(more)
		p.pool.adopt(&s.kv, p.blocksFor(s.computed+n))
	} else {
		p.pool.grow(&s.kv, more)
	}
	p.naive.grow(&s.naive, more)
	s.computed += n
	p.pool.fill(&s.kv, s.computed)
	p.naive.fill(&s.naive, s.computed)
	return true
}

func (p *poolPair) admit(s *pairSequence, chunk int) bool {
	hit, unheld := p.pool.hit(&s.names, (s.tokens-1)/p.block)
	n := min(chunk, s.tokens-hit*p.block)
	more := p.blocksFor(hit*p.block+n) - hit
	if more+unheld > p.pool.free() {
		return false
	}
	p.pool.admit(&s.kv, &s.names, hit, more)
	p.naive.admit(&s.naive, hit, more)
	s.running, s.computed = true, hit*p.block+n
	p.pool.fill(&s.kv, s.computed)
	p.naive.fill(&s.naive, s.computed)
	return true
}

func (p *poolPair) release(s *pairSequence, final bool) {
	p.pool.release(&s.kv, final)
	p.naive.release(&s.naive, s.computed, final)
	s.running, s.computed = false, 0
}

// check compares the two pools block by block.
func (p *poolPair) check() {
	t := p.t
	same(t, "held", p.pool.held, p.naive.held)
	var got, want []bool
	free, at := 0, p.naive.lru.Front()
	for e := p.pool.released.first; e != nil; e = e.next {
		free += e.size()
		for i := e.to - 1; i >= e.from; i-- {
			got, want = append(got, e.run != nil), append(want, at.Value.(*naiveBlock).named)
			at = at.Next()
		}
	}
	same(t, "free", free, p.pool.free())
	same(t, "which released blocks have names", got, want)
	for _, s := range p.all {
		if s.running {
			same(t, "blocks held", s.kv.blocks, len(s.naive.blocks))
			continue
		}
		most := (s.tokens - 1) / p.block
		blocks, unheld := p.pool.hit(&s.names, most)
		wantBlocks, wantUnheld := p.naive.hit(&s.naive, most)
		same(t, "hit", []int{blocks, unheld}, []int{wantBlocks, wantUnheld})
	}
}

// TestKVPoolIsItsBlocks: counted in runs, the pool does what one with a list of blocks does.
func TestKVPoolIsItsBlocks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 60).Draw(t, "blocks")
		p := &poolPair{t: t, block: rapid.SampledFrom([]int{16, 16, 8, 24, 32, 1}).Draw(t, "block")}
		p.pool, p.naive = newKVPool(size, true), newNaivePool(size)
		longest := min(12*p.block, 200)
		for range rapid.IntRange(1, 150).Draw(t, "steps") {
			what := rapid.IntRange(0, 9).Draw(t, "what")
			if len(p.all) == 0 || what == 0 {
				prompt := rapid.IntRange(1, longest).Draw(t, "prompt")
				p.add(drawNames(t, prompt), prompt)
				continue
			}
			i := rapid.IntRange(0, len(p.all)-1).Draw(t, "which")
			s := p.all[i]
			switch {
			case what <= 7:
				p.step(s, rapid.SampledFrom([]int{1, 1, 7, p.block, 3 * p.block, 1000}).Draw(t, "chunk"))
			case s.running && what == 8:
				p.release(s, false)
			case s.running:
				p.release(s, true)
				p.all = append(p.all[:i], p.all[i+1:]...)
			}
			p.check()
		}
		for _, s := range p.all {
			if s.running {
				p.release(s, true)
			}
		}
		same(t, "held at the end", p.pool.held, 0)
	})
}

// drawNames is a request that says what its prompt is: by a key, by names, or not.
func drawNames(t *rapid.T, prompt int) sim.Request {
	kind := rapid.IntRange(0, 5).Draw(t, "kind")
	if kind == 0 {
		return sim.Request{}
	}
	key := rapid.Uint64Range(1, 4).Draw(t, "key")
	if kind < 3 {
		return sim.Request{Key: key}
	}
	group, shared := key%2, rapid.SampledFrom([]int{0, 2, 3}).Draw(t, "shared")
	r := sim.Request{Key: key, Prefix: []uint64{}}
	for i := range rapid.IntRange(0, prompt/sim.PrefixBlock).Draw(t, "names") {
		name := group<<32 + uint64(i)
		if i >= shared {
			name = (1+group)<<56 + uint64(shared)<<48 + key<<32 + uint64(i)
		}
		if kind == 5 {
			name *= 0x9e3779b97f4a7c15 // names as of a hash: none follows another
		}
		r.Prefix = append(r.Prefix, name)
	}
	return r
}

// TestKVPoolFindsPrompts: hits by hand, as vLLM counts them.
func TestKVPoolFindsPrompts(t *testing.T) {
	p := newKVPool(10, true)
	var first, second, other promptNames
	first.read(&sim.Request{Key: 7}, 70, 16) // 4 full blocks and 6 tokens
	second.read(&sim.Request{Key: 7}, 70, 16)
	other.read(&sim.Request{Key: 8}, 96, 16)
	hit := func(what string, n *promptNames, most, blocks, unheld int) {
		t.Helper()
		b, u := p.hit(n, most)
		same(t, what, []int{b, u}, []int{blocks, unheld})
	}
	var a, b holding
	hit("an empty cache", &first, 4, 0, 0)
	p.admit(&a, &first, 0, 5)
	p.fill(&a, 40)
	hit("the full blocks of what is computed", &second, 4, 2, 0)
	p.fill(&a, 70)
	hit("all but the last, partly filled block", &second, 4, 4, 0)
	p.release(&a, true)
	hit("released blocks stay", &second, 4, 4, 4)
	p.admit(&b, &other, 0, 6) // takes the 5 that were never used and the partly filled one
	hit("what nobody needed is still there", &second, 4, 4, 4)
	p.takeBlank(2)
	hit("the end of a prompt goes first", &second, 4, 2, 2)
	same(t, "free", p.free(), 2)
}

// TestKVPoolKeepsOutputs: what a sequence has put out is found after a preemption, by itself alone.
func TestKVPoolKeepsOutputs(t *testing.T) {
	p := newKVPool(10, true)
	var names, others promptNames
	names.read(&sim.Request{Key: 7}, 24, 16)
	others.read(&sim.Request{Key: 7}, 200, 16)
	var a holding
	p.admit(&a, &names, 0, 2)
	p.fill(&a, 24)
	p.takeBlank(2)
	p.adopt(&a, 4)
	p.fill(&a, 50)
	p.release(&a, false)
	if b, u := p.hit(&names, 3); b != 3 || u != 3 {
		t.Errorf("its own: got %d blocks, %d unheld, want 3 and 3", b, u)
	}
	if b, _ := p.hit(&others, 12); b != 1 {
		t.Errorf("another's: got %d blocks, want the one full of prompt", b)
	}
	p.admit(&a, &names, 3, 1)
	p.fill(&a, 51)
	p.release(&a, true)
	if b, _ := p.hit(&names, 3); b != 1 {
		t.Errorf("after its end: got %d blocks, want 1", b)
	}
	same(t, "held", p.held, 0)
}

// BenchmarkKVPool admits and releases sequences of 512 + 128 tokens in a full pool.
func BenchmarkKVPool(b *testing.B) {
	for _, row := range []struct {
		name    string
		request func(i int) sim.Request
	}{
		{"unnamed", func(int) sim.Request { return sim.Request{} }},
		{"distinct", func(i int) sim.Request { return sim.Request{Key: uint64(i + 1)} }},
		{"repeated", func(i int) sim.Request { return sim.Request{Key: uint64(i%100 + 1)} }},
	} {
		b.Run(row.name, func(b *testing.B) {
			p := newKVPool(5000, true)
			ring := make([]struct {
				names promptNames
				kv    holding
			}, 64)
			b.ReportAllocs()
			for i := range b.N {
				s := &ring[i%len(ring)]
				if s.kv.blocks > 0 {
					p.adopt(&s.kv, 40)
					p.release(&s.kv, true)
				}
				r := row.request(i)
				s.names.read(&r, 512, 16)
				hit, _ := p.hit(&s.names, 31)
				p.admit(&s.kv, &s.names, hit, 32-hit)
				p.fill(&s.kv, 512)
				p.takeBlank(8)
			}
		})
	}
}
