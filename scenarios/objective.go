package scenarios

import (
	"fmt"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// An Objective is what callers are promised. A zero limit does not bind; the zero Objective
// promises nothing. It is written as limits, or as the name of a preset, or as a preset with some
// limits of its own: {preset: llama3.1-8b, success: 99%}.
type Objective struct {
	Preset  string        `yaml:"preset,omitempty"`
	Success sim.Share     `yaml:"success,omitempty" check:"positive"` // least share of offered calls that are ok
	P50     time.Duration `yaml:"p50,omitempty" check:"positive"`     // of response times of ok calls
	P95     time.Duration `yaml:"p95,omitempty" check:"positive"`
	P99     time.Duration `yaml:"p99,omitempty" check:"positive"`
	TTFTP99 time.Duration `yaml:"ttft_p99,omitempty" check:"positive"` // first token
	TPOTP99 time.Duration `yaml:"tpot_p99,omitempty" check:"positive"` // time per further token
}

// presets are the latency constraints of MLPerf Inference's server and interactive scenarios
// (mlperf.conf): 99th percentiles of first token and of time per further token.
var presets = []struct {
	name       string
	ttft, tpot time.Duration
}{
	{"llama2-70b", 2000 * time.Millisecond, 200 * time.Millisecond},
	{"llama2-70b-interactive", 450 * time.Millisecond, 40 * time.Millisecond},
	{"llama3.1-8b", 2000 * time.Millisecond, 100 * time.Millisecond},
	{"llama3.1-8b-interactive", 500 * time.Millisecond, 30 * time.Millisecond},
	{"llama3.1-405b", 6000 * time.Millisecond, 175 * time.Millisecond},
	{"llama3.1-405b-interactive", 4500 * time.Millisecond, 80 * time.Millisecond},
	{"deepseek-r1", 2000 * time.Millisecond, 80 * time.Millisecond},
	{"deepseek-r1-interactive", 1500 * time.Millisecond, 15 * time.Millisecond},
}

// Presets lists the names of the objectives that need not be spelt out.
func Presets() []string {
	names := make([]string, len(presets))
	for i := range presets {
		names[i] = presets[i].name
	}
	return names
}

// IsZero reports whether nothing is promised.
func (o Objective) IsZero() bool { return o == Objective{} }

// UnmarshalYAML reads a preset's name or a mapping. Limits that are written go over the preset's.
func (o *Objective) UnmarshalYAML(decode func(any) error) error {
	type plain Objective // without this method
	var form any
	if err := decode(&form); err != nil {
		return err
	}
	*o = Objective{}
	path := "preset"
	if name, ok := form.(string); ok {
		path, o.Preset = "", name
	} else {
		var first plain
		if err := decode(&first); err != nil {
			return err
		}
		o.Preset = first.Preset
	}
	if o.Preset != "" {
		found := false
		for _, p := range presets {
			if p.name == o.Preset {
				found, o.TTFTP99, o.TPOTP99 = true, p.ttft, p.tpot
			}
		}
		if !found {
			return sim.Faults{{Path: path, Found: fmt.Sprintf("%q", shortened(o.Preset)),
				Allowed: "limits such as {success: 99%, p99: 2s}, or one of " + allowedNames(o.Preset, Presets())}}
		}
	}
	if path == "" {
		return nil
	}
	return decode((*plain)(o))
}
