package report

import (
	"image/color"
	"math"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// quantileColors are one hue, darker for a higher percentile.
var quantileColors = []color.NRGBA{{0x7f, 0xb3, 0xd9, 0xff}, {0x2f, 0x7f, 0xbf, 0xff}, {0x08, 0x30, 0x6b, 0xff}}

// plotLatency draws P50, P95 and P99 of the response time over time on a logarithmic axis, a panel for
// each strategy on one scale, with the objective's line.
func plotLatency(r *Result) (Plot, bool) {
	end := r.end()
	n, note := r.shown()
	limit := perLine(n, 3*n)
	names := []string{"P50", "P95", "P99"}
	all := make([][3][]point, n)
	most := 0.0
	for i := range n {
		s := &r.Strategies[i].Series
		for j, values := range [][]*float64{s.P50MS, s.P95MS, s.P99MS} {
			values, step := s.latencies(values)
			all[i][j] = worstPoints(values, step, end, limit)
			most = max(most, highest(all[i][j]))
		}
	}
	if most <= 0 || end <= 0 {
		return Plot{}, false
	}
	name, bound := r.Objective.tightest()
	most = math.Max(most, bound)
	var lines [][]point
	for i := range all {
		lines = append(lines, all[i][:]...)
	}
	least, below := floor(most, bound, lines)
	if below {
		note = strings.TrimSpace(note + " " + belowNote)
	}
	f := frame{title: "Response time over time: P50, P95, P99 of ok calls", subtitle: r.subtitle(), note: note}
	var panels []*plot.Plot
	columns := panelColumns(len(all))
	for i := range all {
		p := newPanel()
		setMillis(p, least, most)
		setTime(p, end, i >= len(all)-columns)
		p.Add(rules(p), r.heading(r.Strategies[i].Name))
		sparse(p, i, n)
		var ends []tag
		for j := range names {
			line := draw.LineStyle{Color: quantileColors[j], Width: 1.5}
			p.Add(polyline(all[i][j], line))
			if last, ok := lastPoint(all[i][j]); ok {
				ends = append(ends, tag{x: last.x, y: last.y, name: names[j], line: line})
			}
		}
		if bound > 0 {
			p.Add(boundLine(end, bound, "objective: "+name+" <= "+plainMillis(bound), all[i][:]...))
		}
		p.Add(tags(ends))
		panels = append(panels, p)
	}
	return Plot{
		Name: "latency", Title: f.title, Note: f.note,
		Desc:  "Response time from intended start to last byte, on a logarithmic axis, for each strategy; a gap is a stretch without ok calls.",
		Width: plotWidth, Height: f.height() + panelHeight*vg.Length(panelRows(len(panels))),
		Draw: func(c draw.Canvas) { drawPanels(f.draw(c), panels, 26) },
	}, true
}

// latencies returns percentiles with each stretch once, and the width of a stretch: in the series a
// percentile that was taken over several steps stands in each of them.
func (s *Series) latencies(values []*float64) ([]*float64, float64) {
	if s.StepS <= 0 || s.LatencyStepS <= s.StepS {
		return values, s.StepS
	}
	each := max(1, int(math.Round(s.LatencyStepS/s.StepS)))
	var once []*float64
	for i := 0; i < len(values); i += each {
		once = append(once, values[i])
	}
	return once, s.StepS * float64(each)
}

// tightest returns the objective's limit on response times that plots draw: that of the highest
// percentile named; 0 where there is none.
func (o *Objective) tightest() (name string, ms float64) {
	switch {
	case o == nil:
	case o.P99MS != nil:
		return "P99", *o.P99MS
	case o.P95MS != nil:
		return "P95", *o.P95MS
	case o.P50MS != nil:
		return "P50", *o.P50MS
	}
	return "", 0
}

// lastPoint returns the last point that is no gap.
func lastPoint(points []point) (point, bool) {
	for i := len(points) - 1; i >= 0; i-- {
		if !math.IsNaN(points[i].y) {
			return points[i], true
		}
	}
	return point{}, false
}
