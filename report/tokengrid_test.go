package report

import (
	"bytes"
	"strings"
	"testing"
)

// Times of tokens are shown where a real service told them or the objective limits them, also where
// they are too few for a P99; nowhere else.
func TestTokenTimesAreShown(t *testing.T) {
	for _, row := range []struct {
		why      string
		measured bool
		limit    *float64
		ttft     *float64
		want     bool
	}{
		{"a real service that streams", true, nil, ptr(120.0), true},
		{"a real service that does not", true, nil, nil, false},
		{"simulated, and nobody asked", false, nil, ptr(120.0), false},
		{"simulated, and the objective limits it", false, ptr(2000.0), ptr(120.0), true},
	} {
		r := &Result{
			Measured: row.measured, Phases: []PhaseInfo{{Name: "steady", ToS: 10, RateQP: 5, IsPeak: true}},
			Offered: Offered{Calls: 50, PeakQPS: 7},
			Strategies: []Strategy{{Name: "sync", Phases: []Figures{{
				Name: "steady", Calls: 50, Success: ptr(1.0), TTFTP50MS: row.ttft, TokensPerS: ptr(640.0),
			}}}},
		}
		if row.limit != nil {
			r.Objective = &Objective{TTFTP99MS: row.limit}
		}
		for name, write := range map[string]func(*bytes.Buffer) error{
			"text":     func(b *bytes.Buffer) error { return WriteText(b, r, Options{}) },
			"Markdown": func(b *bytes.Buffer) error { return WriteMarkdown(b, r, Options{}) },
		} {
			var b bytes.Buffer
			if err := write(&b); err != nil {
				t.Fatal(err)
			}
			shown := strings.Contains(b.String(), "TTFT P50") && strings.Contains(b.String(), "120 ms") && strings.Contains(b.String(), "640")
			if shown != row.want {
				t.Errorf("%s, %s: shown %v, want %v:\n%s", row.why, name, shown, row.want, b.String())
			}
		}
	}
}
