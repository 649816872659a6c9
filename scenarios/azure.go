package scenarios

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// traceHeader names the format that is read: that of the Azure LLM inference traces (Azure Public
// Dataset; Patel et al., Splitwise, ISCA 2024).
const traceHeader = "TIMESTAMP,ContextTokens,GeneratedTokens"

// mostTokens bounds a token count in a trace.
const mostTokens = 1_000_000_000

// ReadTrace reads a trace, sorted by time and counted from the first arrival; name is how errors
// call it. Rows without a prompt are left out and their lines returned: they are failed or filtered
// calls, and not calls of no work. An error names the line and how many good ones came before it.
//
//	file = header { row } ;
//	row  = date " " time [ "." digits ] [ zone ] "," prompt "," output ;
//
// The header says which column is which, and others beside the three are passed over; without a
// header the three are taken in their order.
func ReadTrace(name string, r io.Reader) (rows []Row, skipped []int, err error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 4096), 1<<16)
	columns := traceColumns{0, 1, 2}
	var times []time.Time
	n := 0
	fail := func(format string, args ...any) error {
		return fmt.Errorf("%s:%d: %s, after %s", name, n, fmt.Sprintf(format, args...), plural(len(rows), "good line"))
	}
	for lines.Scan() {
		n++
		line := strings.TrimPrefix(strings.TrimSpace(lines.Text()), "\ufeff")
		if line == "" {
			continue
		}
		cells := strings.Split(line, ",")
		if len(times) == 0 && len(skipped) == 0 && !startsWithDigit(line) {
			if columns, err = findColumns(cells); err != nil {
				return nil, nil, fail("%v", err)
			}
			continue
		}
		row, at, err := columns.read(cells)
		if err != nil {
			return nil, nil, fail("%v", err)
		}
		if row.Prompt == 0 {
			skipped = append(skipped, n)
			continue
		}
		rows, times = append(rows, row), append(times, at)
	}
	if err := lines.Err(); err != nil {
		n++
		return nil, nil, fail("%v", err)
	}
	if len(rows) == 0 {
		return nil, nil, fmt.Errorf("%s: no rows in %s", name, plural(n, "line"))
	}
	first := slices.MinFunc(times, time.Time.Compare)
	for i := range rows {
		rows[i].At = times[i].Sub(first)
		if rows[i].At > longestLoad {
			return nil, nil, fmt.Errorf("%s: spans more than %.0f hours", name, longestLoad.Hours())
		}
	}
	slices.SortStableFunc(rows, func(a, b Row) int { return int(min(max(a.At-b.At, -1), 1)) })
	return rows, skipped, nil
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func startsWithDigit(s string) bool {
	s = strings.TrimPrefix(s, `"`)
	return s != "" && '0' <= s[0] && s[0] <= '9'
}

// traceColumns are where time, prompt and output stand.
type traceColumns [3]int

func findColumns(header []string) (traceColumns, error) {
	var columns traceColumns
	for i, want := range strings.Split(traceHeader, ",") {
		at := slices.IndexFunc(header, func(cell string) bool { return strings.EqualFold(cleaned(cell), want) })
		if at < 0 {
			return columns, fmt.Errorf("no column %s in the header %q", want, shortened(strings.Join(header, ",")))
		}
		columns[i] = at
	}
	return columns, nil
}

// cleaned is a cell without space and quotes.
func cleaned(cell string) string { return strings.Trim(strings.TrimSpace(cell), `"`) }

func (c traceColumns) read(cells []string) (row Row, at time.Time, err error) {
	if most := max(c[0], c[1], c[2]); len(cells) <= most {
		return row, at, fmt.Errorf("%d columns, want at least %d", len(cells), most+1)
	}
	// Go reads a fraction of up to nine digits behind the seconds though the layout has none; these
	// traces have seven.
	stamp := cleaned(cells[c[0]])
	at, err = time.Parse("2006-01-02 15:04:05", stamp)
	if err != nil {
		var zoned error
		if at, zoned = time.Parse("2006-01-02 15:04:05Z07:00", stamp); zoned != nil {
			return row, at, fmt.Errorf("%q is no time such as 2023-11-16 18:17:03.9799600", shortened(stamp))
		}
	}
	if row.Prompt, err = tokenCount(cells[c[1]]); err != nil {
		return row, at, err
	}
	if row.Output, err = tokenCount(cells[c[2]]); err != nil {
		return row, at, err
	}
	row.Output = max(row.Output, 1) // an answer of nothing is still an answer
	return row, at, nil
}

var errTokens = errors.New("no number of tokens")

func tokenCount(cell string) (int, error) {
	n, err := strconv.Atoi(cleaned(cell))
	if err != nil || n < 0 || n > mostTokens {
		return 0, fmt.Errorf("%q is %w", shortened(cell), errTokens)
	}
	return n, nil
}
