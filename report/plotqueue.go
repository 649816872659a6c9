package report

import (
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A levelLine is one line of plotQueue: the sum of the gauges of these names.
type levelLine struct {
	label  string
	short  string // beside its value
	gauges []string
	style  draw.LineStyle
}

// levelLines are where calls wait or are worked on, from the caller to the service.
var levelLines = []levelLine{
	{"held by the client", "held", []string{"client waiting", "client queue", "client backing off"}, draw.LineStyle{}},
	{"in flight", "in flight", []string{"client in flight"}, draw.LineStyle{Color: offGrey, Width: 1.2}},
	{"queued at the service", "queued", []string{"service waiting", "admission queue"}, draw.LineStyle{Color: outcomeColors[7].color, Width: 1.2}},
	{"running at the service", "running", []string{"service running"}, draw.LineStyle{Color: ink, Width: 1, Dashes: []vg.Length{2, 2}}},
}

// level returns the sum of the line's gauges over time; nil where the strategy has none of them.
func (s *Series) level(l *levelLine) []float64 {
	var sum []float64
	for _, g := range s.Gauges {
		if !slices.Contains(l.gauges, g.Name) {
			continue
		}
		if sum == nil {
			sum = make([]float64, len(g.Values))
		}
		for i := range min(len(sum), len(g.Values)) {
			sum[i] += g.Values[i]
		}
	}
	return sum
}

// plotQueue draws how many calls wait or are in flight, and where, a panel for each strategy on one
// logarithmic scale: a client may hold a thousand times what the service runs.
func plotQueue(r *Result) (Plot, bool) {
	end := r.end()
	n, note := r.shown()
	limit := perLine(n, len(levelLines)*n)
	looks := r.looks()
	all := make([][][]point, n)
	most := 0.0
	seen := make([]bool, len(levelLines))
	for i := range n {
		s := &r.Strategies[i].Series
		all[i] = make([][]point, len(levelLines))
		for j := range levelLines {
			all[i][j] = worstLevels(s.level(&levelLines[j]), s.StepS, end, limit)
			most = max(most, highest(all[i][j]))
			seen[j] = seen[j] || highest(all[i][j]) > 0
		}
	}
	if most <= 0 || end <= 0 {
		return Plot{}, false
	}
	f := frame{title: "Calls that wait and calls in flight", subtitle: r.subtitle(), note: join("Levels at each second, a mean over the seeds; below 1 a line lies on the bottom edge.", note)}
	for j, l := range levelLines {
		if seen[j] && j == 0 {
			f.key = append(f.key, keyEntry{l.label, areaSample(look{color: ink}.tint())})
		} else if seen[j] {
			f.key = append(f.key, keyEntry{l.label, lineSample(l.style)})
		}
	}
	var panels []*plot.Plot
	columns := panelColumns(n)
	for i := range n {
		p := newPanel()
		setTime(p, end, i >= n-columns)
		setLevel(p, most)
		line := looks[i].line()
		line.Dashes = nil
		p.Add(rules(p), r.heading(r.Strategies[i].Name), area(all[i][0], looks[i].tint()))
		for j := len(levelLines) - 1; j > 0; j-- {
			p.Add(polyline(all[i][j], levelLines[j].style))
		}
		p.Add(polyline(all[i][0], line))
		sparse(p, i, n)
		panels = append(panels, p)
	}
	return Plot{
		Name: "queue", Title: f.title, Note: f.note,
		Desc:  "Calls held by the client, in flight, and queued or running at the service, over time for each strategy, on a logarithmic axis: where the waiting happens.",
		Width: plotWidth, Height: f.height() + panelHeight*vg.Length(panelRows(n)),
		Draw: func(c draw.Canvas) { drawPanels(f.draw(c), panels, 0) },
	}, true
}

// worstLevels turns the levels of equal steps into at most limit points, each the largest of its steps:
// a queue that was full for a second was full.
func worstLevels(values []float64, step, end float64, limit int) []point {
	levels := make([]*float64, len(values))
	for i := range values {
		levels[i] = &values[i]
	}
	return worstPoints(levels, step, end, limit)
}

// setLevel makes the y axis a logarithmic one of numbers of calls, from 1.
func setLevel(p *plot.Plot, most float64) {
	p.Y.Min, p.Y.Max = 1, math.Max(10, math.Min(most, mostMillis)*1.15)
	p.Y.Scale = plot.LogScale{}
	var ticks plot.ConstantTicks
	every := 1
	if p.Y.Max > 1e5 {
		every = 2
	}
	for e := 0; math.Pow10(e) <= p.Y.Max; e++ {
		tick := plot.Tick{Value: math.Pow10(e)}
		if e%every == 0 {
			tick.Label = plainNumber(tick.Value)
		}
		ticks = append(ticks, tick)
	}
	p.Y.Tick.Marker = ticks
}
