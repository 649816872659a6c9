package report

import (
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// plotAttempts draws attempts per offered call over time, a panel for each strategy on one scale, with
// a line at 1: above it clients add to the load. The axis is logarithmic: a storm of retries reaches 30,
// and a queue that holds calls back sends a tenth.
func plotAttempts(r *Result) (Plot, bool) {
	end := r.end()
	n, note := r.shown()
	limit := perSteps(n, n)
	all := make([][]point, n)
	most := 0.0
	for i := range n {
		all[i] = r.Strategies[i].Series.amplification(end, limit)
		most = max(most, highest(all[i]))
	}
	if most <= 0 || end <= 0 {
		return Plot{}, false
	}
	f := frame{title: "Attempts per offered call, over time", subtitle: r.subtitle(),
		note: join("Attempts when they were sent, calls when they were meant to begin: a queue that drains lies above 1, too.", note)}
	looks := r.looks()
	var panels []*plot.Plot
	for i, points := range all {
		p := newPanel()
		setTime(p, end, i >= n-panelColumns(n))
		p.Y.Min, p.Y.Max = leastRatio, ratioTop(most)
		p.Y.Scale = plot.LogScale{}
		p.Y.Tick.Marker = ratioTicks(p.Y.Max)
		line := looks[i].line()
		line.Dashes = nil
		one := []point{{0, 1}, {end, 1}}
		p.Add(rules(p), r.heading(r.Strategies[i].Name),
			polyline(one, draw.LineStyle{Color: ink, Width: 0.8, Dashes: []vg.Length{4, 3}}), polyline(points, line))
		sparse(p, i, n)
		panels = append(panels, p)
	}
	return Plot{
		Name: "attempts", Title: f.title, Note: f.note,
		Desc:  "Attempts sent per offered call over time for each strategy; above the dashed line at 1 the clients multiply the load.",
		Width: plotWidth, Height: f.height() + panelHeight*vg.Length(panelRows(n)),
		Draw: func(c draw.Canvas) { drawPanels(f.draw(c), panels, 0) },
	}, true
}

// leastRatio is where the axis of attempts per call begins.
const leastRatio = 0.1

// ratioTop is where it ends.
func ratioTop(most float64) float64 { return math.Min(mostMillis, math.Max(10, most*1.15)) }

// ratioTicks labels powers of ten.
func ratioTicks(most float64) plot.ConstantTicks {
	var ticks plot.ConstantTicks
	for e := -1; math.Pow10(e) <= most; e++ {
		ticks = append(ticks, plot.Tick{Value: math.Pow10(e), Label: plainNumber(math.Pow10(e))})
	}
	return ticks
}

// amplification returns attempts per offered call as a line of at most limit steps; a gap where no call
// was offered.
func (s *Series) amplification(end float64, limit int) []point {
	whole := wholeSteps(end, s.StepS)
	sent := meanStretches(s.Attempts, s.StepS, whole, limit)
	for i, o := range meanStretches(s.Offered, s.StepS, whole, limit) {
		if i >= len(sent) {
			break
		}
		if o.y > 0 {
			sent[i].y /= o.y
		} else {
			sent[i].y = math.NaN()
		}
	}
	return stepped(sent)
}
