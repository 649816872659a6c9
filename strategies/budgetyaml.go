package strategies

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// undecoded keeps a value of a file until the type it belongs to is known.
type undecoded struct{ decode func(any) error }

func (u *undecoded) UnmarshalYAML(decode func(any) error) error {
	u.decode = decode
	return nil
}

// UnmarshalYAML reads a name, or a mapping with one name and its settings.
func (b *Budget) UnmarshalYAML(decode func(any) error) error {
	var form any
	if err := decode(&form); err != nil {
		return err
	}
	switch form := form.(type) {
	case string:
		read, err := NewBudget(form)
		if err == nil {
			*b = read
		}
		return err
	case map[string]any:
		if len(form) != 1 {
			break
		}
		name := slices.Sorted(maps.Keys(form))[0]
		read, err := NewBudget(name)
		if err != nil || read.Off() {
			break
		}
		var entries map[string]undecoded
		if err := decode(&entries); err != nil {
			return err
		}
		*b = read
		return entries[name].decode(read.Rule)
	}
	return sim.Faults{{Found: fmt.Sprint(form), Allowed: "one of " + budgetNames() + ", or a mapping such as {brooker: {ratio: 0.1, cap: 5}}"}}
}

// MarshalYAML writes the name alone where that says all.
func (b Budget) MarshalYAML() (any, error) {
	entry := b.entry()
	switch {
	case b.Off():
		return "off", nil
	case reflect.DeepEqual(b.Rule, entry.New()):
		return entry.Name, nil
	}
	return sim.Fields{{Name: entry.Name, Value: b.Rule}}, nil
}

// Schema describes the name or mapping.
func (Budget) Schema() map[string]any {
	type schema = map[string]any
	names := []any{"off"}
	rules := schema{}
	for _, entry := range BudgetRules {
		names = append(names, entry.Name)
		settings := schema{}
		fields := reflect.TypeOf(entry.New()).Elem()
		for i := range fields.NumField() {
			field := fields.Field(i)
			settings[field.Tag.Get("yaml")] = settingSchema(reflect.New(field.Type).Elem().Interface())
		}
		rules[entry.Name] = schema{"type": "object", "additionalProperties": false, "properties": settings, "description": entry.About}
	}
	return schema{"description": "what bounds the attempts beyond the first, over all calls", "anyOf": []any{
		schema{"enum": names},
		schema{"type": "object", "additionalProperties": false, "properties": rules, "minProperties": 1, "maxProperties": 1},
	}}
}

// settingSchema describes a setting of a rule; Validate knows its bounds.
func settingSchema(v any) map[string]any {
	switch v := v.(type) {
	case time.Duration:
		return map[string]any{"type": "string", "pattern": sim.DurationPattern}
	case sim.Share:
		return v.Schema()
	case int:
		return map[string]any{"type": "integer", "minimum": 0}
	}
	return map[string]any{"type": "number", "minimum": 0}
}
