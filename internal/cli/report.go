package cli

import (
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/headroom-dev/headroom/report"
)

const reportHelp = `Render a saved run again, in any format, without running anything.

Usage:
  headroom report RUN [FLAGS]   a run's directory, its run.json, or - for stdin

Flags:
  --format text|json|md|html|csv  default text

Examples:
  headroom report results/spike-100-1000-20260301T101500
  headroom report results/sample --format csv > sample.csv
`

func (p *program) reportCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use: "report RUN", Short: "render a saved run again", Long: reportHelp,
		Args: arguments(1, 1, "one run"), ValidArgsFunction: completeRuns,
	}
	cmd.Flags().StringVar(&format, "format", "text", "format of stdout")
	_ = cmd.RegisterFlagCompletionFunc("format", completeFormats) // the flag exists, so no error
	return p.command(cmd, func(_ *cobra.Command, args []string) error {
		f, err := formatNamed(format)
		if err != nil {
			return err
		}
		result, dir, err := p.readRun(args[0])
		if err != nil {
			return err
		}
		return f.Write(p.stdout, result, report.Options{Color: p.colored(p.stdout), Width: width(p.stdout), Dir: dir})
	})
}

// readRun reads a saved run, and returns the directory of its files, "" where that is unknown.
func (p *program) readRun(name string) (*report.Result, string, error) {
	if name == "-" {
		result, err := report.ReadJSON(p.stdin)
		return result, "", asUsage(err)
	}
	path := name
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		path = filepath.Join(name, "run.json")
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, "", usage("reading run: %w", err)
	}
	defer file.Close()
	result, err := report.ReadJSON(file)
	if err != nil {
		return nil, "", usage("%s: %w", path, err)
	}
	return result, filepath.Dir(path), nil
}
