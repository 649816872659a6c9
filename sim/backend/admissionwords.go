package backend

import (
	"fmt"
	"strconv"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// A Dispatch says where calls wait that cannot run yet.
type Dispatch string

const (
	// Immediate hands a call to a replica at once, and the replicas queue, as nginx before vLLM does.
	Immediate Dispatch = "immediate"
	// Pull keeps the calls at the gateway; a replica takes the next when it has a slot.
	Pull Dispatch = "pull"
)

// Schema describes it.
func (Dispatch) Schema() map[string]any { return map[string]any{"enum": []any{Immediate, Pull}} }

// A Scope is what a limit counts over.
type Scope string

// PerService counts over all replicas together, PerReplica in each: the replica that the balancer
// picked says no. Empty is PerService.
const (
	PerService Scope = "service"
	PerReplica Scope = "replica"
)

// Schema describes it.
func (Scope) Schema() map[string]any { return map[string]any{"enum": []any{PerService, PerReplica}} }

// WhenFull is the status of a call that is over a limit, or Wait. Zero is the profile's status.
type WhenFull int

// Wait lets calls over a limit wait at the gateway, however many.
const Wait WhenFull = -1

const whenFullAllowed = "503, 529, 429, wait"

// UnmarshalText reads a status or "wait".
func (w *WhenFull) UnmarshalText(text []byte) error {
	if string(text) == "wait" {
		*w = Wait
		return nil
	}
	status, err := strconv.Atoi(string(text))
	if err != nil || status <= 0 {
		return sim.Faults{{Found: string(text), Allowed: whenFullAllowed}}
	}
	*w = WhenFull(status)
	return nil
}

// MarshalYAML writes the status as a number.
func (w WhenFull) MarshalYAML() (any, error) {
	if w == Wait {
		return "wait", nil
	}
	return int(w), nil
}

// Schema describes it.
func (WhenFull) Schema() map[string]any {
	return map[string]any{"description": "status of a call over a limit; or wait, without bound", "enum": []any{503, 529, 429, "503", "529", "429", "wait"}}
}

func (w WhenFull) check(f *sim.Faults) {
	switch w {
	case 0, Wait, 503, 529, 429:
	default:
		f.Add("admission.when_full", fmt.Sprint(int(w)), whenFullAllowed)
	}
}

// RetryAfter is what a refusal tells the caller to wait. The zero RetryAfter says nothing.
type RetryAfter struct {
	Fixed time.Duration // always this; 0: not said
	Drain bool          // calls waiting / calls answered per second in the last 10 s
}

const retryAfterAllowed = "none, drain, or a duration such as 2s"

// UnmarshalText reads "none", "drain" or a duration.
func (a *RetryAfter) UnmarshalText(text []byte) error {
	switch word := string(text); word {
	case "none":
		*a = RetryAfter{}
	case "drain":
		*a = RetryAfter{Drain: true}
	default:
		d, err := time.ParseDuration(word)
		if err != nil || d < 0 {
			return sim.Faults{{Found: word, Allowed: retryAfterAllowed}}
		}
		*a = RetryAfter{Fixed: d}
	}
	return nil
}

// MarshalText writes what was read.
func (a RetryAfter) MarshalText() ([]byte, error) {
	switch {
	case a.Drain:
		return []byte("drain"), nil
	case a.Fixed == 0:
		return []byte("none"), nil
	}
	return []byte(a.Fixed.String()), nil
}

// Schema describes it.
func (RetryAfter) Schema() map[string]any {
	return map[string]any{"description": "what a refusal tells the caller to wait", "anyOf": []any{
		map[string]any{"enum": []any{"none", "drain"}}, map[string]any{"type": "string", "pattern": sim.DurationPattern}}}
}
