package strategies

import (
	"encoding/binary"
	"math"

	"github.com/cespare/xxhash/v2"
)

// rendezvous gives a key the endpoint, from 0, whose hash together with the key is the highest (Thaler
// and Ravishankar: Using Name-Based Mappings to Increase Hit Rates, 1998). Losing any endpoint moves only
// its own keys, and they spread over the rest.
//
// It passes over the endpoint not, and those with most or more calls in flight; -1 if none is left.
func rendezvous(key uint64, inFlight []int, most, not int) int {
	best, highest := -1, uint64(0)
	for node, n := range inFlight {
		if n >= most || node == not {
			continue
		}
		if score := hashPair(key, uint64(node)); best < 0 || score > highest {
			best, highest = node, score
		}
	}
	return best
}

// boundedLoad is how many calls in flight one of n endpoints may have, with total in flight and one to
// come: ceil(bound (total + 1)/n) (Mirrokni, Thorup and Zadimoghaddam: Consistent Hashing with Bounded
// Loads, 2018). At least one endpoint has fewer, since not all can be above the mean. A bound of 0 is
// none.
func boundedLoad(bound float64, total, n int) int {
	if bound == 0 {
		return math.MaxInt
	}
	return int(math.Ceil(bound * float64(total+1) / float64(n)))
}

// hashOne and hashPair are xxHash64 with seed 0 of numbers as 8 little-endian bytes each: the same in
// every process and on every machine, unlike hash/maphash and Python's hash of a string, which move all
// keys at each restart.
func hashOne(a uint64) uint64 {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], a)
	return xxhash.Sum64(b[:])
}

func hashPair(a, b uint64) uint64 {
	var pair [16]byte
	binary.LittleEndian.PutUint64(pair[:], a)
	binary.LittleEndian.PutUint64(pair[8:], b)
	return xxhash.Sum64(pair[:])
}
