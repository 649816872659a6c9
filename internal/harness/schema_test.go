package harness_test

import (
	"bytes"
	"encoding"
	"encoding/json"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	writer "github.com/invopop/jsonschema"
	reader "github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"

	"github.com/headroom-dev/headroom/internal/harness"
	"github.com/headroom-dev/headroom/scenarios"
	"github.com/headroom-dev/headroom/sim"
	"github.com/headroom-dev/headroom/sim/backend"
	"github.com/headroom-dev/headroom/strategies"
)

var update = flag.Bool("update", false, "write what is compared")

const schemaFile = "../../scenarios/schema.json"

// The schema in scenarios/schema.json is what the types say now.
func TestSchemaFileIsUpToDate(t *testing.T) {
	want := schemaText(t)
	if *update {
		if err := os.WriteFile(schemaFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("scenarios/schema.json is not what the types say; write it with: go test ./internal/harness -run Schema -update")
	}
	if !*update && !bytes.Equal(scenarios.JSONSchema(), want) {
		t.Error("the embedded schema is another one")
	}
}

// What the loader takes the schema takes, and what the schema refuses the loader refuses.
func TestSchemaAgreesWithTheLoader(t *testing.T) {
	compiled := compile(t, schemaText(t))
	accepted, refused := 0, 0
	for name, text := range scenarioTexts(t) {
		_, err := harness.Read(name, strings.NewReader(text))
		bySchema := compiled.Validate(asJSON(t, name, text))
		switch {
		case err == nil && bySchema != nil:
			t.Errorf("%s: the loader takes it, the schema says %v", name, bySchema)
		case err == nil:
			accepted++
		default:
			refused++
		}
	}
	if accepted < 3 {
		t.Errorf("only %d scenarios were accepted: the test shows nothing", accepted)
	}
	for _, row := range []struct{ why, yaml string }{
		{"an unknown strategy", "load: {phases: [{name: a, rate: 1/s, for: 1s}]}\nstrategies: [asnyc]"},
		{"an unknown setting of a strategy", "load: {phases: [{name: a, rate: 1/s, for: 1s}]}\nstrategies: [{pooled: {sise: 3}}]"},
		{"an unknown setting in a stack", "load: {phases: [{name: a, rate: 1/s, for: 1s}]}\nstrategies: [{stack: [cache, {pooled: {sise: 3}}]}]"},
		{"an unknown model", "load: {phases: [{name: a, rate: 1/s, for: 1s}]}\nservice: {model: {lllm: {}}}"},
		{"an unknown setting of a model", "load: {phases: [{name: a, rate: 1/s, for: 1s}]}\nservice: {model: {queue: {server: 3}}}"},
		{"an unknown balance", "load: {phases: [{name: a, rate: 1/s, for: 1s}]}\nservice: {model: {llm: {}}, balance: random}"},
		{"an unknown price", "load: {phases: [{name: a, rate: 1/s, for: 1s}]}\nnetwork: {rt: 3s}"},
		{"a version of HTTP that is not there", "load: {phases: [{name: a, rate: 1/s, for: 1s}]}\nnetwork: {http: 3}"},
		{"a bandwidth without a unit", "load: {phases: [{name: a, rate: 1/s, for: 1s}]}\nnetwork: {bandwidth: 100}"},
		{"a number for a duration", "load: {phases: [{name: a, rate: 1/s, for: 1}]}"},
		{"an unknown field", "load: {phases: [{name: a, rate: 1/s, for: 1s}]}\nsedes: 3"},
	} {
		if _, err := harness.Read("row.yaml", strings.NewReader(row.yaml)); err == nil {
			t.Errorf("%s: the loader takes it", row.why)
		}
		if err := compiled.Validate(asJSON(t, row.why, row.yaml)); err == nil {
			t.Errorf("%s: the schema takes it", row.why)
		}
	}
}

// scenarioTexts are all scenarios of the repository: the built-in ones and those in fixtures.
func scenarioTexts(t *testing.T) map[string]string {
	t.Helper()
	texts := make(map[string]string)
	for _, one := range scenarios.Builtins() {
		text, _ := scenarios.Builtin(one.Name)
		texts[one.Name] = string(text)
	}
	err := filepath.WalkDir("../../fixtures", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".yaml" || filepath.Base(path) == "gpus.yaml" || filepath.Base(path) == "models.yaml" {
			return err
		}
		text, err := os.ReadFile(path)
		texts[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return texts
}

func asJSON(t *testing.T, name, text string) any {
	t.Helper()
	var v any
	if err := yaml.Load([]byte(text), &v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	encoded, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	decoded, err := reader.UnmarshalJSON(bytes.NewReader(encoded))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return decoded
}

func compile(t *testing.T, text []byte) *reader.Schema {
	t.Helper()
	doc, err := reader.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := reader.NewCompiler()
	if err := compiler.AddResource("scenario.json", doc); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile("scenario.json")
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// schemaText writes the schema of a scenario: its own fields from its types, and in the places of the
// sections the types of the packages that own them.
func schemaText(t *testing.T) []byte {
	t.Helper()
	root := reflected(t, &scenarios.Scenario{})
	properties := root["properties"].(map[string]any)
	properties["network"] = reflected(t, &backend.Network{})
	properties["service"] = serviceSchema(t)
	properties["strategies"] = map[string]any{"type": "array", "items": strategySchema(t)}
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "A headroom scenario"
	text, err := json.MarshalIndent(root, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return append(text, '\n')
}

func serviceSchema(t *testing.T) map[string]any {
	s := reflected(t, &backend.Service{})
	models := map[string]any{}
	for _, entry := range backend.All {
		one := reflected(t, entry.New())
		one["description"] = entry.About
		models[entry.Name] = one
	}
	properties := s["properties"].(map[string]any)
	properties["model"] = map[string]any{"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": false, "properties": models}
	return s
}

// strategySchema describes an entry of the strategies: a kind, its settings, or a stack of such.
func strategySchema(t *testing.T) map[string]any {
	kinds, names := map[string]any{"name": map[string]any{"type": "string"}}, []string{}
	for _, entry := range strategies.All {
		one := reflected(t, entry.New())
		one["description"] = entry.About
		kinds[entry.Name] = map[string]any{"anyOf": []any{one, map[string]any{"type": "null"}}}
		names = append(names, entry.Name)
	}
	layer := map[string]any{"anyOf": []any{
		map[string]any{"enum": names},
		map[string]any{"type": "object", "minProperties": 1, "maxProperties": 2, "additionalProperties": false, "properties": kinds},
	}}
	stack := map[string]any{
		"type": "object", "additionalProperties": false, "required": []string{"stack"},
		"properties": map[string]any{"name": map[string]any{"type": "string"}, "stack": map[string]any{"type": "array", "minItems": 1, "items": layer}},
	}
	return map[string]any{"anyOf": []any{layer, stack}}
}

// reflected writes the schema of a type's fields, as a plain value.
func reflected(t *testing.T, v any) map[string]any {
	t.Helper()
	r := &writer.Reflector{
		FieldNameTag: "yaml", Anonymous: true, DoNotReference: true, ExpandedStruct: true,
		RequiredFromJSONSchemaTags: true, Mapper: mapped,
	}
	text, err := json.Marshal(r.Reflect(v))
	if err != nil {
		t.Fatal(err)
	}
	var plain map[string]any
	if err := json.Unmarshal(text, &plain); err != nil {
		t.Fatal(err)
	}
	delete(plain, "$schema")
	return plain
}

// mapped describes the types whose YAML is more than their fields.
func mapped(typ reflect.Type) *writer.Schema {
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	value := reflect.New(typ).Elem().Interface()
	switch v := value.(type) {
	case time.Duration:
		return &writer.Schema{Type: "string", Pattern: sim.DurationPattern}
	case interface{ Schema() map[string]any }:
		text, err := json.Marshal(v.Schema())
		if err != nil {
			panic(err)
		}
		s := new(writer.Schema)
		if err := json.Unmarshal(text, s); err != nil {
			panic(err)
		}
		return s
	case backend.Card:
		return nameOr(backend.GPU{})
	case backend.Architecture:
		return nameOr(backend.Shape{})
	}
	if _, ok := reflect.New(typ).Interface().(encoding.TextUnmarshaler); ok {
		return &writer.Schema{Type: "string"}
	}
	return nil
}

// nameOr describes a row of a table, by its name or written out.
func nameOr(row any) *writer.Schema {
	r := &writer.Reflector{FieldNameTag: "yaml", Anonymous: true, DoNotReference: true, ExpandedStruct: true, RequiredFromJSONSchemaTags: true, Mapper: mapped}
	whole := r.Reflect(row)
	whole.Version = ""
	return &writer.Schema{AnyOf: []*writer.Schema{{Type: "string"}, whole}}
}
