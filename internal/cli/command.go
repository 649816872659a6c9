package cli

import (
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/headroom-dev/headroom/internal/harness"
)

// aside are the flags that change no figure: two runs that differ in them alone leave the same
// bytes, so the command that reproduces a run is without them.
var aside = []string{"output", "format", "quiet", "no-color", "workers", "calls", "dry-run", "max-calls", "help"}

// command is the line that reproduces this run, for run.json: the flags that matter in a fixed order,
// those of the environment included, seeds always, and no secrets.
func (r *run) command() string {
	args := []string{"run", r.name}
	r.cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Changed || slices.Contains(aside, f.Name) || f.Name == "seeds" || f.Name == "seed" {
			return
		}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values := list.GetSlice()
			if f.Value.Type() == "stringSlice" {
				values = []string{strings.Join(values, ",")}
			}
			for _, v := range values {
				args = append(args, "--"+f.Name, v)
			}
			return
		}
		if f.NoOptDefVal != "" {
			if f.Value.String() == f.NoOptDefVal {
				args = append(args, "--"+f.Name)
			}
			return
		}
		args = append(args, "--"+f.Name, f.Value.String())
	})
	args = append(args, "--seeds", strconv.Itoa(len(r.seeds)), "--seed", strconv.FormatUint(r.flags.seed, 10))
	args = harness.RedactArgs(args)
	for i, arg := range args {
		args[i] = shellQuoted(arg)
	}
	return r.secrets.scrub("headroom " + strings.Join(args, " "))
}

// shellQuoted writes a word so that a shell reads it back as it was.
func shellQuoted(word string) string {
	plain := func(c rune) bool {
		return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("-_./:@,=%+", c)
	}
	if word != "" && strings.IndexFunc(word, func(c rune) bool { return !plain(c) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
