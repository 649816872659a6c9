package backend

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/headroom-dev/headroom/sim"
)

// A Choice is the model a scenario names, with its configuration: `model: {queue: {servers: 10, ...}}`,
// exactly one entry of All.
type Choice struct {
	Name string
	Model
}

// raw keeps a value undecoded until the type it belongs to is known.
type raw struct{ decode func(any) error }

// UnmarshalYAML keeps the value.
func (r *raw) UnmarshalYAML(decode func(any) error) error {
	r.decode = decode
	return nil
}

// UnmarshalYAML reads the one entry over the defaults of the model it names.
func (c *Choice) UnmarshalYAML(decode func(any) error) error {
	var entries map[string]raw
	if err := decode(&entries); err != nil {
		return err
	}
	known := names(All, func(e Entry) string { return e.Name })
	given := slices.Sorted(maps.Keys(entries))
	if len(given) != 1 {
		found := "no model"
		if len(given) > 0 {
			found = fmt.Sprintf("%d models: %s", len(given), strings.Join(given, ", "))
		}
		return sim.Faults{{Found: found, Allowed: "exactly one of " + known}}
	}
	entry, ok := find(All, func(e Entry) bool { return e.Name == given[0] })
	if !ok {
		return sim.Faults{{Found: fmt.Sprintf("unknown model %q", given[0]), Allowed: known}}
	}
	c.Name, c.Model = entry.Name, entry.New()
	return entries[entry.Name].decode(c.Model)
}

// MarshalYAML writes the one entry.
func (c Choice) MarshalYAML() (any, error) {
	if c.Model == nil {
		return nil, nil
	}
	return map[string]Model{c.Name: c.Model}, nil
}
