package report

import (
	"fmt"
	"math"
)

// showIn writes the value of a gate in its unit.
func showIn(unit string, x *float64) string {
	if x == nil {
		return noData
	}
	switch unit {
	case "ms":
		return showMillis(x)
	case "share":
		return showShare(x)
	case "/s":
		return showRate(x) + "/s"
	case "x":
		return showTimes(x) + " x"
	}
	if *x == math.Trunc(*x) && math.Abs(*x) < 1e15 {
		return showCount(int64(*x)) // calls
	}
	return significant(*x)
}

// showLimitIn writes the limit of a gate as it was meant: 500 ms, 85 %.
func showLimitIn(unit string, x *float64) string {
	if x == nil {
		return noData
	}
	switch unit {
	case "ms":
		return plainMillis(*x)
	case "share":
		return plainPercent(*x)
	}
	return showIn(unit, x)
}

// showIntervalIn writes an interval in the unit of its value: [774, 851].
func showIntervalIn(unit string, x *float64, ci *Interval) string {
	if x == nil || ci == nil {
		return noData
	}
	show := significant
	switch unit {
	case "ms":
		_, size := timeUnit(*x)
		show = func(v float64) string { return significant(v / size) }
	case "share":
		show = showPercent
	}
	return "[" + show(ci[0]) + ", " + show(ci[1]) + "]"
}

// verdictWord is how a verdict stands in a table: the failed one is loud, the others are not.
func (g *GateResult) verdictWord() string {
	word := map[string]string{Pass: "ok", Fail: "FAIL", Inconclusive: "unsure", NoData: "no data"}[g.Verdict]
	if word == "" {
		word = "not measured"
	}
	if !g.Strict {
		word += " (not blocking)"
	}
	return word
}

// gateGrid is the table of the gates; nil where there is none.
func (r *Result) gateGrid() *grid {
	if len(r.Gates) == 0 {
		return nil
	}
	g := &grid{head: []string{"gate", "measured", "95 % CI", "limit", "margin", "verdict", "why"}}
	for i := range r.Gates {
		gate := &r.Gates[i]
		margin := noData
		if gate.Margin != nil {
			margin = signed(*gate.Margin*100, 0) + " %"
		}
		why := gate.Reason
		if why == "" {
			why = noData
		}
		g.add(gate.Expr, showIn(gate.Unit, gate.Measured), showIntervalIn(gate.Unit, gate.Measured, gate.CI),
			showLimitIn(gate.Unit, gate.Limit), margin, gate.verdictWord(), why)
	}
	return g
}

// gateCount says how many of the gates pass.
func (r *Result) gateCount() string {
	passed := 0
	for i := range r.Gates {
		if r.Gates[i].Verdict == Pass {
			passed++
		}
	}
	return fmt.Sprintf("gates: %d of %d pass", passed, len(r.Gates))
}

// finding is what was measured for a gate, and why that did not decide it.
func (g *GateResult) finding() string {
	text := showIn(g.Unit, g.Measured)
	if g.Measured == nil {
		text = "nothing measured"
	} else if ci := showIntervalIn(g.Unit, g.Measured, g.CI); ci != noData {
		text += " " + ci
	}
	text += ", limit " + showLimitIn(g.Unit, g.Limit)
	if g.Reason != "" {
		text += ": " + g.Reason
	}
	return text
}
