package report

import (
	"image/color"
	"strings"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Colours are color.NRGBA: gonum/plot takes color.RGBA as premultiplied, and a half-transparent one
// would come out wrong.
var (
	ink      = color.NRGBA{0x1a, 0x1a, 0x1a, 0xff} // text and axes, 17:1 on white
	faint    = color.NRGBA{0x59, 0x59, 0x59, 0xff} // second text, 7:1 on white
	gridGrey = color.NRGBA{0xe3, 0xe3, 0xe3, 0xff}
	offGrey  = color.NRGBA{0x7f, 0x7f, 0x7f, 0xff} // offered calls
	shade    = color.NRGBA{0x00, 0x00, 0x00, 0x1f} // 12 % grey behind the phase that decides
)

// okabeIto are the colours of strategies that everybody can tell apart (Okabe and Ito, 2008): fixed
// for all plots and runs, in this order. Vermilion (#D55E00) is kept for what went wrong.
var okabeIto = []struct {
	strategy string
	color    color.NRGBA
}{
	{"sync", color.NRGBA{0x00, 0x00, 0x00, 0xff}},
	{"pooled", color.NRGBA{0x00, 0x72, 0xb2, 0xff}},
	{"async-queue", color.NRGBA{0xe6, 0x9f, 0x00, 0xff}},
	{"cache", color.NRGBA{0x56, 0xb4, 0xe9, 0xff}},
	{"backoff", color.NRGBA{0xcc, 0x79, 0xa7, 0xff}},
	{"resilient", color.NRGBA{0x00, 0x9e, 0x73, 0xff}},
}

// The dashes and markers of the strategies above, in their order; and the dashes of the others, who
// take the colours in turn. Orange and sky reach only 2.3:1 on white, so no line is told by its colour
// alone.
var (
	ownDashes   = [][]vg.Length{nil, {9, 3}, {5, 2}, {2, 2}, {9, 3, 2, 3}, {14, 4}}
	otherDashes = [][]vg.Length{{1, 2}, {12, 3, 2, 3, 2, 3}, {4, 4}, {7, 2, 1, 2}, {3, 1}}
	markers     = []draw.GlyphDrawer{draw.CircleGlyph{}, draw.BoxGlyph{}, draw.PyramidGlyph{}, diamond, wedge, thickBar}
)

// A look is how one strategy is drawn in every plot.
type look struct {
	color  color.NRGBA
	dashes []vg.Length
	marker draw.GlyphDrawer
}

// line returns the look's line, 2 px of 96 to the inch.
func (l look) line() draw.LineStyle {
	return draw.LineStyle{Color: l.color, Width: vg.Points(1.5), Dashes: l.dashes}
}

// tint returns the look's colour for an area.
func (l look) tint() color.NRGBA {
	c := l.color
	c.A = 0x48
	return c
}

// looks returns how each strategy is drawn: by its name where that is a known one, the others cycle
// through the colours with another dash.
func (r *Result) looks() []look {
	all := make([]look, len(r.Strategies))
	others := 0
	for i := range r.Strategies {
		known := -1
		for j, o := range okabeIto {
			if o.strategy == r.Strategies[i].Name {
				known = j
			}
		}
		if known >= 0 {
			all[i] = look{okabeIto[known].color, ownDashes[known], markers[known]}
			continue
		}
		all[i] = look{okabeIto[others%len(okabeIto)].color, otherDashes[others%len(otherDashes)], markers[(others+3)%len(markers)]}
		others++
	}
	return all
}

// A shape is a filled marker: its corners around the middle, in radii.
type shape []vg.Point

// The shapes that gonum/plot has not: its own cross and plus are hairlines, too thin to carry a colour.
var (
	diamond  = shape{{X: 0, Y: 1.3}, {X: 1.3, Y: 0}, {X: 0, Y: -1.3}, {X: -1.3, Y: 0}}
	wedge    = shape{{X: -1.15, Y: 0.9}, {X: 1.15, Y: 0.9}, {X: 0, Y: -1.15}}
	thickBar = shape{{X: -0.42, Y: 1.25}, {X: 0.42, Y: 1.25}, {X: 0.42, Y: 0.42}, {X: 1.25, Y: 0.42}, {X: 1.25, Y: -0.42}, {X: 0.42, Y: -0.42},
		{X: 0.42, Y: -1.25}, {X: -0.42, Y: -1.25}, {X: -0.42, Y: -0.42}, {X: -1.25, Y: -0.42}, {X: -1.25, Y: 0.42}, {X: -0.42, Y: 0.42}}
)

// DrawGlyph draws the shape around a point.
func (s shape) DrawGlyph(c *draw.Canvas, sty draw.GlyphStyle, pt vg.Point) {
	c.SetColor(sty.Color)
	var p vg.Path
	for i, corner := range s {
		at := pt.Add(corner.Scale(sty.Radius))
		if i == 0 {
			p.Move(at)
		} else {
			p.Line(at)
		}
	}
	p.Close()
	c.Fill(p)
}

// lettering returns a text style of the sans face; the library's default is a serif one.
func lettering(size vg.Length, c color.Color, bold bool) text.Style {
	f := font.Font{Typeface: "Liberation", Variant: "Sans", Size: size}
	if bold {
		f.Weight = xfont.WeightBold
	}
	return text.Style{Color: c, Font: f, Handler: plot.DefaultTextHandler, XAlign: draw.XLeft, YAlign: draw.YBottom}
}

// placed returns the style with its alignment.
func placed(s text.Style, x text.XAlignment, y text.YAlignment) text.Style {
	s.XAlign, s.YAlign = x, y
	return s
}

// ascii replaces what the faces have no glyph for, so that a name in another script leaves a visible
// gap and not a silent one.
func ascii(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return '?'
		}
		return c
	}, s)
}

// short cuts a name to at most n characters.
func short(s string, n int) string {
	s = ascii(s)
	if len(s) <= n {
		return s
	}
	return s[:n-2] + ".."
}
