package report

import (
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

var whiteCard = color.NRGBA{0xff, 0xff, 0xff, 0xff}

// A mark is something drawn into a panel: a plot.Plotter as a function.
type mark func(draw.Canvas, *plot.Plot)

// Plot draws the mark.
func (m mark) Plot(c draw.Canvas, p *plot.Plot) { m(c, p) }

// snap rounds a place to a tenth of a point: invisible, and it shortens the SVG by a third.
func snap(x vg.Length) vg.Length { return vg.Length(math.Round(float64(x)*10) / 10) }

// heading shades the phase that decides, and writes a panel's name and the phases above the data.
func (r *Result) heading(name string) mark {
	return func(c draw.Canvas, p *plot.Plot) {
		if from, to, ok := r.peakSpan(c, p); ok {
			c.FillPolygon(shade, []vg.Point{{X: from, Y: c.Min.Y}, {X: to, Y: c.Min.Y}, {X: to, Y: c.Max.Y}, {X: from, Y: c.Max.Y}})
		}
		r.headingOnly(name)(c, p)
	}
}

// headingOnly is heading for panels that areas fill: shade behind the data would not be seen, over it
// it would change the colours, so it stands above them, where the phases are named.
func (r *Result) headingOnly(name string) mark {
	return func(c draw.Canvas, p *plot.Plot) {
		if from, to, ok := r.peakSpan(c, p); ok {
			top := c.Max.Y + 11
			c.FillPolygon(shade, []vg.Point{{X: from, Y: c.Max.Y}, {X: to, Y: c.Max.Y}, {X: to, Y: top}, {X: from, Y: top}})
		}
		c.FillText(lettering(10, ink, true), vg.Point{X: c.Min.X, Y: c.Max.Y + 13}, short(name, 40))
		x, _ := p.Transforms(&c)
		r.phaseNames(c, x)
	}
}

// peakSpan returns from where to where the phase that decides lies, if it is not all there is.
func (r *Result) peakSpan(c draw.Canvas, p *plot.Plot) (from, to vg.Length, ok bool) {
	peak := r.peak()
	if peak < 0 || len(r.Phases) < 2 {
		return 0, 0, false
	}
	x, _ := p.Transforms(&c)
	from, to = x(math.Max(p.X.Min, r.Phases[peak].FromS)), x(math.Min(p.X.Max, r.Phases[peak].ToS))
	return from, to, from < to
}

// phaseNames writes the phases' names above their stretches: first that of the phase that decides,
// then those that find room beside the names already there.
func (r *Result) phaseNames(c draw.Canvas, x func(float64) vg.Length) {
	style := placed(lettering(7.5, faint, false), draw.XCenter, draw.YBottom)
	type taken struct{ from, to vg.Length }
	var done []taken
	for _, i := range r.phaseOrder() {
		phase := &r.Phases[i]
		name := short(phase.Name, 24)
		half := style.Width(name) / 2
		middle := x((phase.FromS + phase.ToS) / 2)
		middle = max(c.Min.X+half, min(c.Max.X-half, middle))
		clash := slices.ContainsFunc(done, func(t taken) bool { return middle-half-3 < t.to && middle+half+3 > t.from })
		if clash {
			continue
		}
		done = append(done, taken{middle - half, middle + half})
		c.FillText(style, vg.Point{X: middle, Y: c.Max.Y + 2.5}, name)
	}
}

// rules draws light lines across the panel at the labelled ticks of its y axis, as they are now.
func rules(p *plot.Plot) mark {
	ticks := p.Y.Tick.Marker.Ticks(p.Y.Min, p.Y.Max)
	return func(c draw.Canvas, p *plot.Plot) {
		_, y := p.Transforms(&c)
		for _, tick := range ticks {
			if tick.Label != "" && tick.Value > p.Y.Min && tick.Value <= p.Y.Max {
				c.StrokeLine2(draw.LineStyle{Color: gridGrey, Width: 0.5}, c.Min.X, snap(y(tick.Value)), c.Max.X, snap(y(tick.Value)))
			}
		}
	}
}

// A point of a line; the y of a gap is NaN.
type point struct{ x, y float64 }

// polyline draws points as a line, broken at gaps. A point alone between two gaps becomes a short dash,
// or it would be invisible.
func polyline(points []point, style draw.LineStyle) mark {
	return func(c draw.Canvas, p *plot.Plot) {
		x, y := p.Transforms(&c)
		for _, run := range runs(points) {
			line := make([]vg.Point, 0, len(run))
			for i, at := range run {
				if !levelAt(run, i) {
					line = append(line, vg.Point{X: snap(x(at.x)), Y: snap(y(within(at.y, p.Y)))})
				}
			}
			if len(line) == 1 {
				line = []vg.Point{{X: line[0].X - 1, Y: line[0].Y}, {X: line[0].X + 1, Y: line[0].Y}}
			}
			c.StrokeLines(style, line)
		}
	}
}

// within clamps a value to an axis: a line past the end runs along it instead of over its neighbour.
func within(v float64, axis plot.Axis) float64 { return math.Max(axis.Min, math.Min(axis.Max, v)) }

// runs splits points at gaps.
func runs(points []point) [][]point {
	var all [][]point
	start := 0
	for i := 0; i <= len(points); i++ {
		if i == len(points) || math.IsNaN(points[i].y) {
			if i > start {
				all = append(all, points[start:i])
			}
			start = i + 1
		}
	}
	return all
}

// area fills between the x axis and a line, broken at gaps.
func area(top []point, fill color.Color) mark {
	return func(c draw.Canvas, p *plot.Plot) {
		x, y := p.Transforms(&c)
		for _, run := range runs(top) {
			if highest(run) <= p.Y.Min {
				continue
			}
			outline := []vg.Point{{X: snap(x(run[0].x)), Y: c.Min.Y}}
			for i, at := range run {
				if !levelAt(run, i) {
					outline = append(outline, vg.Point{X: snap(x(at.x)), Y: snap(y(within(at.y, p.Y)))})
				}
			}
			c.FillPolygon(fill, append(outline, vg.Point{X: snap(x(run[len(run)-1].x)), Y: c.Min.Y}))
		}
	}
}

// levelAt reports whether a point lies inside a level stretch, whose ends are enough to draw it.
func levelAt(run []point, i int) bool {
	return i > 0 && i < len(run)-1 && run[i].y == run[i-1].y && run[i].y == run[i+1].y
}
