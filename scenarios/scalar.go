package scenarios

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// scalar notes a fault if n is no single value.
func (d *decoder) scalar(n *node, path, allowed string) bool {
	if n.kind == null || n.kind == list || n.kind == mapping {
		d.fail(n, path, n.describe(), allowed)
		return false
	}
	return true
}

// number reads a finite decimal number.
func (d *decoder) number(n *node, path, allowed string) (float64, bool) {
	if n.kind != number {
		d.fail(n, path, n.describe(), allowed)
		return 0, false
	}
	x, fault := decimal(n.text)
	if fault != "" {
		d.fail(n, path, fault, allowed+", in plain decimal digits")
		return 0, false
	}
	return x, true
}

// whole reads an integer; 1e6 is one.
func (d *decoder) whole(n *node, v reflect.Value, path string) {
	x, ok := d.number(n, path, "a whole number")
	if !ok {
		return
	}
	i, fits := int64(x), x == math.Trunc(x) && math.Abs(x) < 1<<53
	if exact, err := strconv.ParseInt(n.text, 10, 64); err == nil { // beyond 2^53 a float64 would round
		i, fits = exact, true
	}
	switch {
	case !fits:
		d.fail(n, path, n.text, "a whole number")
	case v.CanInt() && !v.OverflowInt(i):
		v.SetInt(i)
	case v.CanUint() && i >= 0 && !v.OverflowUint(uint64(i)):
		v.SetUint(uint64(i))
	case v.CanUint() && i < 0:
		d.fail(n, path, n.text, "a whole number of 0 or more")
	default:
		d.fail(n, path, n.text+" is out of range", "a smaller number")
	}
}

// durationsAre is what a length of time may look like.
const durationsAre = "a duration such as 500ms, 30s or 1h30m"

// duration reads a length of time with its unit. None is negative: there is no waiting backwards.
func (d *decoder) duration(n *node, into *time.Duration, path string) {
	if !d.scalar(n, path, durationsAre) {
		return
	}
	length, err := time.ParseDuration(n.text)
	switch {
	case err != nil && n.kind == number:
		d.fail(n, path, n.text+" has no unit", durationsAre)
	case err != nil:
		d.fail(n, path, n.describe()+" is no duration", durationsAre)
	case length < 0:
		d.fail(n, path, n.text+" is negative", durationsAre)
	default:
		*into = length
	}
}

// any reads what is written into Go's plain types: map[string]any, []any, string, int, float64,
// bool, nil.
func (d *decoder) any(n *node, path string) any {
	switch n.kind {
	case mapping:
		m := make(map[string]any, len(n.names))
		for i, key := range n.names {
			m[key.text] = d.any(n.items[i], joinPath(path, key.text))
		}
		return m
	case list:
		l := make([]any, len(n.items))
		for i, item := range n.items {
			l[i] = d.any(item, fmt.Sprintf("%s[%d]", path, i))
		}
		return l
	case boolean:
		return strings.EqualFold(n.text, "true")
	case number:
		x, ok := d.number(n, path, "a number")
		if i, err := strconv.Atoi(n.text); ok && err == nil {
			return i
		}
		return x
	case text:
		return n.text
	}
	return nil
}
