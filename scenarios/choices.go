package scenarios

import (
	"fmt"
	"io"
)

// ParseChoices reads choices that stand by themselves: one, or a list of them. name is what faults
// call the text.
func ParseChoices(name string, r io.Reader) ([]Choice, error) {
	text, err := io.ReadAll(io.LimitReader(r, mostBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, reason(err))
	}
	root, faults := grow(Position{File: name}, "", text)
	if root == nil || len(faults) > 0 {
		return nil, &Error{faults}
	}
	written := []*node{root}
	if root.kind == list {
		written = root.items
	}
	d := newDecoder(newSource())
	if len(written) == 0 {
		d.fail(root, "", root.describe(), "at least one kind")
	}
	choices := make([]Choice, len(written))
	for i, n := range written {
		choices[i].decodeNode(d, n, "")
	}
	if len(d.faults) > 0 {
		return nil, Join(&Error{d.faults})
	}
	return choices, nil
}

// Word returns the text of one of the choice's own settings before they are decoded, and whether it
// is there.
func (c Choice) Word(name string) (string, bool) {
	n := c.setting.get(name)
	if n == nil || n.kind != text {
		return "", false
	}
	return n.text, true
}

// UnknownWord is the error for the text of a setting that there is no such thing of.
func (c Choice) UnknownWord(name string, have []string) error {
	n := c.setting.get(name)
	return unknownAt(n.position(), joinPath(c.path, name), name, n.text, have)
}
