package sim

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// A unit is what the values of a quantity are: how they are read, printed and bounded.
type unit struct {
	name  string
	least float64 // smallest value
	time  bool    // values are durations, held in nanoseconds
}

var (
	plainNumbers = unit{name: "a number of 0 or more"}
	counts       = unit{name: "a number of at least 1", least: 1}
	durations    = unit{name: "a duration such as 20ms or 1.5s", time: true}
)

// print is the inverse of parse.
func (u unit) print(v float64) any {
	if u.time {
		return time.Duration(v)
	}
	return v
}

// parse reads one value of the unit.
func (u unit) parse(v any) (float64, error) {
	text, isText := v.(string)
	value, ok := number(v)
	switch {
	case u.time && isText:
		d, err := time.ParseDuration(text)
		if err != nil {
			return 0, wrong(fmt.Sprintf("%q is not a duration", text), u.name)
		}
		value = float64(d)
	case u.time && ok && value != 0:
		return 0, wrong(fmt.Sprintf("%v has no unit", v), u.name)
	case !ok:
		return 0, wrong(show(v), u.name)
	}
	if !(value >= u.least && value < math.MaxInt64) {
		return 0, wrong(show(v), u.name)
	}
	return value, nil
}

// number returns a decoded value as a finite number.
func number(v any) (value float64, ok bool) {
	switch v := v.(type) {
	case int:
		return float64(v), true
	case int64:
		return float64(v), true
	case uint64:
		return float64(v), true
	case float64:
		return v, !math.IsNaN(v) && !math.IsInf(v, 0)
	}
	return 0, false
}

// show is a decoded value in a message.
func show(v any) string {
	switch v := v.(type) {
	case nil:
		return "nothing"
	case string:
		return strconv.Quote(v)
	case []any:
		return "a list"
	case map[string]any:
		return "a mapping"
	}
	return fmt.Sprint(v)
}

// mostValues bounds the lines of an empirical file: 80 MB in memory.
const mostValues = 10_000_000

// readValues reads one value a line; empty lines and those that begin with # count for nothing.
func readValues(name string, u unit, open func(string) (io.ReadCloser, error)) ([]float64, error) {
	fail := func(found string) error {
		return Faults{{Path: "empirical", Found: found, Allowed: u.name + " on each line; # begins a comment"}}
	}
	file, err := open(name)
	if err != nil {
		return nil, Faults{{Path: "empirical", Found: err.Error(), Allowed: "a file that can be read, with one value a line"}}
	}
	defer file.Close()
	var values []float64
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" || text[0] == '#' {
			continue
		}
		var v any = text
		if value, ok := parseNumber(text); ok {
			v = value
		}
		value, err := u.parse(v)
		if err != nil {
			return nil, fail(fmt.Sprintf("%s:%d: %q after %d good lines", name, n, clipped(text), len(values)))
		}
		if values = append(values, value); len(values) > mostValues {
			return nil, fail(fmt.Sprintf("%s has more than %d values", name, mostValues))
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fail(fmt.Sprintf("reading %s: %v", name, err))
	}
	if len(values) == 0 {
		return nil, fail(name + " has no values")
	}
	return values, nil
}

// clipped keeps a message short when the file is not what it should be.
func clipped(text string) string {
	if len(text) > 40 {
		return strings.ToValidUTF8(text[:40], "") + "..."
	}
	return text
}
