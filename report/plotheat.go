package report

import (
	"image"
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// viridis are the levels of a heat map, fewest calls first (van der Walt and Smith, 2015): lightness
// alone tells them apart. Nothing is drawn where there is no call.
var viridis = []color.NRGBA{
	rgb(0x440154), rgb(0x482878), rgb(0x3e4989), rgb(0x31688e), rgb(0x26828e), rgb(0x1f9e89), rgb(0x35b779), rgb(0x6ece58), rgb(0xb5de2b), rgb(0xfde725),
}

// heatScale is how often a pixel of a heat map is repeated, so that no viewer smooths it away.
const heatScale = 3

// mostHeat is the largest count of one cell, over all strategies.
func (r *Result) mostHeat(n int) (most int64, least, highest int) {
	least, highest = heatBuckets, -1
	for i := range n {
		h := r.Strategies[i].Series.Heat
		if !h.usable() {
			continue
		}
		for j := range h.Columns {
			first, counts := h.column(j)
			for k, count := range counts {
				if count > 0 {
					most, least, highest = max(most, count), min(least, first+k), max(highest, first+k)
				}
			}
		}
	}
	return most, max(least, highest-int(mostDecades*heatPerDecade)), highest
}

// heatLevel is the level of a count where most is the largest: a logarithmic scale.
func heatLevel(count, most int64) int {
	if count <= 0 {
		return -1
	}
	if most <= 1 {
		return len(viridis) - 1
	}
	level := int(float64(len(viridis)) * math.Log(float64(count)) / math.Log(float64(most)))
	return min(level, len(viridis)-1)
}

// plotHeat draws how the response times of ok calls were spread over time, a panel for each strategy
// on one scale.
func plotHeat(r *Result) (Plot, bool) {
	end := r.end()
	n, note := r.shown()
	most, low, high := r.mostHeat(n)
	if most <= 0 || !(end > 0) || math.IsInf(end, 0) {
		return Plot{}, false
	}
	if low > 0 {
		note = join(note, "The lowest row holds also what was faster.")
	}
	f := frame{title: "Spread of the response times of ok calls, over time", subtitle: r.subtitle(), note: note}
	for i, level := range []int{0, len(viridis) / 2, len(viridis) - 1} {
		calls := math.Pow(float64(most), float64(level)/float64(len(viridis)-1))
		f.key = append(f.key, keyEntry{[]string{"1 call", "about " + significant(math.Round(calls)), showCount(most) + " calls in a cell"}[i], areaSample(viridis[level])})
	}
	var panels []*plot.Plot
	columns := panelColumns(n)
	for i := range n {
		p := newPanel()
		setTime(p, end, i >= n-columns)
		p.Y.Min, p.Y.Max = heatMillis(low), heatMillis(high+1)
		p.Y.Scale = plot.LogScale{}
		p.Y.Tick.Marker = logTicks(p.Y.Min, p.Y.Max)
		if h := r.Strategies[i].Series.Heat; h.usable() {
			p.Add(h.mark(end, low, high, most))
		}
		p.Add(r.headingOnly(r.Strategies[i].Name))
		sparse(p, i, n)
		panels = append(panels, p)
	}
	return Plot{
		Name: "spread", Title: f.title, Note: f.note,
		Desc:  "Each cell is the number of ok calls that began at that time and took that long, on a logarithmic axis; two bands are two kinds of answers.",
		Width: plotWidth, Height: f.height() + panelHeight*vg.Length(panelRows(len(panels))),
		Draw: func(c draw.Canvas) { drawPanels(f.draw(c), panels, 0) },
	}, true
}

// join joins two sentences of which either may be empty.
func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + " " + b
}

// mark draws the cells as an image: each as a path of its own would be a megabyte.
func (h *Heat) mark(end float64, low, high int, most int64) mark {
	n := min(len(h.Columns), length(len(h.Columns), h.StepS, end))
	palette := color.Palette{color.NRGBA{}}
	for _, c := range viridis {
		palette = append(palette, c)
	}
	if n == 0 {
		return func(draw.Canvas, *plot.Plot) {}
	}
	img := image.NewPaletted(image.Rect(0, 0, n*heatScale, (high-low+1)*heatScale), palette)
	for i := range n {
		first, counts := h.column(i)
		var row [heatBuckets]int64
		for k, count := range counts {
			row[max(low, first+k)] += count
		}
		for k := low; k <= high; k++ {
			level := heatLevel(row[k], most)
			if level < 0 {
				continue
			}
			for dx := range heatScale {
				for dy := range heatScale {
					img.SetColorIndex(i*heatScale+dx, (high-k)*heatScale+dy, uint8(level+1))
				}
			}
		}
	}
	return func(c draw.Canvas, p *plot.Plot) {
		x, _ := p.Transforms(&c)
		c.DrawImage(vg.Rectangle{Min: c.Min, Max: vg.Point{X: min(c.Max.X, x(float64(n)*h.StepS)), Y: c.Max.Y}}, img)
	}
}
