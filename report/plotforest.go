package report

import (
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A forestColumn is one metric of plotForest.
type forestColumn struct {
	name, better string
	none         float64 // where there is no difference
	of           func(*Paired) (value *float64, ci *Interval)
	show         func(float64) string
}

var forestColumns = []forestColumn{
	{"success, points", "right is better", 0, func(a *Paired) (*float64, *Interval) { return &a.Success, a.SuccessCI }, showPoints},
	{"P99, times", "left is faster", 1, func(a *Paired) (*float64, *Interval) { return a.P99Ratio, a.P99CI }, func(x float64) string { return significant(x) }},
}

// plotForest draws the differences of every strategy to the first one, paired by seed, with their
// intervals: a row for each strategy, a column for each metric.
func plotForest(r *Result) (Plot, bool) {
	var rows []int
	phase := ""
	for i := range r.Strategies {
		if a := r.Strategies[i].Against; a != nil && a.Of > 0 {
			rows, phase = append(rows, i), a.Phase
		}
	}
	if len(rows) == 0 {
		return Plot{}, false
	}
	f := frame{title: "Against " + short(r.Strategies[0].Name, 20) + ", in " + short(phase, 16), subtitle: r.subtitle(),
		note: "Dashed: no difference. An interval that crosses it shows none. Only ok calls have a P99: read success first."}
	looks := r.looks()
	var panels []*plot.Plot
	for j := range forestColumns {
		column := &forestColumns[j]
		p := newPanel()
		if !column.scale(p, r, rows) {
			continue
		}
		p.Y.Min, p.Y.Max = -0.5, float64(len(rows))-0.5
		var names plot.ConstantTicks
		for k, i := range rows {
			tick := plot.Tick{Value: float64(len(rows) - 1 - k)}
			if len(panels) == 0 {
				tick.Label = short(r.Strategies[i].Name, 22)
			}
			names = append(names, tick)
		}
		p.Y.Tick.Marker, p.Y.Tick.Length, p.Y.Width = names, 0, 0
		p.Y.Tick.Label = placed(lettering(9.5, ink, false), draw.XRight, -0.62)
		p.Add(column.mark(r, rows, looks))
		panels = append(panels, p)
	}
	if len(panels) == 0 {
		return Plot{}, false
	}
	return Plot{
		Name: "differences", Title: f.title, Note: f.note,
		Desc:  "Difference of each strategy to " + r.Strategies[0].Name + " with its 95 % interval, paired by seed; an interval across the dashed line shows no difference.",
		Width: plotWidth, Height: f.height() + 20 + 30 + 24*vg.Length(len(rows)),
		Draw: func(c draw.Canvas) {
			tiles := draw.Tiles{Rows: 1, Cols: len(panels), PadX: 18 + 84, PadTop: 20, PadRight: 84}
			for i, canvas := range plot.Align([][]*plot.Plot{panels}, tiles, f.draw(c))[0] {
				panels[i].Draw(canvas)
			}
		},
	}, true
}

// scale makes the x axis hold all intervals and the line of no difference. It reports whether there is
// anything to draw.
func (m *forestColumn) scale(p *plot.Plot, r *Result, rows []int) bool {
	low, high, any := m.none, m.none, false
	see := func(x float64) {
		if finite(x) && math.Abs(x) < mostMillis && (m.none == 0 || x > leastMillis) {
			low, high, any = math.Min(low, x), math.Max(high, x), true
		}
	}
	for _, i := range rows {
		value, ci := m.of(r.Strategies[i].Against)
		if value == nil {
			continue
		}
		see(*value)
		if ci != nil {
			see(ci[0])
			see(ci[1])
		}
	}
	if m.none == 1 {
		setRatio(p, low, high)
	} else {
		setPoints(p, low, high)
	}
	return any
}

// setRatio makes the x axis a logarithmic one of ratios around 1.
func setRatio(p *plot.Plot, low, high float64) {
	p.X.Scale = plot.LogScale{}
	p.X.Min, p.X.Max = math.Min(low, 0.5)*0.9, math.Max(high, 2)*1.1
	wide := p.X.Max/p.X.Min >= 200 // then powers of ten alone have room
	var ticks plot.ConstantTicks
	for e := -3; e <= 9; e++ {
		for _, digit := range []float64{1, 2, 5} {
			x := digit * math.Pow10(e)
			if x >= p.X.Min && x <= p.X.Max && (digit == 1 || !wide) {
				ticks = append(ticks, plot.Tick{Value: x, Label: plainNumber(x)})
			}
		}
	}
	p.X.Tick.Marker = ticks
}

// setPoints makes the x axis one of differences of shares, in points.
func setPoints(p *plot.Plot, low, high float64) {
	room := math.Max(0.02, (high-low)*0.08)
	p.X.Min, p.X.Max = low-room, high+room
	step := 0.01
	for _, s := range []float64{0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5} {
		if step = s; (p.X.Max-p.X.Min)/s <= 7 {
			break
		}
	}
	var ticks plot.ConstantTicks
	for k := math.Ceil(math.Max(-1, p.X.Min) / step); k*step <= math.Min(1, p.X.Max); k++ {
		ticks = append(ticks, plot.Tick{Value: k * step, Label: signed(k*step*100, 0)})
	}
	p.X.Tick.Marker = ticks
}

// mark draws the column: its name, the line of no difference, and a marker with its interval and its
// number for every row.
func (m *forestColumn) mark(r *Result, rows []int, looks []look) mark {
	return func(c draw.Canvas, p *plot.Plot) {
		x, y := p.Transforms(&c)
		c.FillText(lettering(10, ink, true), vg.Point{X: c.Min.X, Y: c.Max.Y + 3}, m.name)
		c.FillText(placed(lettering(8, faint, false), draw.XRight, draw.YBottom), vg.Point{X: c.Max.X, Y: c.Max.Y + 4}, m.better)
		at := snap(x(m.none))
		c.StrokeLine2(draw.LineStyle{Color: ink, Width: 0.8, Dashes: []vg.Length{4, 3}}, at, c.Min.Y, at, c.Max.Y)
		for k, i := range rows {
			value, ci := m.of(r.Strategies[i].Against)
			height := snap(y(float64(len(rows) - 1 - k)))
			number := placed(lettering(8.5, ink, false), draw.XLeft, draw.YCenter)
			if value == nil {
				c.FillText(number, vg.Point{X: c.Max.X + 6, Y: height + 1}, noData)
				continue
			}
			text := m.show(*value)
			if ci != nil {
				c.StrokeLine2(draw.LineStyle{Color: looks[i].color, Width: 2}, snap(x(within(ci[0], p.X))), height, snap(x(within(ci[1], p.X))), height)
				text += " [" + m.ends(*value, *ci) + "]"
			}
			c.DrawGlyphNoClip(draw.GlyphStyle{Color: looks[i].color, Radius: 4, Shape: looks[i].marker}, vg.Point{X: snap(x(within(*value, p.X))), Y: height})
			c.FillText(number, vg.Point{X: c.Max.X + 6, Y: height + 1}, text)
		}
	}
}

// ends writes an interval as exactly as its value.
func (m *forestColumn) ends(value float64, ci Interval) string {
	if m.none == 0 {
		text := showPointsCI(value, ci)
		return text[1 : len(text)-1]
	}
	return significant(ci[0]) + ", " + significant(ci[1])
}
