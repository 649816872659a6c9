package report

import (
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// panelHeight is the height of the data of one small multiple, what stands around it included.
const panelHeight vg.Length = 128

// plotRates draws offered, achieved and good calls per second over time, a panel for each strategy on
// one scale: the gap between offered and good is what was lost or late.
func plotRates(r *Result) (Plot, bool) {
	end := r.end()
	looks := r.looks()
	n, note := r.shown()
	limit := perSteps(n, 3*n)
	most := 0.0
	type lines struct{ offered, achieved, good []point }
	all := make([]lines, n)
	for i := range n {
		s := &r.Strategies[i].Series
		line := func(values []float64) []point {
			return stepped(meanStretches(values, s.StepS, wholeSteps(end, s.StepS), limit))
		}
		all[i] = lines{line(s.Offered), line(s.Achieved), line(s.Good)}
		most = max(most, highest(all[i].offered), highest(all[i].achieved))
	}
	if most <= 0 || end <= 0 {
		return Plot{}, false
	}
	note = strings.TrimSpace(r.meanNote(end, limit) + " " + note)
	offered := draw.LineStyle{Color: offGrey, Width: 1.2}
	good := "good"
	if r.Objective == nil {
		good = "ok (no objective to be good by)"
	}
	f := frame{title: "Offered, achieved and good calls per second", subtitle: r.subtitle(), note: note, key: []keyEntry{
		{"offered, by intended start", lineSample(offered)},
		{"achieved: answered ok, by time of answer", lineSample(draw.LineStyle{Color: ink, Width: 1.5})},
		{good + ", by intended start", areaSample(look{color: ink}.tint())},
	}}
	var panels []*plot.Plot
	for i, l := range all {
		p := newPanel()
		setTime(p, end, i >= len(all)-panelColumns(len(all)))
		setRate(p, most, i%panelColumns(len(all)) == 0)
		line := looks[i].line()
		line.Dashes = nil // one line of a strategy a panel: nothing to tell apart
		p.Add(rules(p), r.heading(r.Strategies[i].Name), area(l.good, looks[i].tint()),
			polyline(l.offered, offered), polyline(l.achieved, line))
		sparse(p, i, n)
		panels = append(panels, p)
	}
	return Plot{
		Name: "rates", Title: f.title, Note: f.note,
		Desc:  "Calls per second over time for each strategy; the gap between offered and good is what was lost or late.",
		Width: plotWidth, Height: f.height() + panelHeight*vg.Length(panelRows(len(panels))),
		Draw: func(c draw.Canvas) { drawPanels(f.draw(c), panels, 0) },
	}, true
}
