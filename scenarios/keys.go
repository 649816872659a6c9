package scenarios

import (
	"fmt"

	"github.com/headroom-dev/headroom/sim"
)

// Keys say which calls ask the same thing. The zero Keys are unset.
//
//	{zipf: {s: 0.9, n: 1000000}}    the k-th of n keys with a probability proportional to k^-s
//	{cycle: {n: 100}}               n keys in turn, as benchmarks do that have a fixed list of prompts
type Keys struct {
	S     float64 // exponent of zipf, 0 (all alike) to 20
	N     int     // number of keys, 1 to 1,000,000,000
	Cycle bool    // in turn
}

// UnmarshalYAML reads the forms above.
func (k *Keys) UnmarshalYAML(decode func(any) error) error {
	const forms = "{zipf: {s: 0.9, n: 1000000}} or {cycle: {n: 100}}"
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
	case form.Zipf == nil && form.Cycle == nil:
		return sim.Faults{{Allowed: forms}}
	case form.Zipf != nil && form.Cycle != nil:
		return sim.Faults{{Found: "zipf and cycle", Allowed: forms}}
	case form.Cycle != nil:
		k.Cycle = true
		k.number("cycle.n", form.Cycle.N, &faults)
		return faults.Err()
	}
	if s := form.Zipf.S; s == nil {
		faults.Add("zipf.s", "", "0 to 20")
	} else if !(*s >= 0 && *s <= 20) {
		faults.Add("zipf.s", fmt.Sprint(*s), "0 to 20")
	} else {
		k.S = *s
	}
	k.number("zipf.n", form.Zipf.N, &faults)
	return faults.Err()
}

// number reads how many keys there are.
func (k *Keys) number(path string, n *int, faults *sim.Faults) {
	const allowed = "1 to 1000000000 keys"
	switch {
	case n == nil:
		faults.Add(path, "", allowed)
	case *n < 1 || *n > 1_000_000_000:
		faults.Add(path, fmt.Sprint(*n), allowed)
	default:
		k.N = *n
	}
}

// IsZero reports whether no keys are set.
func (k Keys) IsZero() bool { return k.N == 0 }

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
