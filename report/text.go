package report

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Options say how a Result is shown. The zero value is plain text of 80 columns.
type Options struct {
	Color   bool          // ANSI colours, which only repeat what the words say; for terminals alone
	Width   int           // columns of the terminal; 0 means 80
	ASCII   bool          // no sign beyond ASCII of our own: names are shown as they are
	Dir     string        // where the run's files lie; "" means that none were written, "." that the output lies among them
	Elapsed time.Duration // how long the run took, shown beside the traffic; 0 hides it. In no file of a virtual run
}

// mostPhases is how many phases the terminal shows in full.
const mostPhases = 6

// WriteText writes a Result for a terminal: the finding, the traffic, the tables with the phase that
// decides first, the warnings, where the files lie and the command that repeats the run.
func WriteText(w io.Writer, r *Result, o Options) error {
	t := &textWriter{r: r, o: o, width: o.Width}
	if t.width <= 0 {
		t.width = 80
	}
	t.opening()
	t.gates()
	t.phases()
	t.wholeRun()
	t.resources()
	t.overTime()
	t.warnings()
	t.closing()
	if t.err != nil {
		return fmt.Errorf("writing the text report: %w", t.err)
	}
	if _, err := io.WriteString(w, t.b.String()); err != nil {
		return fmt.Errorf("writing the text report: %w", err)
	}
	return nil
}

// A textWriter collects the report, so that the first failure ends it with nothing half-written.
type textWriter struct {
	r     *Result
	o     Options
	width int
	b     strings.Builder
	err   error
}

// line writes one line as it is.
func (t *textWriter) line(text string) {
	t.b.WriteString(strings.TrimRight(text, " ") + "\n")
}

// prose writes a sentence, broken at the width.
func (t *textWriter) prose(text, indent string) { t.line(wrapText(text, t.width, indent)) }

// ANSI sequences: bold and yellow, and back.
const (
	bold   = "\x1b[1m"
	yellow = "\x1b[33m"
	reset  = "\x1b[0m"
)

// colored wraps text in a colour where colours are wanted.
func (t *textWriter) colored(color, text string) string {
	if !t.o.Color {
		return text
	}
	return color + text + reset
}

func (t *textWriter) opening() {
	t.line(t.colored(bold, wrapText(Finding(t.r), t.width, "")))
	traffic := t.r.offered()
	if t.o.Elapsed > 0 {
		ms := float64(t.o.Elapsed) / float64(time.Millisecond)
		traffic += ", took " + showMillis(&ms)
	}
	t.prose(traffic, "")
	if promised := t.r.promised(); promised != "" {
		t.prose(promised, "")
	}
	if t.r.Measured {
		t.prose(t.r.health(), "")
	}
	t.line("")
}

// gates writes how the gates went, each with what was measured below it: their expressions are too long
// for a table of eighty columns.
func (t *textWriter) gates() {
	if len(t.r.Gates) == 0 {
		return
	}
	t.line(t.r.gateCount())
	for i := range t.r.Gates {
		g := &t.r.Gates[i]
		const indent = "         "
		t.line(fmt.Sprintf("%-*s", len(indent), g.verdictWord()+" ") + wrapText(g.Expr, t.width-len(indent), indent))
		t.line(indent + wrapText(g.finding(), t.width-len(indent), indent))
	}
	t.line("")
}

// health says how well a live run was driven.
func (r *Result) health() string {
	v := &r.Validity
	text := fmt.Sprintf("sent %s of %s planned calls", showCount(v.Sent), showCount(v.Planned))
	if v.StartLagP99MS != nil {
		text += ", start lag P99 " + showMillis(v.StartLagP99MS)
	}
	if v.CPUShare > 0 {
		text += ", CPU " + showShare(&v.CPUShare)
	}
	if v.TransportRetries > 0 {
		text += ", " + showCount(v.TransportRetries) + " attempts repeated by net/http itself"
	}
	return text
}

// phases writes the main table: a block for each phase, all of the same columns.
func (t *textWriter) phases() {
	order := t.r.phaseOrder()
	if len(order) == 0 || len(t.r.Strategies) == 0 {
		return
	}
	left := 0
	if len(order) > mostPhases {
		order, left = order[:mostPhases], len(order)-mostPhases
		slices.Sort(order[1:])
	}
	table, dropped := t.fit(order)
	if t.err != nil {
		return
	}
	t.line(table[0])
	rows := table[1:]
	for i, phase := range order {
		if i > 0 {
			t.line("")
		}
		block := rows[i*len(t.r.Strategies) : (i+1)*len(t.r.Strategies)]
		t.line(t.colored(bold, wrapText(t.r.Phases[phase].span(), t.width, "")))
		for _, row := range block {
			t.line(row)
		}
	}
	t.prose("ok/s throughput: ok answers in the phase; good/s goodput: the phase's own calls; attempts per call (amplification); CI 95 %", "")
	if len(dropped) > 0 {
		t.prose("left out for want of width: "+strings.Join(dropped, ", ")+"; --format md has all", "")
	}
	if left > 0 {
		t.prose(fmt.Sprintf("%s more in report.md", showCounted(left, "phase")), "")
	}
	t.line("")
}

// fit lays out the rows of all phases as one table, so that their columns agree, and leaves out
// columns until it is no wider than the terminal: first space, then P50, then throughput. It returns
// the names of those left out.
func (t *textWriter) fit(order []int) (lines, dropped []string) {
	all := []column{columnSuccess, columnP50, columnP95, columnP99, columnThroughput, columnGoodput, columnAttempts}
	for _, attempt := range []struct {
		gap  int
		drop []string
	}{{2, nil}, {1, nil}, {2, []string{columnP50.head}}, {1, []string{columnP50.head, columnThroughput.head}}} {
		columns := slices.DeleteFunc(slices.Clone(all), func(c column) bool { return slices.Contains(attempt.drop, c.head) })
		g := grid{head: header("strategy", columns)}
		for _, phase := range order {
			for i := range t.r.Strategies {
				g.add(t.r.Strategies[i].phaseRow(phase, columns)...)
			}
		}
		lines, t.err = g.plain(attempt.gap)
		if t.err != nil || widest(lines) <= t.width {
			return lines, attempt.drop
		}
		dropped = attempt.drop
	}
	return lines, dropped
}

func widest(lines []string) int {
	most := 0
	for _, line := range lines {
		most = max(most, utf8.RuneCountInString(line))
	}
	return most
}

// grid writes a table and an empty line; nil writes nothing.
func (t *textWriter) grid(g *grid) {
	if g == nil || len(g.rows) == 0 || t.err != nil {
		return
	}
	lines, err := g.plain(2)
	if err == nil && widest(lines) > t.width {
		lines, err = g.plain(1)
	}
	if err != nil {
		t.err = err
		return
	}
	for _, line := range lines {
		t.line(line)
	}
	t.line("")
}

func (t *textWriter) wholeRun() {
	peak := t.r.peak()
	if peak < 0 || len(t.r.Strategies) == 0 {
		return
	}
	t.grid(t.r.patienceGrid(peak))
	t.grid(t.r.tokenGrid(peak))
	t.grid(t.r.outcomeGrid(peak))
	t.grid(t.r.runGrid())
	t.grid(t.r.targetGrid())
}

// resources says what was saturated, a line for each phase that is shown.
func (t *textWriter) resources() {
	lines := t.r.bottlenecks()
	for i, text := range lines {
		if i < mostPhases {
			t.prose(text, "  ")
		}
	}
	if len(lines) > 0 {
		t.line("")
	}
}

// overTime draws the success of each strategy over time as a line of small bars.
func (t *textWriter) overTime() {
	longest := 0
	for i := range t.r.Strategies {
		longest = max(longest, utf8.RuneCountInString(t.r.Strategies[i].Name))
	}
	name := func(s string) string {
		return s + strings.Repeat(" ", max(0, longest-utf8.RuneCountInString(s))) + "  "
	}
	width := min(60, t.width-longest-2)
	marks, drawn := "", false
	for i := range t.r.Strategies {
		s := &t.r.Strategies[i]
		steps := length(len(s.Series.Offered), s.Series.StepS, t.r.end()) // after the load nothing is offered
		line := spark(s.Series.Outcomes["ok"], s.Series.Offered[:steps], width, t.o.ASCII)
		if strings.TrimSpace(line) == "" {
			continue
		}
		if !drawn {
			t.line("success over time, 0 to " + showClock(float64(steps)*s.Series.StepS) + ", the highest bar is 100 %")
			marks = t.r.sparkMarks(steps, width, s.Series.StepS)
		}
		drawn = true
		t.line(name(s.Name) + line)
	}
	if marks != "" {
		t.line(name("") + marks + " " + t.r.Phases[t.r.peak()].Name)
	}
	if drawn {
		t.line("")
	}
}

func (t *textWriter) warnings() {
	all := t.r.warnings()
	for _, text := range all {
		t.line(t.colored(yellow, wrapText("warning: "+text, t.width, "  ")))
	}
	if len(all) > 0 {
		t.line("")
	}
}

// closing says where the report lies and how to repeat the run. Neither line is broken: both are for
// copying.
func (t *textWriter) closing() {
	if t.o.Dir != "" {
		t.line("report  " + filepath.Join(t.o.Dir, "report.html"))
	}
	if t.r.Command != "" {
		t.line("again   " + t.r.Command)
	}
}
