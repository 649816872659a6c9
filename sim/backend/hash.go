package backend

import (
	"math"

	"github.com/headroom-dev/headroom/sim"
)

// Hash gives each user (or key, or prefix) a replica of its own by rendezvous (Thaler and Ravishankar:
// Using Name-Based Mappings to Increase Hit Rates, 1998): of all replicas the one whose hash together
// with the user's is the highest. Losing a replica moves only its own users; they spread over the rest.
// Weights count in proportion (Schindelhauer and Schomaker, 2005: the lowest -ln(u)/weight wins).
//
// With a bound no replica gets a call that would take it above bound times the mean in flight, rounded
// up (Mirrokni, Thorup and Zadimoghaddam: Consistent Hashing with Bounded Loads, 2018): the next best
// does.
type Hash struct{ Hashing }

var _ Balancer = (*Hash)(nil)

// Pick returns the replica of the call's user.
func (b *Hash) Pick(r sim.Request, among []*Member) int {
	name, most := scramble(named(&r, b.By)), b.most(among)
	best, lowest := -1, math.Inf(1)
	for i, m := range among {
		if m.inflight >= most {
			continue
		}
		// 53 bits of the hash as a number in (0, 1].
		u := float64(scramble(name^scramble(uint64(m.ID)+1))>>11+1) / (1 << 53)
		if cost := -math.Log(u) / float64(m.Weight); best < 0 || cost < lowest {
			best, lowest = i, cost
		}
	}
	return best
}

// most returns how many calls in flight a replica may have once it has this one. At least one replica
// has fewer, because not all can be above the mean.
func (b *Hash) most(among []*Member) int {
	if b.Bound == 0 {
		return math.MaxInt
	}
	total := 1
	for _, m := range among {
		total += m.inflight
	}
	return int(math.Ceil(b.Bound * float64(total) / float64(len(among))))
}

// prefixBlocks is how much of a prompt `by: prefix` looks at: 256 tokens. A shorter prefix would send
// all who share a system prompt to one replica, a longer one part those who share a document.
const prefixBlocks = 256 / sim.PrefixBlock

// named returns what of a call decides.
func named(r *sim.Request, by string) uint64 {
	switch by {
	case ByKey:
		return r.Key
	case ByPrefix:
		if n := len(r.Prefix); n > 0 {
			return r.Prefix[min(n, prefixBlocks)-1]
		}
		return r.Key
	}
	return r.User
}

// scramble is the finaliser of MurmurHash3 (fmix64, Appleby): every bit of x reaches every bit of the
// result. Unlike Python's it is the same in every process.
func scramble(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}
