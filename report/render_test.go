package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

// goldenDir is where this package's golden files lie.
var goldenDir = filepath.Join("..", "fixtures", "golden", "report")

// golden compares with a file, or writes it under -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join(goldenDir, name)
	if *update {
		if err := os.MkdirAll(goldenDir, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (go test ./report -update writes it)", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got), go test ./report -update writes it:\n%s", name, diff)
	}
}

// textOf renders a Result as text.
func textOf(t *testing.T, r *Result, o Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteText(&b, r, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// pageOf renders a Result as Markdown.
func pageOf(t *testing.T, r *Result, o Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteMarkdown(&b, r, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// liveResult is a measured Result of one run with two strategies, a target table and warnings.
func liveResult() *Result {
	r := spikeResult()
	r.Name, r.Target, r.Measured, r.Seeds, r.Objective = "stages", "http://127.0.0.1:8080", true, []uint64{1}, nil
	r.Strategies = r.Strategies[:2]
	r.Command = "headroom run --target http://127.0.0.1:8080 --stage 30s@100,10s@1000,60s@100 --strategies sync,pooled"
	r.Validity = Validity{Planned: 19035, Sent: 19030, Unsent: 5, StartLagP99MS: ptr(0.22), CPUShare: 0.31, TransportRetries: 3}
	for i := range r.Strategies {
		s := &r.Strategies[i]
		s.Runs = s.Runs[:1]
		if s.Against != nil {
			s.Against.SuccessCI, s.Against.Better, s.Against.Of = nil, 1, 1
		}
		for j := range s.Phases {
			f := &s.Phases[j]
			f.SuccessCI, f.P99CI, f.Good, f.MeetsObjective, f.WastedWork = nil, nil, nil, nil, nil
		}
		s.Total.WastedWork = nil
		s.Phases[0].P99MS = nil
		s.Phases[0].Warnings = []string{"P99 needs at least 368 calls"}
	}
	r.Warnings = []string{"one run: shares have intervals by n/VIF, percentiles have none", "3 attempts were repeated by net/http itself"}
	r.Targets = []TargetResult{
		{Name: "GET http://127.0.0.1:8080/a|b", Strategy: "sync", Calls: 9500, Success: ptr(0.6), P95MS: ptr(2100.0), P99MS: ptr(3100.0)},
		{Name: "POST http://127.0.0.1:8080/c", Strategy: "pooled", Calls: 9500, Success: ptr(0.7), P95MS: ptr(9000.0)},
	}
	return r
}

func TestGolden(t *testing.T) {
	none := &Result{Name: "empty"}
	for _, c := range []struct {
		file string
		got  func() string
	}{
		{"spike.txt", func() string {
			return textOf(t, spikeResult(), Options{Dir: "results/spike", Elapsed: 3100 * time.Millisecond})
		}},
		{"spike-ascii.txt", func() string { return textOf(t, spikeResult(), Options{ASCII: true, Width: 60}) }},
		{"spike.md", func() string { return pageOf(t, spikeResult(), Options{Dir: "."}) }},
		{"live.txt", func() string { return textOf(t, liveResult(), Options{Dir: "results/live"}) }},
		{"live.md", func() string { return pageOf(t, liveResult(), Options{}) }},
		{"empty.txt", func() string { return textOf(t, none, Options{}) }},
		{"empty.md", func() string { return pageOf(t, none, Options{Dir: "."}) }},
	} {
		t.Run(c.file, func(t *testing.T) { golden(t, c.file, c.got()) })
	}
}

func TestTextFitsTheTerminal(t *testing.T) {
	for _, width := range []int{60, 80, 120} {
		for _, r := range []*Result{spikeResult(), liveResult()} {
			out := textOf(t, r, Options{Width: width, Dir: "results/spike"})
			for _, line := range strings.Split(out, "\n") {
				free := strings.HasPrefix(line, "again ") || strings.Contains(line, "127.0.0.1") // for copying: never broken
				if n := utf8.RuneCountInString(line); n > width && !free && width >= 80 {
					t.Errorf("width %d: line of %d columns: %q", width, n, line)
				}
			}
		}
	}
}

func TestTextSaysWhatItIs(t *testing.T) {
	first, _, _ := strings.Cut(textOf(t, spikeResult(), Options{}), "\n")
	if !strings.HasPrefix(first, "Simulated, 20 seeds: async-queue keeps") {
		t.Errorf("got first line %q, want it to say that the run is simulated, and its seeds", first)
	}
	first, _, _ = strings.Cut(textOf(t, liveResult(), Options{}), "\n")
	if !strings.HasPrefix(first, "Measured, one run: ") {
		t.Errorf("got first line %q, want it to say that the run was measured", first)
	}
}

func TestColourOnlyOnRequest(t *testing.T) {
	plain := textOf(t, liveResult(), Options{})
	if strings.Contains(plain, "\x1b") {
		t.Error("got ANSI sequences without Options.Color")
	}
	colored := textOf(t, liveResult(), Options{Color: true})
	if !strings.Contains(colored, bold) || !strings.Contains(colored, yellow+"warning: ") {
		t.Errorf("got no colour with Options.Color:\n%s", colored)
	}
	if stripped := strings.NewReplacer(bold, "", yellow, "", reset, "").Replace(colored); stripped != plain {
		t.Errorf("colour changes the words (-plain +colored):\n%s", cmp.Diff(plain, stripped))
	}
}

func TestASCIITextIsASCII(t *testing.T) {
	for i, c := range textOf(t, spikeResult(), Options{ASCII: true}) {
		if c > '~' {
			t.Fatalf("got %q at byte %d, want only ASCII", c, i)
		}
	}
}

func TestWarningsAreGroupedAndNameTheirCure(t *testing.T) {
	got := liveResult().warnings()
	want := []string{
		"one run: shares have intervals by n/VIF, percentiles have none: --seeds=10",
		"3 attempts were repeated by net/http itself",
		"P99 needs at least 368 calls (before: all strategies): --seeds or --duration",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("warnings differ (-want +got):\n%s", diff)
	}
}

// Every figure of the text and Markdown tables, csv and run.json is the same number.
func TestFormatsAgree(t *testing.T) {
	r := spikeResult()
	var file bytes.Buffer
	if err := WriteJSON(&file, r); err != nil {
		t.Fatal(err)
	}
	var back Result
	if err := json.Unmarshal(file.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	terminal, markdown := textOf(t, r, Options{}), pageOf(t, r, Options{})
	cells := func(line, between string) []string {
		var all []string
		for _, cell := range strings.Split(line, between) {
			if cell = strings.TrimSpace(cell); cell != "" {
				all = append(all, cell)
			}
		}
		return all
	}
	has := func(where, between string, want []string) bool {
		for _, line := range strings.Split(where, "\n") {
			got := cells(line, between)
			if len(got) > 0 && !slices.ContainsFunc(want, func(w string) bool { return !slices.Contains(got, w) }) {
				return true
			}
		}
		return false
	}
	for _, s := range back.Strategies {
		for _, f := range s.Phases {
			want := []string{s.Name, showBareCI(f.Success, f.SuccessCI), showMillis(f.P50MS), showMillis(f.P95MS), showRate(f.ThroughputQPS), showRate(f.GoodputQPS)}
			if !has(terminal, "  ", append(want, showMillis(f.P99MS), showTimes(f.Amplification))) {
				t.Errorf("text has no line with %q and P99 %s", want, showMillis(f.P99MS))
			}
			if !has(markdown, "|", append(want, showMillisCI(f.P99MS, f.P99CI), showTimesCI(f.Amplification, f.AmplificationCI))) {
				t.Errorf("Markdown has no row with %q", want)
			}
		}
	}
	var b bytes.Buffer
	if err := WriteCSV(&b, r); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := len(rows), 1+6*3*20; got != want {
		t.Fatalf("got %d rows of csv, want %d: a header, then strategies x phases x seeds", got, want)
	}
	column := func(row []string, name string) string { return row[slices.Index(rows[0], name)] }
	i := 1
	for _, s := range back.Strategies {
		for _, run := range s.Runs {
			for k, p := range run.Phases {
				row := rows[i]
				i++
				for name, want := range map[string]string{
					"strategy": s.Name, "phase": back.Phases[k].Name, "seed": strconv.FormatUint(run.Seed, 10), "target": "sim",
					"calls": strconv.FormatInt(p.Calls, 10), "ok": strconv.FormatInt(p.Outcomes["ok"], 10),
				} {
					if got := column(row, name); got != want {
						t.Fatalf("row %d: got %s %q, want %q", i, name, got, want)
					}
				}
				for name, want := range map[string]float64{
					"p50_ms": *p.P50MS, "p95_ms": *p.P95MS, "p99_ms": *p.P99MS, "mean_ms": *p.MeanMS, "work_s": p.WorkS,
					"success": float64(p.Outcomes["ok"]) / float64(p.Calls), "goodput_qps": float64(p.Good) / p.DurationS,
				} {
					if got, err := strconv.ParseFloat(column(row, name), 64); err != nil || got != want {
						t.Fatalf("row %d: got %s %v, want %v (%v)", i, name, got, want, err)
					}
				}
			}
		}
	}
}

func TestMarkdownEscapesWhatIsNotOurs(t *testing.T) {
	r := liveResult()
	r.Name = "a|b*c`<script>"
	r.Strategies[0].Name = "syn|c"
	r.Warnings = []string{"line one\nline | two"}
	out := pageOf(t, r, Options{Dir: "."})
	for _, bad := range []string{"<script>", "syn|c", "a|b*", "/a|b"} {
		if strings.Contains(out, bad) {
			t.Errorf("got %q unescaped in the Markdown", bad)
		}
	}
	columns := -1
	for _, line := range strings.Split(out, "\n") {
		if !strings.HasPrefix(line, "|") {
			columns = -1
			continue
		}
		n := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|")
		if columns >= 0 && n != columns {
			t.Errorf("got %d cells, want %d as in the line above: %s", n, columns, line)
		}
		columns = n
	}
}

func TestMarkdownStaysBelow60KiB(t *testing.T) {
	r := spikeResult()
	for i := range 400 {
		s := r.Strategies[i%6]
		s.Name = fmt.Sprintf("%s-%d", s.Name, i)
		r.Strategies = append(r.Strategies, s)
	}
	out := pageOf(t, r, Options{Dir: "."})
	if len(out) > 60<<10 {
		t.Errorf("got %d bytes, want at most %d", len(out), 60<<10)
	}
	if !strings.HasPrefix(out, "# spike-100-1000\n\n**Simulated") || !strings.Contains(out, "run.json has everything") {
		t.Error("the cut page must keep its finding and say that it was cut")
	}
	for i := range 60 { // some more than fits: details go, the phase that decides stays
		r.Strategies = r.Strategies[:6+i]
		if out = pageOf(t, r, Options{Dir: "."}); strings.Contains(out, "Left out to stay below 60 KiB") {
			t.Fatalf("%d strategies: got details cut from %d bytes", 6+i, len(out))
		}
		if i == 8 {
			break
		}
	}
}

// A writer that fails after some bytes.
type full struct{ left int }

func (f *full) Write(b []byte) (int, error) {
	if len(b) > f.left {
		return f.left, errors.New("disk full")
	}
	f.left -= len(b)
	return len(b), nil
}

func TestAFailedWriteIsAnError(t *testing.T) {
	r := spikeResult()
	for _, f := range Formats {
		if err := f.Write(&full{left: 10}, r, Options{}); err == nil {
			t.Errorf("%s: got no error from a full disk", f.Name)
		}
	}
	for _, p := range Plots(r) {
		if err := p.WriteSVG(&full{left: 10}); err == nil {
			t.Errorf("%s.svg: got no error from a full disk", p.Name)
		}
		if err := p.WritePNG(&full{left: 10}); err == nil {
			t.Errorf("%s.png: got no error from a full disk", p.Name)
		}
	}
}
