package backend

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// A Region is where a part of the callers is: `regions: {eu: {rtt: 20ms, weight: 2}, us: {rtt: 110ms}}`.
// A user is in one region for good, by a hash of the user and not by a draw, so all that a user asks
// comes from there. Each region has connections and a DNS cache of its own.
type Region struct {
	RTT    time.Duration `yaml:"rtt"`    // of its callers, in place of the network's; 0s to 1h
	Weight int           `yaml:"weight"` // its share of the users, beside the other weights; 1 to 1,000,000; 1
}

const maxRegionWeight = 1_000_000

// checkRegions notes what is out of range, and fills in the weights.
func (n *Network) checkRegions(f *sim.Faults) {
	if len(n.Regions) > 0 && n.RTT != 0 {
		f.Add("rtt", n.RTT.String(), "0s beside regions: each has its own")
	}
	for _, name := range slices.Sorted(maps.Keys(n.Regions)) {
		one, path := n.Regions[name], "regions."+name
		checkPrice(f, path+".rtt", one.RTT)
		if one.Weight == 0 {
			one.Weight = 1
			n.Regions[name] = one
		}
		if one.Weight < 0 || one.Weight > maxRegionWeight {
			f.Add(path+".weight", fmt.Sprint(one.Weight), fmt.Sprintf("1 to %d", maxRegionWeight))
		}
	}
}

// A side is one region in one Env, or all callers where there are no regions.
type side struct {
	there, back time.Duration
	below       float64 // users whose hash, in [0, 1), is below it and not below that of the side before
	names       lookup
	conns       connections // nil: connections are not modelled, and a warm one is always there
}

// newSides makes the regions in the order of their names, or one side.
func newSides(n *Network) []side {
	if len(n.Regions) == 0 {
		return []side{n.newSide(n.RTT, 1)}
	}
	order := slices.Sorted(maps.Keys(n.Regions))
	total, sum := 0, 0
	for _, name := range order {
		total += n.Regions[name].Weight
	}
	var all []side
	for _, name := range order {
		one := n.Regions[name]
		sum += one.Weight
		all = append(all, n.newSide(one.RTT, float64(sum)/float64(total)))
	}
	return all
}

func (n *Network) newSide(rtt time.Duration, below float64) side {
	return side{there: rtt / 2, back: rtt - rtt/2, below: below,
		names: lookup{price: n.DNS, ttl: n.DNSTTL}, conns: n.newConnections()}
}

// regionSalt keeps the region of a user apart from its replica: balancers hash users as well.
const regionSalt = 0x72656769_6f6e7321

// side returns the side a user is on.
func (p *path) side(user uint64) *side {
	if len(p.sides) == 1 {
		return &p.sides[0]
	}
	u := float64(scramble(scramble(user)^regionSalt)>>11) / (1 << 53)
	for i := range p.sides {
		if u < p.sides[i].below {
			return &p.sides[i]
		}
	}
	panic("backend: the last region's bound is 1")
}
