package report

import (
	"bytes"
	"strings"
	"testing"
)

// used is a collector's gauges after two runs of ten seconds, by hand.
func used() gaugeSums {
	var g gaugeSums
	g.add(0, []Gauge{
		{Name: "service waiting", Values: []float64{9, 9, 9, 9, 9, 9, 9, 9, 9, 9}},
		{Name: ResourcePrefix + "running slots", Values: []float64{0.2, 0.2, 0.4, 0.4, 1, 1, 1, 0.6, 0, 0}},
		{Name: ResourcePrefix + "kv memory", Values: []float64{0.1, 0.1, 0.1, 0.1, 0.3, 0.3, 0.3, 0.3, 0, 0}},
	})
	g.add(1, []Gauge{
		{Name: "service waiting", Values: []float64{9, 9, 9, 9}},
		{Name: ResourcePrefix + "running slots", Values: []float64{0.2, 0.2, 0.4, 0.4, 1, 1, 0.4, 0.2}},
		{Name: ResourcePrefix + "kv memory", Values: []float64{0.1, 0.1, 0.1, 0.1, 0.3, 0.3, 0.3, 0.3}},
	})
	return g
}

func TestResourcesOfAPhase(t *testing.T) {
	g := used()
	for _, row := range []struct {
		phase PhaseInfo
		want  []ResourceUse
	}{
		{PhaseInfo{FromS: 0, ToS: 4}, []ResourceUse{{"running slots", 0.3, 0}, {"kv memory", 0.1, 0}}},
		{PhaseInfo{FromS: 4, ToS: 8}, []ResourceUse{{"running slots", 0.775, 0.625}, {"kv memory", 0.3, 0}}},
		{PhaseInfo{FromS: 7, ToS: 7, Closed: true}, []ResourceUse{{"running slots", 0.2, 0}, {"kv memory", 0.15, 0}}}, // 0.6 0 0, 0.2
		{PhaseInfo{FromS: 20, ToS: 30}, nil},
	} {
		got := g.resources(row.phase)
		if len(got) != len(row.want) {
			t.Errorf("%v: got %v, want %v", row.phase, got, row.want)
			continue
		}
		for i, want := range row.want {
			if d := got[i].Mean - want.Mean; got[i].Name != want.Name || got[i].Full != want.Full || d > 1e-9 || d < -1e-9 {
				t.Errorf("%v: got %v, want %v", row.phase, got[i], want)
			}
		}
	}
}

func TestBottleneckIsNamed(t *testing.T) {
	r := spikeResult()
	for i := range r.Strategies {
		r.Strategies[i].Phases[1].Resources = []ResourceUse{
			{"running slots", 0.9 + 0.02*float64(i), 0.5}, {"kv memory", 0.43, 0}, {"engine", 0.8 + 0.01*float64(i), 0.05},
		}
		r.Strategies[i].Phases[0].Resources = []ResourceUse{{"running slots", 0.25, 0}}
	}
	const spike = "saturated in spike: running slots 90 to 100 % (full 50 % of the time); used: kv memory 43 %, engine 80 to 85 %"
	if got := r.bottleneck(1); got != spike {
		t.Errorf("got %q\nwant %q", got, spike)
	}
	for name, write := range map[string]func(*bytes.Buffer) error{
		"text":     func(b *bytes.Buffer) error { return WriteText(b, r, Options{Width: 200}) },
		"markdown": func(b *bytes.Buffer) error { return WriteMarkdown(b, r, Options{}) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(b.String(), `\`, "")
		first := strings.Index(text, spike[1:])
		if second := strings.Index(text, "aturated in before: nothing; used: running slots 25 %"); first < 0 || second < first {
			t.Errorf("the %s does not name the bottleneck, the phase that decides first:\n%s", name, text)
		}
		if strings.Contains(text, "aturated in recovery") {
			t.Errorf("the %s tells of a phase that nothing is known of", name)
		}
	}
}
