package report

import (
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// plotCurve draws the response time at every percentile in the phase that decides, a line for each
// strategy. x = log10(1/(1-q)) gives each further nine the same room. A line ends where its sample
// does; markers with bars are P50, P95 and P99 with their intervals.
func plotCurve(r *Result) (Plot, bool) {
	peak := r.peak()
	looks := r.looks()
	limit := perLine(1, len(r.Strategies))
	most, widest := 0.0, 0.0
	curves := make([][]point, len(r.Strategies))
	for i := range r.Strategies {
		for _, at := range thinned(r.Strategies[i].figures(peak).Curve, limit) {
			if at.Q < 0 || at.Q >= 1 || at.MS < 0 {
				continue
			}
			p := point{x: nines(at.Q), y: at.MS}
			most, widest = math.Max(most, p.y), math.Max(widest, p.x)
			curves[i] = append(curves[i], p)
		}
	}
	if widest <= 0 || most <= 0 {
		return Plot{}, false
	}
	name, bound := r.Objective.tightest()
	most = math.Max(most, bound)
	least, below := floor(most, bound, curves)
	f := frame{title: "Response time of ok calls by percentile, phase " + short(r.Phases[peak].Name, 16), subtitle: r.subtitle(),
		note: "A line ends where fewer than 10 calls lie beyond it."}
	if bars := r.barsNote([]int{peak}, func(f *Figures) []*Interval { return []*Interval{f.P50CI, f.P95CI, f.P99CI} }); bars != "" {
		f.note += " " + bars
	}
	if below {
		f.note += " " + belowNote
	} else {
		f.note += " Failed calls are not on it: see success."
	}
	p := newPanel()
	setMillis(p, least, most)
	setNines(p, widest)
	p.Add(rules(p))
	if bound > 0 {
		p.Add(boundLine(math.Min(r.Objective.boundTo(), widest), bound, "objective: "+name+" <= "+plainMillis(bound), curves...))
	}
	var ends []tag
	for i, curve := range curves {
		p.Add(polyline(curve, looks[i].line()))
		if n := len(curve); n > 0 {
			ends = append(ends, tag{x: curve[n-1].x, y: curve[n-1].y, name: r.Strategies[i].Name, line: looks[i].line()})
		}
	}
	for i := range r.Strategies {
		p.Add(r.Strategies[i].figures(peak).certain(looks[i], i, len(r.Strategies)))
	}
	p.Add(tags(ends))
	return Plot{
		Name: "percentiles", Title: f.title, Note: f.note,
		Desc:  "Response time of ok calls at every percentile, a line for each strategy; further right is rarer, lower is faster.",
		Width: plotWidth, Height: max(380, 110+11*vg.Length(len(ends))), // a line for each name
		Draw: func(c draw.Canvas) {
			p.Draw(draw.Crop(f.draw(c), 0, -96, 0, -4)) // at the right the names of the lines
		},
	}, true
}

// boundTo is how far right the line of the tightest limit goes on the curve: to the percentile it limits.
func (o *Objective) boundTo() float64 {
	switch name, _ := o.tightest(); name {
	case "P50":
		return nines(0.5)
	case "P95":
		return nines(0.95)
	}
	return nines(0.99)
}

// nines is the place of a percentile: log10(1/(1-q)), 1 at 90 %, 2 at 99 %.
func nines(q float64) float64 { return math.Log10(1 / (1 - q)) }

// setNines makes the x axis one of percentiles.
func setNines(p *plot.Plot, most float64) {
	p.X.Min, p.X.Max = 0, most
	var ticks plot.ConstantTicks
	for _, q := range []struct {
		q     float64
		label string
	}{{0, "0"}, {0.5, "50"}, {0.75, "75"}, {0.9, "90"}, {0.95, "95"}, {0.99, "99"}, {0.999, "99.9"}, {0.9999, "99.99"}, {0.99999, "99.999"}, {0.999999, "99.9999"}} {
		if x := nines(q.q); x <= most {
			ticks = append(ticks, plot.Tick{Value: x, Label: q.label})
		}
	}
	p.X.Tick.Marker = ticks
	p.X.Label.Text = "percentile: % of ok calls that were at least this fast"
}

// thinned keeps at most limit points of a curve, its ends among them.
func thinned(curve []CurvePoint, limit int) []CurvePoint {
	if len(curve) <= limit || limit < 2 {
		return curve
	}
	kept := make([]CurvePoint, limit)
	for i := range kept {
		kept[i] = curve[i*(len(curve)-1)/(limit-1)]
	}
	return kept
}

// certain draws P50, P95 and P99 as markers with their intervals. The markers of n strategies stand
// side by side, or their bars would cover each other.
func (f *Figures) certain(l look, i, n int) mark {
	return func(c draw.Canvas, p *plot.Plot) {
		x, y := p.Transforms(&c)
		aside := (vg.Length(i) - vg.Length(n-1)/2) * min(2.5, 18/vg.Length(n))
		for _, at := range []struct {
			q  float64
			ms *float64
			ci *Interval
		}{{0.5, f.P50MS, f.P50CI}, {0.95, f.P95MS, f.P95CI}, {0.99, f.P99MS, f.P99CI}} {
			if at.ms == nil || *at.ms < p.Y.Min || *at.ms > p.Y.Max || nines(at.q) > p.X.Max {
				continue
			}
			place := vg.Point{X: snap(x(nines(at.q)) + aside), Y: snap(y(*at.ms))}
			if at.ci != nil {
				c.StrokeLine2(draw.LineStyle{Color: l.color, Width: 1}, place.X, snap(y(within(at.ci[0], p.Y))), place.X, snap(y(within(at.ci[1], p.Y))))
			}
			c.DrawGlyph(draw.GlyphStyle{Color: l.color, Radius: 2.6, Shape: l.marker}, place)
		}
	}
}
