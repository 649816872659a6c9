package cli

import (
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/headroom-dev/headroom/scenarios"
)

// withOrigins adds to each line of an effective scenario where its values come from: a comment names
// the flag that set one, or what of the line is a default. What the scenario's own text says has no
// comment. Should a comment change what is read back, the text is returned as it was.
func withOrigins(effective, written []byte, edits []scenarios.Edit) []byte {
	var full, own yaml.Node
	if yaml.Unmarshal(effective, &full) != nil || yaml.Unmarshal(written, &own) != nil || len(full.Content) == 0 || len(own.Content) == 0 {
		return effective
	}
	o := &origins{edits: edits, lines: make(map[int]*lineOrigins)}
	o.walk(full.Content[0], own.Content[0], nil)
	lines := strings.Split(string(effective), "\n")
	for i, line := range lines {
		if said := o.lines[i+1].comment(); said != "" {
			lines[i] = line + "  # " + said
		}
	}
	commented := []byte(strings.Join(lines, "\n"))
	var before, after any
	if yaml.Unmarshal(effective, &before) != nil || yaml.Unmarshal(commented, &after) != nil || !reflect.DeepEqual(before, after) {
		return effective
	}
	return commented
}

// origins gathers, for each line of the effective text, where its values come from.
type origins struct {
	edits []scenarios.Edit
	lines map[int]*lineOrigins
}

// lineOrigins is one line's.
type lineOrigins struct {
	given    int      // values that the scenario's text says
	defaults []string // names of those that nobody says
	edits    []string // what set the others
}

// comment is what the line's comment says, "" for none.
func (l *lineOrigins) comment() string {
	switch {
	case l == nil:
		return ""
	case len(l.edits) > 0:
		return strings.Join(l.edits, ", ")
	case len(l.defaults) == 0:
		return ""
	case l.given == 0:
		return "default"
	}
	return "default: " + strings.Join(l.defaults, ", ")
}

// walk goes through the effective scenario beside the written one. own is nil where the text says
// nothing. Each step of the path has the names by which an edit may call it: its own and, in a list,
// its place.
func (o *origins) walk(full, own *yaml.Node, path [][]string) {
	switch full.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(full.Content); i += 2 {
			key := full.Content[i].Value
			o.walk(full.Content[i+1], valueOf(own, key), append(slices.Clip(path), []string{key}))
		}
		if len(full.Content) == 0 {
			o.note(full, own, path)
		}
	case yaml.SequenceNode:
		for i, item := range full.Content {
			var ownItem *yaml.Node
			if own != nil && own.Kind == yaml.SequenceNode && i < len(own.Content) {
				ownItem = own.Content[i]
			}
			o.walk(item, ownItem, append(slices.Clip(path), []string{nameOf(item), strconv.Itoa(i)}))
		}
	default:
		o.note(full, own, path)
	}
}

// note books one value.
func (o *origins) note(full, own *yaml.Node, path [][]string) {
	line := o.lines[full.Line]
	if line == nil {
		line = new(lineOrigins)
		o.lines[full.Line] = line
	}
	for _, edit := range slices.Backward(o.edits) { // the last one wins
		if covers(edit.Path, path) {
			from := edit.From
			if from == "" {
				from = "--set " + edit.Path + "=" + edit.Value
			}
			if !slices.Contains(line.edits, from) {
				line.edits = append(line.edits, from)
			}
			return
		}
	}
	if own != nil {
		line.given++
		return
	}
	line.defaults = append(line.defaults, path[len(path)-1][0])
}

// valueOf returns what the written scenario says under a key. A kind may be written as a bare word,
// which says the key and leaves all of its settings to their defaults.
func valueOf(own *yaml.Node, key string) *yaml.Node {
	switch {
	case own == nil:
		return nil
	case own.Kind == yaml.MappingNode:
		for i := 0; i+1 < len(own.Content); i += 2 {
			if own.Content[i].Value == key {
				return own.Content[i+1]
			}
		}
		return nil
	case own.Kind == yaml.ScalarNode && own.Value == key:
		return &yaml.Node{Kind: yaml.MappingNode}
	}
	return own // another form of the same thing
}

// nameOf is how paths call an entry of a list: by its name, else by its kind.
func nameOf(item *yaml.Node) string {
	if item.Kind != yaml.MappingNode || len(item.Content) == 0 {
		return item.Value
	}
	for i := 0; i+1 < len(item.Content); i += 2 {
		if item.Content[i].Value == "name" {
			return item.Content[i+1].Value
		}
	}
	return item.Content[0].Value
}

// covers says whether an edit of that path sets the value at the other one. An edit of a strategy's
// setting leaves the kind out: strategies.backoff.tries.
func covers(edit string, path [][]string) bool {
	steps := strings.FieldsFunc(edit, func(c rune) bool { return strings.ContainsRune(`.[]"`, c) })
	for i, at := 0, 0; ; i, at = i+1, at+1 {
		switch {
		case i == len(steps):
			return true
		case at == len(path):
			return false
		case slices.Contains(path[at], steps[i]):
		case at > 0 && path[0][0] == "strategies" && at+1 < len(path) && slices.Contains(path[at+1], steps[i]):
			at++ // the kind of a strategy stands between its name and its settings
		default:
			return false
		}
	}
}
