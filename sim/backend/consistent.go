package backend

import (
	"cmp"
	"encoding/binary"
	"hash/crc32"
	"slices"
	"strconv"

	"github.com/headroom-dev/headroom/sim"
)

// Consistent gives each user (or key, or prefix) the replica whose point comes next on a ring, as
// nginx's `hash ... consistent` (ngx_http_upstream_hash_module.c): 160 points per weight, each the CRC-32
// of the replica's name and of the point before. Losing a replica moves only its own users. The shares
// are less even than those of Hash: points lie at random.
type Consistent struct {
	by     string
	ring   []point // by place
	onRing map[int]bool
	pass   uint64
	text   []byte // room for the user's name
}

var _ Balancer = (*Consistent)(nil)

// A point is a place on the ring and whose it is.
type point struct {
	place  uint32
	member *Member
}

const pointsPerWeight = 160

// Pick returns the owner of the next point whose replica is in service.
func (b *Consistent) Pick(r sim.Request, among []*Member) int {
	b.know(among)
	b.pass++
	for i, m := range among {
		m.ringPass, m.ringIndex = b.pass, i
	}
	b.text = strconv.AppendUint(b.text[:0], named(&r, b.by), 10)
	from, _ := slices.BinarySearchFunc(b.ring, crc32.ChecksumIEEE(b.text), func(p point, place uint32) int {
		return cmp.Compare(p.place, place)
	})
	for k := range b.ring {
		if m := b.ring[(from+k)%len(b.ring)].member; m.ringPass == b.pass {
			return m.ringIndex
		}
	}
	panic("backend: nobody on the ring")
}

// know puts replicas on the ring that are not there yet; those that have gone for good leave it on the
// occasion.
func (b *Consistent) know(among []*Member) {
	added := false
	for _, m := range among {
		if b.onRing[m.ID] {
			continue
		}
		if b.onRing == nil {
			b.onRing = make(map[int]bool)
		}
		b.onRing[m.ID], added = true, true
		b.ring = append(b.ring, pointsOf(m)...)
	}
	if !added {
		return
	}
	b.ring = slices.DeleteFunc(b.ring, func(p point) bool { return p.member.state == Gone })
	slices.SortFunc(b.ring, func(p, q point) int {
		return cmp.Or(cmp.Compare(p.place, q.place), cmp.Compare(p.member.ID, q.member.ID))
	})
}

// pointsOf returns the points of a replica.
func pointsOf(m *Member) []point {
	name := crc32.ChecksumIEEE([]byte("replica\x00" + strconv.Itoa(m.ID)))
	points := make([]point, pointsPerWeight*m.Weight)
	var before [4]byte
	for i := range points {
		place := crc32.Update(name, crc32.IEEETable, before[:])
		points[i] = point{place, m}
		binary.LittleEndian.PutUint32(before[:], place)
	}
	return points
}
