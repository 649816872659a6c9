package scenarios

import (
	"strconv"
	"strings"
)

// The kinds of node. YAML 1.2's core schema decides what an unquoted scalar is, less its traps: on,
// yes and off are text.
type kind uint8

const (
	null kind = iota
	boolean
	number // also one that no field accepts, such as 010, .nan or 0x1f
	text
	list
	mapping
)

// A node is one value of a scenario as written. It is what the rest of the package works on: unlike
// YAML's own nodes it has aliases expanded, knows its file or flag, and can be printed.
type node struct {
	kind  kind
	text  string  // of a scalar
	names []*node // of a mapping, in order; each is text
	items []*node // values of a mapping, entries of a list
	at    Position
	dir   string // where relative file names begin
}

// position is where n was written; the nil node has none.
func (n *node) position() Position {
	if n == nil {
		return Position{}
	}
	return n.at
}

// get returns the value of that name, or nil.
func (n *node) get(name string) *node {
	if n == nil || n.kind != mapping {
		return nil
	}
	for i, key := range n.names {
		if key.text == name {
			return n.items[i]
		}
	}
	return nil
}

// follow returns the node at a path such as "phases[1].rate", or the last there is on the way.
func (n *node) follow(path string) *node {
	for path != "" && n != nil {
		var next *node
		if path[0] == '[' {
			digits, rest, _ := strings.Cut(path[1:], "]")
			if i, err := strconv.Atoi(digits); err == nil && i >= 0 && i < len(n.items) {
				next = n.items[i]
			}
			path = strings.TrimPrefix(rest, ".")
		} else {
			end := strings.IndexAny(path, ".[")
			if end < 0 {
				end = len(path)
			}
			next = n.get(path[:end])
			path = strings.TrimPrefix(path[end:], ".")
		}
		if next == nil {
			return n
		}
		n = next
	}
	return n
}

// placed returns the name or value inside n that was written at a position, or n.
func (n *node) placed(at Position) *node {
	if found := n.writtenAt(at); found != nil {
		return found
	}
	return n
}

func (n *node) writtenAt(at Position) *node {
	for i, item := range n.items {
		// Names first: a mapping begins where its first name does.
		if n.kind == mapping && n.names[i].at == at {
			return n.names[i]
		}
		if found := item.writtenAt(at); found != nil {
			return found
		}
	}
	if n.at == at {
		return n
	}
	return nil
}

// equal reports whether two trees say the same, wherever they were written.
func (n *node) equal(m *node) bool {
	if n == nil || m == nil {
		return n == m
	}
	if len(n.items) != len(m.items) || len(n.names) != len(m.names) || !n.sameScalar(m) {
		return false
	}
	for i := range n.items {
		if n.kind == mapping && n.names[i].text != m.names[i].text || !n.items[i].equal(m.items[i]) {
			return false
		}
	}
	return true
}

// sameScalar compares what stands in n and m themselves: numbers by value, and those that no field
// takes as the text they are.
func (n *node) sameScalar(m *node) bool {
	kindOf := func(n *node) (kind, float64) {
		if n.kind != number {
			return n.kind, 0
		}
		x, fault := decimal(n.text)
		if fault != "" {
			return text, 0
		}
		return number, x
	}
	nKind, x := kindOf(n)
	mKind, y := kindOf(m)
	switch {
	case nKind != mKind:
		return false
	case nKind == number:
		return x == y
	case nKind == boolean:
		return strings.EqualFold(n.text, m.text)
	}
	return nKind != text || n.text == m.text
}

// describe is n in a message.
func (n *node) describe() string {
	switch n.kind {
	case null:
		return "nothing"
	case list:
		return "a list"
	case mapping:
		return "a mapping"
	case text:
		return strconv.Quote(shortened(n.text))
	}
	return shortened(n.text)
}

func shortened(s string) string {
	if len(s) > 80 {
		return strings.ToValidUTF8(s[:80], "") + "..."
	}
	return s
}
