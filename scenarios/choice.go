package scenarios

import (
	"fmt"
	"strings"
)

// A Choice is one of several kinds of thing, with the settings of that kind still as written:
//
//	sync
//	{pooled: {size: 192}}
//	{name: x, pooled: {size: 192}}
//	{name: resilient, stack: [cache, {backoff: {tries: 7}}, pooled]}
//
// A strategy is written so, and so is a service model. Whoever knows the kinds decodes the settings.
type Choice struct {
	Kind  string   // what was chosen; "stack" for several at once
	Name  string   // how reports and flags call it; the kind unless given, those of a stack joined by "-"
	Stack []Choice // the layers of a stack, the outermost first

	node    *node // as written
	kind    *node // the name of the kind
	setting *node // its settings; nil if none are given
	source  *source
	path    string
}

// stackKind is the kind of a choice that is several.
const stackKind = "stack"

// Position says where the kind was written.
func (c Choice) Position() Position { return c.kind.position() }

// Decode fills what into points to with the choice's settings, strictly and over the values it
// already has, and then lets it Validate, with or without settings. A stack has no settings of its
// own: its layers are decoded one by one.
func (c Choice) Decode(into any) error {
	if c.Kind == stackKind {
		panic("scenarios: a stack has no settings; decode its layers")
	}
	setting := c.setting
	if setting == nil {
		setting = &node{kind: mapping, at: c.Position()}
	}
	src := c.source
	if src == nil {
		src = newSource()
	}
	return src.decode(setting, c.path, into)
}

// Unknown is the error for a kind that there is no such thing of:
//
//	spike.yaml:30:5: unknown strategy "asnyc" (have sync, pooled, async-queue; did you mean async-queue?)
func (c Choice) Unknown(what string, have []string) error {
	return unknownAt(c.Position(), c.path, what, c.Kind, have)
}

// With returns the choice with the settings that v holds in place of those written: for showing a
// choice with all of its defaults.
func (c Choice) With(v any) (Choice, error) {
	setting, err := encode(v)
	if err != nil {
		return c, err
	}
	c.setting = setting
	if setting.kind != mapping || len(setting.items) == 0 {
		c.setting = nil
	}
	return c, nil
}

// String returns the choice on one line, as a scenario would have it.
func (c Choice) String() string { return c.tree().flow() }

// Equal reports whether two choices are the same, wherever they were written.
func (c Choice) Equal(other Choice) bool { return c.tree().equal(other.tree()) }

func (c *Choice) decodeNode(d *decoder, n *node, path string) {
	const allowed = "a kind, {kind: {...}}, {name: ..., kind: {...}} or {name: ..., stack: [...]}"
	*c = Choice{node: n, source: d.source}
	switch n.kind {
	case text:
		c.kind = n
	case mapping:
		for i, key := range n.names {
			switch {
			case key.text == "name":
				c.setName(d, n.items[i], joinPath(path, "name"))
			case c.kind != nil:
				d.add(key, Fault{Position: key.at, Path: path, Found: fmt.Sprintf("%s beside %s", shortened(key.text), c.Kind),
					Allowed: "one kind; settings stand inside it", whole: true})
			default:
				c.kind, c.Kind, c.setting = key, key.text, n.items[i]
			}
		}
	default:
		d.fail(n, path, n.describe(), allowed)
		return
	}
	if c.kind == nil {
		d.fail(n, path, "no kind", allowed)
		return
	}
	c.Kind = c.kind.text
	c.path = path
	if n.kind == mapping {
		c.path = joinPath(path, c.Kind)
	}
	c.settle(d, n)
}

// settle checks the settings, reads the layers of a stack and gives the choice its name.
func (c *Choice) settle(d *decoder, n *node) {
	switch {
	case c.Kind == stackKind:
		c.readStack(d, n)
	case c.setting == nil:
	case c.setting.kind == null:
		c.setting = nil
	case c.setting.kind != mapping:
		d.fail(c.setting, c.path, c.setting.describe(), "a mapping with its settings")
	}
	if c.Name == "" {
		c.Name = c.Kind
		if len(c.Stack) > 0 {
			var names []string
			for _, layer := range c.Stack {
				names = append(names, layer.Name)
			}
			c.Name = strings.Join(names, "-")
		}
	}
}

func (c *Choice) setName(d *decoder, n *node, path string) {
	if n.kind != text && n.kind != number {
		d.fail(n, path, n.describe(), "text")
		return
	}
	c.Name = n.text
	if fault := nameFault(n.text); fault != "" {
		d.fail(n, path, fault, namesAre)
	}
}

func (c *Choice) readStack(d *decoder, n *node) {
	const allowed = "a list of at least one kind, the outermost first"
	if c.setting == nil || c.setting.kind != list || len(c.setting.items) == 0 {
		at, found := n, ""
		if c.setting != nil {
			at, found = c.setting, c.setting.describe()
		}
		d.fail(at, c.path, found, allowed)
		return
	}
	for i, item := range c.setting.items {
		var layer Choice
		layer.decodeNode(d, item, fmt.Sprintf("%s[%d]", c.path, i))
		if layer.Kind == stackKind {
			d.fail(item, fmt.Sprintf("%s[%d]", c.path, i), "a stack in a stack", "its layers, written out")
		}
		c.Stack = append(c.Stack, layer)
	}
}

// tree writes the choice in its shortest form.
func (c Choice) tree() *node {
	kind := &node{kind: text, text: c.Kind, at: c.Position()}
	joined := c.Kind
	setting := c.setting
	if c.Kind == stackKind {
		layers, names := &node{kind: list}, []string(nil)
		for _, layer := range c.Stack {
			layers.items = append(layers.items, layer.tree())
			names = append(names, layer.Name)
		}
		setting, joined = layers, strings.Join(names, "-")
	}
	if setting == nil && c.Name == c.Kind {
		return kind
	}
	n := &node{kind: mapping, at: c.Position()}
	if c.Name != joined {
		n.names = append(n.names, &node{kind: text, text: "name"})
		n.items = append(n.items, &node{kind: text, text: c.Name})
	}
	if setting == nil {
		setting = &node{kind: mapping}
	}
	n.names = append(n.names, kind)
	n.items = append(n.items, setting)
	return n
}
