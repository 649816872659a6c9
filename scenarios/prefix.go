package scenarios

import (
	"fmt"

	"github.com/headroom-dev/headroom/sim"
)

// Prefix says that prompts begin alike, as those behind one system prompt do: the prompts of keys that
// are equal modulo Groups have their first Tokens tokens in common. Written {groups: 10, tokens: 100}.
// The zero Prefix is unset: prompts of different keys have nothing in common.
type Prefix struct {
	Groups int `yaml:"groups"` // 1 to 1,000,000,000
	Tokens int `yaml:"tokens"` // 1 to 1,000,000,000; a shorter prompt has all of its tokens in common
}

// Validate checks the section.
func (p *Prefix) Validate() error {
	var faults sim.Faults
	if p.Groups < 1 || p.Groups > mostKeys {
		faults.Add("groups", fmt.Sprint(p.Groups), fmt.Sprintf("1 to %d", mostKeys))
	}
	if p.Tokens < 1 || p.Tokens > mostTokens {
		faults.Add("tokens", fmt.Sprint(p.Tokens), fmt.Sprintf("1 to %d", mostTokens))
	}
	return faults.Err()
}

// IsZero reports whether no prefix is set.
func (p Prefix) IsZero() bool { return p == Prefix{} }

// names returns the block names of the prompt of a key: those of its group, then its own. Names of one
// kind count up by one, so that a service may take them together.
func (p Prefix) names(key uint64, prompt int) []uint64 {
	const (
		ofGroup = 1 << 63
		place   = 26 // bits for the place of a block: mostTokens / sim.PrefixBlock is below 2^26
	)
	names := make([]uint64, prompt/sim.PrefixBlock)
	shared := min(p.Tokens/sim.PrefixBlock, len(names))
	group := ofGroup | key%uint64(p.Groups)<<place
	for i := range shared {
		names[i] = group + uint64(i)
	}
	for i := shared; i < len(names); i++ {
		names[i] = key<<place + uint64(i)
	}
	return names
}
