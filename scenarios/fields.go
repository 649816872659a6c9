package scenarios

import (
	"reflect"
	"strings"
)

// A field is one of a struct as the file sees it.
type field struct {
	name, alias string
	index       []int
	positive    bool // `check:"positive"`: a zero that is written is refused; one left out is not
	omitEmpty   bool
}

// fieldsOf lists the fields of a struct in order: exported, tagged `yaml:"name"`, those of an
// embedded struct tagged `yaml:",inline"` among them.
func fieldsOf(t reflect.Type) []field {
	var fields []field
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if strings.Contains(options, "inline") {
			for _, inner := range fieldsOf(f.Type) {
				inner.index = append([]int{i}, inner.index...)
				fields = append(fields, inner)
			}
			continue
		}
		if !f.IsExported() || name == "" || name == "-" {
			continue
		}
		fields = append(fields, field{name: name, alias: f.Tag.Get("alias"), index: []int{i},
			positive: f.Tag.Get("check") == "positive", omitEmpty: strings.Contains(options, "omitempty")})
	}
	return fields
}

func fieldNamed(fields []field, name string) (field, bool) {
	for _, f := range fields {
		if f.name == name || f.alias != "" && f.alias == name {
			return f, true
		}
	}
	return field{}, false
}

func fieldNames(fields []field) []string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	return names
}
