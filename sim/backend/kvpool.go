package backend

// kvPool counts the blocks of keys and values.
type kvPool struct{ blocks, held int }

type promptNames struct{}
type holding struct{ blocks int }

func newKVPool(blocks int, caching bool) *kvPool { return &kvPool{blocks: blocks} }

func (p *kvPool) free() int                                         { return p.blocks - p.held }
func (p *kvPool) hit(n *promptNames, most int) (blocks, unheld int) { return 0, 0 }
func (p *kvPool) admit(h *holding, n *promptNames, hit, more int)   { p.grow(h, more) }
func (p *kvPool) grow(h *holding, more int) {
	p.takeBlank(more)
	h.blocks += more
}
func (p *kvPool) fill(h *holding, computed int) {}
func (p *kvPool) release(h *holding, final bool) {
	p.held -= h.blocks
	h.blocks = 0
}
func (p *kvPool) takeBlank(k int) {
	if p.held += k; p.held > p.blocks {
		panic("backend: no blocks")
	}
}

// adopt says that so many blocks in all are the holder's: those taken as blank since it decodes.
func (p *kvPool) adopt(h *holding, blocks int) { h.blocks = blocks }
