package scenarios

import (
	"fmt"
	"io"
	"math"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// A Trace replays recorded arrivals with their token counts. Seconds count from the first arrival.
type Trace struct {
	File   string `yaml:"file"`
	Speed  Speed  `yaml:"speed,omitempty" alias:"scale"` // time is divided by it and no row is dropped or doubled, so bursts keep their shape; default 1x
	Window Window `yaml:"window,omitempty"`              // the part of the trace that is replayed, on its own clock; default all
	Format string `yaml:"format,omitempty"`              // one of TraceFormats; default what the first line shows

	rows      []Row      // those of the window, times counted from its beginning, not yet divided by the speed
	recording *Recording // what was read
}

// A Speed is how many times faster than recorded a trace is replayed. Its text is "2x" or "2".
type Speed float64

// UnmarshalText reads a speed above zero.
func (s *Speed) UnmarshalText(text []byte) error {
	const allowed = "a number above 0 and at most 1000000, as 2x"
	x, fault := decimal(strings.TrimSuffix(string(text), "x"))
	if fault != "" || !looksNumeric(strings.TrimSuffix(string(text), "x")) || !(x > 0 && x <= 1e6) {
		return sim.Faults{{Found: string(text), Allowed: allowed}}
	}
	*s = Speed(x)
	return nil
}

// MarshalText writes the speed as "2x".
func (s Speed) MarshalText() ([]byte, error) {
	return []byte(strconv.FormatFloat(float64(s), 'g', -1, 64) + "x"), nil
}

// A Window is a stretch of time, From included and To excluded. Its text is "10m..20m"; the zero
// Window is all of time.
type Window struct{ From, To time.Duration }

// UnmarshalText reads two durations with two dots between.
func (w *Window) UnmarshalText(text []byte) error {
	from, to, found := strings.Cut(string(text), "..")
	a, errFrom := time.ParseDuration(from)
	b, errTo := time.ParseDuration(to)
	if !found || errFrom != nil || errTo != nil || a < 0 || b <= a {
		return sim.Faults{{Found: shortened(string(text)), Allowed: "two durations, the second later, as 10m..20m"}}
	}
	*w = Window{a, b}
	return nil
}

// MarshalText writes the window as "10m..20m".
func (w Window) MarshalText() ([]byte, error) {
	return []byte(durationText(w.From) + ".." + durationText(w.To)), nil
}

// IsZero reports whether the window is all of time.
func (w Window) IsZero() bool { return w == Window{} }

// ReadFiles reads the rows.
func (t *Trace) ReadFiles(open func(name string) (io.ReadCloser, error)) (err error) {
	fail := func(found, allowed string) error {
		return sim.Faults{{Path: "file", Found: found, Allowed: allowed}}
	}
	if t.Format != "" && formatNamed(t.Format) == nil {
		return sim.Faults{{Path: "format", Found: fmt.Sprintf("%q", t.Format), Allowed: suggested(strings.Join(TraceFormats(), ", "), t.Format, TraceFormats())}}
	}
	if t.File == "" {
		return fail("", "the name of a trace: "+strings.Join(TraceFormats(), ", "))
	}
	file, err := open(t.File)
	if err != nil {
		return fail(err.Error(), "a trace: "+strings.Join(TraceFormats(), ", "))
	}
	defer func() {
		if closeErr := file.Close(); err == nil && closeErr != nil {
			err = fail("reading "+t.File+": "+closeErr.Error(), "a file that can be read")
		}
	}()
	end := time.Duration(math.MaxInt64)
	if !t.Window.IsZero() {
		end = t.Window.To
	}
	reader := newTraceReader(t.File, end)
	reader.format = formatNamed(t.Format)
	if t.recording, err = reader.read(file); err != nil {
		return fail(err.Error(), reader.allowed())
	}
	if t.rows = t.cut(t.recording.Rows); len(t.rows) == 0 {
		span := (reader.last - reader.first).Round(time.Second)
		return sim.Faults{{Path: "window", Found: "holds no call", Allowed: "a part of the trace's " + span.String()}}
	}
	if longest := t.length(); longest > longestLoad {
		return sim.Faults{{Path: "speed", Found: "stretches the trace to " + longest.String(), Allowed: fmt.Sprintf("at most %.0f hours", longestLoad.Hours())}}
	}
	return nil
}

// cut returns the rows in the window, on its clock.
func (t *Trace) cut(rows []Row) []Row {
	if t.Window.IsZero() {
		return rows
	}
	first := sort.Search(len(rows), func(i int) bool { return rows[i].At >= t.Window.From })
	end := sort.Search(len(rows), func(i int) bool { return rows[i].At >= t.Window.To })
	cut := rows[first:end]
	for i := range cut {
		cut[i].At -= t.Window.From
	}
	return cut
}

// speed is the factor, 1 where none is given.
func (t *Trace) speed() float64 {
	if t.Speed == 0 {
		return 1
	}
	return float64(t.Speed)
}

// at is when row i arrives in the replay.
func (t *Trace) at(i int) time.Duration { return t.replayed(t.rows[i].At) }

func (t *Trace) replayed(d time.Duration) time.Duration {
	if t.speed() == 1 {
		return d // exact, to the last digit of the trace
	}
	return time.Duration(min(math.Round(float64(d)/t.speed()), 1<<62))
}

// length is how long the replay lasts: the window, or to the last arrival and a mean gap more, so
// that calls over length is the trace's rate and not a little above it.
func (t *Trace) length() time.Duration {
	if len(t.rows) == 0 { // a trace that could not be read
		return 0
	}
	last, n := t.rows[len(t.rows)-1].At, len(t.rows)
	if !t.Window.IsZero() {
		return max(t.replayed(t.Window.To-t.Window.From), t.at(n-1)+1)
	}
	gap := time.Second // of a trace with one arrival, or all at once
	if n > 1 && last > 0 {
		gap = max(last/time.Duration(n-1), 1)
	}
	return max(t.replayed(last+gap), t.at(n-1)+1)
}

// Rows are what is replayed: times from the beginning of the window, at the recorded speed.
func (t *Trace) Rows() []Row { return t.rows }

// Names are the names of the blocks of a row's prompt, nil where the trace says nothing of prompts.
func (t *Trace) Names(row Row) []uint64 { return t.recording.Names(row) }

// named reports whether the trace says what its prompts have in common.
func (t *Trace) named() bool { return t.recording != nil && len(t.recording.blocks) > 0 }

// Warnings say what of the file was left out or is replayed otherwise than it stands there.
func (t *Trace) Warnings() []string {
	if t.recording == nil {
		return nil
	}
	var all []string
	if text := t.recording.LeftOut(); text != "" {
		all = append(all, t.File+": "+text)
	}
	for _, note := range t.recording.Notes {
		all = append(all, t.File+": "+note)
	}
	return all
}

// LeftOut says which lines are not replayed, "" if none.
func (r *Recording) LeftOut() string {
	if len(r.Skipped) == 0 {
		return ""
	}
	lines := make([]string, 0, 6)
	for i, n := range r.Skipped {
		if i == 5 {
			lines = append(lines, "...")
			break
		}
		lines = append(lines, strconv.Itoa(n))
	}
	were, at := "were", "lines"
	if len(r.Skipped) == 1 {
		were, at = "was", "line"
	}
	return fmt.Sprintf("%s with no prompt %s left out (%s %s)", plural(len(r.Skipped), "row"), were, at, strings.Join(lines, ", "))
}
