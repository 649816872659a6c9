package scenarios

import _ "embed"

//go:embed schema.json
var jsonSchema []byte

// JSONSchema returns the JSON Schema of a scenario, the sections that other packages own included. It
// is written from the types by a test of package harness, which sees all of them.
func JSONSchema() []byte { return jsonSchema }
