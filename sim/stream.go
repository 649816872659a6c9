package sim

import (
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
)

// StreamScheme is the version of how seeds become draws. Runs can be paired by seed only where it
// is the same.
const StreamScheme = 1

// A Stream is randomness for one purpose. Draws are keyed, not running: what call 381 draws for
// attempt 2 depends on no other call, so strategies that try more or less often still meet the same
// luck, and one retry more shifts nobody else's draws.
type Stream struct {
	key0, key1 uint64
	source     rand.PCG
	draws      *rand.Rand
}

// NewStream returns the stream of that name under a seed, for draws outside an Env: the schedule.
// The key is the first half of SHA-256(seed, name), so that streams of similar names and seeds have
// nothing in common.
func NewStream(seed uint64, name string) *Stream {
	key := sha256.Sum256(append(binary.BigEndian.AppendUint64(nil, seed), name...))
	s := &Stream{key0: binary.BigEndian.Uint64(key[:8]), key1: binary.BigEndian.Uint64(key[8:16])}
	s.draws = rand.New(&s.source)
	return s
}

// For returns the draws that belong to one attempt of one call. They are good until the next For or
// the next blocking call.
//
// Both words of the PCG come from the hash: its second word is state, not a stream number, so a
// constant there would leave neighbouring calls correlated.
func (s *Stream) For(call, attempt int) *rand.Rand {
	low := finalise(s.key0 + uint64(call)*0x9e3779b97f4a7c15 + uint64(attempt)*0xd1342543de82ef95)
	s.source.Seed(low, finalise(s.key1^low))
	return s.draws
}

// finalise is the output function of SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom
// Number Generators, 2014): every bit of x reaches every bit of the result.
func finalise(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// streams hands out the streams of one Env by name.
type streams struct {
	seed   uint64
	byName map[string]*Stream
}

func (s *streams) get(name string) *Stream {
	if one, ok := s.byName[name]; ok {
		return one
	}
	if s.byName == nil {
		s.byName = make(map[string]*Stream)
	}
	one := NewStream(s.seed, name)
	s.byName[name] = one
	return one
}
