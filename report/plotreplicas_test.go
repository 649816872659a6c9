package report

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// replicasResult is the result of the default scenario with replicas that follow the spike.
func replicasResult(changes bool) *Result {
	r := spikeResult()
	for i := range r.Strategies {
		s := &r.Strategies[i].Series
		n := len(s.Offered)
		ready, starting, dead := make([]float64, n), make([]float64, n), make([]float64, n)
		for t := range ready {
			ready[t] = 2
			if changes && t >= 60 {
				ready[t] = 6
			}
			if changes && t >= 40 && t < 60 {
				starting[t] = 4
			}
		}
		s.Gauges = append(s.Gauges, Gauge{"replicas ready", ready}, Gauge{"replicas starting", starting}, Gauge{"replicas dead", dead})
	}
	return r
}

func TestReplicasArePlottedWhereTheyChange(t *testing.T) {
	for _, row := range []struct {
		about  string
		result *Result
		want   bool
	}{
		{"they change", replicasResult(true), true},
		{"they do not change", replicasResult(false), false},
		{"nobody counted them", spikeResult(), false},
	} {
		plots := Plots(row.result)
		at := slices.IndexFunc(plots, func(p Plot) bool { return p.Name == "replicas" })
		if (at >= 0) != row.want {
			t.Errorf("%s: got a plot of replicas %v, want %v", row.about, at >= 0, row.want)
		}
		if at < 0 {
			continue
		}
		var svg bytes.Buffer
		if err := plots[at].WriteSVG(&svg); err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{">ready<", ">starting<", ">replicas<", ">spike<", ">resilient<"} {
			if !strings.Contains(svg.String(), word) {
				t.Errorf("the plot does not say %q", word)
			}
		}
		if strings.Contains(svg.String(), ">dead<") {
			t.Error("the plot explains a line that is never there")
		}
		if svg.Len() > 100_000 {
			t.Errorf("got %d bytes, want at most 100 kB", svg.Len())
		}
	}
}
