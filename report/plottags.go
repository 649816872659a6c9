package report

import (
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// boundLine draws a level of the objective up to x = to: a black dashed line with its text beside it,
// where the fewest points of the lines are.
func boundLine(to, at float64, label string, lines ...[]point) mark {
	return func(c draw.Canvas, p *plot.Plot) {
		if at < p.Y.Min || at > p.Y.Max {
			return
		}
		x, y := p.Transforms(&c)
		c.StrokeLine2(draw.LineStyle{Color: ink, Width: 0.8, Dashes: []vg.Length{4, 3}}, c.Min.X, snap(y(at)), snap(x(to)), snap(y(at)))
		style := lettering(7.5, ink, false)
		wide, high := style.Width(label), style.Font.Size
		var best vg.Point
		fewest := math.MaxInt
		const places = 9 // from the left end to the right one, the first of equals
		for i := range places {
			left := c.Min.X + 4 + (x(to)-wide-8-c.Min.X)*vg.Length(i)/(places-1)
			for _, low := range []vg.Length{y(at) + 3, y(at) - high - 2} {
				if left < c.Min.X || low < c.Min.Y || low+high > c.Max.Y {
					continue
				}
				inside := 0
				for _, line := range lines {
					for _, q := range line {
						px, py := x(q.x), y(within(q.y, p.Y)) // NaN is never inside
						if px > left-4 && px < left+wide+4 && py > low-3 && py < low+high+3 {
							inside++
						}
					}
				}
				if inside < fewest {
					fewest, best = inside, vg.Point{X: left, Y: low}
				}
			}
		}
		if fewest < math.MaxInt {
			onCard(&c, style, best, label)
		}
	}
}

// onCard writes text over a white card, so that lines behind it do not cross it out.
func onCard(c *draw.Canvas, style text.Style, at vg.Point, label string) {
	box := style.Rectangle(label).Add(at)
	card := whiteCard
	card.A = 0xd0
	c.FillPolygon(card, []vg.Point{{X: box.Min.X - 1, Y: box.Min.Y}, {X: box.Max.X + 1, Y: box.Min.Y}, {X: box.Max.X + 1, Y: box.Max.Y}, {X: box.Min.X - 1, Y: box.Max.Y}})
	c.FillText(style, at, label)
}

// A tag is the name of a line, written right of its end.
type tag struct {
	x, y float64
	name string
	line draw.LineStyle
}

// tags writes the names at the lines' ends, moved apart where they would overlap, each joined to its
// line's end by a thin one in the line's colour. A line that ends early has its name there.
func tags(all []tag) mark {
	return func(c draw.Canvas, p *plot.Plot) {
		x, y := p.Transforms(&c)
		style := placed(lettering(8.5, ink, false), draw.XLeft, draw.YCenter)
		apart := style.Font.Size * 1.2
		all := slices.Clone(all)
		slices.SortStableFunc(all, func(a, b tag) int {
			switch {
			case a.y < b.y:
				return -1
			case a.y > b.y:
				return 1
			}
			return 0
		})
		ends := make([]vg.Length, len(all))
		for i := range all {
			ends[i] = y(within(all[i].y, p.Y))
		}
		for i, at := range spread(ends, apart, c.Min.Y+apart/2, c.Max.Y-apart/2) {
			t := &all[i]
			from := snap(x(t.x))
			c.StrokeLine2(draw.LineStyle{Color: t.line.Color, Width: 0.6}, from+1, snap(ends[i]), from+7, snap(at))
			onCard(&c, style, vg.Point{X: from + 9, Y: at}, short(t.name, 18))
		}
	}
}

// spread moves sorted places apart to at least the given distance, as little as it can, keeping them
// between low and high if they all fit. Neighbours that touch move as one block around their mean
// (pool adjacent violators).
func spread(places []vg.Length, apart, low, high vg.Length) []vg.Length {
	type block struct {
		sum vg.Length // of the places, each less its offset in the block
		n   int
	}
	first := func(b block) vg.Length { return b.sum / vg.Length(b.n) }
	var blocks []block
	for _, place := range places {
		b := block{sum: place, n: 1}
		for len(blocks) > 0 {
			last := blocks[len(blocks)-1]
			if first(last)+apart*vg.Length(last.n) <= first(b) {
				break
			}
			// The members of b stand behind those of last.
			b = block{sum: last.sum + b.sum - apart*vg.Length(last.n*b.n), n: last.n + b.n}
			blocks = blocks[:len(blocks)-1]
		}
		blocks = append(blocks, b)
	}
	out := make([]vg.Length, 0, len(places))
	for _, b := range blocks {
		for i := range b.n {
			out = append(out, first(b)+apart*vg.Length(i))
		}
	}
	for i := len(out) - 1; i >= 0; i-- { // down from the ceiling
		out[i] = min(out[i], high-apart*vg.Length(len(out)-1-i))
	}
	for i := range out { // up from the floor, which wins where they do not fit
		out[i] = max(out[i], low+apart*vg.Length(i))
	}
	return out
}
