package scenarios

import (
	"encoding"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// EffectiveYAML writes v, a Scenario or any value made by its conventions, as YAML that reads back
// as the same value: fields in the order of the struct, what is unset left out, and equal values
// always in equal bytes.
func EffectiveYAML(v any) ([]byte, error) {
	n, err := encode(v)
	if err != nil {
		return nil, err
	}
	return n.yaml(), nil
}

// EffectiveJSON writes v as EffectiveYAML does, on one line of JSON.
func EffectiveJSON(v any) ([]byte, error) {
	n, err := encode(v)
	if err != nil {
		return nil, err
	}
	return n.json(nil), nil
}

// A treeEncoder has its own form that only this package can make: a Section as it was written,
// classes in their order.
type treeEncoder interface{ tree() *node }

// encode is the inverse of decode.
func encode(v any) (*node, error) {
	n, err := encodeValue(reflect.ValueOf(v))
	if err == nil && n == nil {
		n = &node{kind: null, text: "null"}
	}
	return n, err
}

// encodeValue returns nil for a value that is not there: a nil pointer, an unset Dist.
func encodeValue(v reflect.Value) (*node, error) {
	if !v.IsValid() {
		return nil, nil
	}
	if (v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface) && v.IsNil() {
		return nil, nil
	}
	if v.CanInterface() {
		switch special := v.Interface().(type) {
		case treeEncoder:
			return special.tree(), nil
		case sim.Fields:
			return encodeFields(special)
		case interface{ MarshalYAML() (any, error) }:
			form, err := special.MarshalYAML()
			if err != nil {
				return nil, err
			}
			return encodeValue(reflect.ValueOf(form))
		case time.Duration:
			return textNode(durationText(special)), nil
		case encoding.TextMarshaler:
			b, err := special.MarshalText()
			if err != nil {
				return nil, err
			}
			return textNode(string(b)), nil
		}
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return encodeValue(v.Elem())
	case reflect.Struct:
		return encodeStruct(v)
	case reflect.Map:
		return encodeMap(v)
	case reflect.Slice, reflect.Array:
		return encodeList(v)
	case reflect.String:
		return textNode(v.String()), nil
	case reflect.Bool:
		return &node{kind: boolean, text: strconv.FormatBool(v.Bool())}, nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return &node{kind: number, text: strconv.FormatInt(v.Int(), 10)}, nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return &node{kind: number, text: strconv.FormatUint(v.Uint(), 10)}, nil
	case reflect.Float32, reflect.Float64:
		return floatNode(v.Float())
	}
	return nil, fmt.Errorf("writing a scenario: no form for %s", v.Type())
}

func textNode(s string) *node { return &node{kind: text, text: s} }

func floatNode(x float64) (*node, error) {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil, fmt.Errorf("writing a scenario: %v is no number", x)
	}
	format := byte('f')
	if a := math.Abs(x); a != 0 && (a < 1e-6 || a >= 1e15) {
		format = 'e'
	}
	return &node{kind: number, text: strconv.FormatFloat(x, format, -1, 64)}, nil
}

// durationText is Go's notation without its zeros: 1m for 1m0s, 2h for 2h0m0s.
func durationText(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func (n *node) put(name string, item *node) {
	if item != nil {
		n.names, n.items = append(n.names, textNode(name)), append(n.items, item)
	}
}

func encodeFields(fields sim.Fields) (*node, error) {
	n := &node{kind: mapping}
	for _, f := range fields {
		item, err := encodeValue(reflect.ValueOf(f.Value))
		if err != nil {
			return nil, err
		}
		n.put(f.Name, item)
	}
	return n, nil
}

func encodeStruct(v reflect.Value) (*node, error) {
	n := &node{kind: mapping}
	for _, f := range fieldsOf(v.Type()) {
		value := v.FieldByIndex(f.index)
		if f.omitEmpty && isUnset(value) {
			continue
		}
		item, err := encodeValue(value)
		if err != nil {
			return nil, err
		}
		n.put(f.name, item)
	}
	return n, nil
}

// isUnset is the zero value, or what the type itself calls so, or nothing in a list or mapping.
func isUnset(v reflect.Value) bool {
	if z, ok := v.Interface().(interface{ IsZero() bool }); ok {
		return z.IsZero()
	}
	if v.Kind() == reflect.Slice || v.Kind() == reflect.Map {
		return v.Len() == 0
	}
	return v.IsZero()
}

func encodeMap(v reflect.Value) (*node, error) {
	n := &node{kind: mapping}
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	for _, key := range keys {
		item, err := encodeValue(v.MapIndex(key))
		if err != nil {
			return nil, err
		}
		n.put(key.String(), item)
	}
	return n, nil
}

func encodeList(v reflect.Value) (*node, error) {
	n := &node{kind: list}
	for i := range v.Len() {
		item, err := encode(v.Index(i).Interface())
		if err != nil {
			return nil, err
		}
		n.items = append(n.items, item)
	}
	return n, nil
}
