package cli

import (
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/headroom-dev/headroom/scenarios"
)

// envPrefix begins the variables that set flags: HEADROOM_MAX_CALLS is --max-calls.
const envPrefix = "HEADROOM_"

// envAPIKey is the one variable of ours that is no flag: a key on a command line can be read by every
// process of the machine.
const envAPIKey = envPrefix + "API_KEY"

// applyEnvironment gives every flag that the command line leaves out the value of its variable. An
// empty variable counts as absent. A flag that may be repeated takes one value a line. A variable of
// our prefix that no command knows is only warned about: Kubernetes makes HEADROOM_PORT and others
// for a Service of our name.
func (p *program) applyEnvironment(cmd *cobra.Command) error {
	ours := p.ownVariables()
	var names []string
	for name := range ours {
		names = append(names, name)
	}
	sort.Strings(names)
	known := everyFlag(cmd.Root())
	for _, name := range names {
		flag := flagOf(name)
		if name == envAPIKey || cmd.Flags().Lookup(flag) == nil && known[flag] {
			continue
		}
		f := cmd.Flags().Lookup(flag)
		if f == nil {
			p.note(fmt.Sprintf("warning: the environment has %s, which is no setting of this program%s", name, nearVariable(flag, known)))
			continue
		}
		if f.Changed {
			continue
		}
		if err := setFromVariable(cmd.Flags(), f, ours[name]); err != nil {
			var refused *pflag.InvalidValueError
			if errors.As(err, &refused) {
				return badValue(name, refused)
			}
			return usage("%s: %w", name, err)
		}
		p.fromVariable[flag] = true
	}
	return nil
}

// ownVariables returns the variables of our prefix that are not empty.
func (p *program) ownVariables() map[string]string {
	ours := make(map[string]string)
	for _, entry := range p.environ {
		name, value, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, envPrefix) && value != "" {
			ours[name] = value
		}
	}
	return ours
}

// variable returns the value of a variable of the environment, "" where it is absent.
func (p *program) variable(name string) string {
	for _, entry := range p.environ {
		if key, value, _ := strings.Cut(entry, "="); key == name {
			return value
		}
	}
	return ""
}

func setFromVariable(flags *pflag.FlagSet, f *pflag.Flag, value string) error {
	values := []string{value}
	if f.Value.Type() == "stringArray" {
		values = strings.Split(strings.TrimRight(value, "\n"), "\n")
	}
	for _, v := range values {
		if err := flags.Set(f.Name, v); err != nil {
			return err
		}
	}
	return nil
}

// flagOf returns the flag that a variable stands for.
func flagOf(variable string) string {
	return strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(variable, envPrefix), "_", "-"))
}

// variableOf returns the variable that stands for a flag.
func variableOf(flag string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// everyFlag returns the long flags of all commands.
func everyFlag(root *cobra.Command) map[string]bool {
	known := make(map[string]bool)
	for _, c := range append(root.Commands(), root) {
		for _, flags := range []*pflag.FlagSet{c.Flags(), c.PersistentFlags()} {
			flags.VisitAll(func(f *pflag.Flag) { known[f.Name] = f.Name != "help" })
		}
	}
	return known
}

func nearVariable(flag string, known map[string]bool) string {
	var names []string
	for name := range known {
		names = append(names, name)
	}
	sort.Strings(names)
	if near, ok := scenarios.Nearest(flag, names); ok {
		return "; did you mean " + variableOf(near) + "?"
	}
	return ""
}
