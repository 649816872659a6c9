package backend

import (
	"math"
	"slices"

	"github.com/headroom-dev/headroom/sim"
)

// A runName stands for the content of blocks that follow each other, and of all before them.
type runName struct {
	kind  nameKind
	id    uint64
	index int // of a block with a name of its own
}

type nameKind uint8

const (
	byKey    nameKind = iota // the full blocks of a prompt that its key names
	byPrefix                 // one block of a prompt whose blocks have names
	byOwner                  // of one sequence alone, its outputs among them: never the name of a prompt of another
)

// promptNames are the names of a sequence's blocks.
type promptNames struct {
	prefix []uint64
	key    uint64
	owner  uint64
	prompt int // tokens
	block  int
	thrown bool // it was thrown out, and finds blocks of its own when it comes in again
}

// segment returns the name of the i-th run of the sequence and how many blocks the run has; false if
// there is none that could ever be found.
func (n *promptNames) segment(i int) (name runName, blocks int, ok bool) {
	end := (i + 1) * n.block
	switch full := n.prompt / n.block; {
	case n.prefix != nil:
		// The name of a block is that of the sixteen tokens in which it ends.
		if last := (end - 1) / sim.PrefixBlock; end <= n.prompt && last < len(n.prefix) {
			return runName{byPrefix, n.prefix[last], i}, 1, true
		}
	case n.key != 0 && full > 0 && i == 0:
		return runName{byKey, n.key, 0}, full, true
	}
	return runName{byOwner, n.owner, 0}, math.MaxInt, n.thrown
}

// A kvRun is blocks that follow each other. The first `present` can be found; of these the first `held`
// are held, as far as the holder of most of them goes. The others lie in the order of release.
type kvRun struct {
	name     runName
	present  int
	held     int
	holders  []int     // how many blocks each holds
	released []*extent // what is not held, the last blocks first, as they were released
}

func (p *kvPool) newRun(name runName) *kvRun {
	r := &kvRun{}
	if last := len(p.unused) - 1; last >= 0 {
		r, p.unused = p.unused[last], p.unused[:last]
	}
	*r = kvRun{name: name, holders: r.holders[:0], released: r.released[:0]}
	p.found[name] = r
	return r
}

// hold takes the first blocks of a run for one more holder.
func (p *kvPool) hold(r *kvRun, depth int) {
	r.holders = append(r.holders, depth)
	if depth <= r.held {
		return
	}
	for i := len(r.released) - 1; i >= 0 && r.released[i].from < depth; i-- {
		x := r.released[i]
		p.unheld -= min(x.to, depth) - x.from
		if x.from = min(x.to, depth); x.from == x.to {
			p.forget(x)
			r.released = r.released[:i]
		}
	}
	r.held = depth
}

// drop is one holder less.
func (p *kvPool) drop(r *kvRun, depth int) {
	i, last := slices.Index(r.holders, depth), len(r.holders)-1
	r.holders[i] = r.holders[last]
	r.holders = r.holders[:last]
	if depth < r.held {
		return
	}
	held := 0
	for _, other := range r.holders {
		held = max(held, other)
	}
	if held < r.held {
		p.unheld += r.held - held
		r.released = append(r.released, p.remember(r, held, r.held))
		r.held = held
	}
}

// evict leaves only the first blocks of a run to be found. The last of its blocks were released first,
// so it is their turn.
func (p *kvPool) evict(r *kvRun, present int) {
	r.present = present
	if first := r.released[0]; first.from == first.to {
		r.released = slices.Delete(r.released, 0, 1)
	}
	if present == 0 {
		delete(p.found, r.name)
		p.unused = append(p.unused, r)
	}
}
