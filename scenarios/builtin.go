package scenarios

import (
	"embed"
	"slices"
)

//go:embed *.yaml
var builtinFiles embed.FS

// An Info introduces a built-in scenario.
type Info struct{ Name, About string }

// builtins are the scenarios that need no file, in the order in which lists show them; the first is
// the default.
var builtins = []Info{
	{"spike-100-1000", "traffic jumps from 100 to 1000 calls/s for ten seconds; the service carries a fifth of that"},
	{"spike-equal-patience", "the same jump where all callers are equally patient and the service's own queue is as long: no queue beats another"},
	{"autoscale-spike", "a step to ten times the load meets an autoscaler that looks at the queue"},
	{"autoscale-spike-utilisation", "the same step where the autoscaler looks at the busy share: it scales later and slower"},
	{"retry-storm", "a spike of ten seconds, after which immediate retries keep the service down; with a budget it recovers"},
	{"thundering-herd", "two thousand jobs start at once; without jitter they come back at once"},
	{"cache-stampede", "answers asked for 500 times a second expire together; a single flight asks once"},
	{"azure-code", "a recorded code-completion service with its bursts; give a real trace with --trace FILE"},
}

// Builtins lists the built-in scenarios.
func Builtins() []Info { return slices.Clone(builtins) }

// Builtin returns the text of a built-in scenario.
func Builtin(name string) ([]byte, bool) {
	if !slices.ContainsFunc(builtins, func(b Info) bool { return b.Name == name }) {
		return nil, false
	}
	text, err := builtinFiles.ReadFile(name + ".yaml")
	return text, err == nil
}
