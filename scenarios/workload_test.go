package scenarios

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// TestExactPoissonHasItsCount: each phase has rate x for calls, wherever they fall; given their number
// they are independent and uniform, so the i-th of n is at i/(n+1) on average and the gaps are as
// irregular as exponential ones.
func TestExactPoissonHasItsCount(t *testing.T) {
	s := parse(t, `{load: {arrivals: {poisson: {exact: true}}, phases: [
		{name: a, rate: 5/s, for: 60s}, {name: b, rate: 50/s, for: 20s}, {name: c, rate: 0/s, for: 5s}, {name: d, rate: 2/s, for: 10s}]}}`)
	const seeds = 200
	var first, last, square float64
	for seed := range uint64(seeds) {
		counts := make([]int, 4)
		before := time.Duration(0)
		for i, a := range arrivals(t, s, seed) {
			counts[a.Phase]++
			if a.Phase != 0 {
				continue
			}
			if i == 0 {
				first += a.At.Seconds() / seeds
			}
			if i == 299 {
				last += a.At.Seconds() / seeds
			}
			gap := (a.At - before).Seconds()
			square += gap * gap / seeds / 300
			before = a.At
		}
		if !slices.Equal(counts, []int{300, 1000, 0, 20}) {
			t.Fatalf("seed %d: got %v calls, want 300, 1000, 0 and 20", seed, counts)
		}
	}
	const n, length = 300.0, 60.0
	// Gaps of n uniform points: mean square 2 L^2 / ((n+1)(n+2)).
	if want := 2 * length * length / ((n + 1) * (n + 2)); math.Abs(square/want-1) > 0.03 {
		t.Errorf("got a mean square gap of %.5g s², want %.5g", square, want)
	}
	for _, row := range []struct {
		about     string
		got, want float64
	}{{"first", first, length / (n + 1)}, {"last", last, length * n / (n + 1)}} {
		if math.Abs(row.got-row.want) > 0.05 {
			t.Errorf("the %s call of the first phase is at %.3f s on average, want %.3f", row.about, row.got, row.want)
		}
	}
}

// TestCycleOfKeys: keys in turn, each with one prompt.
func TestCycleOfKeys(t *testing.T) {
	s := parse(t, `{load: {phases: [{name: a, rate: 50/s, for: 10s}]}, requests: {prompt: {uniform: {min: 10, max: 1000}}, keys: {cycle: {n: 7}}}}`)
	all := arrivals(t, s, 1)
	for i, a := range all {
		if want := uint64(i%7) + 1; a.Request.Key != want {
			t.Fatalf("call %d: got key %d, want %d", i, a.Request.Key, want)
		}
		if i >= 7 && a.Request.Prompt != all[i-7].Request.Prompt {
			t.Fatalf("call %d: got a prompt of %d tokens, and of %d for the same key", i, a.Request.Prompt, all[i-7].Request.Prompt)
		}
	}
}

// TestPrefixOfGroups: 100 shared tokens are six full blocks of 16; what lies behind them is the key's.
func TestPrefixOfGroups(t *testing.T) {
	s := parse(t, `{load: {phases: [{name: a, rate: 50/s, for: 10s}]}, requests: {prompt: 592, keys: {cycle: {n: 100}}, prefix: {groups: 10, tokens: 100}}}`)
	all := arrivals(t, s, 1)
	common := func(a, b []uint64) int {
		n := 0
		for n < min(len(a), len(b)) && a[n] == b[n] {
			n++
		}
		return n
	}
	names := map[uint64]bool{}
	for i, a := range all[:100] {
		p := a.Request.Prefix
		if len(p) != 592/sim.PrefixBlock {
			t.Fatalf("call %d: got %d names, want %d", i, len(p), 592/sim.PrefixBlock)
		}
		for _, name := range p {
			names[name] = true
		}
		for j, want := range map[int]int{(i + 1) % 100: 0, (i + 10) % 100: 6, i + 100: 37} {
			if got := common(p, all[j].Request.Prefix); got != want {
				t.Fatalf("calls %d and %d: got %d names in common, want %d", i, j, got, want)
			}
		}
	}
	if want := 10*6 + 100*31; len(names) != want {
		t.Errorf("got %d different names, want %d", len(names), want)
	}
	short := parse(t, `{load: {phases: [{name: a, rate: 5/s, for: 1s}]}, requests: {prompt: 40, prefix: {groups: 1, tokens: 100}}}`)
	for _, a := range arrivals(t, short, 1) {
		if got := len(a.Request.Prefix); got != 2 {
			t.Errorf("got %d names for a prompt of 40 tokens, want its 2 full blocks", got)
		}
	}
}

func TestWorkloadFormsComeBack(t *testing.T) {
	for _, text := range []string{
		"{load: {arrivals: {poisson: {exact: true}}, phases: [{name: a, rate: 5/s, for: 1s}]}, requests: {keys: {cycle: {n: 100}}, prefix: {groups: 10, tokens: 100}}}",
		"{load: {phases: [{name: a, rate: 5/s, for: 1s}]}, requests: {keys: {zipf: {s: 1, n: 100}}}}",
	} {
		first := parse(t, text)
		full, err := EffectiveYAML(first)
		if err != nil {
			t.Fatal(err)
		}
		second := parse(t, string(full))
		if first.Load.Arrivals != second.Load.Arrivals || first.Requests.Keys != second.Requests.Keys || first.Requests.Prefix != second.Requests.Prefix {
			t.Errorf("got %+v and %+v after writing and reading", first, second)
		}
	}
	for text, want := range map[string]string{
		"{requests: {keys: {cycle: {n: 0}}}}":                      "1 to 1000000000 keys",
		"{requests: {keys: {cycle: {n: 3}, zipf: {s: 1, n: 3}}}}":  "zipf and cycle",
		"{requests: {prefix: {groups: 0, tokens: 100}}}":           "groups",
		"{requests: {prefix: {groups: 1, tokens: -4}}}":            "tokens",
		"{load: {arrivals: {poisson: {exakt: true}}, phases: []}}": "exakt",
	} {
		if _, err := Parse("test.yaml", strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want a fault about %s", text, err, want)
		}
	}
}
