package report

import (
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// mostSides is how many phases stand side by side.
const mostSides = 4

// plotSides draws the success of every strategy in each phase with its interval, strategies side by
// side: a row each, a column for each phase.
func plotSides(r *Result) (Plot, bool) {
	order := r.phaseOrder()
	order = order[:min(len(order), mostSides)]
	slices.Sort(order)
	n := len(r.Strategies)
	var phases []int
	for _, phase := range order {
		if slices.ContainsFunc(r.Strategies, func(s Strategy) bool { return s.figures(phase).Success != nil }) {
			phases = append(phases, phase)
		}
	}
	if len(phases) == 0 || n == 0 {
		return Plot{}, false
	}
	f := frame{title: "Success of the strategies, by phase", subtitle: r.subtitle(), note: r.barsNote(phases, func(f *Figures) []*Interval { return []*Interval{f.SuccessCI, f.SuccessAtPatienceCI} })}
	if r.Objective != nil && r.Objective.Success != nil {
		f.note += " Dashed: objective, >= " + plainPercent(*r.Objective.Success) + "."
	}
	if len(r.patient()) > 0 {
		f.note += " Hollow and (in brackets): within the callers' own " + showClock(*r.PatienceS) + ", where they were told to wait longer."
	}
	f.note = strings.TrimSpace(f.note)
	looks := r.looks()
	var row []*plot.Plot
	for i, phase := range phases {
		p := newPanel()
		setShare(&p.X, "% of calls that were ok")
		p.Y.Min, p.Y.Max = -0.5, float64(n)-0.5
		var names plot.ConstantTicks
		for j := range r.Strategies {
			tick := plot.Tick{Value: float64(n - 1 - j)} // the first at the top
			if i == 0 {
				tick.Label = short(r.Strategies[j].Name, 22)
			}
			names = append(names, tick)
		}
		p.Y.Tick.Marker, p.Y.Tick.Length, p.Y.Width = names, 0, 0
		p.Y.Tick.Label = placed(lettering(9.5, ink, false), draw.XRight, -0.62) // level with the dots: the axis adds the descent
		p.Add(r.side(phase, looks))
		row = append(row, p)
	}
	return Plot{
		Name: "strategies", Title: f.title, Note: f.note,
		Desc:  "Success of each strategy in each phase as a dot with its 95 % interval; further right is better.",
		Width: plotWidth, Height: f.height() + 20 + 36 + 24*vg.Length(n),
		Draw: func(c draw.Canvas) {
			tiles := draw.Tiles{Rows: 1, Cols: len(row), PadX: 18 + r.numberRoom(), PadTop: 20, PadRight: r.numberRoom()}
			for i, canvas := range plot.Align([][]*plot.Plot{row}, tiles, f.draw(c))[0] {
				row[i].Draw(canvas)
			}
		},
	}, true
}

// numberRoom is how much room the numbers right of a column take.
func (r *Result) numberRoom() vg.Length {
	if len(r.patient()) > 0 {
		return 64
	}
	return 34
}

// side draws one phase's column: its name, the objective, and a dot with its interval and its number
// for every strategy.
func (r *Result) side(phase int, looks []look) mark {
	return func(c draw.Canvas, p *plot.Plot) {
		x, y := p.Transforms(&c)
		info := &r.Phases[phase]
		c.FillText(lettering(10, ink, true), vg.Point{X: c.Min.X, Y: c.Max.Y + 3}, short(info.Name, 14))
		if !info.Closed {
			rate := showQPS(info.RateQP) + "/s"
			if info.Recorded {
				rate = "mean " + rate
			}
			at := placed(lettering(8, faint, false), draw.XRight, draw.YBottom)
			c.FillText(at, vg.Point{X: c.Max.X, Y: c.Max.Y + 4}, rate)
		}
		for _, tick := range p.X.Tick.Marker.Ticks(0, 1) {
			at := snap(x(tick.Value))
			c.StrokeLine2(draw.LineStyle{Color: gridGrey, Width: 0.5}, at, c.Min.Y, at, c.Max.Y)
		}
		if r.Objective != nil && r.Objective.Success != nil {
			at := snap(x(within(*r.Objective.Success, p.X)))
			c.StrokeLine2(draw.LineStyle{Color: ink, Width: 0.8, Dashes: []vg.Length{4, 3}}, at, c.Min.Y, at, c.Max.Y)
		}
		for i := range r.Strategies {
			s := &r.Strategies[i]
			f := s.figures(phase)
			if f.Success == nil {
				continue
			}
			height := snap(y(float64(len(r.Strategies) - 1 - i)))
			dot := func(value float64, ci *Interval, shape draw.GlyphDrawer) {
				if ci != nil {
					c.StrokeLine2(draw.LineStyle{Color: looks[i].color, Width: 2}, snap(x(within(ci[0], p.X))), height, snap(x(within(ci[1], p.X))), height)
				}
				c.DrawGlyphNoClip(draw.GlyphStyle{Color: looks[i].color, Radius: 4, Shape: shape}, vg.Point{X: snap(x(within(value, p.X))), Y: height})
			}
			text := showPercent(*f.Success)
			if own := f.SuccessAtPatience; own != nil && r.outlasts(s) && *f.Success-*own >= 0.001 {
				text += " (" + showPercent(*own) + ")"
				c.StrokeLine2(draw.LineStyle{Color: looks[i].color, Width: 0.8}, snap(x(within(*own, p.X))), height, snap(x(within(*f.Success, p.X))), height)
				dot(*own, f.SuccessAtPatienceCI, hollow{})
			}
			dot(*f.Success, f.SuccessCI, looks[i].marker)
			number := placed(lettering(9, ink, false), draw.XLeft, draw.YCenter)
			c.FillText(number, vg.Point{X: c.Max.X + 8, Y: height + 1}, text)
		}
	}
}

// A hollow is a ring around white: it covers the bar behind it.
type hollow struct{}

// DrawGlyph draws the ring around a point.
func (hollow) DrawGlyph(c *draw.Canvas, sty draw.GlyphStyle, pt vg.Point) {
	c.SetColor(whiteCard)
	draw.CircleGlyph{}.DrawGlyph(c, sty, pt)
	c.SetLineStyle(draw.LineStyle{Color: sty.Color, Width: 1.3})
	var p vg.Path
	p.Move(vg.Point{X: pt.X + sty.Radius, Y: pt.Y})
	p.Arc(pt, sty.Radius, 0, 2*math.Pi)
	p.Close()
	c.Stroke(p)
}
