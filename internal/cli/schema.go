package cli

import (
	"github.com/spf13/cobra"

	"github.com/headroom-dev/headroom/scenarios"
)

const schemaHelp = `Print the JSON Schema of scenario files. Editors with a YAML language server
use it to complete and to check while typing.

Usage:
  headroom schema

Examples:
  headroom schema > headroom.schema.json
  echo '# yaml-language-server: $schema=headroom.schema.json' > mine.yaml
`

func (p *program) schemaCommand() *cobra.Command {
	return p.command(&cobra.Command{
		Use: "schema", Short: "the JSON Schema of scenario files", Long: schemaHelp, Args: arguments(0, 0, "no argument"),
	}, func(*cobra.Command, []string) error {
		_, err := p.stdout.Write(scenarios.JSONSchema())
		return err
	})
}
