package backend

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/headroom-dev/headroom/sim"
)

// Engine names the inference engine whose costs and scheduling are simulated:
// `engine: {name: vllm, version: "0.12", scheduling: sync}`. Version and scheduling are two switches:
// the version decides what a sequence costs the host in each step, the scheduling when a batch is
// formed, and measurements exist of a costly host that ran async.
type Engine struct {
	Name       string `yaml:"name"`                 // vllm, trtllm or sglang; vllm
	Version    string `yaml:"version,omitempty"`    // as "0.15" or "0.12.0"; absent: the newest class
	Scheduling string `yaml:"scheduling,omitempty"` // sync or async; absent: async, but sync for vllm before 0.14
}

// engineKind is an engine by name. Multiplier scales the whole step time: the 0.8 of TensorRT-LLM is
// rough, sources on SGLang disagree, and neither is verified.
type engineKind struct {
	name       string
	multiplier float64
}

var engineKinds = []engineKind{{"vllm", 1}, {"trtllm", 0.8}, {"sglang", 1}}

// The host's cost of a sequence and step, fitted to vLLM of these classes. Other engines number their
// versions otherwise and have no fit of their own: theirs is the older, larger one.
const (
	coefSequenceOld = 52.8e-6 // vLLM before 0.15, fitted at 0.12
	coefSequenceNew = 7.9e-6  // vLLM from 0.15
)

// kind returns the engine's row; Validate has passed it.
func (e Engine) kind() engineKind {
	row, _ := find(engineKinds, func(k engineKind) bool { return k.name == e.Name })
	return row
}

// perSequence returns cr, in seconds.
func (e Engine) perSequence() float64 {
	if e.Name == "vllm" && e.atLeast(0, 15) {
		return coefSequenceNew
	}
	return coefSequenceOld
}

// async reports whether a batch is formed while the step before it runs. That became vLLM's default
// with about 0.14 (unverified); the overlap schedulers of the other two do the same.
func (e Engine) async() bool {
	if e.Scheduling != "" {
		return e.Scheduling == "async"
	}
	return e.Name != "vllm" || e.atLeast(0, 14)
}

// atLeast compares the version; an absent one is the newest.
func (e Engine) atLeast(major, minor int) bool {
	if e.Version == "" {
		return true
	}
	gotMajor, gotMinor, _ := parseVersion(e.Version)
	return gotMajor > major || gotMajor == major && gotMinor >= minor
}

// parseVersion reads the first two numbers of 0.15, v0.12.0 or 0.14.0rc1.
//
//	version = ["v"] number ["." number [anything]]
func parseVersion(text string) (major, minor int, ok bool) {
	head, rest, _ := strings.Cut(strings.TrimPrefix(text, "v"), ".")
	major, err := strconv.Atoi(head)
	if err != nil || major < 0 {
		return 0, 0, false
	}
	digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
	if rest == "" {
		return major, 0, true
	}
	minor, err = strconv.Atoi(rest[:digits])
	return major, minor, err == nil
}

func (e Engine) check(f *sim.Faults) {
	if e.kind().name == "" {
		f.Add("engine.name", e.Name, names(engineKinds, func(k engineKind) string { return k.name }))
	}
	if _, _, ok := parseVersion(e.Version); !ok && e.Version != "" {
		f.Add("engine.version", e.Version, `numbers, as "0.15" or "0.12.0"`)
	}
	switch e.Scheduling {
	case "", "sync", "async":
	default:
		f.Add("engine.scheduling", e.Scheduling, "sync, async, or absent for the version's default")
	}
}

// Schema describes an engine: an unquoted version is a number to YAML.
func (Engine) Schema() map[string]any {
	kinds := make([]any, len(engineKinds))
	for i, k := range engineKinds {
		kinds[i] = k.name
	}
	return map[string]any{
		"type": "object", "additionalProperties": false, "description": "the engine and its version class",
		"properties": map[string]any{
			"name":       map[string]any{"enum": kinds},
			"version":    map[string]any{"anyOf": []any{map[string]any{"type": "string"}, map[string]any{"type": "number"}}},
			"scheduling": map[string]any{"enum": []any{"sync", "async"}},
		},
	}
}

// String is the engine as a report names it.
func (e Engine) String() string {
	scheduling := "sync"
	if e.async() {
		scheduling = "async"
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s", e.Name, e.Version)) + " " + scheduling
}
