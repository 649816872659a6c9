package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/headroom-dev/headroom/internal/harness"
	"github.com/headroom-dev/headroom/scenarios"
)

func TestExitCode(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want int
	}{
		{"no error is 0", nil, 0},
		{"an error that says nothing of itself prevented the measurement", errors.New("x"), 1},
		{"a mistake of the user's is 2", usage("x"), 2},
		{"also when something is wrapped round it", fmt.Errorf("y: %w", usage("x")), 2},
		{"so is a fault of a scenario", &scenarios.Error{Faults: []scenarios.Fault{{Found: "x"}}}, 2},
		{"an interrupt is 105", &failure{exitInterrupted, errors.New("x")}, 105},
		{"what has been said keeps its code", silent(1), 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := exitCode(tt.err); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}

// A panicky reader is a defect: reading it panics.
type panicky struct{}

func (panicky) Read([]byte) (int, error) { panic("out of order: " + token) }

func TestPanicIsExitCodeOne(t *testing.T) {
	code, _, stderr := called(t, panicky{}, "validate", "-", "--quiet")
	if code != exitCannot {
		t.Errorf("got exit code %d, want %d", code, exitCannot)
	}
	if !strings.Contains(stderr, "a defect of headroom, please report it: out of order") || !strings.Contains(stderr, "panicky") {
		t.Errorf("stderr does not say what happened and where:\n%s", stderr)
	}
}

func TestEveryLineOfStderrHasTheName(t *testing.T) {
	_, _, stderr := called(t, strings.NewReader("name: x\nseeds: 0\nload: {}\n"), "run", "-")
	lines := strings.Split(strings.TrimRight(stderr, "\n"), "\n")
	if len(lines) < 2 {
		t.Errorf("got %d faults, want several: %s", len(lines), stderr)
	}
	for _, line := range lines {
		if !strings.HasPrefix(line, "headroom: ") {
			t.Errorf("got %q", line)
		}
	}
}

// A broken pipe fails at every write.
type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestClosedStdoutLosesNoFiles(t *testing.T) {
	t.Chdir(t.TempDir())
	var stderr bytes.Buffer
	const small = "{name: s, seeds: 1, load: {phases: [{name: a, rate: 5/s, for: 1s}]}, service: {model: {queue: {servers: 1, service: 1ms}}}, strategies: [sync]}"
	code := Run([]string{"run", "-", "-o", "out"}, strings.NewReader(small), brokenPipe{}, &stderr)
	if code != exitCannot || !strings.Contains(stderr.String(), "closed pipe") {
		t.Errorf("got exit code %d: %s", code, &stderr)
	}
	if r := readResult(t, "out"); len(r.Strategies) != 1 {
		t.Errorf("got %d strategies in run.json", len(r.Strategies))
	}
}

func TestSingleDashes(t *testing.T) {
	tests := []struct {
		args string
		want string // the flag that is suggested; "" for no fault
	}{
		{"-rate 5", "--rate"},
		{"-rate=5", "--rate"},
		{"-RATE 5", "--rate"},
		{"-output x", "--output"},
		{"-Header=x", "--header"},
		{"--rate 5 -seeds 3", "--seeds"},
		{"--http1 -insecure", "--insecure"},
		{"--rate 5", ""},
		{"-o out", ""},
		{"-oout", ""},
		{"-HX:y", ""},
		{"-q", ""},
		{"-qo out", ""},
		{"--body -rate", ""}, // a value
		{"-H -rate", ""},
		{"-o -rate", ""},
		{"--rate -5", ""}, // so is this one, though a bad one
		{"-- -rate", ""},
		{"-", ""},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			p := &program{fromVariable: make(map[string]bool)}
			cmd, _, err := p.tree().Find([]string{"run"})
			if err != nil {
				t.Fatal(err)
			}
			err = checkSingleDashes(cmd, strings.Fields(tt.args))
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("got %v, want no fault", err)
			case tt.want != "" && (err == nil || !strings.HasSuffix(err.Error(), "did you mean "+tt.want+"?")):
				t.Errorf("got %v, want %s suggested", err, tt.want)
			}
		})
	}
}

func TestScrub(t *testing.T) {
	args := []string{
		"run", "--target", "https://jane:pass%21word@host/x?key=abcd1234&mode=a+b#top",
		"-H", "Authorization: Bearer tok-123456", "--body={\"pw\": \"hunter22\"}", "-HX-Key:joined-key",
	}
	s := findSecrets(args, []string{"HEADROOM_API_KEY=own-key-1", "OPENAI_API_KEY=open-key-1", "PATH=/usr/bin", "HEADROOM_TARGET=http://u:from-env@h/"})
	tests := []struct{ in, want string }{
		{"nothing to see", "nothing to see"},
		{"dial https://jane:pass%21word@host/x?key=abcd1234: refused", "dial https://REDACTED@host/x: refused"},
		{"password pass!word", "password REDACTED"},
		{"jane", "REDACTED"},
		{"token tok-123456 bad", "token REDACTED bad"},
		{"Bearer tok-123456", "REDACTED"},
		{"hunter22", "REDACTED"},
		{"joined-key", "REDACTED"},
		{"own-key-1 and open-key-1 and from-env", "REDACTED and REDACTED and REDACTED"},
		{"Authorization is a header, and /usr/bin a path", "Authorization is a header, and /usr/bin a path"},
		{"any http://u:p@h/?q=1 is cut", "any http://h/ is cut"},
	}
	for _, tt := range tests {
		if got := s.scrub(tt.in); got != tt.want && got != strings.ReplaceAll(tt.want, "REDACTED@", "") {
			t.Errorf("%q:\ngot  %q\nwant %q", tt.in, got, tt.want)
		}
	}
}

func TestShellQuoted(t *testing.T) {
	tests := []struct{ in, want string }{
		{"plain-word_1.yaml", "plain-word_1.yaml"},
		{"load.phases.spike.rate=800/s", "load.phases.spike.rate=800/s"},
		{"", "''"},
		{"two words", "'two words'"},
		{"it's", `'it'\''s'`},
		{"$HOME", "'$HOME'"},
		{"a;b", "'a;b'"},
		{"30s@100,10s@1000", "30s@100,10s@1000"},
	}
	for _, tt := range tests {
		if got := shellQuoted(tt.in); got != tt.want {
			t.Errorf("%q: got %s, want %s", tt.in, got, tt.want)
		}
	}
}

func TestSafeName(t *testing.T) {
	tests := []struct{ in, want string }{
		{"spike-100-1000", "spike-100-1000"},
		{"two words", "two-words"},
		{"../../etc/passwd", "etc-passwd"},
		{"Ärger: 50%", "rger--50"},
		{"..", "run"},
		{"日本", "run"},
		{strings.Repeat("x", 200), strings.Repeat("x", 100)},
	}
	for _, tt := range tests {
		if got := safeName(tt.in); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestDefaultDirectoriesDoNotCollide(t *testing.T) {
	t.Chdir(t.TempDir())
	now := time.Date(2026, 3, 1, 10, 15, 0, 0, time.UTC)
	var paths []string
	for range 3 {
		d, err := newDirectory("", "spike", now)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.make(); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, strings.ReplaceAll(d.path, `\`, "/"))
	}
	want := []string{"results/spike-20260301T101500", "results/spike-20260301T101500-2", "results/spike-20260301T101500-3"}
	if diff := cmp.Diff(paths, want); diff != "" {
		t.Errorf("paths (-got +want):\n%s", diff)
	}
}

func TestGrouped(t *testing.T) {
	tests := []struct {
		in   int64
		want string
	}{{0, "0"}, {999, "999"}, {1000, "1,000"}, {-1234567, "-1,234,567"}, {63_072_000_000_000, "63,072,000,000,000"}}
	for _, tt := range tests {
		if got := grouped(tt.in); got != tt.want {
			t.Errorf("%d: got %s, want %s", tt.in, got, tt.want)
		}
	}
}

func TestTraceFigures(t *testing.T) {
	second := time.Second
	tests := []struct {
		name string
		rows []scenarios.Row
		want []string
	}{
		{"one call has no gaps and no rate", []scenarios.Row{{At: 0, Prompt: 7, Output: 3}},
			[]string{"calls       1", "span        0s", "prompt      mean 7 tokens, P50 7, P95 7, P99 7, largest 7"}},
		{"even gaps have a CV of 0", []scenarios.Row{{At: 0, Prompt: 1, Output: 1}, {At: second, Prompt: 1, Output: 1}, {At: 2 * second, Prompt: 1, Output: 1}},
			[]string{"mean        1.5 calls/s", "busiest     1 call in second 0, 0.667 times the mean", "gap CV      0 (", "dispersion  0 ("}},
		// Gaps 0, 0, 3 s: mean 1, variance 2. Counts 3, 0, 0, 1: mean 1, variance 6/4.
		{"bursts have more", []scenarios.Row{{At: 0, Prompt: 1, Output: 1}, {At: 0, Prompt: 1, Output: 1}, {At: 0, Prompt: 1, Output: 1}, {At: 3 * second, Prompt: 9, Output: 1}},
			[]string{"busiest     3 calls in second 0, 2.25 times the mean", "gap CV      1.41 (", "dispersion  1.5 (", "prompt      mean 3 tokens, P50 1, P95 9"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := traceFigures("t.csv", &scenarios.Recording{Rows: tt.rows})
			for _, want := range tt.want {
				if !strings.Contains(got, want) {
					t.Errorf("got\n%s\nwant a line with %q", got, want)
				}
			}
			if len(tt.rows) == 1 && strings.Contains(got, "gap CV") {
				t.Errorf("one call has no gaps:\n%s", got)
			}
		})
	}
}

func TestProgress(t *testing.T) {
	var out bytes.Buffer
	p := &program{stderr: &out}
	g := p.newProgress()
	if g.bar != nil {
		t.Fatal("a buffer is no terminal, and got a bar")
	}
	g.watch(harness.Progress{Done: 1, Total: 4, Share: 0.25, Calls: 1234})
	if out.Len() != 0 {
		t.Errorf("got %q before ten seconds had passed", &out)
	}
	g.last = time.Now().Add(-plainEvery)
	g.watch(harness.Progress{Done: 1, Total: 4, Share: 0.25, Calls: 1234})
	if got, want := out.String(), "headroom: 25 % done, 1 of 4 runs, 1,234 calls\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	g.watch(harness.Progress{Done: 2, Total: 4, Share: 0.5})
	if strings.Count(out.String(), "\n") != 1 {
		t.Errorf("got a second line at once: %q", &out)
	}
	out.Reset()
	p.quiet = true
	g.last = time.Now().Add(-plainEvery)
	g.watch(harness.Progress{Done: 3, Total: 4})
	g.end()
	if out.Len() != 0 {
		t.Errorf("got %q with --quiet", &out)
	}
}

func TestColoursAreForTerminalsAlone(t *testing.T) {
	p := &program{}
	if p.colored(new(bytes.Buffer)) || p.moving(new(bytes.Buffer)) {
		t.Error("a buffer is no terminal, and got colours or a bar")
	}
	if got := width(new(bytes.Buffer)); got != 80 {
		t.Errorf("got a width of %d, want 80", got)
	}
}

func TestVariablesAndFlagsNameEachOther(t *testing.T) {
	for _, flag := range []string{"rate", "max-calls", "expect-status"} {
		if got := flagOf(variableOf(flag)); got != flag {
			t.Errorf("got %q, want %q", got, flag)
		}
	}
	if got, want := variableOf("max-calls"), "HEADROOM_MAX_CALLS"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
