package cli

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// everyCommand returns all commands that a user sees, the root included.
func everyCommand(t *testing.T) []*cobra.Command {
	t.Helper()
	p := &program{fromVariable: make(map[string]bool)}
	root := p.tree()
	list := []*cobra.Command{root}
	for _, c := range root.Commands() {
		if !c.Hidden {
			list = append(list, c)
		}
	}
	if len(list) < 8 {
		t.Fatalf("got %d commands", len(list))
	}
	return list
}

func TestHelpFitsAScreen(t *testing.T) {
	const columns, rows = 80, 44
	for _, cmd := range everyCommand(t) {
		lines := strings.Split(strings.TrimRight(cmd.Long, "\n"), "\n")
		if len(lines) > rows {
			t.Errorf("%s: got %d lines of help, want at most %d", cmd.Name(), len(lines), rows)
		}
		for _, line := range lines {
			if n := utf8.RuneCountInString(line); n > columns {
				t.Errorf("%s: got %d columns, want at most %d: %s", cmd.Name(), n, columns, line)
			}
		}
	}
}

func TestHelpHasUsageAndAnExample(t *testing.T) {
	for _, cmd := range everyCommand(t) {
		if !strings.Contains(cmd.Long, "Usage:\n  headroom") {
			t.Errorf("%s: no usage line", cmd.Name())
		}
		if _, examples, ok := strings.Cut(cmd.Long, "Examples:\n"); !ok || !strings.Contains(examples, "headroom") {
			t.Errorf("%s: no example", cmd.Name())
		}
	}
}

func TestHelpNamesEveryFlag(t *testing.T) {
	for _, cmd := range everyCommand(t) {
		cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden && f.Name != "help" && !strings.Contains(cmd.Long, "--"+f.Name) {
				t.Errorf("%s: --%s is not in the help", cmd.Name(), f.Name)
			}
		})
	}
}

func TestRootHelpNamesEveryCommand(t *testing.T) {
	for _, cmd := range everyCommand(t)[1:] {
		if !strings.Contains(rootHelp, "\n  "+cmd.Name()+" ") {
			t.Errorf("%s is not in the help of headroom", cmd.Name())
		}
	}
}

func TestHelpGoesToStdout(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"run", "--help"}, {"run", "-h"}, {"help", "show"}, {"help"}} {
		code, stdout, stderr := called(t, nil, args...)
		if code != exitFine || !strings.Contains(stdout, "Usage:") || stderr != "" {
			t.Errorf("%v: got exit code %d, %d bytes on stdout, %q on stderr", args, code, len(stdout), stderr)
		}
	}
}
