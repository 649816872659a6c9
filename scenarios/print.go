package scenarios

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
)

// lineWidth is how long a line of the printed scenario may get before its mapping is written on
// several.
const lineWidth = 100

// yaml prints the tree: top-level mappings in blocks, small ones in braces on one line, as people
// write scenarios.
func (n *node) yaml() []byte {
	var b bytes.Buffer
	if len(n.items) == 0 {
		b.WriteString(n.flow())
		b.WriteByte('\n')
		return b.Bytes()
	}
	n.block(&b, 0)
	return b.Bytes()
}

// block prints a mapping or list that has something in it, each entry on lines of its own.
func (n *node) block(b *bytes.Buffer, indent int) {
	margin := strings.Repeat("  ", indent)
	for i, item := range n.items {
		lead := margin + "- "
		if n.kind == mapping {
			lead = margin + nameText(n.names[i]) + ": "
		}
		flow := item.flow()
		switch {
		case item.fitsLine(n.kind, len(lead)+len(flow)):
			b.WriteString(lead + flow + "\n")
		case n.kind == mapping:
			b.WriteString(strings.TrimRight(lead, " ") + "\n")
			item.block(b, indent+1)
		default: // the first entry of what is in a list stands beside its dash
			var inner bytes.Buffer
			item.block(&inner, indent+1)
			b.WriteString(lead)
			b.Write(inner.Bytes()[len(margin)+2:])
		}
	}
}

// fitsLine reports whether a value goes on one line, after what it stands in: scalars and what is
// empty always, lists of a mapping only if they hold plain values, the rest by length.
func (n *node) fitsLine(in kind, width int) bool {
	if len(n.items) == 0 {
		return true
	}
	if n.kind == list && in == mapping {
		for _, item := range n.items {
			if len(item.items) > 0 {
				return false
			}
		}
	}
	return width <= lineWidth
}

// flow prints the tree on one line.
func (n *node) flow() string {
	switch n.kind {
	case mapping, list:
		parts := make([]string, len(n.items))
		for i, item := range n.items {
			parts[i] = item.flow()
			if n.kind == mapping {
				parts[i] = nameText(n.names[i]) + ": " + parts[i]
			}
		}
		if n.kind == list {
			return "[" + strings.Join(parts, ", ") + "]"
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return scalarText(n)
}

// plainText is text that YAML takes without quotes wherever it stands, in braces too.
var plainText = regexp.MustCompile(`^[\pL0-9_./(][\pL0-9_./+%()<>=; -]*$`)

// scalarText prints a scalar so that it reads back as the same kind with the same text. Quoted text
// uses Go's escapes, which are all YAML's too.
func scalarText(n *node) string {
	switch {
	case n.kind == null:
		return "null"
	case n.kind == boolean:
		return strings.ToLower(n.text)
	case n.kind == number:
		if plain, ok := plainNumber(n.text); ok {
			return plain
		}
		return strconv.Quote(n.text)
	case plainText.MatchString(n.text) && plainKind(n.text) == text && !yaml11Word(n.text) && !strings.HasSuffix(n.text, " ") &&
		!strings.HasPrefix(n.text, "---") && !strings.HasPrefix(n.text, "..."):
		return n.text
	}
	return strconv.Quote(n.text)
}

// plainNumber is a number as both YAML and JSON write it; what no numeric field takes, such as 0x10,
// is text in quotes. Whole numbers keep all of their digits, which a float64 may not.
func plainNumber(s string) (plain string, ok bool) {
	if strings.Trim(s, "0123456789") == "" && (s == "0" || s[0] != '0') {
		return s, true
	}
	x, fault := decimal(s)
	if fault != "" {
		return "", false
	}
	n, err := floatNode(x)
	return n.text, err == nil
}

// nameText prints the name of a field; n is a number of keys and needs no quotes there.
func nameText(n *node) string {
	if yaml11Word(n.text) {
		return n.text
	}
	return scalarText(n)
}

// yaml11Word reports whether older readers of YAML take a word for a truth value.
func yaml11Word(s string) bool {
	switch strings.ToLower(s) {
	case "y", "n", "yes", "no", "on", "off":
		return true
	}
	return false
}

// json appends the tree as JSON.
func (n *node) json(b []byte) []byte {
	switch n.kind {
	case null:
		return append(b, "null"...)
	case boolean:
		return append(b, strings.ToLower(n.text)...)
	case number:
		if plain, ok := plainNumber(n.text); ok {
			return append(b, plain...)
		}
	case list:
		b = append(b, '[')
		for i, item := range n.items {
			if i > 0 {
				b = append(b, ',')
			}
			b = item.json(b)
		}
		return append(b, ']')
	case mapping:
		b = append(b, '{')
		for i, item := range n.items {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(jsonText(b, n.names[i].text), ':')
			b = item.json(b)
		}
		return append(b, '}')
	}
	return jsonText(b, n.text)
}

// jsonText appends s as a JSON string. Control characters above 7F, which YAML does not read raw,
// are escaped, so that the line is YAML too.
func jsonText(b []byte, s string) []byte {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(s); err != nil { // a string always encodes
		panic(err)
	}
	for _, r := range strings.TrimSuffix(buffer.String(), "\n") {
		if r >= 0x7f && r < 0xa0 || r == 0xfeff || r == 0xfffe || r == 0xffff {
			b = append(b, `\u`...)
			b = append(b, strings.Repeat("0", 4-len(strconv.FormatInt(int64(r), 16)))...)
			b = strconv.AppendInt(b, int64(r), 16)
			continue
		}
		b = append(b, string(r)...)
	}
	return b
}
