package main_test

import (
	"bufio"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

// notRun are the commands of the manual that its test does not run, with the reason.
var notRun = map[string]string{
	"make run":                      "builds and runs the program a second time; the same run is in docs/run.md",
	"make test":                     "this test is part of it",
	"make bench":                    "takes minutes",
	"headroom calibrate ../shared/": "needs measured points that are not part of the repository",
	"time GOMAXPROCS=1 headroom run mm10-large.yaml":           "a measurement, which needs a quiet machine",
	"/usr/bin/time -v headroom run mm10-large.yaml":            "a measurement, which needs a quiet machine",
	"go test ./internal/harness -run TestLiveBench":            "a measurement, which needs a quiet machine",
	"go test ./internal/serve -run TestStreamBench":            "a measurement, which needs a quiet machine",
	"go test ./internal/serve -run TestTwoTimesAgree":          "half a minute; it is part of make test",
	"headroom run spike-100-1000 --seeds 20 -o results/sample": "writes into the repository",
}

// binaryDir is where binary built the program; "" if it never did.
var binaryDir string

// binary builds the program once, as a release is built.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "headroom-manual-")
	if err != nil {
		return "", err
	}
	binaryDir = dir
	path := filepath.Join(dir, "headroom")
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	out, err := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building the program: %w\n%s", err, out)
	}
	return path, nil
})

func built(t *testing.T) string {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestMain(m *testing.M) {
	code := m.Run()
	if binaryDir != "" {
		_ = os.RemoveAll(binaryDir) // a leftover in the temporary directory harms nobody
	}
	os.Exit(code)
}

// mostBinary is the size that the program stays under. What usually breaks it is a template package
// that comes in with a dependency: templates find methods by name, so the linker keeps them all. The
// metrics of serve cost 2.8 MB of it: client_golang stands on protobuf even for the text format; the page
// of HTML with its charts 0.3 MB.
const mostBinary = 23_500_000

func TestBinaryIsSmall(t *testing.T) {
	info, err := os.Stat(built(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("the program has %.1f MB", float64(info.Size())/1e6)
	if info.Size() >= mostBinary {
		t.Errorf("got %d bytes, want less than %d", info.Size(), mostBinary)
	}
}

// pages are the pages of the manual, in the order of the README.
func pages(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join("docs", "*.md"))
	if err != nil || len(found) < 5 {
		t.Fatalf("got pages %v, %v", found, err)
	}
	return append([]string{"README.md", filepath.Join("results", "README.md")}, found...)
}

// TestManual runs every shell block of the manual and loads every YAML block. In a shell block a line
// that begins with "$ " is a command; what follows is how the lines of its output begin, "..." stands
// for any number of lines, and more output may follow at the end. A command that ends with "&" starts a
// server, which the rest of the page talks to as 127.0.0.1:8080.
func TestManual(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the shell blocks are written for a POSIX shell")
	}
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash to run the shell blocks with")
	}
	server := httptest.NewServer(http.HandlerFunc(answer))
	t.Cleanup(server.Close)
	for _, page := range pages(t) {
		t.Run(filepath.ToSlash(page), func(t *testing.T) {
			text, err := os.ReadFile(page)
			if err != nil {
				t.Fatal(err)
			}
			s := &shell{bash: bash, dir: t.TempDir(), program: built(t), server: strings.TrimPrefix(server.URL, "http://")}
			defer s.endBackground(t)
			for _, b := range blocks(t, string(text)) {
				s.run(t, b)
			}
		})
	}
}

// answer is the endpoint that the manual assumes: an OpenAI-compatible one under /v1, and 200 elsewhere.
func answer(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/v1/chat/completions" {
		fmt.Fprintln(w, "ok")
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	for range 3 {
		fmt.Fprint(w, `data: {"choices":[{"delta":{"content":"word "}}]}`+"\n\n")
	}
	fmt.Fprint(w, `data: {"choices":[],"usage":{"completion_tokens":3}}`+"\n\ndata: [DONE]\n\n")
}

// A block is a fenced block of a page.
type block struct {
	line  int // of its first line
	kind  string
	lines []string
}

// blocks finds the fenced blocks. Those without a language are only shown.
func blocks(t *testing.T, text string) []block {
	t.Helper()
	var all []block
	var open *block
	for i, line := range strings.Split(text, "\n") {
		switch {
		case open == nil && strings.HasPrefix(line, "```"):
			open = &block{line: i + 2, kind: strings.TrimPrefix(line, "```")}
		case open != nil && line == "```":
			all, open = append(all, *open), nil
		case open != nil:
			open.lines = append(open.lines, line)
		}
	}
	if open != nil {
		t.Fatalf("line %d: a block is never closed", open.line)
	}
	return all
}

// A shell runs the blocks of one page, in one directory.
type shell struct {
	bash, dir, program, server string
	background                 *exec.Cmd        // the server of this page; nil: the test's own
	said                       *strings.Builder // by the server, on stderr
}

// inBackground starts `headroom serve ... &` on a free port, ends the one before, and returns its first
// line. What follows on the page talks to it.
func (s *shell) inBackground(t *testing.T, command string) (string, error) {
	t.Helper()
	s.endBackground(t)
	cmd := s.command("exec " + command + " --addr 127.0.0.1:0")
	s.said = new(strings.Builder)
	cmd.Stderr = s.said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	s.background = cmd
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return line, err
	}
	_, rest, _ := strings.Cut(line, "http://")
	s.server, _, _ = strings.Cut(rest, " ")
	return strings.ReplaceAll(line, s.server, "127.0.0.1:8080"), nil
}

// endBackground interrupts the page's server, which must end well.
func (s *shell) endBackground(t *testing.T) {
	t.Helper()
	if s.background == nil {
		return
	}
	_ = s.background.Process.Signal(os.Interrupt)
	if err := s.background.Wait(); err != nil {
		t.Errorf("%v: %v\n%s", s.background.Args, err, s.said)
	}
	s.background = nil
}

func (s *shell) run(t *testing.T, b block) {
	t.Helper()
	switch b.kind {
	case "sh":
		s.runCommands(t, b)
	case "yaml":
		s.loadYAML(t, b)
	case "go":
		s.runGo(t, b)
	case "", "json":
	default:
		t.Errorf("line %d: a block of kind %q: have sh, yaml, go, json", b.line, b.kind)
	}
}

func (s *shell) runCommands(t *testing.T, b block) {
	t.Helper()
	for i := 0; i < len(b.lines); {
		command, ok := strings.CutPrefix(b.lines[i], "$ ")
		if !ok {
			t.Fatalf("line %d: output without a command: %s", b.line+i, b.lines[i])
		}
		at := b.line + i
		end := i + 1
		for end < len(b.lines) && !strings.HasPrefix(b.lines[end], "$ ") {
			end++
		}
		want := b.lines[i+1 : end]
		i = end
		if listed(command) {
			continue
		}
		run := s.output
		server, background := strings.CutSuffix(command, " &")
		if background {
			command, run = server, func(command string) (string, error) { return s.inBackground(t, command) }
		}
		got, err := run(command)
		if err != nil {
			t.Errorf("line %d: %s: %v\n%s", at, command, err, got)
			continue
		}
		if missing := match(strings.Split(got, "\n"), want); missing != "" {
			t.Errorf("line %d: %s: no line begins with %q in\n%s", at, command, missing, got)
		}
	}
}

// listed says whether a command is one of those that are not run.
func listed(command string) bool {
	for begin := range notRun {
		if strings.HasPrefix(command, begin) {
			return true
		}
	}
	return false
}

// output runs a command; its stderr comes with the error only, unless the command says otherwise.
func (s *shell) output(command string) (string, error) {
	cmd := s.command(strings.ReplaceAll(command, "127.0.0.1:8080", s.server))
	var errOut strings.Builder
	cmd.Stderr = &errOut
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, errOut.String())
	}
	return strings.ReplaceAll(string(out), s.server, "127.0.0.1:8080"), err
}

// command is a command of the page, in its directory and with the built program on its path.
func (s *shell) command(command string) *exec.Cmd {
	cmd := exec.Command(s.bash, "-o", "pipefail", "-c", command)
	cmd.Dir = s.dir
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "HEADROOM_") }),
		"PATH="+filepath.Dir(s.program)+string(os.PathListSeparator)+os.Getenv("PATH"))
	return cmd
}

// match returns the first wanted line that the output does not have in its place, or "".
func match(got, want []string) string {
	skip := false
	for _, w := range want {
		if w == "..." {
			skip = true
			continue
		}
		if skip {
			for len(got) > 0 && !strings.HasPrefix(got[0], w) {
				got = got[1:]
			}
		}
		if len(got) == 0 || !strings.HasPrefix(got[0], strings.TrimRight(w, " ")) {
			return w
		}
		got, skip = got[1:], false
	}
	return ""
}

// elsewhere are the libraries whose programs the nested module runs, because this one does not require them.
var elsewhere = []string{"github.com/openai/openai-go"}

// runGo runs a program of the page against this module. The lines of "// Output:", at its end, are how
// those that it prints begin.
func (s *shell) runGo(t *testing.T, b block) {
	t.Helper()
	text := strings.Join(b.lines, "\n") + "\n"
	for _, library := range elsewhere {
		if strings.Contains(text, library) {
			return
		}
	}
	program, output, ok := strings.Cut(text, "// Output:\n")
	if !ok {
		t.Errorf("line %d: a program without its output", b.line)
		return
	}
	file := filepath.Join(s.dir, "main.go")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(program, "127.0.0.1:8080", s.server)), 0o666); err != nil {
		t.Fatal(err)
	}
	got, err := exec.Command("go", "run", file).CombinedOutput()
	if err != nil {
		t.Errorf("line %d: %v\n%s", b.line, err, got)
		return
	}
	var want []string
	for line := range strings.SplitSeq(strings.TrimSpace(output), "\n") {
		want = append(want, strings.TrimPrefix(line, "// "))
	}
	if missing := match(strings.Split(string(got), "\n"), want); missing != "" {
		t.Errorf("line %d: no line begins with %q in\n%s", b.line, missing, got)
	}
}

// rest is what a fragment of a scenario is completed with.
var rest = []string{
	"name: fragment",
	"load: {phases: [{name: steady, rate: 10/s, for: 5s}]}",
	"service: {model: {queue: {servers: 2, service: 20ms}}}",
	"strategies: [sync]",
}

// loadYAML validates a scenario, or a fragment of one. "# file: NAME" on its first line keeps it for
// the commands that follow.
func (s *shell) loadYAML(t *testing.T, b block) {
	t.Helper()
	name, keep := strings.CutPrefix(b.lines[0], "# file: ")
	if !keep {
		name = "fragment.yaml"
	}
	lines := slices.Clone(b.lines)
	for _, line := range rest {
		key, _, _ := strings.Cut(line, ":")
		if !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, key+":") }) {
			lines = append(lines, line)
		}
	}
	text := strings.Join(lines, "\n") + "\n"
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	if out, err := s.output("headroom validate " + name + " 2>&1"); err != nil {
		t.Errorf("line %d: %v\n%s", b.line, err, out)
	}
}

// TestManualLinksLeadSomewhere follows the links between pages and to files of the repository.
func TestManualLinksLeadSomewhere(t *testing.T) {
	for _, page := range pages(t) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range strings.Split(string(text), "](")[1:] {
			link, _, _ := strings.Cut(part, ")")
			if strings.Contains(link, "://") {
				continue
			}
			if strings.HasPrefix(link, "results/sample") || strings.HasPrefix(link, "sample/") {
				if _, err := os.Stat(filepath.Join("results", "sample")); err != nil {
					t.Errorf("%s: the sample run is not there: %v", page, err)
					continue
				}
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), link)); err != nil {
				t.Errorf("%s: the link %s leads nowhere", page, link)
			}
		}
	}
}

func TestMatch(t *testing.T) {
	tests := []struct {
		name      string
		got, want []string
		missing   string
	}{
		{"nothing is wanted", []string{"a"}, nil, ""},
		{"lines match by their beginning", []string{"abc", "def"}, []string{"a", "de"}, ""},
		{"more output may follow", []string{"a", "b"}, []string{"a"}, ""},
		{"a line in between is a difference", []string{"a", "x", "b"}, []string{"a", "b"}, "b"},
		{"unless dots stand for it", []string{"a", "x", "y", "b"}, []string{"a", "...", "b"}, ""},
		{"dots may stand for nothing", []string{"a", "b"}, []string{"a", "...", "b"}, ""},
		{"what never comes is missing", []string{"a", "b"}, []string{"a", "...", "c"}, "c"},
		{"output that ends is missing", []string{"a"}, []string{"a", "b"}, "b"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := match(tt.got, tt.want); got != tt.missing {
				t.Errorf("got %q, want %q", got, tt.missing)
			}
		})
	}
}

// TestListOfWhatIsNotRunIsTrue keeps the list from outliving the commands it names.
func TestListOfWhatIsNotRunIsTrue(t *testing.T) {
	var all strings.Builder
	for _, page := range pages(t) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	for begin := range notRun {
		if !strings.Contains(all.String(), "\n$ "+begin) {
			t.Errorf("no page has the command %q any more", begin)
		}
	}
}
