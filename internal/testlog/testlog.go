// Testlog reads the stream of `go test -json` and prints what a person needs: a line for each
// package, all that a failed test said, and at the end how many tests passed, which were skipped
// and why. A skip nobody sees is a test nobody has. It exits with 1 if anything failed.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

func main() {
	ok, err := summarize(os.Stdin, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testlog:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

// An event is one line of the stream (go doc test2json).
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
}

// A log is what has been read so far.
type log struct {
	out     *bufio.Writer
	said    map[string]*strings.Builder // output of the tests under way
	passed  int
	failed  []string
	skipped []string
}

// summarize copies what matters from in to out, and reports whether everything passed. A stream
// without a single package is no success: go test itself must have failed.
func summarize(in io.Reader, out io.Writer) (ok bool, err error) {
	l := &log{out: bufio.NewWriter(out), said: make(map[string]*strings.Builder)}
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 0, 1<<16), 64<<20)
	packages := 0
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Fprintln(l.out, lines.Text()) // go test says some faults in plain text
			continue
		}
		if e.Test == "" && (e.Action == "pass" || e.Action == "fail" || e.Action == "skip") {
			packages++
		}
		l.take(e)
		if err := l.out.Flush(); err != nil {
			return false, err
		}
	}
	if err := lines.Err(); err != nil {
		return false, fmt.Errorf("reading the stream of go test: %w", err)
	}
	l.close()
	return packages > 0 && len(l.failed) == 0, l.out.Flush()
}

func (l *log) take(e event) {
	name := strings.TrimSpace(e.Package + " " + e.Test)
	switch e.Action {
	case "output":
		l.output(e, name)
	case "build-output":
		l.out.WriteString(e.Output)
	case "pass":
		if e.Test != "" {
			l.passed++
		}
		delete(l.said, name)
	case "skip":
		if e.Test != "" {
			l.skipped = append(l.skipped, name+": "+reason(l.text(name)))
		}
		delete(l.said, name)
	case "fail", "build-fail":
		l.failed = append(l.failed, name)
		l.out.WriteString(l.text(name))
		delete(l.said, name)
	}
}

// output keeps what a test says until it is known how it ends, and prints what a package says.
func (l *log) output(e event, name string) {
	if e.Test == "" {
		if e.Output != "PASS\n" && e.Output != "FAIL\n" {
			l.out.WriteString(e.Output)
		}
		return
	}
	if l.said[name] == nil {
		l.said[name] = new(strings.Builder)
	}
	l.said[name].WriteString(e.Output)
}

func (l *log) text(name string) string {
	if said := l.said[name]; said != nil {
		return said.String()
	}
	return ""
}

// reason is the last thing a skipped test said, without the place in the source.
func reason(text string) string {
	found := "no reason given"
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "===") || strings.HasPrefix(line, "---") {
			continue
		}
		if place, rest, ok := strings.Cut(line, ": "); ok && strings.Contains(place, ".go:") {
			line = rest
		}
		found = line
	}
	return found
}

func (l *log) close() {
	fmt.Fprintf(l.out, "\n%d passed, %d failed, %d skipped\n", l.passed, len(l.failed), len(l.skipped))
	for _, skip := range l.skipped {
		fmt.Fprintln(l.out, "  skipped", skip)
	}
	slices.Sort(l.failed)
	for _, name := range slices.Compact(l.failed) {
		fmt.Fprintln(l.out, "  FAILED", name)
	}
}
