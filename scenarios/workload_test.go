package scenarios

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/headroom-dev/headroom/sim"
)

func TestKeysInTurn(t *testing.T) {
	s := parse(t, "load: {arrivals: uniform, phases: [{name: a, rate: 10, for: 1s}]}\nrequests: {keys: {cycle: {n: 4}}}")
	var got []uint64
	for _, a := range arrivals(t, s, 1) {
		got = append(got, a.Request.Key)
	}
	if want := []uint64{1, 2, 3, 4, 1, 2, 3, 4, 1, 2}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if !s.Fixed() {
		t.Error("keys in turn do not depend on the seed, but Fixed says no")
	}
}

// common is how many names two prompts share from their start.
func common(a, b sim.Request) int {
	n := 0
	for n < min(len(a.Prefix), len(b.Prefix)) && a.Prefix[n] == b.Prefix[n] {
		n++
	}
	return n
}

// 100 keys in 10 groups with 100 tokens in common: 6 whole blocks of 16.
func TestPromptsOfAGroupBeginAlike(t *testing.T) {
	s := parse(t, `load: {phases: [{name: a, rate: 100, for: 5s}]}
requests: {prompt: {uniform: {min: 50, max: 300}}, keys: {cycle: {n: 100}}, prefix: {groups: 10, tokens: 100}}`)
	all := arrivals(t, s, 1)
	places := map[uint64]int{}
	for i, a := range all {
		if len(a.Request.Prefix) != a.Request.Prompt/16 {
			t.Fatalf("%d names for %d tokens", len(a.Request.Prefix), a.Request.Prompt)
		}
		for place, name := range a.Request.Prefix {
			if before, seen := places[name]; seen && before != place {
				t.Fatalf("name %x is block %d of one prompt and block %d of another", name, before, place)
			}
			places[name] = place
		}
		for _, b := range all[:i] {
			want := 0
			switch shorter := min(len(a.Request.Prefix), len(b.Request.Prefix)); {
			case a.Request.Key == b.Request.Key:
				want = shorter
			case a.Request.Key%10 == b.Request.Key%10:
				want = min(6, shorter)
			}
			if got := common(a.Request, b.Request); got != want {
				t.Fatalf("keys %d and %d have %d names in common, want %d", a.Request.Key, b.Request.Key, got, want)
			}
		}
	}
}

// TestCountedPoisson: as many calls as the rate says, and given that, Poisson arrivals: the k-th of n
// uniform times in [0, T] is T k/(n+1) on average with variance T^2 k (n+1-k) / ((n+1)^2 (n+2)).
func TestCountedPoisson(t *testing.T) {
	s := parse(t, `load: {arrivals: {poisson: {exact: true}}, phases: [
  {name: a, rate: 9.7/s, for: 1s}, {name: none, rate: 0, for: 1s}, {name: b, rate: 30/s, for: 2s, ramp: 2s}]}`)
	if s.Calls() != 40 {
		t.Errorf("Calls says %v, want 10 + 30", s.Calls())
	}
	const seeds, n = 4000, 10
	var mean [n]float64
	early := 0.0
	for seed := range uint64(seeds) {
		all := arrivals(t, s, seed)
		if len(all) != 40 {
			t.Fatalf("seed %d: %d calls, want 40", seed, len(all))
		}
		for k, a := range all[:n] {
			mean[k] += a.At.Seconds() / seeds
		}
		for _, a := range all[n:] {
			if a.At < 3*time.Second {
				early++
			}
		}
	}
	for i, got := range mean {
		k := float64(i + 1)
		want, err := k/(n+1), math.Sqrt(k*(n+1-k)/((n+1)*(n+1)*(n+2))/seeds)
		if math.Abs(got-want) > 4*err {
			t.Errorf("call %d arrives at %v on average, want %v within 4 standard errors of %v", i, got, want, err)
		}
	}
	// On a ramp from 0 a quarter of the calls come in the first half.
	if got := early / (30 * seeds); math.Abs(got-0.25) > 4*math.Sqrt(0.25*0.75/(30*seeds)) {
		t.Errorf("%v of the ramp's calls come in its first half, want 0.25", got)
	}
}

func TestWorkloadFormsReadAsTheyAreWritten(t *testing.T) {
	for _, text := range []string{
		"load: {phases: [{name: a, rate: 1/s, for: 1s}]}\nrequests: {keys: {cycle: {n: 100}}, prefix: {groups: 10, tokens: 100}, patience: 0s}",
		"load: {arrivals: {poisson: {exact: true}}, phases: [{name: a, rate: 1/s, for: 1s}]}",
	} {
		s := parse(t, text)
		out, err := EffectiveYAML(s)
		if err != nil {
			t.Fatal(err)
		}
		back := parse(t, string(out))
		if diff := cmp.Diff([]any{back.Requests.Keys, back.Requests.Prefix, back.Load.Arrivals}, []any{s.Requests.Keys, s.Requests.Prefix, s.Load.Arrivals}); diff != "" {
			t.Errorf("%s:\n%s", text, diff)
		}
	}
}
