package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Demand is a gate and how it is to be judged.
type Demand struct {
	Gate
	Strict      bool    // false: shown, never blocks
	Confidence  float64 // two-sided, of the interval that decides; 0.95 unless given
	MinCalls    int     // fewer calls in a run of the selection are no data
	NoDataPass  bool    // no data counts as passed
	AbortOnFail bool    // live: stop as soon as the point value breaks the gate
	DelayAbort  time.Duration
}

// Names are what selectors may name.
type Names struct{ Phases, Strategies, Priorities []string }

// NamesOf are those of a Result.
func NamesOf(r *Result) Names {
	n := Names{Priorities: r.Priorities}
	for i := range r.Phases {
		n.Phases = append(n.Phases, r.Phases[i].Name)
	}
	for i := range r.Strategies {
		n.Strategies = append(n.Strategies, r.Strategies[i].Name)
	}
	return n
}

// Resolve finds what the values without a key name, and refuses names that there are not.
func (g *Gate) Resolve(n Names) error {
	if err := g.resolve(&g.Quantity, n); err != nil {
		return err
	}
	for i := range g.Bound.Terms {
		if q := g.Bound.Terms[i].Quantity; q != nil {
			if err := g.resolve(q, n); err != nil {
				return err
			}
		}
	}
	return nil
}

func (g *Gate) resolve(q *Quantity, n Names) error {
	s := &q.Selector
	kinds := []struct {
		key  string
		into *string
		have []string
	}{
		{"phase", &s.Phase, n.Phases}, {"strategy", &s.Strategy, n.Strategies},
		{"priority", &s.Priority, n.Priorities}, {"attempt", &s.Attempt, []string{"first", "final"}},
	}
	for _, word := range s.Bare {
		var are []int
		var known []string
		for i, kind := range kinds {
			known = append(known, kind.have...)
			if slices.Contains(kind.have, word.Text) {
				are = append(are, i)
			}
		}
		switch {
		case len(are) == 0:
			return &GateError{Expr: g.Expr, At: word.At, Found: strconv.Quote(word.Text) + " names nothing here", Known: known}
		case len(are) > 1:
			var forms []string
			for _, i := range are {
				forms = append(forms, kinds[i].key+"="+quotedName(word.Text))
			}
			return &GateError{Expr: g.Expr, At: word.At, Found: strconv.Quote(word.Text) + " names several things", Allowed: strings.Join(forms, ", ")}
		case *kinds[are[0]].into != "":
			return &GateError{Expr: g.Expr, At: word.At, Found: "a second " + kinds[are[0]].key, Allowed: "each once"}
		}
		*kinds[are[0]].into = word.Text
	}
	s.Bare = nil
	for _, kind := range kinds {
		if name := *kind.into; name != "" && !slices.Contains(kind.have, name) {
			found := fmt.Sprintf("unknown %s %q", kind.key, name)
			if len(kind.have) == 0 {
				return &GateError{Expr: g.Expr, Found: found, Allowed: "no " + kind.key + ": the scenario has none"}
			}
			return &GateError{Expr: g.Expr, Found: found, Known: kind.have}
		}
	}
	if s.Attempt == "final" {
		s.Attempt = ""
	}
	return g.possible(q)
}

// possible refuses what is not recorded.
func (g *Gate) possible(q *Quantity) error {
	s := q.Selector
	fault := func(found, allowed string) error { return &GateError{Expr: g.Expr, Found: found, Allowed: allowed} }
	switch {
	case q.Metric == "itl":
		return fault("itl: gaps between single tokens are not kept by run", "tpot, the mean gap of each call")
	case s.Attempt == "first" && !isShare(q.Measure):
		return fault("attempt=first of "+q.String(), "attempt=first with success or an outcome")
	case s.Priority != "" && q.Measure != "" && !isShare(q.Measure):
		return fault("a priority of "+q.Measure, "success, an outcome, or a time such as p99 by priority")
	case s.Priority != "" && q.Stat.Kind == "avg":
		return fault("a mean by priority", "a percentile, min or max by priority")
	case q.Stat.Kind == "avg" && q.Metric != "response_time":
		return fault("the mean of "+q.Metric, "avg of response_time, or a percentile such as "+q.Metric+".p50")
	case g.Window > 0 && (!isShare(q.Measure) && q.Measure != "good" || s.Priority != "" || s.Attempt != "" || q.As != ""):
		return fault("worst() of "+q.String(), "worst(10s) of success, good, or an outcome, over all classes")
	}
	return nil
}

// Demands turns expressions that are written by hand into demands with the defaults.
func Demands(exprs ...string) ([]Demand, error) {
	var all []Demand
	for _, expr := range exprs {
		g, err := ParseGate(expr)
		if err != nil {
			return nil, err
		}
		all = append(all, Demand{Gate: g, Strict: true, Confidence: confidence})
	}
	return all, nil
}

// ByDefault are the demands of a scenario without gates: against a base, that success, P99, goodput and
// amplification of every strategy in every phase are no worse than by the tolerance (a share, such as
// 0.02; of success, points); without a base, the objective. None of either is none.
func ByDefault(r *Result, against bool, tolerance float64) []Demand {
	var exprs []string
	o := r.Objective
	for i := range r.Phases {
		at := "{phase=" + quotedName(r.Phases[i].Name) + "}"
		if against {
			exprs = append(exprs,
				fmt.Sprintf("success%s >= base - %spts", at, number(tolerance*100)), fmt.Sprintf("p99%s <= base*%s", at, number(1+tolerance)),
				fmt.Sprintf("goodput%s >= base*%s", at, number(1-tolerance)), fmt.Sprintf("amplification%s <= base*%s", at, number(1+tolerance)))
			continue
		}
		if o == nil {
			continue
		}
		if o.Success != nil {
			text, exact := percent(*o.Success)
			if exact {
				text += "%"
			} else {
				text = number(*o.Success)
			}
			exprs = append(exprs, fmt.Sprintf("success%s >= %s", at, text))
		}
		for _, one := range []struct {
			what string
			ms   *float64
		}{{"p50", o.P50MS}, {"p95", o.P95MS}, {"p99", o.P99MS}} {
			if one.ms != nil {
				exprs = append(exprs, fmt.Sprintf("%s%s <= %sms", one.what, at, number(*one.ms)))
			}
		}
		for _, one := range []struct {
			what string
			ms   *float64
		}{{"ttft", o.TTFTP99MS}, {"tpot", o.TPOTP99MS}} {
			if one.ms != nil {
				exprs = append(exprs, fmt.Sprintf("%s%s.p99 <= %sms", one.what, at, number(*one.ms)))
			}
		}
	}
	demands, err := Demands(exprs...)
	if err != nil {
		panic("report: a default gate: " + err.Error())
	}
	return demands
}
