package scenarios

import (
	"encoding"
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"
)

// A decoder fills Go values from a tree, strictly: what it does not know is a fault, and it goes on
// to find the others. The YAML library's own strict mode would stop short of positions for some
// faults, of names for unknown fields, and of what a field allows.
//
// A type may have a say, by small interfaces found by assertion: UnmarshalText; UnmarshalYAML, whose
// decode function may be kept and called later; Validate, whose sim.Faults carry paths relative to
// the value; ReadFiles, for those that name files.
type decoder struct {
	source *source
	faults []Fault
	bad    map[*node]bool // nodes that have a fault: what follows from it is not said again
}

type (
	nodeDecoder interface {
		decodeNode(d *decoder, n *node, path string)
	}
	yamlUnmarshaler interface{ UnmarshalYAML(func(any) error) error }
	validator       interface{ Validate() error }
	fileReader      interface {
		ReadFiles(open func(name string) (io.ReadCloser, error)) error
	}
)

func newDecoder(s *source) *decoder { return &decoder{source: s, bad: map[*node]bool{}} }

// decode fills what into points to and returns the faults.
func (s *source) decode(n *node, path string, into any) error {
	target := reflect.ValueOf(into)
	if target.Kind() != reflect.Pointer || target.IsNil() {
		panic("scenarios: decoding into something that is no pointer")
	}
	d := newDecoder(s)
	d.value(n, target.Elem(), path)
	if len(d.faults) == 0 {
		return nil
	}
	return Join(&Error{d.faults})
}

// fail notes a fault of the value at n.
func (d *decoder) fail(n *node, path, found, allowed string) {
	d.add(n, Fault{Position: n.position(), Path: path, Found: found, Allowed: allowed})
}

func (d *decoder) add(n *node, f Fault) {
	d.bad[n] = true
	d.faults = append(d.faults, f)
}

// take notes what a type's own method found, unless it only follows from a fault noted before.
func (d *decoder) take(err error, n *node, path string) {
	var fresh []Fault
	var places []*node
	for _, f := range faultsOf(err, n, path) {
		at := n.follow(strings.TrimPrefix(strings.TrimPrefix(f.Path, path), "."))
		if f.whole { // it may point at a name, which no path leads to
			at = n.placed(f.Position)
		}
		if !d.faulty(at) {
			fresh, places = append(fresh, f), append(places, at)
		}
	}
	for i, f := range fresh { // only now: the faults of one error do not follow from each other
		d.add(places[i], f)
	}
}

// faulty reports whether n or anything inside it has a fault.
func (d *decoder) faulty(n *node) bool {
	if d.bad[n] {
		return true
	}
	for i, item := range n.items {
		if d.faulty(item) || n.kind == mapping && d.bad[n.names[i]] {
			return true
		}
	}
	return false
}

// value decodes n into v, which can be set.
func (d *decoder) value(n *node, v reflect.Value, path string) {
	if v.Kind() == reflect.Pointer {
		if n.kind == null {
			v.SetZero()
			return
		}
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		d.value(n, v.Elem(), path)
		return
	}
	self := v.Addr().Interface()
	before, usable := len(d.faults), true
	switch special := self.(type) {
	case nodeDecoder:
		special.decodeNode(d, n, path)
	case yamlUnmarshaler:
		err := special.UnmarshalYAML(func(into any) error { return d.source.decode(n, path, into) })
		usable = err == nil // a type that reads itself may be half made after a fault
		d.take(err, n, path)
	case encoding.TextUnmarshaler:
		if d.scalar(n, path, "text") {
			d.take(special.UnmarshalText([]byte(n.text)), n, path)
		}
	case *time.Duration:
		d.duration(n, special, path)
	default:
		d.plain(n, v, path)
	}
	if reader, ok := self.(fileReader); ok && len(d.faults) == before {
		d.take(reader.ReadFiles(d.source.opener(n)), n, path)
	}
	if check, ok := self.(validator); ok && usable {
		d.take(check.Validate(), n, path)
	}
}

// plain decodes by the kind of the Go type.
func (d *decoder) plain(n *node, v reflect.Value, path string) {
	switch v.Kind() {
	case reflect.Struct:
		d.structure(n, v, path)
	case reflect.Map:
		d.mapping(n, v, path)
	case reflect.Slice:
		d.list(n, v, path)
	case reflect.String:
		if d.scalar(n, path, "text") {
			if n.kind == boolean {
				d.fail(n, path, n.text, "text; put "+n.text+" in quotes")
				return
			}
			v.SetString(n.text)
		}
	case reflect.Bool:
		if n.kind != boolean {
			d.fail(n, path, n.describe(), "true, false")
			return
		}
		v.SetBool(n.text[0] == 't' || n.text[0] == 'T')
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		d.whole(n, v, path)
	case reflect.Float32, reflect.Float64:
		if x, ok := d.number(n, path, "a number"); ok {
			v.SetFloat(x)
		}
	case reflect.Interface:
		if v.NumMethod() == 0 {
			if x := d.any(n, path); x != nil {
				v.Set(reflect.ValueOf(x))
			}
			return
		}
		fallthrough
	default:
		panic(fmt.Sprintf("scenarios: no decoding into %s", v.Type()))
	}
}

// structure decodes a mapping into the tagged fields of a struct.
func (d *decoder) structure(n *node, v reflect.Value, path string) {
	fields := fieldsOf(v.Type())
	if n.kind != mapping {
		d.fail(n, path, n.describe(), "a mapping with "+strings.Join(fieldNames(fields), ", "))
		return
	}
	set := map[string]bool{}
	for i, key := range n.names {
		item := n.items[i]
		f, ok := fieldNamed(fields, key.text)
		switch {
		case !ok:
			d.add(key, Fault{Position: key.at, Path: path, Found: fmt.Sprintf("unknown field %q", shortened(key.text)),
				Allowed: allowedNames(key.text, fieldNames(fields)), whole: true})
			continue
		case set[f.name]:
			d.add(key, Fault{Position: key.at, Path: path, Found: fmt.Sprintf("%s is another name of %s, which is there already", key.text, f.name),
				Allowed: "one of the two", whole: true})
			continue
		}
		set[f.name] = true
		field := v.FieldByIndex(f.index)
		d.value(item, field, joinPath(path, key.text))
		if f.positive && !d.faulty(item) && field.IsZero() {
			d.fail(item, joinPath(path, key.text), item.text, "above 0")
		}
	}
}

// mapping decodes into a map, over what is in it.
func (d *decoder) mapping(n *node, v reflect.Value, path string) {
	if n.kind != mapping {
		d.fail(n, path, n.describe(), "a mapping")
		return
	}
	if v.IsNil() {
		v.Set(reflect.MakeMap(v.Type()))
	}
	for i, key := range n.names {
		one := reflect.New(v.Type().Elem()).Elem()
		d.value(n.items[i], one, joinPath(path, key.text))
		v.SetMapIndex(reflect.ValueOf(key.text).Convert(v.Type().Key()), one)
	}
}

// list decodes into a slice, in place of what is in it.
func (d *decoder) list(n *node, v reflect.Value, path string) {
	if n.kind != list {
		d.fail(n, path, n.describe(), "a list")
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.items), len(n.items)))
	for i, item := range n.items {
		d.value(item, v.Index(i), fmt.Sprintf("%s[%d]", path, i))
	}
}
