package plan

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/headroom-dev/headroom/sim/backend"
)

// A Kind is how the load of a point was made.
type Kind string

const (
	Closed Kind = "closed-loop" // so many callers, each with one call out
	Open   Kind = "open-loop"   // calls at a rate, whatever becomes of them
	Step   Kind = "step"        // one step of an engine
)

// A Point is one measured row. Model, System and Precision are as the table writes them.
type Point struct {
	Line      int // of the file
	Kind      Kind
	Model     string
	System    string
	Precision string
	KV        string // of keys and values; "" where no column says
	Backend   string // engine
	Version   string
	Source    string
	TP        int
	Parallel  string // kinds of parallelism that are not simulated, in words; "" for none

	// Closed loop.
	ISL, OSL    float64 // tokens of prompt and output
	Concurrency int

	// Open loop: stages of one experiment follow each other.
	Experiment string
	Stage      int
	Rate       float64 // calls a second
	Duration   float64 // seconds
	Requests   int     // 0: rate x duration

	// Step.
	Batch backend.Batch

	MaxSeqs, MaxTokens int // of the engine; 0: its default, or that of the harness
	Measured           Figures
}

// overloaded reports whether the measured service answered fewer than 99 % of the calls: a point of
// another kind, whose times are those of the survivors.
func (p *Point) overloaded() bool { return p.Measured.has(success) && p.Measured[success] < 0.99 }

// A CSVError is a line that cannot be read.
type CSVError struct {
	Line    int
	Column  string
	Found   string
	Allowed string
}

func (e *CSVError) Error() string {
	where := fmt.Sprintf("line %d", e.Line)
	if e.Column != "" {
		where += ", " + e.Column
	}
	if e.Found == "" {
		return fmt.Sprintf("%s: missing; allowed: %s", where, e.Allowed)
	}
	return fmt.Sprintf("%s: %s; allowed: %s", where, e.Found, e.Allowed)
}

// A table is a CSV file with its header: columns are found by name, in any order.
type table struct {
	columns  map[string]int
	defaults Defaults
	rows     [][]string
	lines    []int
}

// mostRows bounds a table; each row is a simulation.
const mostRows = 100_000

func readTable(r io.Reader) (*table, error) {
	in := csv.NewReader(r)
	in.FieldsPerRecord = -1
	in.TrimLeadingSpace = true
	in.Comment = '#'
	header, err := in.Read()
	if errors.Is(err, io.EOF) {
		return nil, &CSVError{Line: 1, Allowed: "a header that names the columns"}
	} else if err != nil {
		return nil, err
	}
	t := &table{columns: map[string]int{}}
	for i, name := range header {
		name = strings.ToLower(strings.TrimSpace(strings.TrimPrefix(name, "\ufeff")))
		if _, twice := t.columns[name]; twice && name != "" {
			return nil, &CSVError{Line: 1, Column: name, Found: "the column stands there twice", Allowed: "each name once"}
		}
		t.columns[name] = i
	}
	for {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			return t, nil
		} else if err != nil {
			return nil, err // it names the line
		}
		if len(row) == 1 && strings.TrimSpace(row[0]) == "" {
			continue
		}
		line, _ := in.FieldPos(0)
		if len(t.rows) == mostRows {
			return nil, &CSVError{Line: line, Found: "one row more", Allowed: fmt.Sprintf("at most %d rows", mostRows)}
		}
		if len(row) > len(header) {
			return nil, &CSVError{Line: line, Found: fmt.Sprintf("%d fields", len(row)), Allowed: fmt.Sprintf("at most the header's %d", len(header))}
		}
		t.rows, t.lines = append(t.rows, row), append(t.lines, line)
	}
}

// has reports whether all of the columns are there.
func (t *table) has(names ...string) bool {
	for _, name := range names {
		if _, ok := t.columns[name]; !ok {
			return false
		}
	}
	return true
}

// A record reads the fields of one row, and gathers what is wrong with them.
type record struct {
	*table
	row    []string
	line   int
	faults *[]error
}

// text returns a field, "" where there is none.
func (r record) text(names ...string) string {
	for _, name := range names {
		if i, ok := r.columns[name]; ok && i < len(r.row) {
			if v := strings.TrimSpace(r.row[i]); v != "" {
				return v
			}
		}
	}
	return ""
}

// number returns a field that may be absent, then it is NaN.
func (r record) number(name string, least float64) float64 {
	text := r.text(name)
	if text == "" || strings.EqualFold(text, "nan") || strings.EqualFold(text, "null") {
		return math.NaN()
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) || v < least {
		*r.faults = append(*r.faults, &CSVError{r.line, name, strconv.Quote(text), fmt.Sprintf("a number from %g", least)})
		return math.NaN()
	}
	return v
}

// needed returns a field that must be there.
func (r record) needed(name string, least float64) float64 {
	before := len(*r.faults)
	v := r.number(name, least)
	if math.IsNaN(v) && len(*r.faults) == before {
		*r.faults = append(*r.faults, &CSVError{r.line, name, "", fmt.Sprintf("a number from %g", least)})
	}
	return v
}

// whole returns a whole number, other where there is none.
func (r record) whole(name string, least, other int) int {
	v := r.number(name, float64(least))
	if math.IsNaN(v) {
		return other
	}
	if v != math.Trunc(v) || v > 1<<30 {
		*r.faults = append(*r.faults, &CSVError{r.line, name, strconv.Quote(r.text(name)), "a whole number"})
		return other
	}
	return int(v)
}

var (
	closedColumns = []string{"isl", "osl", "concurrency"}
	openColumns   = []string{"rate_qps", "duration_s"}
	stepColumns   = []string{"prefill", "decode", "context", "pairs", "seqs", "step_us"}
)

// Defaults stand in for what a table does not say.
type Defaults struct {
	Model, System, Precision string
	TP                       int
}

// ReadPoints reads measured points: one row each, closed-loop where isl, osl and concurrency are
// columns, open-loop where rate_qps and duration_s are, steps where prefill, decode, context, pairs,
// seqs and step_us are. Other columns may be there or not, in any order. All faults come back at once,
// each with its line.
func ReadPoints(r io.Reader, d Defaults) ([]Point, error) {
	t, err := readTable(r)
	if err != nil {
		return nil, err
	}
	t.defaults = d
	return t.points()
}

func (t *table) points() ([]Point, error) {
	read := record.closed
	switch {
	case t.has(stepColumns...):
		read = record.step
	case t.has(closedColumns...):
	case t.has(openColumns...):
		read = record.open
	default:
		return nil, &CSVError{1, "", "not the columns of measured points",
			strings.Join(closedColumns, ", ") + " with ttft_ms or tpot_ms for a closed loop, " + strings.Join(openColumns, ", ") + " with ttft_mean_ms or e2e_mean_ms for an open one; " + strings.Join(stepColumns, ", ") + " for steps"}
	}
	var points []Point
	var faults []error
	for i, row := range t.rows {
		points = append(points, read(record{t, row, t.lines[i], &faults}))
	}
	const shown = 20
	if len(faults) > shown {
		faults = append(faults[:shown], fmt.Errorf("and %d faults more", len(faults)-shown))
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	if len(points) == 0 {
		return nil, &CSVError{Line: 2, Allowed: "at least one measured point"}
	}
	return points, nil
}

// common reads what points of both kinds have.
func (r record) common(kind Kind) Point {
	p := Point{
		Line: r.line, Kind: kind, Measured: noFigures(),
		Model: orText(r.text("model"), r.defaults.Model), System: orText(r.text("system", "gpu"), r.defaults.System), Precision: r.text("precision"), KV: r.text("kv", "kv_precision", "kv_cache_dtype"),
		Backend: r.text("backend", "engine"), Version: r.text("backend_version", "version"), Source: r.text("source"),
		TP:      r.whole("tp", 1, max(r.defaults.TP, 1)),
		MaxSeqs: r.whole("max_num_seqs", 1, 0), MaxTokens: r.whole("max_num_batched_tokens", 1, 0),
	}
	p.Precision = orText(orText(p.Precision, r.text("gemm_quant")), r.defaults.Precision)
	for _, one := range []struct{ column, words string }{{"attention_dp", "data-parallel attention"}, {"pp", "pipeline parallelism"}} {
		if n := r.whole(one.column, 1, 1); n > 1 {
			p.Parallel = fmt.Sprintf("%s over %d is not simulated", one.words, n)
		}
	}
	if p.Model == "" {
		*r.faults = append(*r.faults, &CSVError{r.line, "model", "", "the name of a model, here or by --model"})
	}
	return p
}

func (r record) closed() Point {
	p := r.common(Closed)
	p.ISL, p.OSL = r.needed("isl", 1), r.needed("osl", 1)
	if p.Concurrency = r.whole("concurrency", 1, 0); r.text("concurrency") == "" {
		r.needed("concurrency", 1)
	}
	p.Measured[ttft], p.Measured[tpot] = r.number("ttft_ms", 0), r.number("tpot_ms", 0)
	p.Measured[e2e] = r.number("e2e_ms", 0)
	return p
}

func (r record) step() Point {
	p := r.common(Step)
	p.Batch = backend.Batch{
		Prefill: r.whole("prefill", 0, 0), Decode: r.whole("decode", 0, 0), Seqs: r.whole("seqs", 0, 0),
		Pairs: r.needed("pairs", 0), Context: int64(r.needed("context", 0)),
	}
	if p.Batch.Prefill+p.Batch.Decode == 0 {
		*r.faults = append(*r.faults, &CSVError{r.line, "prefill and decode", "no tokens", "one or more in one of them"})
	}
	p.Measured[step] = r.needed("step_us", 1e-3) / 1000
	return p
}

func (r record) open() Point {
	p := r.common(Open)
	p.Experiment, p.Stage = r.text("experiment"), r.whole("stage", 0, 0)
	p.Rate, p.Duration = r.needed("rate_qps", 1e-9), r.needed("duration_s", 1e-9)
	p.Requests = r.whole("requests", 1, 0)
	p.ISL, p.OSL = r.needed("prompt_mean", 1), r.needed("output_cfg", 1)
	for i, name := range []string{"ttft_mean_ms", "ttft_p50_ms", "ttft_p90_ms", "ttft_p99_ms"} {
		p.Measured[ttft+metric(i)] = r.number(name, 0)
	}
	for i, name := range []string{"e2e_mean_ms", "e2e_p50_ms", "e2e_p90_ms", "e2e_p99_ms"} {
		p.Measured[e2e+metric(i)] = r.number(name, 0)
	}
	p.Measured[tpot] = r.number("tpot_mean_ms", 0)
	ok, failed := r.number("ok", 0), r.number("failed", 0)
	switch {
	case ok >= 0 && p.Requests > 0:
		p.Measured[success] = ok / float64(p.Requests)
	case ok >= 0 && failed >= 0 && ok+failed > 0:
		p.Measured[success] = ok / (ok + failed)
	}
	return p
}
