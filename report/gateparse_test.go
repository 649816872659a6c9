package report

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestGatesReadAsWeSayThem(t *testing.T) {
	for _, row := range []struct{ expr, want string }{
		{"success{phase=spike,strategy=backoff} >= 85%", "success{phase=spike,strategy=backoff} >= 85%"},
		{"p99{spike} < 2s", "p99{spike} < 2s"},
		{"ttft{phase:spike}.p(95) < 400", "ttft{phase=spike}.p95 < 400ms"},
		{"over(2s) < 1%", "over(2s) < 1%"},
		{"p99{strategy=pooled} < max(base*1.10, base+50ms)", "p99{strategy=pooled} < max(base*1.1, base + 50ms)"},
		{"worst(10s) success{strategy=cache} >= 50%", "worst(10s) success{strategy=cache} >= 50%"},
		{"goodput{strategy=backoff} >= goodput{strategy=sync}*1.20", "goodput{strategy=backoff} >= goodput{strategy=sync}*1.2"},
		{"goodput >= 900/s", "goodput >= 900/s"},
		{"goodput > 85%", "goodput > 85%"},
		{"goodput > 6000/m", "goodput > 100/s"},
		{"amplification < 1.5x", "amplification < 1.5x"},
		{"amplification{phase=spike} <= base + 0.1", "amplification{phase=spike} <= base + 0.1x"},
		{"recovery < 1m", "recovery < 60000ms"},
		{"recovery < 90s", "recovery < 90000ms"},
		{"success >= base - 2pts", "success >= base - 2pts"},
		{"p99.9 < 3s", "p99.9 < 3s"},
		{"p(99.95)<1000", "p99.95 < 1s"},
		{"med<200", "p50 < 200ms"},
		{"avg < 1500us", "avg < 1.5ms"},
		{"shed.count == 0", "shed.count == 0"},
		{"busy{phase=spike} < 1e-3", "busy{phase=spike} < 0.1%"},
		{"success{attempt=first} === 0.5", "success{attempt=first} == 50%"},
		{"http_req_duration{phase:spike}.p(99)<500ms", "service_time{phase=spike}.p99 < 500ms"},
		{"http_req_failed.rate<0.01", "success.rate > 99%"},
		{"http_reqs.count>100", "attempts.count > 100"},
		{"dropped_iterations.count<1", "unsent.count < 1"},
		{`success{strategy="a<b & c", 'sp ike'} >= 99.9%`, `success{strategy="a<b & c","sp ike"} >= 99.9%`},
		{"success{strategy=stack-2.1,v1} > 0", "success{strategy=stack-2.1,v1} > 0%"},
		{"queue{phase=spike} < 100", "queue{phase=spike} < 100"},
		{"wasted_work <= 5%", "wasted_work <= 5%"},
		{"calls > 1000", "calls > 1000"},
	} {
		g, err := ParseGate(row.expr)
		if err != nil {
			t.Errorf("%s: %v", row.expr, err)
			continue
		}
		if got := g.String(); got != row.want {
			t.Errorf("%s: got %s, want %s", row.expr, got, row.want)
		}
		checkGate(t, g)
	}
}

// checkGate holds that what a gate prints is read back as the same gate.
func checkGate(t *testing.T, g Gate) {
	t.Helper()
	again, err := ParseGate(g.String())
	if err != nil {
		t.Errorf("%s prints as %s, which is not read: %v", g.Expr, g, err)
		return
	}
	strip := func(g Gate) Gate {
		g.Expr, g.Notes = "", nil
		words := make([]Word, len(g.Quantity.Selector.Bare))
		for i, w := range g.Quantity.Selector.Bare {
			words[i].Text = w.Text
		}
		g.Quantity.Selector.Bare = words
		return g
	}
	if again.String() != g.String() {
		t.Errorf("%s prints as %s, and that as %s", g.Expr, g, again)
	}
	if g.Bound.Terms[0].Quantity == nil {
		if diff := cmp.Diff(strip(g), strip(again)); diff != "" {
			t.Errorf("%s read back (-want +got):\n%s", g, diff)
		}
	}
}

func TestGatesThatAreNone(t *testing.T) {
	for _, row := range []struct {
		expr   string
		column int
		parts  string
	}{
		{"", 1, `the end; allowed: what is measured`},
		{"sucess >= 99%", 1, `"sucess"; allowed: p(99), p99`},
		{"success", 8, `the end; allowed: <, <=`},
		{"success >= 85% extra", 16, `"extra"; allowed: the end`},
		{"success >= 2s", 12, `"2s"; allowed: a share`},
		{"goodput > 900", 11, `"900"; allowed: a rate such as 900/s`},
		{"p99 < 85%", 7, `"85%"; allowed: a time`},
		{"p100 < 2s", 1, `the percentile "100"`},
		{"p(0) < 2s", 3, `the percentile "0"`},
		{"over(0s) < 1%", 6, `that long; allowed: a time above 0`},
		{"success{phas=spike} > 1%", 9, `"phas"; allowed: phase, strategy`},
		{"success{phase=a,phase=b} > 1%", 17, `phase for a second time`},
		{"success{attempt=second} > 1%", 17, `attempt "second"; allowed: first, final`},
		{"success{phase=spike > 1%", 24, `a stray '%'`},
		{"success{phase=spike > 1", 21, `">"; allowed: "," or "}"`},
		{"success > 850%", 11, `the share "850%"; allowed: 0 to 1`},
		{`success{"spike > 1%`, 9, `a text whose quote does not end`},
		{"success # 1", 9, `a stray '#'`},
		{"success >= p99{strategy=a}", 12, `a quantity of another kind`},
		{"amplification.count < 3", 15, `a count of amplification`},
		{"worst(10s success >= 1%", 11, `"success"; allowed: ")"`},
		{"p99 < max(base*1.1)", 19, `")"; allowed: ","`},
		{"p99 < base*0", 12, `"0"; allowed: a factor above 0`},
		{"erfolg größer 3", 1, `"erfolg"`},
	} {
		_, err := ParseGate(row.expr)
		fault, ok := err.(*GateError)
		if !ok {
			t.Errorf("%q: got %v, want a *GateError", row.expr, err)
			continue
		}
		if fault.column() != row.column || !strings.Contains(err.Error(), row.parts) {
			t.Errorf("%q: got %q (column %d), want column %d and %q", row.expr, err, fault.column(), row.column, row.parts)
		}
	}
	_, err := ParseGate("p99{größe=1} < 2s")
	if got, want := err.(*GateError).Caret(), "p99{größe=1} < 2s\n    ^"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func FuzzParseGate(f *testing.F) {
	for _, expr := range []string{
		"success{phase=spike,strategy=backoff} >= 85%", "p99{strategy=pooled} < max(base*1.10, base+50ms)",
		"worst(10s) success >= 50%", "http_req_failed.rate<0.01", "p99.9 < 1h", "over(1e3) < 0.5pts", `ok{"a b"}.count > 1_000`,
	} {
		f.Add(expr)
	}
	f.Fuzz(func(t *testing.T, expr string) {
		g, err := ParseGate(expr)
		if err != nil {
			fault, ok := err.(*GateError)
			if !ok {
				t.Fatalf("%q: got a %T", expr, err)
			}
			_, _ = fault.Error(), fault.Caret()
			return
		}
		checkGate(t, g)
	})
}
