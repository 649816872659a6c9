package sim

import "strings"

// constant is the kind of a plain value; in a mix it is spelt out.
const constant = "value"

// A lawForm is a kind of law and its parameters, in the order of quantity.values.
type lawForm struct {
	kind       string
	parameters []parameter
	build      func(p []float64) law // nil where reading needs more than the values
}

// A parameter is a name and the values it may have. Those with a unit are values of the quantity,
// the others plain numbers between least (excluded) and most.
type parameter struct {
	name        string
	unit        bool
	zero        bool // with a unit: zero is allowed
	least, most float64
}

// forms are the laws there are, in the order in which messages list them.
var forms = []lawForm{
	{constant, nil, nil},
	{"exp", []parameter{{name: "mean", unit: true}}, func(p []float64) law { return exponential(p[0]) }},
	{"uniform", []parameter{{name: "min", unit: true, zero: true}, {name: "max", unit: true}},
		func(p []float64) law { return uniform{p[0], p[1] - p[0]} }},
	{"lognormal", []parameter{{name: "mean", unit: true}, {name: "p99", unit: true}}, nil},
	{"gamma", []parameter{{name: "mean", unit: true}, {name: "cv", least: 0, most: 1000}},
		func(p []float64) law { return newGamma(p[0], p[1]) }},
	{"weibull", []parameter{{name: "mean", unit: true}, {name: "k", least: 0.01, most: 1000}},
		func(p []float64) law { return newWeibull(p[0], p[1]) }},
	{"pareto", []parameter{{name: "mean", unit: true}, {name: "alpha", least: 1, most: 1000}},
		func(p []float64) law { return newPareto(p[0], p[1]) }},
	{"mix", nil, nil},
	{"empirical", nil, nil},
}

func lawOf(kind string) *lawForm {
	for i := range forms {
		if forms[i].kind == kind {
			return &forms[i]
		}
	}
	return nil
}

// kinds lists the names of the laws; inside a mix a constant is one of them.
func kinds(inMix bool) string {
	var names []string
	for _, f := range forms {
		if inMix || f.kind != constant {
			names = append(names, f.kind)
		}
	}
	return strings.Join(names, ", ")
}
