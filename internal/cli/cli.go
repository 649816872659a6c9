// Package cli is the door of headroom: the commands, one file each. It is the only package that
// prints. The result of a command goes to stdout and nothing else does; progress, warnings and errors
// go to stderr. Every call of Run builds its own tree of commands, so that calls do not share flags.
package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// A program is one call of headroom: its streams, its environment, and the words that must not be
// shown.
type program struct {
	stdin   io.Reader
	stdout  io.Writer
	stderr  io.Writer
	environ []string // KEY=value, as os.Environ has them
	secrets secrets
	quiet   bool // --quiet: no progress and no notes, only errors
	plain   bool // --no-color

	fromVariable map[string]bool // flags that the environment set
}

// Run carries out one command line, without the program's name, and returns the exit code: 0 fine,
// 1 could not measure, 2 usage or a bad scenario, 105 interrupted.
func Run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	p := &program{stdin: stdin, stdout: stdout, stderr: stderr, environ: os.Environ(), fromVariable: make(map[string]bool)}
	p.secrets = findSecrets(args, p.environ)
	return p.run(args)
}

// run is Run after the streams are set. A panic is a defect of this program: its exit code must not
// be Go's own 2, which here means a mistake of the user's.
func (p *program) run(args []string) (code int) {
	defer func() {
		if v := recover(); v != nil {
			p.complain(panicked(v, debug.Stack()))
			code = exitCannot
		}
	}()
	err := p.execute(args)
	if err != nil {
		p.complain(err)
	}
	return exitCode(err)
}

// execute finds the command and runs it.
func (p *program) execute(args []string) error {
	root := p.tree()
	if args == nil {
		args = []string{} // nil would make cobra read os.Args
	}
	cmd, rest, err := root.Find(args)
	if err != nil || cmd == root {
		cmd, rest = root, args
	}
	if !completing(args) {
		if err := checkSingleDashes(cmd, rest); err != nil {
			return err
		}
	}
	root.SetArgs(args)
	root.SetIn(p.stdin)
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	return root.ExecuteContext(context.Background())
}

// completing says whether the shell asks for completions: its words are half-typed.
func completing(args []string) bool {
	return len(args) > 0 && (args[0] == cobra.ShellCompRequestCmd || args[0] == cobra.ShellCompNoDescRequestCmd)
}

// complain writes an error to stderr, each line under the program's name, without secrets.
func (p *program) complain(err error) {
	var quiet silent
	if errors.As(err, &quiet) {
		return
	}
	p.say(err.Error())
}

// say writes lines to stderr under the program's name, without secrets.
func (p *program) say(text string) {
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		io.WriteString(p.stderr, "headroom: "+p.secrets.scrub(line)+"\n") // there is nowhere left to report that stderr is closed
	}
}

// note says what the user may want to know and did not ask for: --quiet silences it.
func (p *program) note(text string) {
	if !p.quiet {
		p.say(text)
	}
}
