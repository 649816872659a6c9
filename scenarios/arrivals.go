package scenarios

import (
	"fmt"

	"github.com/headroom-dev/headroom/sim"
)

// Arrivals say how calls are spaced at a given rate:
//
//	poisson                         independent callers: exponential gaps
//	{poisson: {exact: true}}        the same, given the number: each phase has the calls its rate says, rounded
//	uniform                         evenly spaced, the first half a gap from the start
//	{gamma: {cv: 3}}                gaps of that coefficient of variation; above 1, bursts
//	{trace: {file: F, speed: 2x}}   what was recorded
type Arrivals struct {
	Kind  string  // "poisson", "uniform", "gamma" or "trace"
	CV    float64 // of gamma's gaps
	Exact bool    // poisson with a fixed number of calls in each phase
	Trace *Trace
}

var arrivalKinds = []string{"poisson", "uniform", "gamma", "trace"}

// UnmarshalYAML reads the forms above.
func (a *Arrivals) UnmarshalYAML(decode func(any) error) error {
	const forms = `poisson, uniform, {poisson: {exact: true}}, {gamma: {cv: 3}} or {trace: {file: F}}`
	var form any
	if err := decode(&form); err != nil {
		return err
	}
	switch form := form.(type) {
	case string:
		if form != "poisson" && form != "uniform" {
			return sim.Faults{{Found: fmt.Sprintf("%q", form), Allowed: suggested(forms, form, arrivalKinds)}}
		}
		*a = Arrivals{Kind: form}
		return nil
	case map[string]any:
		if len(form) != 1 {
			return sim.Faults{{Found: fmt.Sprintf("%d kinds", len(form)), Allowed: "one of " + forms}}
		}
	default:
		return sim.Faults{{Found: "neither a word nor a mapping", Allowed: forms}}
	}
	var kinds struct {
		Poisson *struct {
			Exact bool `yaml:"exact"`
		} `yaml:"poisson"`
		Gamma *struct {
			CV float64 `yaml:"cv"`
		} `yaml:"gamma"`
		Trace *Trace `yaml:"trace"`
	}
	if err := decode(&kinds); err != nil {
		return err
	}
	switch {
	case kinds.Poisson != nil:
		*a = Arrivals{Kind: "poisson", Exact: kinds.Poisson.Exact}
	case kinds.Gamma != nil:
		*a = Arrivals{Kind: "gamma", CV: kinds.Gamma.CV}
		if !(a.CV >= 0.01 && a.CV <= 100) {
			return sim.Faults{{Path: "gamma.cv", Found: zeroIsNothing(a.CV), Allowed: "0.01 to 100; 1 is poisson, more comes in bursts"}}
		}
	case kinds.Trace != nil:
		*a = Arrivals{Kind: "trace", Trace: kinds.Trace}
	default:
		return sim.Faults{{Found: "nothing chosen", Allowed: forms}}
	}
	return nil
}

// suggested adds the nearest name to what is allowed.
func suggested(allowed, word string, known []string) string {
	if near, ok := Nearest(word, known); ok {
		return allowed + " (did you mean " + near + "?)"
	}
	return allowed
}

func zeroIsNothing(x float64) string {
	if x == 0 {
		return ""
	}
	return fmt.Sprint(x)
}

// MarshalYAML writes the form that was read.
func (a Arrivals) MarshalYAML() (any, error) {
	switch a.Kind {
	case "poisson":
		if a.Exact {
			return sim.Fields{{Name: "poisson", Value: sim.Fields{{Name: "exact", Value: true}}}}, nil
		}
	case "gamma":
		return sim.Fields{{Name: "gamma", Value: sim.Fields{{Name: "cv", Value: a.CV}}}}, nil
	case "trace":
		return sim.Fields{{Name: "trace", Value: a.Trace}}, nil
	}
	return a.Kind, nil
}
