package report

import (
	"bytes"
	"html"
	"math"
	"strings"
	"testing"
)

// svgOf returns a plot of r by its name.
func svgOf(t *testing.T, r *Result, name string) string {
	t.Helper()
	for _, p := range Plots(r) {
		if p.Name == name {
			var b bytes.Buffer
			if err := p.WriteSVG(&b); err != nil {
				t.Fatal(err)
			}
			return html.UnescapeString(b.String())
		}
	}
	t.Fatalf("no plot %s", name)
	return ""
}

func TestRatesDoNotFallInAStepThatTheLoadOnlyBegins(t *testing.T) {
	for _, c := range []struct{ end, step, want float64 }{
		{22_222, 10, 22_220}, {3436.34, 1, 3436}, {100, 1, 100}, {0.3, 0.1, 0.3}, {0.5, 1, 0.5}, {5, 0, 5},
	} {
		if got := wholeSteps(c.end, c.step); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("a load of %v s in steps of %v s: got %v, want %v", c.end, c.step, got, c.want)
		}
	}
}

func TestPlotsSayWhatTheirMarksAre(t *testing.T) {
	live := func(runs int) *Result {
		r := spikeResult()
		r.Measured, r.Seeds = true, r.Seeds[:runs]
		return r
	}
	bare := spikeResult()
	for i := range bare.Strategies {
		for j := range bare.Strategies[i].Phases {
			f := &bare.Strategies[i].Phases[j]
			f.SuccessCI, f.SuccessAtPatienceCI, f.P50CI, f.P95CI, f.P99CI = nil, nil, nil, nil, nil
		}
	}
	recorded := spikeResult()
	recorded.Phases[1].Recorded = true
	for _, c := range []struct {
		what string
		in   *Result
		plot string
		text string
		said bool
	}{
		{"simulated intervals are over the seeds", spikeResult(), "strategies", "intervals over the seeds.", true},
		{"and those of percentiles", spikeResult(), "percentiles", "intervals over the seeds.", true},
		{"those of one live run are not", live(1), "strategies", "intervals from within one run.", true},
		{"those of ten live runs are over the runs", live(10), "strategies", "intervals over the runs.", true},
		{"without an interval there is no bar", bare, "strategies", "Bars:", false},
		{"nor on the curve", bare, "percentiles", "Bars:", false},
		{"a rate of a phase", spikeResult(), "strategies", "mean 1000/s", false},
		{"of a recorded one it is a mean", recorded, "strategies", "mean 1000/s", true},
		{"seconds are drawn as they are", spikeResult(), "rates", "is the mean of", false},
		{"an hour is drawn in means", longResult(2), "rates", "is the mean of", true},
		{"and so are the outcomes", longResult(2), "outcomes", "is the mean of", true},
	} {
		t.Run(c.what, func(t *testing.T) {
			if got := strings.Contains(svgOf(t, c.in, c.plot), c.text); got != c.said {
				t.Errorf("%s says %q: got %v, want %v", c.plot, c.text, got, c.said)
			}
		})
	}
}
