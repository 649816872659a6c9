package scenarios

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// A Recording is what the file of a trace holds.
type Recording struct {
	Format  string   // one of TraceFormats
	Rows    []Row    // by time, counted from the first
	Skipped []int    // lines without a prompt, which are no rows
	Notes   []string // what is not replayed as it stands in the file

	blocks []uint64 // identities of the blocks of all prompts, row behind row
}

// A Row is one recorded call. Rows of one Recording are equal if they are the same line.
type Row struct {
	At             time.Duration // from the first arrival
	Prompt, Output int           // tokens, at least 1
	Blocks         Blocks        // what the prompt consists of
}

// Blocks are a stretch of a Recording's block identities. The zero Blocks say nothing of a prompt.
type Blocks struct{ From, N uint32 }

// ReadTrace reads a trace, packed by gzip or not; name is how errors call it, and format one of
// TraceFormats, or "" for whichever the first line shows. Rows without a prompt are left out: they are
// filtered calls, and not calls of no work. An error names the line and how many good ones came before
// it.
func ReadTrace(name string, r io.Reader, format string) (*Recording, error) {
	t := newTraceReader(name, math.MaxInt64)
	if t.format = formatNamed(format); t.format == nil && format != "" {
		return nil, fmt.Errorf("%s: trace format %q, want one of %s", name, format, strings.Join(TraceFormats(), ", "))
	}
	return t.read(r)
}

// ReadTraceFile reads a trace by its name, which may be that of a fixture.
func ReadTraceFile(name string) (*Recording, error) {
	file, err := openFile(name)
	if err != nil {
		return nil, err
	}
	recording, err := ReadTrace(name, file, "")
	return recording, errors.Join(err, file.Close())
}

// A traceReader reads one trace line by line, and keeps of each row only what is replayed.
type traceReader struct {
	name       string
	end        time.Duration // rows so long after the first, or longer, are not kept
	format     *traceFormat  // nil: not known yet
	columns    [3]int        // where time, prompt and output stand
	unread     int           // where the column stands that is not replayed; -1: nowhere
	passedOver int           // rows to which it would have mattered
	line, good int
	first      time.Duration // the earliest so far, and the latest
	last       time.Duration
	fine       bool // some time is no whole number of the format's grain
	recording  *Recording
	cells      []string
	json       mooncakeLine
}

func newTraceReader(name string, end time.Duration) *traceReader {
	return &traceReader{name: name, end: end, unread: -1, first: math.MaxInt64, last: math.MinInt64, recording: &Recording{}}
}

// mostLine bounds a line: the block identities of a prompt of some ten million tokens.
const mostLine = 1 << 20

// fail says where reading stopped, and why.
func (t *traceReader) fail(err error) error {
	return fmt.Errorf("%s:%d: %w, after %s", t.name, t.line, err, plural(t.good, "good line"))
}

// allowed says what could have been read instead.
func (t *traceReader) allowed() string {
	if t.format == nil {
		return "one of the formats " + formatShapes()
	}
	return "lines of " + t.format.shape
}

func (t *traceReader) read(r io.Reader) (*Recording, error) {
	plain, err := unpacked(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.name, err)
	}
	lines := bufio.NewScanner(plain)
	lines.Buffer(make([]byte, 0, 4096), mostLine)
	begun := false
	for lines.Scan() {
		t.line++
		line := strings.TrimPrefix(strings.TrimSpace(lines.Text()), "\ufeff")
		if line == "" {
			continue
		}
		if !begun {
			begun = true
			header, err := t.recognise(line)
			if err != nil {
				return nil, t.fail(err)
			}
			if header {
				continue
			}
		}
		if err := t.take(line); err != nil {
			return nil, t.fail(cmp.Or(lines.Err(), err)) // a file that is cut off ends in half a line
		}
	}
	if err := lines.Err(); err != nil {
		t.line++
		if errors.Is(err, bufio.ErrTooLong) {
			err = fmt.Errorf("longer than %d bytes", mostLine)
		}
		return nil, t.fail(err)
	}
	return t.finish()
}

// take reads a row, and keeps it if it may be replayed. The first arrival may come late in the file, and
// all that is after the end of the first so far is after the end of that one too.
func (t *traceReader) take(line string) error {
	row, err := t.format.read(t, line)
	if err != nil {
		return err
	}
	if row.Prompt == 0 {
		t.recording.Skipped = append(t.recording.Skipped, t.line)
		return nil
	}
	t.first, t.last = min(t.first, row.At), max(t.last, row.At)
	if t.last-t.first > longestLoad {
		return fmt.Errorf("so far from the others that the trace spans more than %.0f hours", longestLoad.Hours())
	}
	if grain := t.format.grain; grain > 0 && row.At%grain != 0 {
		t.fine = true
	}
	t.good++
	if row.At-t.first < t.end {
		t.recording.Rows = append(t.recording.Rows, row)
	} else {
		t.recording.blocks = t.recording.blocks[:row.Blocks.From]
	}
	return nil
}

// finish brings the rows into order and mends what the format cannot say.
func (t *traceReader) finish() (*Recording, error) {
	r := t.recording
	if t.good == 0 {
		return nil, fmt.Errorf("%s: no rows in %s", t.name, plural(t.line, "line"))
	}
	r.Format = t.format.name
	byTime := func(a, b Row) int { return cmp.Compare(a.At, b.At) }
	if !slices.IsSortedFunc(r.Rows, byTime) {
		slices.SortStableFunc(r.Rows, byTime)
	}
	for i := range r.Rows {
		r.Rows[i].At -= t.first
	}
	if t.passedOver > 0 {
		r.note("%s of %s say more than %s: it is not replayed", t.format.unread, plural(t.passedOver, "row"), t.format.plain)
	}
	if t.format.grain > 0 && !t.fine && spread(r.Rows, t.format.grain) {
		r.note("times are whole multiples of %s: calls of one time are spread evenly over its %s", durationText(t.format.grain), durationText(t.format.grain))
	}
	if !t.format.failed {
		for i := range r.Rows {
			r.Rows[i].Output = max(r.Rows[i].Output, 1) // an answer of nothing is still an answer
		}
		return r, nil
	}
	failed, err := drawOutputs(r.Rows)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.name, err)
	}
	if failed > 0 {
		r.note("%s with an output of 0 failed when recorded: each is replayed, with the output of another", plural(failed, "call"))
	}
	return r, nil
}

func (r *Recording) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// spread puts the calls of one time evenly over the grain to which it was rounded down, in their order,
// and reports whether there were such calls. Left together they would be a burst that never was.
func spread(rows []Row, grain time.Duration) (spread bool) {
	for from := 0; from < len(rows); {
		to := from + 1
		for to < len(rows) && rows[to].At == rows[from].At {
			to++
		}
		step := float64(grain) / float64(to-from)
		for i := from + 1; i < to; i++ {
			rows[i].At += time.Duration(step * float64(i-from))
			spread = true
		}
		from = to
	}
	return spread
}

// drawOutputs gives each row without an output that of one with, at random, and returns how many it
// gave. The draw is the same in every run: a trace is one sample, whatever the seed.
func drawOutputs(rows []Row) (given int, err error) {
	var answered []int32
	for _, row := range rows {
		if row.Output > 0 {
			answered = append(answered, int32(row.Output))
		}
	}
	if len(answered) == 0 {
		return 0, errors.New("every call failed: none has an output, which the others could be given")
	}
	stream := sim.NewStream(0, "outputs of failed calls")
	for i := range rows {
		if rows[i].Output == 0 {
			rows[i].Output = int(answered[stream.For(i, 0).IntN(len(answered))])
			given++
		}
	}
	return given, nil
}

// unpacked returns what r holds, unpacked if it begins as a gzip file does.
func unpacked(r io.Reader) (io.Reader, error) {
	buffered := bufio.NewReader(r)
	begin, _ := buffered.Peek(2) // a file that is shorter, or cannot be read, is seen by whoever reads it
	if !bytes.Equal(begin, []byte{0x1f, 0x8b}) {
		return buffered, nil
	}
	packed, err := gzip.NewReader(buffered)
	if err != nil {
		return nil, err
	}
	return &bounded{packed, mostFileBytes}, nil
}

// bounded refuses to read more than so many bytes: a small packed file may unpack to any length, and what
// was cut off in silence would be missed in silence.
type bounded struct {
	io.Reader
	left int64
}

// Read reads, or says that there is too much.
func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, fmt.Errorf("more than %d GiB", mostFileBytes>>30)
	}
	return n, err
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
