package scenarios

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/headroom-dev/headroom/internal/shareddata"
)

// The public trace: 8,819 calls in 3,436 s, one second with 67 of them, gaps of CV 13.2.
func TestAzureTraceIsReplayedWhole(t *testing.T) {
	path := shareddata.Path(t, "azure_llm_2023_code.csv")
	s, err := Open("azure-code", nil, Edit{Path: "load.arrivals.trace.file", Value: path, Text: true})
	if err != nil {
		t.Fatal(err)
	}
	rows := s.Load.Arrivals.Trace.Rows()
	all := arrivals(t, s, 1)
	if len(all) != 8819 || s.Calls() != 8819 || len(rows) != 8819 {
		t.Errorf("%d arrivals, %v expected, %d rows, want 8819", len(all), s.Calls(), len(rows))
	}
	busiest, cv := busiestSecond(rows)
	if busiest != 67 {
		t.Errorf("busiest second %d calls, want 67", busiest)
	}
	if math.Abs(cv-13.2) > 0.1 {
		t.Errorf("gaps of CV %v, want 13.2", cv)
	}
	if last := all[len(all)-1].At; last.Round(time.Second) != 3436*time.Second {
		t.Errorf("last call at %v, want 3436s", last)
	}
	if first := all[0].Request; first.Prompt != 4808 || first.Output != 10 {
		t.Errorf("first call %+v", first)
	}
	if got := all[1].At; got != 52*time.Millisecond {
		t.Errorf("second call at %v, want 52ms", got)
	}
	spans := s.Spans()
	if len(spans) != 1 || spans[0].Name != "trace" || math.Abs(float64(spans[0].Rate)-2.57) > 0.01 {
		t.Errorf("spans %+v", spans)
	}

	// Four times as fast is the same burst in a quarter of the time.
	fast, err := Open("azure-code", nil, Edit{Path: "load.arrivals.trace.file", Value: path, Text: true}, Edit{Path: "load.arrivals.trace.speed", Value: "4x"})
	if err != nil {
		t.Fatal(err)
	}
	quick := arrivals(t, fast, 1)
	if len(quick) != len(all) {
		t.Fatalf("%d calls at 4x, %d at 1x", len(quick), len(all))
	}
	for i := range quick {
		if d := 4*quick[i].At - all[i].At; d < -4 || d > 4 {
			t.Fatalf("call %d at %v and at %v", i, quick[i].At, all[i].At)
		}
	}
}

const smallTrace = `TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 18:17:04.0319600,3180,8
2023-11-16 18:17:03.9799600,4808,10
2023-11-16 18:17:04.0781490,110,0
2023-11-16 18:17:09.9799600,0,14
2023-11-16 18:17:13.9799601,7433,14
`

func TestTraceIsSortedAndCountedFromItsFirstCall(t *testing.T) {
	r, err := ReadTrace("small.csv", strings.NewReader(smallTrace), "")
	if err != nil {
		t.Fatal(err)
	}
	want := []Row{
		{At: 0, Prompt: 4808, Output: 10}, {At: 52 * time.Millisecond, Prompt: 3180, Output: 8},
		{At: 98189 * time.Microsecond, Prompt: 110, Output: 1}, {At: 10*time.Second + 100, Prompt: 7433, Output: 14},
	}
	if diff := cmp.Diff(want, r.Rows); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]int{5}, r.Skipped); diff != "" {
		t.Error(diff)
	}
}

func TestTraceHeaders(t *testing.T) {
	for name, text := range map[string]string{
		"none":            "2023-11-16 18:17:03.9799600,4808,10\n",
		"other columns":   "TIMESTAMP,NumImages,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.9799600,2,4808,10\n",
		"other order":     "GeneratedTokens,ContextTokens,timestamp\n10,4808,2023-11-16 18:17:03\n",
		"zone and quotes": "\"TIMESTAMP\",\"ContextTokens\",\"GeneratedTokens\"\r\n\"2023-11-16 18:17:03.97+00:00\", 4808 ,10\r\n\r\n",
		"byte order mark": "\ufeffTIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.9799600,4808,10\n",
	} {
		r, err := ReadTrace("t", strings.NewReader(text), "")
		if err != nil || len(r.Rows) != 1 || r.Rows[0] != (Row{Prompt: 4808, Output: 10}) || r.Format != "azure" {
			t.Errorf("%s: got %+v, %v", name, r, err)
		}
	}
}

func TestBrokenTraceNamesTheLine(t *testing.T) {
	for _, row := range []struct{ text, want string }{
		{smallTrace + "2023-11-16 18:17:14,abc,3\n", `t.csv:7: "abc" is no number of tokens, after 4 good lines`},
		{smallTrace + "2023-11-16 18:17:14,5\n", "t.csv:7: 2 columns, want at least 3, after 4 good lines"},
		{smallTrace + "yesterday,5,5\n", `t.csv:7: "yesterday" is no time such as 2023-11-16 18:17:03.9799600, after 4 good lines`},
		{"2023-11-16 18:17:14,5,5\n2023-11-16 18:17:14,-5,5\n", `t.csv:2: "-5" is no number of tokens, after 1 good line`},
		{"Timestamp,Model,Request tokens\n5,ChatGPT,472\n", `t.csv:1: the header "Timestamp,Model,Request tokens" is of no known format, after 0 good lines`},
		{"", "t.csv: no rows in 0 lines"},
		{traceHeader + "\n", "t.csv: no rows in 1 line"},
		{"2023-11-16 18:17:14,5,5\n1923-11-16 18:17:14,5,5\n", "t.csv:2: so far from the others that the trace spans more than 87600 hours, after 1 good line"},
		{"1822-11-16 18:17:14,5,5\n", `t.csv:1: "1822-11-16 18:17:14" is no time between the years 1824 and 2115, after 0 good lines`},
		{traceHeader + "\n" + strings.Repeat("x", 1<<21), "t.csv:2: longer than 1048576 bytes, after 0 good lines"},
		{"Timestamp,Model,Request tokens,Response tokens\n5,x,10,10\nnever,x,10,10\n", `t.csv:3: "never" is no time in seconds such as 5 or 5.25, after 1 good line`},
		{"Timestamp,Model,Request tokens,Response tokens\n5,x,10,0\n", "t.csv: every call failed: none has an output, which the others could be given"},
		{"{\n", `t.csv:1: "{" is no JSON object: unexpected end of JSON input, after 0 good lines`},
		{"{}\n", "t.csv:1: no timestamp, after 0 good lines"},
		{`{"timestamp": 1}`, "t.csv:1: no input_length, after 0 good lines"},
		{`{"timestamp": 1, "input_length": 5}`, "t.csv:1: no output_length, after 0 good lines"},
		{`{"timestamp": 1, "input_length": 5.5, "output_length": 1}`, "t.csv:1: input_length is a number 5.5, want a whole number, after 0 good lines"},
		{`{"timestamp": 1, "input_length": -5, "output_length": 1}`, "t.csv:1: -5 is no number of tokens, after 0 good lines"},
		{`{"timestamp": 1e30, "input_length": 5, "output_length": 1}`, "t.csv:1: timestamp 1e30 is no time in milliseconds, after 0 good lines"},
		{`{"timestamp": 1, "input_length": 5, "output_length": 1, "hash_ids": [144115188075855872]}`, "t.csv:1: hash id 144115188075855872 is above 144115188075855871, after 0 good lines"},
		{"\x1f\x8bno", "t.csv: unexpected EOF"},
	} {
		_, err := ReadTrace("t.csv", strings.NewReader(row.text), "")
		if err == nil || err.Error() != row.want {
			t.Errorf("got %v, want %s", err, row.want)
		}
	}
}

func small(t *testing.T, more string) *Scenario {
	t.Helper()
	path := filepath.Join(t.TempDir(), "small.csv")
	if err := os.WriteFile(path, []byte(smallTrace), 0o644); err != nil {
		t.Fatal(err)
	}
	return parse(t, fmt.Sprintf("load: {arrivals: {trace: {file: %q}}}\n%s", path, more))
}

func TestTraceSaysWhatItLeftOut(t *testing.T) {
	got := small(t, "").Warnings()
	if len(got) != 1 || !strings.HasSuffix(got[0], "small.csv: 1 row with no prompt was left out (line 5)") {
		t.Errorf("got %q", got)
	}
	if got := parse(t, spike).Warnings(); got != nil {
		t.Errorf("got %q", got)
	}
}

func TestWindowCutsATrace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "small.csv")
	if err := os.WriteFile(path, []byte(smallTrace), 0o644); err != nil {
		t.Fatal(err)
	}
	s := parse(t, fmt.Sprintf("load: {arrivals: {trace: {file: %q, window: 50ms..20s, scale: 2}}}", path))
	all := arrivals(t, s, 1)
	var at []time.Duration
	for _, a := range all {
		at = append(at, a.At)
	}
	if diff := cmp.Diff([]time.Duration{time.Millisecond, 24094500, 4975*time.Millisecond + 50}, at); diff != "" {
		t.Error(diff)
	}
	if got, want := s.Length(), 9975*time.Millisecond; got != want {
		t.Errorf("length %v, want %v", got, want)
	}
}

func TestPhasesDivideATrace(t *testing.T) {
	s := small(t, "")
	s.Load.Phases = []Phase{{Name: "burst", For: time.Second}, {Name: "tail", For: 5 * time.Second}}
	if err := s.Load.Validate(); err != nil {
		t.Fatal(err)
	}
	want := []Span{{Name: "burst", To: time.Second, Rate: 3, Peak: true}, {Name: "tail", From: time.Second, To: 6 * time.Second}}
	if diff := cmp.Diff(want, s.Spans()); diff != "" {
		t.Error(diff)
	}
	if got := len(arrivals(t, s, 1)); got != 3 || s.Calls() != 3 {
		t.Errorf("%d calls, %v expected, want those before the end of the last phase", got, s.Calls())
	}
}

func TestTraceOfOneCall(t *testing.T) {
	r, err := ReadTrace("t", strings.NewReader("2023-11-16 18:17:14,5,5\n"), "")
	if err != nil {
		t.Fatal(err)
	}
	trace := &Trace{rows: r.Rows}
	if got := trace.length(); got != time.Second {
		t.Errorf("length %v, want 1s", got)
	}
}
