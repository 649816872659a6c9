package scenarios

import (
	"fmt"

	"github.com/headroom-dev/headroom/sim"
)

// Keys say which calls ask the same thing:
//
//	{zipf: {s: 0.9, n: 1000000}}   the key of a call is the k-th of N with a probability proportional to k^-S
//	{cycle: {n: 100}}              the keys in turn: call i has the same as call i+N
//
// The zero Keys are unset: no two calls ask the same.
type Keys struct {
	Cycle bool    // in turn, not drawn
	S     float64 // exponent of the Zipf law, 0 (all alike) to 20
	N     int     // number of keys, 1 to 1,000,000,000
}

const mostKeys = 1_000_000_000

// UnmarshalYAML reads the forms above.
func (k *Keys) UnmarshalYAML(decode func(any) error) error {
	var form struct {
		Zipf *struct {
			S *float64 `yaml:"s"`
			N *int     `yaml:"n"`
		} `yaml:"zipf"`
		Cycle *struct {
			N *int `yaml:"n"`
		} `yaml:"cycle"`
	}
	if err := decode(&form); err != nil {
		return err
	}
	var faults sim.Faults
	switch {
	case (form.Zipf == nil) == (form.Cycle == nil):
		found := ""
		if form.Zipf != nil {
			found = "zipf and cycle"
		}
		return sim.Faults{{Found: found, Allowed: "one of {zipf: {s: 0.9, n: 1000000}} and {cycle: {n: 100}}"}}
	case form.Cycle != nil:
		k.Cycle = true
		k.count(&faults, "cycle.n", form.Cycle.N)
	default:
		if s := form.Zipf.S; s == nil {
			faults.Add("zipf.s", "", "0 to 20")
		} else if !(*s >= 0 && *s <= 20) {
			faults.Add("zipf.s", fmt.Sprint(*s), "0 to 20")
		} else {
			k.S = *s
		}
		k.count(&faults, "zipf.n", form.Zipf.N)
	}
	return faults.Err()
}

// count takes the number of keys.
func (k *Keys) count(faults *sim.Faults, path string, n *int) {
	if n == nil {
		faults.Add(path, "", fmt.Sprintf("1 to %d keys", mostKeys))
	} else if *n < 1 || *n > mostKeys {
		faults.Add(path, fmt.Sprint(*n), fmt.Sprintf("1 to %d keys", mostKeys))
	} else {
		k.N = *n
	}
}

// IsZero reports whether no keys are set.
func (k Keys) IsZero() bool { return k.N == 0 }

// MostAsked returns the n keys that most calls have, those most asked first; all keys where there are
// fewer, and none where no two calls ask the same.
func (k Keys) MostAsked(n int) []uint64 {
	keys := make([]uint64, max(min(n, k.N), 0))
	for i := range keys {
		keys[i] = uint64(i) + 1 // a key is its rank; keys in turn are all alike
	}
	return keys
}

// drawn reports whether the key of a call depends on the seed.
func (k Keys) drawn() bool { return k.N > 0 && !k.Cycle }

// MarshalYAML writes the form that was read.
func (k Keys) MarshalYAML() (any, error) {
	switch {
	case k.IsZero():
		return nil, nil
	case k.Cycle:
		return sim.Fields{{Name: "cycle", Value: sim.Fields{{Name: "n", Value: k.N}}}}, nil
	}
	return sim.Fields{{Name: "zipf", Value: sim.Fields{{Name: "s", Value: k.S}, {Name: "n", Value: k.N}}}}, nil
}
