package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/headroom-dev/headroom/internal/harness"
	"github.com/headroom-dev/headroom/scenarios"
	"github.com/headroom-dev/headroom/sim/backend"
)

const showHelp = `Show what a scenario says, every default filled in, or what is in a trace.
Comments say which values are defaults and which a flag has set.

Usage:
  headroom show [SCENARIO]   the scenario, as YAML that run and validate read;
                             default spike-100-1000
  headroom show TRACE        a trace's calls, span, rates, bursts and tokens: a
                             file called .csv or .jsonl, or one of these and .gz

Flags:
  --set PATH=VALUE           change any field first, as run does

Examples:
  headroom show spike-equal-patience
  headroom show --set service.replicas=6 > mine.yaml
`

func (p *program) showCommand() *cobra.Command {
	var set []string
	cmd := &cobra.Command{
		Use: "show [SCENARIO|TRACE]", Short: "a scenario with every default, or a trace's figures", Long: showHelp,
		Args: arguments(0, 1, "one scenario or trace"), ValidArgsFunction: completeScenarios,
	}
	cmd.Flags().StringArrayVar(&set, "set", nil, "any field of the scenario, PATH=VALUE")
	return p.command(cmd, func(_ *cobra.Command, args []string) error {
		name := defaultScenario
		if len(args) > 0 {
			name = args[0]
		}
		if isTrace(name) {
			if len(set) > 0 {
				return usage("--set changes a scenario, and %s is a trace", name)
			}
			return p.showTrace(name)
		}
		return p.showScenario(name, set)
	})
}

// isTrace says whether a file is a trace, by its name.
func isTrace(name string) bool {
	plain := strings.TrimSuffix(strings.ToLower(name), ".gz")
	return strings.HasSuffix(plain, ".csv") || strings.HasSuffix(plain, ".jsonl")
}

// showScenario prints the effective scenario.
func (p *program) showScenario(name string, set []string) error {
	var edits []scenarios.Edit
	for _, text := range set {
		edit, err := scenarios.ParseEdit(text)
		if err != nil {
			return err
		}
		edits = append(edits, edit)
	}
	input, err := p.inputFor(name)
	if err != nil {
		return err
	}
	plan, err := harness.Load(name, bytes.NewReader(input), edits...)
	if err != nil {
		return asUsage(err)
	}
	for _, warning := range plan.Warnings {
		p.note("warning: " + warning)
	}
	text, err := plan.EffectiveYAML()
	if err != nil {
		return err
	}
	_, err = p.stdout.Write(append(withOrigins(text, writtenText(name, input), edits), derived(plan)...))
	return err
}

// derived says, as comments, what the service model works out from what the scenario says: it is shown
// and not written as values, so that a copy of the scenario with another card is not left with them.
func derived(plan *harness.Plan) []byte {
	model, ok := plan.Service.Model.Model.(interface{ Derived() []backend.Figure })
	if !ok {
		return nil
	}
	var b bytes.Buffer
	b.WriteString("# derived from the model and the card:\n")
	for _, one := range model.Derived() {
		fmt.Fprintf(&b, "#   %-20s%s\n", one.Name, one.Value)
	}
	return b.Bytes()
}

// writtenText returns what a scenario's author wrote, nil if that cannot be read a second time.
func writtenText(name string, input []byte) []byte {
	if name == "-" {
		return input
	}
	if text, ok := scenarios.Builtin(name); ok {
		return text
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil // a pipe, for one
	}
	return text
}

// inputFor reads stdin where a scenario is called "-".
func (p *program) inputFor(name string) ([]byte, error) {
	if name != "-" {
		return nil, nil
	}
	return io.ReadAll(io.LimitReader(p.stdin, mostInput))
}
