package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/headroom-dev/headroom/sim"
)

const versionHelp = `Say what this program is: its version, the Go it was built with, the system, and
the scheme of random streams. Runs of one scheme and seed can be compared.

Usage:
  headroom version

Examples:
  headroom version
`

// release is set by the linker for a release: -X github.com/headroom-dev/headroom/internal/cli.release=v1.2.3.
var release string

// Version is the version of this program: that of the release, of the module as it was installed, or
// "devel".
func Version() string {
	if release != "" {
		return release
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "devel"
}

func (p *program) versionCommand() *cobra.Command {
	return p.command(&cobra.Command{
		Use: "version", Short: "what this program is", Long: versionHelp, Args: arguments(0, 0, "no argument"),
	}, func(*cobra.Command, []string) error {
		_, err := fmt.Fprintf(p.stdout, "headroom %s (%s, %s/%s, streams %d)\n", Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH, sim.StreamScheme)
		return err
	})
}
