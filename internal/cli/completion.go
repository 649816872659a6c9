package cli

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/headroom-dev/headroom/internal/harness"
	"github.com/headroom-dev/headroom/report"
	"github.com/headroom-dev/headroom/scenarios"
)

const completionHelp = `Print the completion script of a shell: commands, flags, scenarios, strategies,
formats and saved runs complete. It never uses the network.

Usage:
  headroom completion bash|zsh|fish|powershell

Examples:
  source <(headroom completion bash)
  headroom completion zsh > "${fpath[1]}/_headroom"
  headroom completion fish > ~/.config/fish/completions/headroom.fish
`

var shells = []string{"bash", "zsh", "fish", "powershell"}

func (p *program) completionCommand() *cobra.Command {
	return p.command(&cobra.Command{
		Use: "completion SHELL", Short: "completion for a shell", Long: completionHelp,
		Args: arguments(1, 1, "one shell"), ValidArgs: shells,
	}, func(cmd *cobra.Command, args []string) error {
		root := cmd.Root()
		switch args[0] {
		case "bash":
			return root.GenBashCompletionV2(p.stdout, true)
		case "zsh":
			return root.GenZshCompletion(p.stdout)
		case "fish":
			return root.GenFishCompletion(p.stdout, true)
		case "powershell":
			return root.GenPowerShellCompletionWithDesc(p.stdout)
		}
		return usage("%s", scenarios.Unknown("shell", args[0], shells))
	})
}

// completions registers what the flags of run complete to.
func (f *runFlags) completions(cmd *cobra.Command) {
	// The flags exist, so registering cannot fail.
	_ = cmd.RegisterFlagCompletionFunc("format", completeFormats)
	_ = cmd.RegisterFlagCompletionFunc("strategies", completeStrategies)
	_ = cmd.RegisterFlagCompletionFunc("api", cobra.FixedCompletions([]string{"openai"}, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("target", cobra.FixedCompletions([]string{"sim", "http://", "https://"}, cobra.ShellCompDirectiveNoFileComp|cobra.ShellCompDirectiveNoSpace))
}

func completeScenarios(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, s := range scenarios.Builtins() {
		names = append(names, s.Name+"\t"+s.About)
	}
	return names, cobra.ShellCompDirectiveDefault // files too
}

func completeFormats(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, f := range report.Formats {
		names = append(names, f.Name+"\t"+f.About)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeStrategies completes what stands behind the last comma, with the strategies of the scenario
// that the line names.
func completeStrategies(_ *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	name := defaultScenario
	if len(args) > 0 && args[0] != "-" {
		name = args[0]
	}
	plan, err := harness.Load(name, strings.NewReader(""))
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	before := typed[:strings.LastIndexByte(typed, ',')+1]
	var words []string
	for _, c := range plan.Strategies {
		if !slices.Contains(strings.Split(before, ","), c.Name) {
			words = append(words, before+c.Name+"\t"+c.About)
		}
	}
	return words, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// completeRuns completes the runs under results.
func completeRuns(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	found, _ := filepath.Glob(filepath.Join("results", "*", "run.json")) // the pattern is right, so no error
	var runs []string
	for _, path := range found {
		runs = append(runs, filepath.Dir(path))
	}
	return runs, cobra.ShellCompDirectiveDefault
}
