package cli

import (
	"bytes"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/headroom-dev/headroom/internal/harness"
)

const validateHelp = `Check scenario files: every fault of every file, with its line and column, what
was found and what is allowed. Nothing is run.

Usage:
  headroom validate FILE...      - is stdin

Exit codes: 0 all are in order, 2 at least one is not.

Examples:
  headroom validate scenarios/*.yaml
  headroom show | headroom validate -
`

func (p *program) validateCommand() *cobra.Command {
	return p.command(&cobra.Command{
		Use: "validate FILE...", Short: "find every fault of scenario files", Long: validateHelp, Args: arguments(1, -1, "at least one file"),
	}, func(_ *cobra.Command, args []string) error {
		var failed error
		for _, name := range args {
			input, err := p.inputFor(name)
			if err != nil {
				return err
			}
			plan, err := harness.Load(name, bytes.NewReader(input))
			if err != nil {
				p.complain(err)
				failed = silent(exitUsage)
				continue
			}
			if _, err := io.WriteString(p.stdout, verdict(name, plan)); err != nil {
				return err
			}
		}
		return failed
	})
}

// verdict says of a scenario in order what it holds, so that a file that says something else than was
// meant is noticed.
func verdict(name string, plan *harness.Plan) string {
	s := plan.Scenario
	return fmt.Sprintf("%s: ok: %s, %s, about %s calls a seed in %s, %s\n", name, s.Name,
		strategiesCounted(len(plan.Strategies)), grouped(int64(s.Calls())), lasting(s.Length()), counted(s.Seeds, "seed"))
}
