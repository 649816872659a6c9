package sim_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// banned are the names, by package, that would bring in another clock, luck that no seed fixes, or an
// order that is the scheduler's.
var banned = map[string][]string{
	"time":         {"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"},
	"context":      {"WithTimeout", "WithTimeoutCause", "WithDeadline", "WithDeadlineCause", "AfterFunc"},
	"sync":         {"*"},
	"crypto/rand":  {"*"},
	"maps":         {"All", "Keys", "Values"},
	"hash/maphash": {"*"},
	"os":           {"Getpid", "Getenv"},
}

// random are the names of math/rand and math/rand/v2 that take their numbers from a source of ours.
// All others are the global generator.
var random = map[string]bool{"New": true, "NewPCG": true, "NewChaCha8": true, "NewZipf": true,
	"Rand": true, "PCG": true, "ChaCha8": true, "Zipf": true, "Source": true}

// exempt are the files that stand at the door to the outside world.
var exempt = map[string]bool{"sim/wall.go": true, "strategies/transport.go": true, "strategies/cachedir.go": true}

// impurities lists what in the files of one package breaks law 9: its time and its luck come from Env.
func impurities(fset *token.FileSet, imports types.Importer, files []*ast.File) []string {
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: imports, Error: func(error) {}} // what does not compile is the compiler's to tell
	config.Check("checked", fset, files, info)
	var found []string
	for _, file := range files {
		sorted := map[ast.Node]bool{} // arguments of slices.Sorted...: their order does not matter
		ast.Inspect(file, func(n ast.Node) bool {
			report := func(format string, args ...any) {
				at := fset.Position(n.Pos())
				found = append(found, fmt.Sprintf("%s:%d: %s", filepath.Base(at.Filename), at.Line, fmt.Sprintf(format, args...)))
			}
			switch n := n.(type) {
			case *ast.GoStmt:
				report("a go statement")
			case *ast.SelectStmt:
				report("a select statement")
			case *ast.RangeStmt:
				if t := info.Types[n.X].Type; t == nil || t == types.Typ[types.Invalid] {
					report("a range over something of unknown type")
				} else if core := t.Underlying(); isMap(core) {
					report("a range over a map")
				}
			case *ast.CallExpr:
				if path, name := named(info, n.Fun); path == "slices" && strings.HasPrefix(name, "Sorted") {
					for _, arg := range n.Args {
						if call, ok := arg.(*ast.CallExpr); ok {
							sorted[call.Fun] = true
						}
					}
				}
			case *ast.SelectorExpr:
				path, name := named(info, n)
				if path == "" || sorted[n] {
					return true
				}
				if strings.HasPrefix(path, "math/rand") && !random[name] {
					report("the global generator: %s.%s", path, name)
				}
				for _, b := range banned[path] {
					if b == name || b == "*" {
						report("%s.%s", path, name)
					}
				}
			}
			return true
		})
	}
	return found
}

// isMap also sees a type parameter that only maps satisfy.
func isMap(t types.Type) bool {
	switch t := t.(type) {
	case *types.Map:
		return true
	case *types.Interface:
		for i := range t.NumEmbeddeds() {
			if union, ok := t.EmbeddedType(i).(*types.Union); ok {
				for j := range union.Len() {
					if isMap(union.Term(j).Type().Underlying()) {
						return true
					}
				}
			}
		}
	}
	return false
}

// named returns the package and the name that a selector such as time.Now stands for, whatever the
// package is called in this file; nothing if it is a field or a method.
func named(info *types.Info, e ast.Expr) (path, name string) {
	selector, ok := e.(*ast.SelectorExpr)
	if !ok {
		return "", ""
	}
	x, ok := selector.X.(*ast.Ident)
	if !ok {
		return "", ""
	}
	if pkg, ok := info.Uses[x].(*types.PkgName); ok {
		return pkg.Imported().Path(), selector.Sel.Name
	}
	return "", ""
}

// exported returns an importer that reads the compiler's export data of all that the patterns import.
func exported(t *testing.T, fset *token.FileSet, patterns ...string) types.Importer {
	t.Helper()
	list := exec.Command("go", append([]string{"list", "-e", "-export", "-deps", "-json=ImportPath,Export"}, patterns...)...)
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		t.Skipf("go list: %v", err)
	}
	files := map[string]string{}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct{ ImportPath, Export string }
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("reading go list: %v", err)
		}
		files[p.ImportPath] = p.Export
	}
	return importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) {
		if files[path] == "" {
			return nil, fmt.Errorf("no export data of %s", path)
		}
		return os.Open(files[path])
	})
}

// TestTimeAndLuckComeFromEnv is law 9 over sim, sim/backend and strategies.
func TestTimeAndLuckComeFromEnv(t *testing.T) {
	fset := token.NewFileSet()
	imports := exported(t, fset, ".", "./backend", "../strategies")
	for name, dir := range map[string]string{"sim": ".", "sim/backend": "backend", "strategies": "../strategies"} {
		paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s: got no files (%v), want some", name, err)
		}
		var files []*ast.File
		for _, path := range paths {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(fset, path, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, file)
		}
		walls := 0
		for _, one := range impurities(fset, imports, files) {
			switch file, _, _ := strings.Cut(one, ":"); {
			case name == "sim" && file == "wall.go":
				walls++
			case !exempt[name+"/"+file]:
				t.Errorf("%s/%s: time and luck come from Env, order from lists", name, one)
			}
		}
		if name == "sim" && walls < 3 {
			t.Errorf("got %d finds in wall.go, which is full of them: the test does not see", walls)
		}
	}
}

// TestTheTestOfLaw9Sees plants what it must catch, and what it must let pass.
func TestTheTestOfLaw9Sees(t *testing.T) {
	fset := token.NewFileSet()
	imports := exported(t, fset, "time", "context", "math/rand", "math/rand/v2", "crypto/rand", "sync", "maps", "slices", "net/http")
	for _, row := range []struct {
		name, source string
		want         string // what is caught; "" if nothing
	}{
		{"time.Now", `import "time"; var _ = time.Now()`, "time.Now"},
		{"time.Now under another name", `import clock "time"; var _ = clock.Now()`, "time.Now"},
		{"time.Now as a value", `import "time"; var now = time.Now`, "time.Now"},
		{"time.Sleep", `import "time"; func f() { time.Sleep(1) }`, "time.Sleep"},
		{"time.After", `import "time"; func f() { <-time.After(1) }`, "time.After"},
		{"time.NewTimer", `import "time"; func f() { time.NewTimer(1) }`, "time.NewTimer"},
		{"a deadline of context", `import "context"; func f() { context.WithTimeout(context.Background(), 1) }`, "context.WithTimeout"},
		{"go", `func f() { go f() }`, "a go statement"},
		{"select", `func f(c chan int) { select { case <-c: default: } }`, "a select statement"},
		{"the global generator", `import "math/rand/v2"; var _ = rand.IntN(6)`, "the global generator: math/rand/v2.IntN"},
		{"the old global generator", `import "math/rand"; var _ = rand.Intn(6)`, "the global generator: math/rand.Intn"},
		{"real luck", `import "crypto/rand"; func f(b []byte) { rand.Read(b) }`, "crypto/rand.Read"},
		{"a mutex", `import "sync"; var lock sync.Mutex`, "sync.Mutex"},
		{"a range over a map", `func f(m map[int]int) { for range m {} }`, "a range over a map"},
		{"a range over a named map", `type set map[int]bool; func f(m set) { for k := range m { _ = k } }`, "a range over a map"},
		{"a range over a map in a field of another package", `import "net/http"; func f(r *http.Request) { for range r.Header {} }`, "a range over a map"},
		{"a range over any map", `func f[K comparable, M ~map[K]int](m M) { for range m {} }`, "a range over a map"},
		{"the keys of a map", `import "maps"; func f(m map[int]int) { for range maps.Keys(m) {} }`, "maps.Keys"},

		{"the keys of a map, sorted", `import ("maps"; "slices"); func f(m map[int]int) { for range slices.Sorted(maps.Keys(m)) {} }`, ""},
		{"a range over a slice, a string, a number", `func f(s []int) { for range s {}; for range "s" {}; for range 3 {} }`, ""},
		{"a look-up in a map", `func f(m map[int]int) int { delete(m, 1); return m[2] }`, ""},
		{"a method called Now", `type env struct{}; func (env) Now() int { return 0 }; func f(time env) int { return time.Now() }`, ""},
		{"durations", `import "time"; const d = 3 * time.Second`, ""},
		{"a generator of our own", `import "math/rand/v2"; func f(r *rand.Rand) int { return rand.New(rand.NewPCG(1, 2)).IntN(6) + r.IntN(6) }`, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			file, err := parser.ParseFile(fset, "planted.go", "package p\n"+row.source, 0)
			if err != nil {
				t.Fatal(err)
			}
			got := impurities(fset, imports, []*ast.File{file})
			switch {
			case row.want == "" && len(got) > 0:
				t.Errorf("got %q, want nothing", got)
			case row.want != "" && (len(got) != 1 || got[0] != "planted.go:2: "+row.want):
				t.Errorf("got %q, want %q", got, "planted.go:2: "+row.want)
			}
		})
	}
}
