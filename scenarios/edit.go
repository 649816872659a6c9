package scenarios

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// An Edit sets one value of a scenario from outside its file, before anything is decoded: --set and
// the flags that are short for it. Faults in the value are reported as From says.
//
// The path is
//
//	path = step { "." step | "[" digits "]" } ;
//	step = word | digits | '"' text '"' ;      (* quotes for names with a dot in them *)
//
// Entries of a list are named by their name, or counted from 0: load.phases.spike.rate. Strategies
// are named as in reports, and then their settings follow: strategies.backoff.tries. Mappings on the
// way that do not exist are made; a value of null takes the entry away, so that its default holds.
type Edit struct {
	Path  string
	Value string // YAML
	Text  bool   // Value is text as it stands, and not YAML: the name of a file
	From  string // "" is "--set path=value"
}

// from is how faults name the edit.
func (e Edit) from() string {
	if e.From != "" {
		return e.From
	}
	return "--set " + e.Path + "=" + e.Value
}

// ParseEdit reads "path=value".
func ParseEdit(s string) (Edit, error) {
	path, value, found := strings.Cut(s, "=")
	if !found || path == "" {
		return Edit{}, &Error{[]Fault{{Position: Position{From: "--set " + s}, Found: "no value", Allowed: "path=value, as in load.phases.spike.rate=800/s", whole: true}}}
	}
	return Edit{Path: path, Value: value}, nil
}

// apply changes the tree.
func (e Edit) apply(root *node) []Fault {
	at := Position{From: e.from()}
	fail := func(found, allowed string) []Fault {
		return []Fault{{Position: at, Found: found, Allowed: allowed, whole: true}}
	}
	steps, ok := pathSteps(e.Path)
	if !ok {
		return fail(fmt.Sprintf("%q is no path", shortened(e.Path)), "names and numbers with dots between, as in load.phases.spike.rate")
	}
	var value *node
	switch {
	case e.Text:
		value = &node{kind: text, text: e.Value, at: at}
	case strings.TrimSpace(e.Value) == "":
		return fail("no value", "a value; null takes the field away")
	default:
		var faults []Fault
		if value, faults = grow(at, "", []byte(e.Value)); len(faults) > 0 || value == nil {
			return faults
		}
	}
	if found, allowed := root.set(steps, value, at, ""); found != "" {
		return fail(found, allowed)
	}
	return nil
}

// pathSteps takes a path apart.
func pathSteps(path string) (steps []string, ok bool) {
	for path != "" {
		var step string
		switch path[0] {
		case '"':
			end := strings.IndexByte(path[1:], '"')
			if end < 0 {
				return nil, false
			}
			step, path = path[1:1+end], path[2+end:]
		case '[':
			end := strings.IndexByte(path, ']')
			if end < 0 || len(steps) == 0 {
				return nil, false
			}
			step, path = path[1:end], path[end+1:]
			if _, err := strconv.Atoi(step); err != nil {
				return nil, false
			}
		default:
			end := strings.IndexAny(path, ".[\"]")
			if end < 0 {
				end = len(path)
			}
			step, path = path[:end], path[end:]
		}
		if step == "" {
			return nil, false
		}
		steps = append(steps, step)
		if rest, dot := strings.CutPrefix(path, "."); dot && rest != "" {
			path = rest
		} else if path != "" && path[0] != '[' {
			return nil, false
		}
	}
	return steps, len(steps) > 0 && len(steps) <= mostDepth
}

// set puts value at the path below n and says what was wrong with the path, if anything. here is
// the name under which n stands.
func (n *node) set(steps []string, value *node, at Position, here string) (found, allowed string) {
	switch {
	case n.kind == list:
		return n.setInList(steps, value, at, here)
	case n.kind != mapping: // a plain value gives way to a mapping: arrivals: poisson, and then arrivals.trace.file
		*n = node{kind: mapping, at: at}
	}
	for i, name := range n.names {
		if name.text != steps[0] {
			continue
		}
		if len(steps) > 1 {
			return n.items[i].set(steps[1:], value, at, steps[0])
		}
		if value.kind == null {
			n.names, n.items = slices.Delete(n.names, i, i+1), slices.Delete(n.items, i, i+1)
			return "", ""
		}
		n.items[i] = value
		return "", ""
	}
	if value.kind == null {
		return "", "" // nothing to take away
	}
	item := value
	if len(steps) > 1 {
		item = &node{kind: mapping, at: at}
		if found, allowed := item.set(steps[1:], value, at, steps[0]); found != "" {
			return found, allowed
		}
	}
	n.names, n.items = append(n.names, &node{kind: text, text: steps[0], at: at}), append(n.items, item)
	return "", ""
}

// setInList is set where n is a list.
func (n *node) setInList(steps []string, value *node, at Position, here string) (found, allowed string) {
	choices := here == "strategies" || here == stackKind
	var names []string
	i := -1
	for k, item := range n.items {
		name := entryName(item, choices)
		if name == steps[0] {
			i = k
			break
		}
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if k, err := strconv.Atoi(steps[0]); i < 0 && err == nil && k >= 0 && k < len(n.items) {
		i = k
	}
	switch {
	case i < 0 && len(names) == 0:
		return fmt.Sprintf("%s has no entry %q", here, steps[0]), fmt.Sprintf("a number below %d", len(n.items))
	case i < 0:
		return fmt.Sprintf("%s has no entry %q", here, steps[0]), allowedNames(steps[0], names)
	case len(steps) == 1 && value.kind == null:
		n.items = slices.Delete(n.items, i, i+1)
		return "", ""
	case len(steps) == 1:
		n.items[i] = value
		return "", ""
	case choices:
		return n.items[i].setting(steps[1:]).set(settingSteps(n.items[i], steps[1:]), value, at, stackKind)
	}
	return n.items[i].set(steps[1:], value, at, steps[0])
}

// entryName is how an entry of a list is called, "" if it has no name.
func entryName(n *node, choice bool) string {
	if name := n.get("name"); name != nil {
		return name.text
	}
	switch {
	case !choice:
	case n.kind == text:
		return n.text
	case n.kind == mapping && len(n.names) > 0:
		return n.names[0].text
	}
	return ""
}

// setting returns the node in which the settings of a choice stand, made if it had none, or the
// choice itself where the next step is its name or its kind.
func (n *node) setting(steps []string) *node {
	if n.kind == text {
		kind := *n
		*n = node{kind: mapping, at: n.at, dir: n.dir, names: []*node{&kind}, items: []*node{{kind: mapping, at: n.at, dir: n.dir}}}
	}
	for i, name := range n.names {
		if name.text == "name" {
			continue
		}
		if steps[0] == "name" || steps[0] == name.text && (name.text != stackKind || len(steps) == 1) {
			return n
		}
		return n.items[i]
	}
	return n
}

// settingSteps leaves out the step "stack", which setting has taken.
func settingSteps(n *node, steps []string) []string {
	if len(steps) > 1 && steps[0] == stackKind && n.get(stackKind) != nil {
		return steps[1:]
	}
	return steps
}
