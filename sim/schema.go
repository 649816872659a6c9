package sim

// The JSON Schema of types whose YAML is more than their fields. Whoever writes the schema of a
// scenario finds these methods by assertion, so that nothing here needs to know a schema library.

// DurationPattern is what a length of time looks like, as a regular expression.
const DurationPattern = `^([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))*$|^0$`

// numberPattern is a decimal number in a text.
const numberPattern = `([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?`

type schema = map[string]any

// Schema describes a share.
func (Share) Schema() map[string]any {
	return schema{
		"description": "a share: 10%, or 0.1",
		"anyOf": []any{
			schema{"type": "number", "minimum": 0, "maximum": 1},
			schema{"type": "string", "pattern": `^(100(\.0*)?|[0-9]{0,2}(\.[0-9]*)?)%$`},
		},
	}
}

// Schema describes a rate.
func (Rate) Schema() map[string]any {
	return schema{
		"description": "calls per second: 100, 100/s, 6000/m",
		"anyOf": []any{
			schema{"type": "number", "minimum": 0},
			schema{"type": "string", "pattern": `^\+?` + numberPattern + `(/(` + numberPattern + `)?[smh])?$`},
		},
	}
}

// Schema describes a size.
func (Size) Schema() map[string]any {
	return schema{
		"description": "bytes: 512, 10kB, 1KiB",
		"anyOf": []any{
			schema{"type": "integer", "minimum": 0},
			schema{"type": "string", "pattern": `^\+?` + numberPattern + `([kMG]?B|[KMG]iB)?$`},
		},
	}
}

// Schema describes a quantity without a unit.
func (Dist) Schema() map[string]any {
	return distSchema("a number, or a law to draw it from", schema{"type": "number", "minimum": 0})
}

// Schema describes a number of tokens.
func (CountDist) Schema() map[string]any {
	return distSchema("a number of at least 1, or a law to draw it from", schema{"type": "number", "minimum": 1})
}

// Schema describes a length of time.
func (DurationDist) Schema() map[string]any {
	value := schema{"anyOf": []any{schema{"type": "string", "pattern": DurationPattern}, schema{"const": 0}}}
	return distSchema("a duration such as 20ms, or a law to draw it from", value)
}

// distSchema is a plain value or a mapping with one law in it. A mix holds laws and not mixes here:
// deeper ones are legal and nobody writes them by hand.
func distSchema(description string, value schema) schema {
	laws, inMix := schema{}, schema{"value": value, "weight": schema{"anyOf": []any{
		schema{"type": "number", "exclusiveMinimum": 0}, schema{"type": "string", "pattern": `^` + numberPattern + `%$`}}}}
	for _, form := range forms {
		if len(form.parameters) == 0 {
			continue
		}
		properties := schema{}
		var required []any
		for _, p := range form.parameters {
			properties[p.name] = schema{"type": "number", "exclusiveMinimum": p.least, "maximum": p.most}
			if p.unit {
				properties[p.name] = value
			}
			required = append(required, p.name)
		}
		law := schema{"type": "object", "additionalProperties": false, "properties": properties, "required": required}
		if form.kind == "lognormal" {
			properties["median"] = value
			law["required"] = []any{"p99"}
			law["oneOf"] = []any{schema{"required": []any{"mean"}}, schema{"required": []any{"median"}}}
		}
		laws[form.kind], inMix[form.kind] = law, law
	}
	file := schema{"type": "string", "minLength": 1, "description": "a file with one value a line"}
	laws["empirical"], inMix["empirical"] = file, file
	laws["mix"] = schema{"type": "array", "minItems": 1, "items": schema{"type": "object", "additionalProperties": false,
		"properties": inMix, "required": []any{"weight"}, "minProperties": 2, "maxProperties": 2}}
	return schema{"description": description, "anyOf": []any{value,
		schema{"type": "object", "additionalProperties": false, "properties": laws, "minProperties": 1, "maxProperties": 1}}}
}
