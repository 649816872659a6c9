package report

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestRunJSONReadsBackAsItWasWritten(t *testing.T) {
	for _, k := range []int{0, 1, 6} {
		order := make([]int, 0, 2*k)
		for i := range 2 * k {
			order = append(order, i)
		}
		want := comparison(max(k, 1), k == 1, order).Result()
		want.Scenario = json.RawMessage(`{"name":"spike","load":{"phases":[{"rate":"100/s"}]}}`)
		want.Command = "headroom run --set 'a=<b>&c'"
		want.Gates = append(want.Gates, GateResult{Expr: "success{phase=spike} >= 85%", Verdict: "no data"})
		text := jsonOf(t, want)
		got, err := ReadJSON(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(got, want, cmpopts.IgnoreUnexported(GateResult{})); diff != "" {
			t.Errorf("%d seeds: read (-) and written (+) differ:\n%s", k, diff)
		}
		if again := jsonOf(t, got); again != text {
			t.Errorf("%d seeds: written again the bytes differ:\n%s", k, cmp.Diff(again, text))
		}
	}
}

// TestRunJSONHasTheNamesThatScriptsRelyOn reads run.json as a script does.
func TestRunJSONHasTheNamesThatScriptsRelyOn(t *testing.T) {
	r := comparison(2, false, nil).Result()
	r.Gates = append(r.Gates, GateResult{Expr: "success >= 85%", Verdict: "pass"})
	var all map[string]any
	if err := json.Unmarshal([]byte(jsonOf(t, r)), &all); err != nil {
		t.Fatal(err)
	}
	has := func(where string, m any, names ...string) map[string]any {
		t.Helper()
		fields, ok := m.(map[string]any)
		if !ok {
			t.Fatalf("%s is %T, want an object", where, m)
		}
		for _, name := range names {
			if _, ok := fields[name]; !ok {
				t.Errorf("%s lacks %q", where, name)
			}
		}
		return fields
	}
	has("run.json", all, "schema", "scenario", "scenario_sha256", "target", "seeds", "command", "validity", "strategies", "gates", "verdict", "exit_code")
	has("validity", all["validity"], "planned", "sent", "unsent", "start_lag_p99_ms")
	has("gate", all["gates"].([]any)[0], "expr", "measured", "ci", "limit", "verdict")
	figures := []string{"calls", "outcomes", "success", "success_ci", "good", "goodput_qps", "throughput_qps", "p50_ms", "p95_ms", "p99_ms",
		"p99_ci_ms", "ttft_p99_ms", "amplification", "wasted_work", "success_first_attempt", "wait_p99_ms", "success_at_patience"}
	s := has("strategy", all["strategies"].([]any)[0], "name", "phases", "patience_s", "counts", "total", "recovery_s", "recovered")
	phase := has("phase", s["phases"].([]any)[0], append(figures, "name")...)
	has("total", s["total"], figures...)
	has("outcomes", phase["outcomes"], "ok", "degraded", "refused", "busy", "error", "timeout", "shed", "unsent")
	if all["verdict"] != nil {
		t.Errorf("verdict without gates that were judged: got %v, want null", all["verdict"])
	}
}

func TestRunJSONRefusesWhatIsNotOne(t *testing.T) {
	good := jsonOf(t, comparison(1, false, nil).Result())
	for name, row := range map[string]struct{ text, want string }{
		"nothing":                    {"", "unexpected end"},
		"no JSON":                    {"schema: headroom.result/1", "line 1: invalid character"},
		"a list":                     {"[]", "cannot unmarshal array"},
		"no schema":                  {"{}", "names no schema (have headroom.result/1)"},
		"another schema":             {`{"schema": "headroom.size/1"}`, `unknown schema "headroom.size/1" (have headroom.result/1)`},
		"a later version":            {strings.Replace(good, "result/1", "result/2", 1), `unknown schema "headroom.result/2"`},
		"a cut file":                 {good[:len(good)/2], "unexpected end"},
		"two results":                {good + good, "invalid character '{' after top-level value"},
		"a word where a number is":   {strings.Replace(good, `"seeds": [`, `"seeds": [ "one",`, 1), "cannot unmarshal string"},
		"phases that do not fit":     {`{"schema": "headroom.result/1", "phases": [], "strategies": [{"name": "sync", "phases": [{}]}]}`, `strategy 1 ("sync") has 1 phases, the run 0`},
		"rows that do not fit":       {`{"schema": "headroom.result/1", "strategies": [{"runs": [{"seed": 7, "phases": [{}]}]}]}`, "seed 7 has 1 phases, the run 0"},
		"series of different length": {`{"schema": "headroom.result/1", "strategies": [{"series": {"step_s": 1, "offered": [1, 2], "good": [1]}}]}`, "good has 1 entries, offered 2"},
		"a series without a step": {`{"schema": "headroom.result/1", "strategies": [{"series": {"offered": [1], "good": [1], "achieved": [1], "attempts": [1],
			"p50_ms": [null], "p95_ms": [null], "p99_ms": [null], "max_ms": [null]}}]}`, "step_s is 0"},
	} {
		_, err := ReadJSON(strings.NewReader(row.text))
		if err == nil || !strings.Contains(err.Error(), row.want) || !strings.HasPrefix(err.Error(), "reading run.json: ") {
			t.Errorf("%s: got %v, want %q", name, err, row.want)
		}
	}
}

func TestRunJSONSkipsFieldsOfALaterProgram(t *testing.T) {
	r, err := ReadJSON(strings.NewReader(`{"schema": "headroom.result/1", "name": "n", "invented": {"later": 1}}`))
	if err != nil || r.Name != "n" {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestWritingRunJSONRefusesWhatIsNoNumber(t *testing.T) {
	nan := math.NaN()
	r := &Result{Schema: Schema, PatienceS: &nan}
	if err := WriteJSON(&bytes.Buffer{}, r); err == nil {
		t.Error("got no error")
	}
	if err := WriteJSON(failing{}, &Result{Schema: Schema}); err == nil {
		t.Error("a failed write: got no error")
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestDefaultRunJSONStaysSmall(t *testing.T) {
	if testing.Short() {
		t.Skip("120 runs take a second")
	}
	r := defaultSized(t).Result()
	if err := Check(r); err != nil {
		t.Error(err)
	}
	if got := len(jsonOf(t, r)); got > 5<<20 {
		t.Errorf("got %.1f MiB, want at most 5", float64(got)/(1<<20))
	}
}

// FuzzReadJSON holds the parser against files of any content: it must not panic, and what it accepts
// must survive being written and read.
func FuzzReadJSON(f *testing.F) {
	saved, err := filepath.Glob("../results/*/run.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range saved {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	small := comparison(1, false, []int{}).Result()
	f.Add(jsonOf(f, small))
	f.Add(`{"schema": "headroom.result/1"}`)
	f.Add(`{"schema": "headroom.result/1", "scenario": {"a": [1, "<"]}, "phases": [{}], "strategies": [{"phases": [{"success": 1e-7, "success_ci": [0, 1]}]}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ReadJSON(strings.NewReader(text))
		if err != nil {
			return
		}
		Check(r) // whatever it says, it must say it
		once := jsonOf(t, r)
		back, err := ReadJSON(strings.NewReader(once))
		if err != nil {
			t.Fatalf("what was written cannot be read: %v\n%s", err, once)
		}
		if again := jsonOf(t, back); again != once {
			t.Fatalf("written twice, the bytes differ:\n%s", cmp.Diff(again, once))
		}
	})
}

// FuzzDecodeHistogram holds the reader of the histograms in run.json against any text.
func FuzzDecodeHistogram(f *testing.F) {
	h := newHistogram(fineDigits)
	h.add(12345)
	f.Add(h.encode())
	f.Add("HISTFAAAABx4nJNpmSzMwMDAxAABzFCaEUoz2X+AMIAAAFYABFA=")
	f.Fuzz(func(t *testing.T, text string) {
		d, err := decodeDistribution(text)
		if err != nil || d.n == 0 {
			return
		}
		for _, rank := range []int64{1, d.n} {
			if got := d.ranked(rank); got < d.min || got > d.max {
				t.Fatalf("rank %d: %v lies outside %v to %v", rank, got, d.min, d.max)
			}
		}
	})
}
