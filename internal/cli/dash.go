package cli

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// checkSingleDashes refuses words such as -rate=1 or -output before pflag reads them: to pflag a
// single dash begins a cluster of one-letter flags, so -output x would silently mean -o utput.
func checkSingleDashes(cmd *cobra.Command, args []string) error {
	flags := cmd.Flags()
	flags.AddFlagSet(cmd.InheritedFlags())
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch {
		case arg == "--":
			return nil
		case strings.HasPrefix(arg, "--"):
			if takesNext(flags, arg) {
				i++
			}
			continue
		case len(arg) < 2 || arg[0] != '-':
			continue
		}
		word, _, _ := strings.Cut(arg[1:], "=")
		if len(word) > 1 {
			if flag := flags.Lookup(strings.ToLower(word)); flag != nil {
				return usage("unknown flag -%s: did you mean --%s?", word, flag.Name)
			}
		}
		if flag := flags.ShorthandLookup(arg[1:2]); flag != nil && len(arg) == 2 && flag.NoOptDefVal == "" {
			i++ // the next word is its value
		}
	}
	return nil
}

// takesNext says whether the word after a long flag is the flag's value.
func takesNext(flags *pflag.FlagSet, arg string) bool {
	name, _, hasValue := strings.Cut(arg[2:], "=")
	flag := flags.Lookup(name)
	return !hasValue && flag != nil && flag.NoOptDefVal == ""
}

// flagError makes pflag's errors ours: exit code 2, the nearest flag named, and no value repeated,
// which could be a secret that slipped into the wrong place.
func flagError(cmd *cobra.Command, err error) error {
	var refused *pflag.InvalidValueError
	if errors.As(err, &refused) {
		return badValue("--"+refused.GetFlag().Name, refused)
	}
	text := err.Error()
	switch {
	case strings.HasPrefix(text, "unknown flag: --"):
		name := strings.TrimPrefix(text, "unknown flag: --")
		if found, _, err := cmd.Find([]string{name}); err == nil && found != cmd { // --version, --list
			return usage("unknown flag --%s; did you mean `%s`?", name, found.CommandPath())
		}
		return usage("unknown flag --%s%s", name, suggestion("--", name, flagNames(cmd)))
	case strings.HasPrefix(text, "unknown shorthand flag: "):
		_, cluster, _ := strings.Cut(text, " in -")
		word, _, _ := strings.Cut(cluster, "=")
		return usage("unknown flag -%s%s", firstRune(word), suggestion("--", strings.ToLower(word), flagNames(cmd)))
	}
	return usage("%s; see `%s --help`", text, cmd.CommandPath())
}

// badValue says what the flag, or the variable that stands for it, takes instead of what it was given.
func badValue(name string, refused *pflag.InvalidValueError) error {
	allowed := "names with commas between"
	switch refused.GetFlag().Value.Type() {
	case "bool":
		allowed = "true, false"
	case "int", "int64":
		allowed = "a whole number"
	case "uint64":
		allowed = "a whole number, 0 or more"
	}
	return usage("%s %q; allowed: %s", name, refused.GetValue(), allowed)
}

// firstRune returns the first character of a word: a cluster of one-letter flags may end in the value
// of one of them, which is not shown.
func firstRune(word string) string {
	for _, r := range word {
		return string(r)
	}
	return ""
}

// flagNames lists the long flags that a command takes.
func flagNames(cmd *cobra.Command) []string {
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	return names
}
