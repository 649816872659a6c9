package scenarios

import "github.com/headroom-dev/headroom/sim"

// A Section is a part of a scenario that another package owns: it is kept as written until that
// package's types are there to decode it. The zero Section is one that the scenario does not have.
type Section struct {
	node   *node
	source *source
	path   string
}

// NewSection returns a section that says what v holds, as EffectiveYAML would write it: for showing
// a section with all of its defaults.
func NewSection(v any) (Section, error) {
	n, err := encode(v)
	if err != nil {
		return Section{}, err
	}
	return Section{node: n, source: newSource()}, nil
}

// Present reports whether the scenario has the section.
func (s Section) Present() bool { return s.node != nil }

// IsZero reports whether the scenario lacks the section.
func (s Section) IsZero() bool { return s.node == nil }

// Position says where the section begins.
func (s Section) Position() Position { return s.node.position() }

// Path is where the section stands in its scenario, as in "service.model".
func (s Section) Path() string { return s.path }

// Decode fills what into points to, strictly and over the values it already has, and then lets it
// Validate. A section that is not there leaves the values as they are, and is not validated. The
// error is an *Error with all faults, each at its place.
func (s Section) Decode(into any) error {
	if s.node == nil {
		return nil
	}
	return s.source.decode(s.node, s.path, into)
}

// Field returns the part of that name; a section that is no mapping has none.
func (s Section) Field(name string) Section {
	item := s.node.get(name)
	if item == nil {
		return Section{}
	}
	return Section{node: item, source: s.source, path: joinPath(s.path, name)}
}

// Fault is an error that points at the section, or at the part of it that a relative path names.
func (s Section) Fault(path, found, allowed string) error {
	return &Error{[]Fault{locate(sim.Fault{Path: path, Found: found, Allowed: allowed}, s.node, s.path)}}
}

// Unknown is the error for a name at this place that there is no such thing of.
func (s Section) Unknown(what, word string, have []string) error {
	return unknownAt(s.Position(), s.path, what, word, have)
}

// Equal reports whether two sections say the same, wherever they were written.
func (s Section) Equal(other Section) bool { return s.node.equal(other.node) }

func (s *Section) decodeNode(d *decoder, n *node, path string) {
	*s = Section{node: n, source: d.source, path: path}
	if n.kind != mapping {
		d.fail(n, path, n.describe(), "a mapping")
	}
}

func (s Section) tree() *node { return s.node }

func unknownAt(at Position, path, what, word string, have []string) error {
	return &Error{[]Fault{{Position: at, Path: path, Found: Unknown(what, word, have), whole: true}}}
}
