package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/headroom-dev/headroom/scenarios"
)

// rootHelp is what headroom says of itself.
const rootHelp = `headroom replays a traffic spike against a real endpoint or an embedded
simulated service, carries every call through several client strategies, and
says in one sentence which one keeps its promise.

Usage:
  headroom COMMAND [ARGUMENTS] [FLAGS]

Commands:
  run [SCENARIO]           compare the strategies of a scenario (the main job)
  serve [SCENARIO]         the simulated service over HTTP, for any client
  show [SCENARIO|TRACE]    the scenario with every default, or a trace's figures
  list                     scenarios, strategies, service models, formats
  validate FILE...         find every fault of scenario files
  schema                   the JSON Schema of scenario files, for editors
  calibrate CSV            hold the llm model against measured points
  report RUN               render a saved run again in any format
  completion SHELL         completion for bash, zsh, fish or powershell
  version                  what this program is

Everywhere:
  -h, --help               help of a command
  -q, --quiet              no progress and no notes on stderr, only errors
      --no-color           no colour, as with NO_COLOR set

Examples:
  headroom run                                     # simulated, nothing needed
  headroom run --target http://127.0.0.1:8080/ --stage 5s@50,5s@500,5s@50

A flag may also be set by the environment: HEADROOM_SEEDS=5 is --seeds 5.
Exit codes: 0 fine, 1 could not measure, 2 usage or scenario, 105 interrupted.
`

// tree builds the commands anew: flags keep state, and no call may see another's.
func (p *program) tree() *cobra.Command {
	root := &cobra.Command{
		Use:           "headroom",
		Long:          rootHelp,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("unknown command %q%s", args[0], suggestion("", args[0], commandNames(cmd)))
			}
			io.WriteString(p.stderr, rootHelp)
			return silent(exitUsage) // an empty command line in a script must not look like a success
		},
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.PersistentFlags().BoolVarP(&p.quiet, "quiet", "q", false, "")
	root.PersistentFlags().BoolVar(&p.plain, "no-color", false, "")
	root.SetFlagErrorFunc(flagError)
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { io.WriteString(cmd.OutOrStdout(), cmd.Long) })
	root.SetUsageFunc(func(cmd *cobra.Command) error {
		_, err := io.WriteString(cmd.ErrOrStderr(), cmd.Long)
		return err
	})
	root.SetHelpCommand(&cobra.Command{
		Use: "help", Hidden: true, Args: cobra.ArbitraryArgs,
		Long: rootHelp,
		RunE: func(_ *cobra.Command, args []string) error { return p.help(root, args) },
	})
	root.AddCommand(p.runCommand(), p.showCommand(), p.listCommand(), p.validateCommand(), p.schemaCommand(),
		p.reportCommand(), p.calibrateCommand(), p.serveCommand(), p.completionCommand(), p.versionCommand())
	return root
}

// help is `headroom help COMMAND`.
func (p *program) help(root *cobra.Command, args []string) error {
	cmd := root
	if len(args) > 0 {
		found, _, err := root.Find(args)
		if err != nil || found == root {
			return usage("unknown command %q%s", args[0], suggestion("", args[0], commandNames(root)))
		}
		cmd = found
	}
	_, err := io.WriteString(p.stdout, cmd.Long)
	return err
}

// command fills in what all commands share: the environment is read before the command runs.
func (p *program) command(cmd *cobra.Command, run func(cmd *cobra.Command, args []string) error) *cobra.Command {
	cmd.DisableFlagsInUseLine = true
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := p.applyEnvironment(cmd); err != nil {
			return err
		}
		return run(cmd, args)
	}
	return cmd
}

// arguments checks the number of arguments.
func arguments(least, most int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return usage("%s needs %s; see `%s --help`", cmd.CommandPath(), what, cmd.CommandPath())
		case most >= 0 && len(args) > most:
			return usage("%s takes %s, and %q is one too many; see `%s --help`", cmd.CommandPath(), what, args[most], cmd.CommandPath())
		}
		return nil
	}
}

func commandNames(root *cobra.Command) []string {
	var names []string
	for _, c := range root.Commands() {
		if !c.Hidden {
			names = append(names, c.Name())
		}
	}
	return names
}

// suggestion says what exists and which of it is nearest to the word: `; did you mean --rate?`, or the
// list, where nothing is near.
func suggestion(prefix, word string, known []string) string {
	if near, ok := scenarios.Nearest(word, known); ok {
		return fmt.Sprintf("; did you mean %s%s?", prefix, near)
	}
	return fmt.Sprintf(" (have %s%s)", prefix, strings.Join(known, ", "+prefix))
}
