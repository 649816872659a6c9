package main_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/headroom-dev/headroom"

// layers is who may import whom, of our own packages. Imports point down this list only; what is not
// in it has no place in the house yet. Any package may import fixtures, which imports nothing.
var layers = map[string][]string{
	"":                     {"internal/cli"},
	"internal/cli":         {"internal/plan", "internal/serve", "internal/harness", "report", "scenarios", "strategies", "sim/backend", "sim"},
	"internal/plan":        {"internal/harness", "report", "scenarios", "strategies", "sim/backend", "sim"},
	"internal/serve":       {"internal/harness", "scenarios", "strategies", "sim/backend", "sim"},
	"internal/harness":     {"report", "scenarios", "strategies", "sim/backend", "sim"},
	"internal/conformance": {"strategies", "sim/backend", "sim"},
	"report":               {"sim"},
	"scenarios":            {"sim"},
	"strategies":           {"scenarios", "sim"}, // Parse reads what a scenario holds, with the same decoder and the same messages
	"sim/backend":          {"sim"},
	"sim":                  {},
	"fixtures":             {},
	"internal/shareddata":  {}, // finds data for tests
	"internal/testlog":     {}, // what reads go test's output; a program of its own
}

// homes is where a library lives that has one home only. Command-line, attack and drawing libraries
// would otherwise seep into what others import.
var homes = map[string][]string{
	"github.com/tsenart/vegeta/v12":            {"internal/harness", "internal/cli"},
	"github.com/spf13/cobra":                   {"internal/cli"},
	"github.com/spf13/pflag":                   {"internal/cli"},
	"github.com/schollz/progressbar/v3":        {"internal/cli"},
	"golang.org/x/term":                        {"internal/cli"},
	"github.com/olekukonko/tablewriter":        {"report"},
	"gonum.org/v1/plot":                        {"report"},
	"github.com/aclements/go-moremath":         {"report"},
	"go.yaml.in/yaml/v4":                       {"scenarios", "strategies", "sim/backend", "internal/harness", "internal/cli", "internal/plan"},
	"github.com/prometheus/client_golang":      {"internal/serve"},
	"github.com/hashicorp/golang-lru/v2":       {"strategies", "sim/backend"},
	"github.com/cespare/xxhash/v2":             {"strategies"},
	"github.com/andybalholm/brotli":            {"strategies"},
	"github.com/klauspost/compress":            {"strategies"},
	"github.com/google/go-cmp":                 {},
	"pgregory.net/rapid":                       {},
	"go.uber.org/goleak":                       {},
	"github.com/rogpeppe/go-internal":          {},
	"testing":                                  {"internal/shareddata"},
	"github.com/invopop/jsonschema":            {},
	"github.com/santhosh-tekuri/jsonschema/v6": {},
}

type pkg struct {
	ImportPath string
	Imports    []string
}

// layer returns the entry of layers that a package of ours belongs to: its own, or that of a package
// above it in the tree.
func layer(path string) (string, bool) {
	name := strings.TrimPrefix(strings.TrimPrefix(path, module), "/")
	for {
		if _, ok := layers[name]; ok {
			return name, name != "" || path == module
		}
		i := strings.LastIndex(name, "/")
		if i < 0 {
			return "", false
		}
		name = name[:i]
	}
}

// within reports whether a package is the one of that path or below it.
func within(path, root string) bool { return path == root || strings.HasPrefix(path, root+"/") }

// faults lists the imports of a package that the layers do not allow.
func faults(p pkg) (found []string) {
	from, ok := layer(p.ImportPath)
	if !ok {
		return []string{p.ImportPath + " has no place among the layers"}
	}
	for _, path := range p.Imports {
		if within(path, module) {
			to, ok := layer(path)
			if !ok || to != from && to != "fixtures" && !slices.Contains(layers[from], to) {
				found = append(found, fmt.Sprintf("%s imports %s", p.ImportPath, path))
			}
			continue
		}
		for library, home := range homes {
			if within(path, library) && !slices.Contains(home, from) {
				found = append(found, fmt.Sprintf("%s imports %s, whose home is %v", p.ImportPath, path, home))
			}
		}
	}
	return found
}

// TestImportsPointDown holds every package of the module to the layers; tests may look sideways.
func TestImportsPointDown(t *testing.T) {
	out, err := exec.Command("go", "list", "-e", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Skipf("go list: %v", err)
	}
	seen := map[string]bool{}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("reading go list: %v", err)
		}
		seen[p.ImportPath] = true
		for _, fault := range faults(p) {
			t.Error(fault)
		}
	}
	for _, name := range []string{"sim", "sim/backend", "strategies", "scenarios", "report"} {
		if !seen[module+"/"+name] {
			t.Errorf("go list did not show %s", name)
		}
	}
}

// TestTheLayersThemselvesPointDown: the table has no cycle, so it is an order.
func TestTheLayersThemselvesPointDown(t *testing.T) {
	below := map[string]bool{}
	for len(below) < len(layers) {
		before := len(below)
		for name, imports := range layers {
			if !slices.ContainsFunc(imports, func(i string) bool { return !below[i] }) {
				below[name] = true
			}
		}
		if len(below) == before {
			t.Fatalf("the table has a cycle; below it lie %v", below)
		}
	}
}

// TestTheTestOfTheLayersSees plants imports that it must catch, and some that it must let pass.
func TestTheTestOfTheLayersSees(t *testing.T) {
	for _, row := range []struct {
		from, to string
		caught   bool
	}{
		{"/strategies", module + "/sim/backend", true},
		{"/sim/backend", module + "/strategies", true},
		{"/scenarios", module + "/strategies", true},
		{"/sim", module + "/report", true},
		{"/sim", module + "/sim/backend", true},
		{"/report", module + "/scenarios", true},
		{"/fixtures", module + "/sim", true},
		{"/internal/harness", module + "/internal/plan", true},
		{"/internal/plan", module + "/internal/serve", true},
		{"/internal/harness/deep", module + "/internal/cli", true},
		{"/elsewhere", "fmt", true},
		{"", module + "/sim", true},
		{"/sim", "github.com/tsenart/vegeta/v12/lib", true},
		{"/report", "github.com/spf13/cobra", true},
		{"/strategies", "testing", true},
		{"", module + "/internal/cli", false},
		{"/strategies", module + "/sim", false},
		{"/internal/harness", module + "/sim/backend", false},
		{"/internal/harness/deep", module + "/internal/harness", false},
		{"/report", module + "/sim", false},
		{"/scenarios", module + "/fixtures", false},
		{"/report", "gonum.org/v1/plot/vg/draw", false},
		{"/sim", "time", false},
	} {
		got := faults(pkg{module + row.from, []string{row.to}})
		if len(got) > 0 != row.caught {
			t.Errorf("%s imports %s: got %q, want it caught: %v", module+row.from, row.to, got, row.caught)
		}
	}
}
