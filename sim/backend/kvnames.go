package backend

import "github.com/headroom-dev/headroom/sim"

// A runName names a run of blocks: a key, all blocks of whose prompt are one run, or the first of the
// block names in a row that a prompt brought with it. The zero name is nobody's.
type runName struct {
	of   namedBy
	name uint64
}

type namedBy uint8

const (
	byNobody namedBy = iota
	byKey
	byPrefix
)

// promptNames are the names of a sequence's blocks: what its request says of the full blocks of its
// prompt, and what the sequence itself has put out. The zero promptNames name nothing. They must not be
// copied once they have been read.
type promptNames struct {
	segments []segment // of the prompt, in order
	blocks   int       // of all segments
	block    int       // tokens of a block
	own      *run      // the blocks behind them, once it was thrown out
	ownHeld  int       // how many of these it holds again
	few      [2]segment
}

// A segment is a stretch of a prompt: the first blocks of a run.
type segment struct {
	name   runName
	blocks int
	run    *run // while held > 0
	held   int  // blocks that this sequence holds and that can be found
	double bool // the others cannot be: somebody was first with the same
}

// read names the blocks of a prompt of so many tokens. The names of Request.Prefix come first; without
// any all of the prompt belongs to its key; without a key, 0, it cannot be found.
//
// A name of Prefix stands for all before it. So what stands before a name is the same wherever it
// occurs, and names that count up by one are one run in every prompt. A block whose end lies inside
// PrefixBlock tokens takes the name of these: it is found a little less often than it could be, never
// wrongly.
func (n *promptNames) read(r *sim.Request, prompt, block int) {
	*n = promptNames{block: block}
	n.segments = n.few[:0]
	full := prompt / block
	switch {
	case full == 0:
	case r.Prefix != nil:
		n.readPrefix(r.Prefix, full)
	case r.Key != 0:
		n.segments = append(n.segments, segment{name: runName{byKey, r.Key}, blocks: full})
		n.blocks = full
	}
}

func (n *promptNames) readPrefix(prefix []uint64, full int) {
	before := -1
	for i := range full {
		at := ((i+1)*n.block+sim.PrefixBlock-1)/sim.PrefixBlock - 1
		if at >= len(prefix) {
			return
		}
		last := len(n.segments) - 1
		if i > 0 && prefix[at]-prefix[before] == uint64(at-before) {
			n.segments[last].blocks++
		} else {
			n.segments = append(n.segments, segment{name: runName{byPrefix, prefix[at]}, blocks: 1})
		}
		n.blocks++
		before = at
	}
}
