package sim

import "strings"

// A Fault is one thing wrong with a user's input: where, what was found and what is allowed. Path
// names the field from the value being checked, as in "phases[1].rate"; empty is the value itself.
type Fault struct {
	Path    string
	Found   string // empty: nothing was found
	Allowed string
}

// Error says the fault on one line, without its place in a file: who knows the file adds that.
func (f Fault) Error() string {
	var b strings.Builder
	if f.Path != "" {
		b.WriteString(f.Path)
		b.WriteString(": ")
	}
	if f.Found != "" {
		b.WriteString(f.Found)
		b.WriteString("; ")
	}
	b.WriteString("allowed: ")
	b.WriteString(f.Allowed)
	return b.String()
}

// Faults are all that is wrong with one input, as an error: never only the first.
type Faults []Fault

// Add notes a fault.
func (f *Faults) Add(path, found, allowed string) {
	*f = append(*f, Fault{Path: path, Found: found, Allowed: allowed})
}

// Err returns the faults as an error, or nil if there are none.
func (f Faults) Err() error {
	if len(f) == 0 {
		return nil
	}
	return f
}

// Error lists the faults, one a line.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, one := range f {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}
