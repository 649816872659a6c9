package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/headroom-dev/headroom/report"
	"github.com/headroom-dev/headroom/scenarios"
	"github.com/headroom-dev/headroom/sim/backend"
	"github.com/headroom-dev/headroom/strategies"
)

const listHelp = `List the built-in scenarios, the strategies, the service models, the balancers,
the overload profiles and the formats: what the flags and a scenario file may
name.

Usage:
  headroom list

Examples:
  headroom list
  headroom list | grep llm
`

func (p *program) listCommand() *cobra.Command {
	return p.command(&cobra.Command{
		Use: "list", Short: "scenarios, strategies, models, formats", Long: listHelp, Args: arguments(0, 0, "no argument"),
	}, func(*cobra.Command, []string) error {
		_, err := io.WriteString(p.stdout, inventory())
		return err
	})
}

// inventory is what headroom list prints.
func inventory() string {
	var b strings.Builder
	section := func(title string) { fmt.Fprintf(&b, "%s\n", title) }
	line := func(name, about string) {
		indent := "\n" + strings.Repeat(" ", 24)
		if len(name) > 20 { // no room for two blanks behind it: the text begins below
			name += indent
		}
		fmt.Fprintf(&b, "  %-22s%s\n", name, strings.ReplaceAll(wrapped(about, 80-24), "\n", indent))
	}
	section("scenarios")
	for _, s := range scenarios.Builtins() {
		line(s.Name, s.About)
	}
	section("\nstrategies")
	for _, s := range strategies.All {
		line(s.Name, s.About)
	}
	line("stack", "several of them, the outermost first: {name: n, stack: [cache, backoff, pooled]}")
	section("\nservice models")
	for _, m := range backend.All {
		line(m.Name, m.About)
	}
	section("\nbalancers")
	for _, balancer := range backend.Balancers {
		line(balancer.Name, balancer.About)
	}
	section("\nprofiles")
	for _, p := range backend.Profiles {
		line(p.Name, p.About)
	}
	section("\nformats")
	for _, f := range report.Formats {
		line(f.Name, f.About)
	}
	return b.String()
}

// wrapped breaks a text between words, in lines of at most width columns where its words allow.
func wrapped(text string, width int) string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimSpace(line + " " + word)
	}
	return strings.Join(append(lines, line), "\n")
}

// formatNamed returns a format by its name.
func formatNamed(name string) (report.Format, error) {
	var names []string
	for _, f := range report.Formats {
		if f.Name == name {
			return f, nil
		}
		names = append(names, f.Name)
	}
	return report.Format{}, usage("--format: %s", scenarios.Unknown("format", name, names))
}
