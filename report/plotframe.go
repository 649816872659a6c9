package report

import (
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// plotWidth is the width of every plot.
const plotWidth vg.Length = 720

// A frame is what stands around the panels of a plot: title, the run's name and kind, and a key.
type frame struct {
	title, subtitle string
	key             []keyEntry
	note            string // below the panels; "" for none
}

// A keyEntry explains one sign used in all panels. sample draws it into a small canvas.
type keyEntry struct {
	label  string
	sample func(c draw.Canvas)
}

// subtitle says which run it is, and whether simulated or measured: plots travel alone.
func (r *Result) subtitle() string { return short(r.Name, 32) + ", " + ascii(r.kind()) }

// barsNote says what the bars of a plot are; "" where none of the phases has an interval to draw.
func (r *Result) barsNote(phases []int, drawn func(*Figures) []*Interval) string {
	for i := range r.Strategies {
		for _, phase := range phases {
			if !slices.ContainsFunc(drawn(r.Strategies[i].figures(phase)), func(ci *Interval) bool { return ci != nil }) {
				continue
			}
			switch {
			case !r.Measured:
				return "Bars: 95 % intervals over the seeds."
			case len(r.Seeds) < fewRuns:
				return "Bars: 95 % intervals from within " + oneRun(len(r.Seeds)) + "."
			}
			return "Bars: 95 % intervals over the runs."
		}
	}
	return ""
}

// Sizes of the frame.
const (
	margin    vg.Length = 14
	swatch    vg.Length = 20
	keyHeight vg.Length = 15
)

// draw draws the frame onto white and returns the canvas that is left for the panels.
func (f frame) draw(c draw.Canvas) draw.Canvas {
	c.SetColor(whiteCard)
	c.Fill(c.Rectangle.Path())
	c = draw.Crop(c, margin, -margin, margin, -margin)
	title, sub := lettering(13, ink, true), lettering(9.5, faint, false)
	c.FillText(placed(title, draw.XLeft, draw.YTop), vg.Point{X: c.Min.X, Y: c.Max.Y}, f.title)
	c.FillText(placed(sub, draw.XRight, draw.YTop), vg.Point{X: c.Max.X, Y: c.Max.Y - 3}, f.subtitle)
	c.Max.Y -= 24
	if len(f.key) > 0 {
		c.Max.Y = f.drawKey(c)
	}
	if f.note != "" {
		c.FillText(lettering(8, faint, false), vg.Point{X: c.Min.X, Y: c.Min.Y}, f.note)
		c.Min.Y += 14
	}
	return c
}

// drawKey draws the key in rows and returns where it ends.
func (f frame) drawKey(c draw.Canvas) vg.Length {
	style := placed(lettering(9, ink, false), draw.XLeft, draw.YCenter)
	x, y := c.Min.X, c.Max.Y
	for _, k := range f.key {
		width := swatch + 5 + style.Width(k.label)
		if x > c.Min.X && x+width > c.Max.X {
			x, y = c.Min.X, y-keyHeight
		}
		box := c
		box.Min, box.Max = vg.Point{X: x, Y: y - keyHeight + 3}, vg.Point{X: x + swatch, Y: y - 3}
		k.sample(box)
		c.FillText(style, vg.Point{X: x + swatch + 5, Y: y - keyHeight/2}, k.label)
		x += width + 16
	}
	return y - keyHeight - 2
}

// keyRows returns how many rows the key takes, so that a plot can be made tall enough.
func (f frame) keyRows() vg.Length {
	style := lettering(9, ink, false)
	x, rows := vg.Length(0), vg.Length(1)
	for _, k := range f.key {
		width := swatch + 5 + style.Width(k.label)
		if x > 0 && x+width > plotWidth-2*margin {
			x, rows = 0, rows+1
		}
		x += width + 16
	}
	if len(f.key) == 0 {
		return 0
	}
	return rows
}

// height returns the height of the frame itself.
func (f frame) height() vg.Length {
	h := 2*margin + 24 + keyHeight*f.keyRows() + 2
	if f.note != "" {
		h += 14
	}
	return h
}

// lineSample draws a line as a key's sample.
func lineSample(s draw.LineStyle) func(draw.Canvas) {
	return func(c draw.Canvas) { c.StrokeLine2(s, c.Min.X, c.Center().Y, c.Max.X, c.Center().Y) }
}

// Sizes of panels: what stands above the data (name and phases), and right of it (names of lines).
const (
	panelAbove vg.Length = 27
	panelApart vg.Length = 18
)

// panelColumns returns how many panels stand side by side.
func panelColumns(n int) int {
	switch {
	case n <= 1:
		return 1
	case n <= 8:
		return 2
	}
	return 3
}

// panelRows returns how many rows n panels take.
func panelRows(n int) int {
	columns := panelColumns(n)
	return (n + columns - 1) / columns
}

// mostPanels is how many strategies have a panel; a note says that there are more.
const mostPanels = 18

// shown returns how many strategies have a panel, and a note where that is not all.
func (r *Result) shown() (n int, note string) {
	if len(r.Strategies) <= mostPanels {
		return len(r.Strategies), ""
	}
	return mostPanels, showCount(mostPanels) + " of " + showCount(int64(len(r.Strategies))) + " strategies; run.json has all."
}

// sparse takes the words off the axes of the inner ones of many panels: their scales are those of the
// panels at the left and at the bottom.
func sparse(p *plot.Plot, i, n int) {
	columns := panelColumns(n)
	if columns < 3 {
		return
	}
	if i%columns > 0 {
		p.Y.Tick.Marker = wordless(p.Y.Tick.Marker.Ticks(p.Y.Min, p.Y.Max))
	}
	if i < n-columns {
		p.X.Tick.Marker = wordless(p.X.Tick.Marker.Ticks(p.X.Min, p.X.Max))
	}
}

func wordless(ticks []plot.Tick) plot.ConstantTicks {
	bare := make(plot.ConstantTicks, len(ticks))
	for i, tick := range ticks {
		bare[i] = plot.Tick{Value: tick.Value}
	}
	return bare
}

// drawPanels draws small multiples whose data areas are of one size, each with room at its right for
// the names of lines.
func drawPanels(c draw.Canvas, panels []*plot.Plot, right vg.Length) {
	columns, rows := panelColumns(len(panels)), panelRows(len(panels))
	grid := make([][]*plot.Plot, rows)
	for i := range grid {
		grid[i] = make([]*plot.Plot, columns)
		for j := range grid[i] {
			if k := i*columns + j; k < len(panels) {
				grid[i][j] = panels[k]
			}
		}
	}
	tiles := draw.Tiles{Rows: rows, Cols: columns, PadX: panelApart + right, PadY: panelAbove + 6, PadTop: panelAbove, PadRight: right}
	for i, row := range plot.Align(grid, tiles, c) {
		for j, canvas := range row {
			if grid[i][j] != nil {
				grid[i][j].Draw(canvas)
			}
		}
	}
}
