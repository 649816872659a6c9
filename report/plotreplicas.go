package report

import (
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// replicaPrefix begins the names of the gauges that count the service's replicas by state.
const replicaPrefix = "replicas "

// A replicaLine is one gauge of plotReplicas beside those that are ready: the same line in all panels.
type replicaLine struct {
	state, label string
	style        draw.LineStyle
}

// replicaLines are those there are, in the order of the key.
var replicaLines = []replicaLine{
	{"desired", "desired by the autoscaler", draw.LineStyle{Color: offGrey, Width: 1.2}},
	{"starting", "starting", draw.LineStyle{Color: ink, Width: 1, Dashes: []vg.Length{2, 2}}},
	{"draining", "draining", draw.LineStyle{Color: faint, Width: 1, Dashes: []vg.Length{6, 2}}},
	{"hung", "hung", draw.LineStyle{Color: outcomeColors[6].color, Width: 1.2, Dashes: []vg.Length{4, 2, 1, 2}}},
	{"dead", "dead", draw.LineStyle{Color: outcomeColors[7].color, Width: 1.5}},
}

// plotReplicas draws the service's replicas over time, a panel for each strategy on one scale: those
// that are ready as an area, the others as lines. A run whose replicas never change has no such plot.
func plotReplicas(r *Result) (Plot, bool) {
	end := r.end()
	n, note := r.shown()
	counts := make([]map[string][]point, n)
	limit := perSteps(n, (1+len(replicaLines))*n)
	most, varies := 0.0, false
	for i := range n {
		s := &r.Strategies[i].Series
		counts[i] = make(map[string][]point)
		for _, g := range s.Gauges {
			state, ok := strings.CutPrefix(g.Name, replicaPrefix)
			if !ok || len(g.Values) == 0 {
				continue
			}
			counts[i][state] = stepped(meanStretches(g.Values, s.StepS, end, limit))
			most = max(most, highest(counts[i][state]))
			varies = varies || slices.Max(g.Values) > slices.Min(g.Values)
		}
	}
	if !varies || most <= 0 || end <= 0 {
		return Plot{}, false
	}
	f := frame{title: "Replicas of the service", subtitle: r.subtitle(), note: note,
		key: []keyEntry{{"ready", areaSample(look{color: ink}.tint())}}}
	shown := slices.DeleteFunc(slices.Clone(replicaLines), func(l replicaLine) bool { // those that are always 0
		return !slices.ContainsFunc(counts, func(c map[string][]point) bool { return highest(c[l.state]) > 0 })
	})
	for _, l := range shown {
		f.key = append(f.key, keyEntry{l.label, lineSample(l.style)})
	}
	looks := r.looks()
	var panels []*plot.Plot
	for i, states := range counts {
		p := newPanel()
		setTime(p, end, i >= n-panelColumns(n))
		p.Y.Min, p.Y.Max = 0, roundUp(most*1.03)
		p.Y.Tick.Marker = wholeTicks(p.Y.Max)
		if i%panelColumns(n) == 0 {
			p.Y.Label.Text = "replicas"
		}
		line := looks[i].line()
		line.Dashes = nil
		p.Add(rules(p), r.heading(r.Strategies[i].Name), area(states["ready"], looks[i].tint()), polyline(states["ready"], line))
		for _, l := range shown {
			p.Add(polyline(states[l.state], l.style))
		}
		sparse(p, i, n)
		panels = append(panels, p)
	}
	return Plot{
		Name: "replicas", Title: f.title, Note: f.note,
		Desc:  "Replicas of the service over time for each strategy, by state: how soon capacity follows the load.",
		Width: plotWidth, Height: f.height() + panelHeight*vg.Length(panelRows(n)),
		Draw: func(c draw.Canvas) { drawPanels(f.draw(c), panels, 0) },
	}, true
}

// wholeTicks are ticks of a count of things: none between two whole numbers.
func wholeTicks(most float64) plot.ConstantTicks {
	if most < 4 {
		return every(1, most, plainNumber)
	}
	return linearTicks(most, 4, plainNumber)
}
