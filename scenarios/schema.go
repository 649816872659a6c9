package scenarios

import "github.com/headroom-dev/headroom/sim"

// The JSON Schema of types whose YAML is more than their fields: whoever writes the schema of a
// scenario finds these methods by assertion, takes time.Duration as text of sim.DurationPattern, and
// the other structs field by field. Only fields tagged `jsonschema:"required"` must be there.

type schema = map[string]any

func oneOf(kinds ...any) []any { return kinds }

func object(properties schema, required ...any) schema {
	s := schema{"type": "object", "additionalProperties": false, "properties": properties}
	if len(required) > 0 {
		s["required"] = required
	}
	return s
}

func word(pattern string) schema { return schema{"type": "string", "pattern": pattern} }

func duration() schema { return schema{"type": "string", "pattern": sim.DurationPattern} }

// Schema describes arrivals.
func (Arrivals) Schema() map[string]any {
	return schema{"description": "how calls are spaced; default poisson", "anyOf": oneOf(
		schema{"enum": []any{"poisson", "uniform"}},
		object(schema{"poisson": object(schema{"exact": schema{"type": "boolean"}})}, "poisson"),
		object(schema{"gamma": object(schema{"cv": schema{"type": "number", "minimum": 0.01, "maximum": 100}}, "cv")}, "gamma"),
		object(schema{"trace": Trace{}.Schema()}, "trace"),
	)}
}

// Schema describes a trace.
func (Trace) Schema() map[string]any {
	return object(schema{
		"file":   schema{"type": "string", "minLength": 1, "description": "a trace, as " + traceHeader},
		"speed":  Speed(0).Schema(),
		"scale":  Speed(0).Schema(),
		"window": Window{}.Schema(),
		"format": schema{"enum": toAny(TraceFormats()), "description": "default what the first line shows"},
	}, "file")
}

// Schema describes a speed.
func (Speed) Schema() map[string]any {
	return schema{"description": "time is divided by this: 2x", "anyOf": oneOf(
		schema{"type": "number", "exclusiveMinimum": 0, "maximum": 1_000_000}, word(`^\+?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?x?$`))}
}

// Schema describes a window.
func (Window) Schema() map[string]any {
	s := word(`^[^.]*[0-9hmsnuµμ.]*\.\.[0-9]`)
	s["description"] = "a part of the trace: 10m..20m"
	return s
}

// Schema describes keys.
func (Keys) Schema() map[string]any {
	n := schema{"type": "integer", "minimum": 1, "maximum": mostKeys}
	return schema{"description": "which calls ask the same", "anyOf": oneOf(
		object(schema{"zipf": object(schema{"s": schema{"type": "number", "minimum": 0, "maximum": 20}, "n": n}, "s", "n")}, "zipf"),
		object(schema{"cycle": object(schema{"n": n}, "n")}, "cycle"),
	)}
}

// Schema describes a prefix.
func (Prefix) Schema() map[string]any {
	s := object(schema{
		"groups": schema{"type": "integer", "minimum": 1, "maximum": mostKeys},
		"tokens": schema{"type": "integer", "minimum": 1, "maximum": mostTokens},
	}, "groups", "tokens")
	s["description"] = "prompts of keys equal modulo groups begin with the same tokens"
	return s
}

// Schema describes classes.
func (Classes) Schema() map[string]any {
	return schema{"type": "object", "description": "classes and their shares, highest first", "minProperties": 1, "maxProperties": 255,
		"additionalProperties": sim.Share(0).Schema()}
}

// Schema describes an objective.
func (Objective) Schema() map[string]any {
	preset := schema{"enum": toAny(Presets())}
	limits := schema{"preset": preset, "success": sim.Share(0).Schema()}
	for _, name := range []string{"p50", "p95", "p99", "ttft_p99", "tpot_p99"} {
		limits[name] = duration()
	}
	return schema{"description": "what callers are promised", "anyOf": oneOf(preset, object(limits))}
}

func toAny(names []string) []any {
	all := make([]any, len(names))
	for i, name := range names {
		all[i] = name
	}
	return all
}

// Schema describes a gate.
func (Gate) Schema() map[string]any {
	expr, truth := schema{"type": "string", "minLength": 1}, schema{"type": "boolean"}
	form := object(schema{
		"gate": expr, "threshold": expr, "strict": truth,
		"confidence":    schema{"type": "number", "minimum": 0.5, "maximum": 0.9999},
		"min_calls":     schema{"type": "integer", "minimum": 0},
		"on_no_data":    schema{"enum": []any{"fail", "pass"}},
		"abort_on_fail": truth, "abortOnFail": truth,
		"delay_abort": duration(), "delayAbortEval": duration(),
	})
	form["oneOf"] = oneOf(schema{"required": []any{"gate"}}, schema{"required": []any{"threshold"}})
	return schema{"anyOf": oneOf(expr, form)}
}

// Schema describes gates.
func (Gates) Schema() map[string]any {
	list := schema{"type": "array", "items": Gate{}.Schema()}
	return schema{"anyOf": oneOf(list, schema{"type": "object", "additionalProperties": schema{"anyOf": oneOf(Gate{}.Schema(), list)}})}
}

// Schema describes a choice without its settings, which only those who know the kinds can describe.
func (Choice) Schema() map[string]any {
	return schema{"anyOf": oneOf(schema{"type": "string", "minLength": 1}, schema{"type": "object", "minProperties": 1, "maxProperties": 2})}
}

// Schema describes a section without its fields, which the package that owns it knows.
func (Section) Schema() map[string]any { return schema{"type": "object"} }
