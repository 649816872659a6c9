package plan

import (
	"encoding/json"
	"math"
)

// A metric is a figure that a measured point may have. Times are milliseconds.
type metric int

const (
	ttft metric = iota
	ttftP50
	ttftP90
	ttftP99
	tpot
	e2e
	e2eP50
	e2eP90
	e2eP99
	success // share of the calls that were answered
	step    // time of one step
	numMetrics
)

var metricNames = [numMetrics]string{
	"ttft_ms", "ttft_p50_ms", "ttft_p90_ms", "ttft_p99_ms", "tpot_ms",
	"e2e_ms", "e2e_p50_ms", "e2e_p90_ms", "e2e_p99_ms", "success", "step_ms",
}

// Figures are metrics of a point; NaN where there is none.
type Figures [numMetrics]float64

// noFigures has none.
func noFigures() Figures {
	var f Figures
	for i := range f {
		f[i] = math.NaN()
	}
	return f
}

// has reports whether there is a figure.
func (f Figures) has(m metric) bool { return !math.IsNaN(f[m]) }

// against returns simulated / measured - 1, of the success simulated - measured.
func (f Figures) against(measured Figures) Figures {
	out := noFigures()
	for m := range f {
		switch {
		case !f.has(metric(m)) || !measured.has(metric(m)):
		case metric(m) == success:
			out[m] = f[m] - measured[m]
		case measured[m] > 0:
			out[m] = f[m]/measured[m] - 1
		}
	}
	return out
}

// MarshalJSON writes the figures there are, in a fixed order.
func (f Figures) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for m, v := range f {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		value, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		out = append(append(append(out, '"'), metricNames[m]...), '"', ':')
		out = append(out, value...)
	}
	return append(out, '}'), nil
}

// meanFigures returns the mean of each metric over the runs that have it.
func meanFigures(all []Figures) Figures {
	out := noFigures()
	for m := range out {
		sum, n := 0.0, 0
		for _, f := range all {
			if f.has(metric(m)) {
				sum += f[m]
				n++
			}
		}
		if n > 0 {
			out[m] = sum / float64(n)
		}
	}
	return out
}
