package scenarios

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Bounds of a scenario: larger than any sensible one, small enough to be read in a moment.
const (
	mostBytes = 1 << 20
	mostNodes = 20_000
	mostDepth = 100
)

// A grower turns YAML's nodes into ours.
type grower struct {
	at     Position // of the document: file or flag
	dir    string
	nodes  int
	faults []Fault
}

// grow reads one YAML document. It returns nil and the faults where there is no tree at all, and a
// tree with faults where some of it had to be left out.
func grow(at Position, dir string, source []byte) (*node, []Fault) {
	g := &grower{at: at, dir: dir}
	if len(source) > mostBytes {
		return nil, g.fail(at, fmt.Sprintf("more than %d bytes", mostBytes), "a scenario of at most 1 MiB")
	}
	loader, err := yaml.NewLoader(bytes.NewReader(source))
	if err != nil {
		return nil, g.fail(at, err.Error(), "YAML")
	}
	var document, second yaml.Node
	switch err := loader.Load(&document); {
	case errors.Is(err, io.EOF), err == nil && len(document.Content) == 0:
		return nil, g.fail(at, "empty", "one YAML document")
	case err != nil:
		return nil, g.syntax(err)
	}
	switch err := loader.Load(&second); {
	case err == nil:
		return nil, g.fail(g.place(&second), "a second document", "one YAML document")
	case !errors.Is(err, io.EOF):
		return nil, g.syntax(err)
	}
	return g.node(document.Content[0], 0), g.faults
}

func (g *grower) fail(at Position, found, allowed string) []Fault {
	g.faults = append(g.faults, Fault{Position: at, Found: found, Allowed: allowed, whole: true})
	return g.faults
}

// syntax is what YAML's parser says, at its place.
func (g *grower) syntax(err error) []Fault {
	at, message := g.at, err.Error()
	var one *yaml.LoadError
	if errors.As(err, &one) {
		message = one.Message
		if one.ContextMsg != "" {
			message = one.ContextMsg + ": " + message
		}
		if g.at.From == "" {
			at.Line, at.Column = one.Mark.Line, one.Mark.Column
		}
	}
	return g.fail(at, strings.TrimPrefix(message, "yaml: "), "YAML 1.2")
}

// place is the position of a YAML node; a flag has no lines.
func (g *grower) place(n *yaml.Node) Position {
	at := g.at
	if at.From == "" {
		at.Line, at.Column = n.Line, n.Column
	}
	return at
}

// node converts y. It returns nil for what cannot stand in a scenario, after noting why.
func (g *grower) node(y *yaml.Node, depth int) *node {
	at := g.place(y)
	if g.nodes++; g.nodes > mostNodes {
		if g.nodes == mostNodes+1 { // once, and not for every alias of a bomb
			g.fail(at, fmt.Sprintf("more than %d values, aliases expanded", mostNodes), "fewer")
		}
		return nil
	}
	if depth > mostDepth {
		g.fail(at, fmt.Sprintf("nested more than %d deep", mostDepth), "fewer levels, and no alias inside what it stands for")
		return nil
	}
	if y.Style&yaml.TaggedStyle != 0 {
		g.fail(at, "tag "+y.Tag, "values without tags")
		return nil
	}
	n := &node{at: at, dir: g.dir}
	switch y.Kind {
	case yaml.AliasNode:
		return g.node(y.Alias, depth+1)
	case yaml.ScalarNode:
		n.text, n.kind = y.Value, text
		if y.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0 {
			n.kind = plainKind(y.Value)
		}
	case yaml.SequenceNode:
		n.kind = list
		for _, item := range y.Content {
			if one := g.node(item, depth+1); one != nil {
				n.items = append(n.items, one)
			}
		}
	case yaml.MappingNode:
		n.kind = mapping
		g.entries(n, y, depth)
	default:
		g.fail(at, "something that is no value", "YAML 1.2")
		return nil
	}
	return n
}

// entries converts the names and values of a mapping.
func (g *grower) entries(n *node, y *yaml.Node, depth int) {
	first := make(map[string]Position, len(y.Content)/2)
	for i := 0; i+1 < len(y.Content); i += 2 {
		name := g.node(y.Content[i], depth+1)
		if name == nil {
			continue
		}
		if name.kind == list || name.kind == mapping || name.kind == null {
			g.fail(name.at, name.describe()+" as the name of a field", "text")
			continue
		}
		if name.text == "<<" && y.Content[i].Style == 0 {
			g.fail(name.at, "a merge (<<)", "every field by itself")
			continue
		}
		if before, twice := first[name.text]; twice {
			g.fail(name.at, fmt.Sprintf("duplicate field %q", shortened(name.text)), fmt.Sprintf("each once; the first is at %s", before))
			continue
		}
		first[name.text] = name.at
		if value := g.node(y.Content[i+1], depth+1); value != nil {
			name.kind = text
			n.names, n.items = append(n.names, name), append(n.items, value)
		}
	}
}
