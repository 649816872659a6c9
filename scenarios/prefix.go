package scenarios

import (
	"fmt"

	"github.com/headroom-dev/headroom/sim"
)

// A Prefix says which prompts begin alike, as those behind the same system prompt do: prompts whose
// keys are equal modulo Groups have their first Tokens tokens in common. A service with a prefix cache
// computes them once. The zero Prefix is unset.
type Prefix struct {
	Groups int `yaml:"groups" jsonschema:"required"` // 1 or more
	Tokens int `yaml:"tokens" jsonschema:"required"` // 1 or more
}

// IsZero reports whether no prefix is set.
func (p Prefix) IsZero() bool { return p == Prefix{} }

func (p Prefix) check(f *sim.Faults) {
	if p.IsZero() {
		return
	}
	const most = 1_000_000_000
	for _, one := range []struct {
		path  string
		value int
	}{{"prefix.groups", p.Groups}, {"prefix.tokens", p.Tokens}} {
		if one.value < 1 || one.value > most {
			f.Add(one.path, fmt.Sprint(one.value), fmt.Sprintf("1 to %d", most))
		}
	}
}

// names returns the names of the full blocks of a prompt: those that lie in the part its group shares
// have the group's, all others the key's own.
func (p Prefix) names(key uint64, prompt int) []uint64 {
	group := key % uint64(p.Groups)
	names := make([]uint64, prompt/sim.PrefixBlock)
	for i := range names {
		if (i+1)*sim.PrefixBlock <= p.Tokens {
			names[i] = blockName(group, i)
		} else {
			names[i] = blockName(^key, i)
		}
	}
	return names
}

// blockName is a name for a block of what a number stands for: one step of SplitMix64 for each.
func blockName(of uint64, block int) uint64 {
	x := of*0x9e3779b97f4a7c15 + uint64(block)*0xd1342543de82ef95
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
