package scenarios

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/headroom-dev/headroom/sim"
)

// A Position says where a value of a scenario was written.
type Position struct {
	File         string
	Line, Column int    // from 1; 0 is unknown
	From         string // what set the value if not a file: "--set load.phases.spike.rate=x"
}

// String returns "file:line:column", or the flag that set the value.
func (p Position) String() string {
	switch {
	case p.From != "":
		return p.From
	case p.Line == 0:
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// A Fault is one thing wrong with a scenario: where, what was found and what is allowed.
type Fault struct {
	Position
	Path    string // of the value from the top, as in "load.phases[1].rate"; "" if unknown
	Found   string // empty: nothing was found where something must stand
	Allowed string // empty: Found says it all
	whole   bool   // Found is a sentence by itself: the field's name does not go before it
}

// Error says the fault on one line:
//
//	spike.yaml:12:7: rate 100/x: unknown unit "x"; allowed: s, m, h
func (f Fault) Error() string {
	var b strings.Builder
	b.WriteString(f.Position.String())
	b.WriteString(": ")
	if name := f.Path[strings.LastIndexByte(f.Path, '.')+1:]; name != "" && !f.whole {
		b.WriteString(name)
		b.WriteByte(' ')
	}
	if f.Found == "" {
		b.WriteString("is missing")
	} else {
		b.WriteString(f.Found)
	}
	if f.Allowed != "" {
		b.WriteString("; allowed: ")
		b.WriteString(f.Allowed)
	}
	return b.String()
}

// An Error is all that is wrong with a scenario: the faults of its file by line, then those of what
// flags set.
type Error struct{ Faults []Fault }

// Error lists the faults, one a line.
func (e *Error) Error() string {
	lines := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		lines[i] = f.Error()
	}
	return strings.Join(lines, "\n")
}

// Join makes one error of several, in the order of their places, and nil of none. What is no
// *Error is kept as a fault without a place.
func Join(errs ...error) error {
	var all []Fault
	for _, err := range errs {
		all = append(all, faultsOf(err, nil, "")...)
	}
	if len(all) == 0 {
		return nil
	}
	slices.SortStableFunc(all, func(a, b Fault) int {
		return cmp.Or(strings.Compare(a.From, b.From), strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return &Error{slices.CompactFunc(all, func(a, b Fault) bool { return a == b })}
}

// faultsOf lists the faults of an error that reading the value at n, whose path is given, came
// with: faults that know their place, faults named relative to the value, or any other error.
func faultsOf(err error, n *node, path string) []Fault {
	var placed *Error
	var named sim.Faults
	var single sim.Fault
	switch joined, isJoined := err.(interface{ Unwrap() []error }); {
	case err == nil:
		return nil
	case isJoined:
		var all []Fault
		for _, one := range joined.Unwrap() {
			all = append(all, faultsOf(one, n, path)...)
		}
		return all
	case errors.As(err, &placed):
		return placed.Faults
	case errors.As(err, &named):
		var all []Fault
		for _, one := range named {
			all = append(all, locate(one, n, path))
		}
		return all
	case errors.As(err, &single):
		return []Fault{locate(single, n, path)}
	}
	return []Fault{{Position: n.position(), Path: path, Found: err.Error(), whole: path == ""}}
}

// locate gives a fault its place: the value that its path leads to, or the last one on the way
// where the value itself is missing. To `unknown model "lmm"` it adds the nearest of the names that
// are allowed: packages below this one know their names, but not how to guess.
func locate(f sim.Fault, n *node, path string) Fault {
	unknown := strings.HasPrefix(f.Found, "unknown ")
	if _, word, quoted := strings.Cut(strings.TrimSuffix(f.Found, `"`), `"`); unknown && quoted && !strings.Contains(f.Allowed, "did you mean") {
		f.Allowed = suggested(f.Allowed, word, strings.Split(f.Allowed, ", "))
	}
	return Fault{Position: n.follow(f.Path).position(), Path: joinPath(path, f.Path), Found: f.Found, Allowed: f.Allowed, whole: unknown}
}

// joinPath puts a relative path behind another.
func joinPath(path, rest string) string {
	if path == "" || rest == "" || rest[0] == '[' {
		return path + rest
	}
	return path + "." + rest
}
