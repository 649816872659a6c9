package cli

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"github.com/headroom-dev/headroom/internal/harness"
	"github.com/headroom-dev/headroom/scenarios"
)

func TestWithOrigins(t *testing.T) {
	const written = "name: x\nload:\n  phases:\n    - {name: a, rate: 5/s}\n    - {name: b, rate: 5/s}\nstrategies: [sync, {name: r, stack: [cache, {pooled: {size: 2}}]}]\n"
	const effective = `name: x
seeds: 20
load:
  arrivals: poisson
  phases:
    - {name: a, rate: 5/s, for: 1s}
    - {name: b, rate: 6/s, for: 2s}
strategies:
  - sync: {timeout: 0s}
  - name: r
    stack:
      - cache: {ttl: 1m}
      - pooled: {size: 3, wait: 10s}
`
	const want = `name: x
seeds: 20  # default
load:
  arrivals: poisson  # default
  phases:
    - {name: a, rate: 5/s, for: 1s}  # default: for
    - {name: b, rate: 6/s, for: 2s}  # --rate 6, --set load.phases[1].for=2s
strategies:
  - sync: {timeout: 0s}  # default
  - name: r
    stack:
      - cache: {ttl: 1m}  # default
      - pooled: {size: 3, wait: 10s}  # default: wait
`
	edits := []scenarios.Edit{{Path: "load.phases.b.rate", Value: "6/s", From: "--rate 6"}, {Path: "load.phases[1].for", Value: "2s"}}
	got := string(withOrigins([]byte(effective), []byte(written), edits))
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("commented (-got +want):\n%s", diff)
	}
}

func TestWithOriginsChangesNoBuiltin(t *testing.T) {
	for _, info := range scenarios.Builtins() {
		plan, err := harness.Load(info.Name, nil)
		if err != nil {
			t.Fatal(err)
		}
		text, err := plan.EffectiveYAML()
		if err != nil {
			t.Fatal(err)
		}
		own, _ := scenarios.Builtin(info.Name)
		commented := withOrigins(text, own, nil)
		if bytes.Equal(commented, text) {
			t.Errorf("%s: no comment at all", info.Name)
		}
		var before, after any
		if err := yaml.Unmarshal(text, &before); err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal(commented, &after); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, after); diff != "" {
			t.Errorf("%s: comments changed the scenario:\n%s", info.Name, diff)
		}
	}
}

func TestWithOriginsOfTextThatIsNoYAML(t *testing.T) {
	const text = "name: x\n"
	for _, written := range []string{"", "{", "\t"} {
		if got := string(withOrigins([]byte(text), []byte(written), nil)); got != text {
			t.Errorf("%q: got %q, want the text as it was", written, got)
		}
	}
}
