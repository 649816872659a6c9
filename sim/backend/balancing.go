package backend

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/headroom-dev/headroom/sim"
)

// A Balancing is the balancer that a scenario names: `balance: least-conn`, or a mapping with its
// settings, `balance: {hash: {by: user, bound: 1.25}}`. The zero Balancing is the first of Balancers.
type Balancing struct {
	Name string // one of Balancers
	Hashing
}

// Hashing is the settings of the balancers that hash.
type Hashing struct {
	// By is what of a call decides: user, key, or prefix (the first 256 tokens of its prompt); user.
	By string `yaml:"by,omitempty"`
	// Bound is how many times the mean of the calls in flight a replica may have before the next best
	// gets the call, above 1; 0: no bound. hash only.
	Bound float64 `yaml:"bound,omitempty"`
}

// What a hash is taken of.
const (
	ByUser   = "user"
	ByKey    = "key"
	ByPrefix = "prefix"
)

const maxBound = 1000

// check notes settings out of range, and fills in the defaults.
func (b *Balancing) check(f *sim.Faults) {
	entry, ok := balancerNamed(b.Name)
	if !ok {
		f.Add("balance", b.Name, balancerNames())
		return
	}
	b.Name = entry.Name
	if !entry.Hashes {
		return
	}
	switch b.By {
	case "":
		b.By = ByUser
	case ByUser, ByKey, ByPrefix:
	default:
		f.Add("balance."+b.Name+".by", b.By, strings.Join([]string{ByUser, ByKey, ByPrefix}, ", "))
	}
	switch {
	case b.Bound != 0 && b.Name != "hash":
		f.Add("balance."+b.Name+".bound", fmt.Sprint(b.Bound), "none: only hash has a bound")
	case b.Bound != 0 && !(b.Bound > 1 && b.Bound <= maxBound):
		f.Add("balance."+b.Name+".bound", fmt.Sprint(b.Bound), fmt.Sprintf("above 1, at most %d; 0 is no bound", maxBound))
	}
}

func balancerNames() string {
	return names(Balancers, func(b BalancerEntry) string { return b.Name })
}

// UnmarshalYAML reads a name, or a mapping with one name and its settings.
func (b *Balancing) UnmarshalYAML(decode func(any) error) error {
	var form any
	if err := decode(&form); err != nil {
		return err
	}
	if name, ok := form.(string); ok {
		*b = Balancing{Name: name}
		return nil
	}
	var entries map[string]raw
	if _, ok := form.(map[string]any); !ok || decode(&entries) != nil || len(entries) != 1 {
		return sim.Faults{{Found: fmt.Sprint(form), Allowed: "one of " + balancerNames() + ", or a mapping such as {hash: {by: user, bound: 1.25}}"}}
	}
	name := slices.Sorted(maps.Keys(entries))[0]
	entry, ok := balancerNamed(name)
	if !ok || name == "" {
		return sim.Faults{{Found: fmt.Sprintf("unknown balancer %q", name), Allowed: balancerNames()}}
	}
	*b = Balancing{Name: name}
	if !entry.Hashes {
		return entries[name].decode(&struct{}{})
	}
	return entries[name].decode(&b.Hashing)
}

// MarshalYAML writes the name alone where that says all.
func (b Balancing) MarshalYAML() (any, error) {
	if b.Hashing == (Hashing{}) || b.Hashing == (Hashing{By: ByUser}) {
		return b.Name, nil
	}
	return map[string]Hashing{b.Name: b.Hashing}, nil
}

// Schema describes the name or mapping.
func (Balancing) Schema() map[string]any {
	type schema = map[string]any
	var all []any
	properties := schema{}
	for _, entry := range Balancers {
		all = append(all, entry.Name)
		settings := schema{}
		if entry.Hashes {
			settings["by"] = schema{"enum": []any{ByUser, ByKey, ByPrefix}}
		}
		if entry.Name == "hash" {
			settings["bound"] = schema{"anyOf": []any{schema{"const": 0}, schema{"type": "number", "exclusiveMinimum": 1, "maximum": maxBound}}}
		}
		properties[entry.Name] = schema{"type": "object", "additionalProperties": false, "properties": settings}
	}
	return schema{"description": "which replica gets a call", "anyOf": []any{
		schema{"enum": all},
		schema{"type": "object", "additionalProperties": false, "properties": properties, "minProperties": 1, "maxProperties": 1},
	}}
}
