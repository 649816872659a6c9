package scenarios

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A traceFormat says how one kind of trace is written. Those with columns are told by their header,
// JSON lines by their first character.
type traceFormat struct {
	name    string
	shape   string    // a header or a line, as messages show it
	columns [3]string // of time, prompt and output; none in JSON lines
	bare    [3]int    // where these three stand in a file without a header
	time    func(cell string) (time.Duration, error)
	read    func(t *traceReader, line string) (Row, error)

	grain  time.Duration // where every time is a whole number of these, they were rounded down to it; 0: never
	failed bool          // an output of 0 is a call that failed, and says nothing of the answer's length
	unread string        // a column that would change what a call costs, and is not replayed
	plain  string        // what that column says where it changes nothing
}

// traceFormats are all there are, the one of files without a header first.
var traceFormats = []*traceFormat{&azure, &burstGPT, &mooncake, &vidur, &splitwise}

// TraceFormats lists the names of the formats that a trace may have.
func TraceFormats() []string {
	names := make([]string, len(traceFormats))
	for i, f := range traceFormats {
		names[i] = f.name
	}
	return names
}

// formatNamed returns the format of that name, or nil.
func formatNamed(name string) *traceFormat {
	for _, f := range traceFormats {
		if f.name == name {
			return f
		}
	}
	return nil
}

// formatShapes says how the formats look, all of them.
func formatShapes() string {
	shapes := make([]string, len(traceFormats))
	for i, f := range traceFormats {
		shapes[i] = f.name + ": " + f.shape
	}
	return strings.Join(shapes, "; ")
}

// recognise tells the format by the first line that is not empty, unless it has been named, and where
// the columns stand. It reports whether the line was a header, with nothing more to read in it.
func (t *traceReader) recognise(line string) (header bool, err error) {
	switch {
	case strings.HasPrefix(line, "{") && t.format == nil:
		t.format = &mooncake
		return false, nil
	case startsWithDigit(line) || t.format != nil && t.format.columns[0] == "":
		if t.format == nil {
			t.format = &azure
		}
		t.columns = t.format.bare
		return false, nil
	}
	cells := t.split(line)
	known := traceFormats
	if t.format != nil {
		known = []*traceFormat{t.format}
	}
	for _, f := range known {
		if t.columns, err = f.find(cells); err == nil {
			t.format = f
			t.unread = place(cells, f.unread)
			return true, nil
		}
	}
	if t.format == nil {
		err = fmt.Errorf("the header %q is of no known format", shortened(line))
	}
	return true, err
}

// find says where time, prompt and output stand in a header.
func (f *traceFormat) find(header []string) (at [3]int, err error) {
	if f.columns[0] == "" {
		return at, fmt.Errorf("%s has no header", f.name)
	}
	for i, want := range f.columns {
		if at[i] = place(header, want); at[i] < 0 {
			return at, fmt.Errorf("no column %s in the header %q", want, shortened(strings.Join(header, ",")))
		}
	}
	return at, nil
}

// place is where a column stands, -1 where there is none of that name.
func place(header []string, name string) int {
	if name == "" {
		return -1
	}
	return slices.IndexFunc(header, func(cell string) bool { return strings.EqualFold(cleaned(cell), name) })
}

// split returns the cells of a line, which are good until the next one is split. No cell of these
// traces holds a comma.
func (t *traceReader) split(line string) []string {
	t.cells = t.cells[:0]
	for more := true; more; {
		var cell string
		cell, line, more = strings.Cut(line, ",")
		t.cells = append(t.cells, cell)
	}
	return t.cells
}

// readCells reads a row of a trace with columns.
func (t *traceReader) readCells(line string) (row Row, err error) {
	cells, c := t.split(line), t.columns
	if most := max(c[0], c[1], c[2]); len(cells) <= most {
		return row, fmt.Errorf("%s, want at least %d", plural(len(cells), "column"), most+1)
	}
	if row.At, err = t.format.time(cleaned(cells[c[0]])); err != nil {
		return row, err
	}
	if row.Prompt, err = tokenCount(cells[c[1]]); err != nil {
		return row, err
	}
	if row.Output, err = tokenCount(cells[c[2]]); err != nil {
		return row, err
	}
	if t.unread >= 0 && t.unread < len(cells) && cleaned(cells[t.unread]) != t.format.plain {
		t.passedOver++
	}
	return row, nil
}

func startsWithDigit(s string) bool {
	s = strings.TrimPrefix(s, `"`)
	return s != "" && '0' <= s[0] && s[0] <= '9'
}

// cleaned is a cell without space and quotes.
func cleaned(cell string) string { return strings.Trim(strings.TrimSpace(cell), `"`) }

// mostTokens bounds a token count in a trace.
const mostTokens = 1_000_000_000

func tokenCount(cell string) (int, error) {
	n, err := strconv.Atoi(cleaned(cell))
	if err != nil || n < 0 || n > mostTokens {
		return 0, fmt.Errorf("%q is no number of tokens", shortened(cell))
	}
	return n, nil
}

// furthest bounds a time in a trace, either side of its origin, so that the distance of two of them is
// a time.Duration: 146 years.
const furthest = 1<<62 - 1

// inSeconds reads a time in seconds, whole or not.
func inSeconds(cell string) (time.Duration, error) {
	d, ok := decimalTime(cell, time.Second)
	if !ok {
		return 0, fmt.Errorf("%q is no time in seconds such as 5 or 5.25", shortened(cell))
	}
	return d, nil
}

// decimalTime reads so many units. What has no exponent is exact to the nanosecond: as one float64 a
// time since 1970 would be good to a quarter of a microsecond only.
func decimalTime(text string, unit time.Duration) (time.Duration, bool) {
	if text == "" || strings.Trim(text, "0123456789+-.eE") != "" {
		return 0, false
	}
	whole, fraction, _ := strings.Cut(text, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || strings.ContainsAny(fraction, "eE") {
		x, err := strconv.ParseFloat(text, 64)
		x = math.Round(x * float64(unit))
		return time.Duration(x), err == nil && math.Abs(x) < furthest
	}
	part, err := strconv.ParseFloat("0."+fraction, 64)
	if err != nil || n >= furthest/int64(unit) || n <= -furthest/int64(unit) {
		return 0, false
	}
	rest := time.Duration(math.Round(part * float64(unit)))
	if strings.HasPrefix(whole, "-") {
		rest = -rest
	}
	return time.Duration(n)*unit + rest, true
}
