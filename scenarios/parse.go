package scenarios

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

// Parse reads a scenario, with edits made before anything is decoded. name is what faults call it
// and where relative file names begin. The error, an *Error, holds every fault there is; the
// scenario is then returned as far as it could be read, or nil, so that the faults of the sections
// that others decode can be found as well. Such a scenario must not be run.
func Parse(name string, r io.Reader, edits ...Edit) (*Scenario, error) {
	return newSource().parse(name, filepath.Dir(name), r, edits)
}

func (src *source) parse(name, dir string, r io.Reader, edits []Edit) (*Scenario, error) {
	text, err := io.ReadAll(io.LimitReader(r, mostBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading scenario %s: %w", name, reason(err))
	}
	root, faults := grow(Position{File: name}, dir, text)
	if root == nil {
		return nil, &Error{faults}
	}
	if root.kind != mapping {
		faults = append(faults, Fault{Position: root.at, Found: root.describe(), Allowed: "a scenario: a mapping with name, load, service, strategies", whole: true})
		return nil, &Error{faults}
	}
	for _, edit := range edits {
		faults = append(faults, edit.apply(root)...)
	}
	s := &Scenario{Name: nameOf(name), Seeds: DefaultSeeds, Load: Load{Arrivals: Arrivals{Kind: "poisson"}}, source: src}
	err = Join(&Error{faults}, src.decode(root, "", s))
	s.traffic = slices.Clone(*src.files) // sections are decoded later: what they read is no traffic
	return s, err
}

// nameOf is the name of a scenario that does not say it.
func nameOf(file string) string {
	base := filepath.Base(file)
	if name := strings.TrimSuffix(base, filepath.Ext(base)); name != "" && nameFault(name) == "" {
		return name
	}
	return "scenario"
}

// Open reads a scenario by the name of a built-in one, by the name of a file, or, for "-", from
// stdin.
func Open(nameOrPath string, stdin io.Reader, edits ...Edit) (*Scenario, error) {
	return newSource().openScenario(nameOrPath, stdin, edits)
}

func (src *source) openScenario(nameOrPath string, stdin io.Reader, edits []Edit) (*Scenario, error) {
	if nameOrPath == "-" {
		return src.parse("stdin", "", stdin, edits)
	}
	if text, ok := Builtin(nameOrPath); ok {
		return src.parse(nameOrPath+".yaml", "", strings.NewReader(string(text)), edits)
	}
	file, err := openFile(nameOrPath)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) || strings.ContainsAny(nameOrPath, "/\\") || filepath.Ext(nameOrPath) == ".yaml" {
			return nil, fmt.Errorf("reading scenario: %w", err)
		}
		var names []string
		for _, one := range Builtins() {
			names = append(names, one.Name)
		}
		return nil, errors.New(Unknown("scenario", nameOrPath, names))
	}
	defer file.Close()
	return src.parse(nameOrPath, filepath.Dir(nameOrPath), file, edits)
}
