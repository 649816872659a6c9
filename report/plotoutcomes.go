package report

import (
	"image/color"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// outcomeColors are the areas of plotOutcomes from the bottom up. What was answered is blue, what
// failed goes from vermilion to brown, and what never left the client is grey: no pair of red and green.
var outcomeColors = []struct {
	name  string // as in Series.Outcomes; "good" and "slow" are the parts of ok
	color color.NRGBA
}{
	{"good", color.NRGBA{0xa6, 0xcf, 0xe8, 0xff}},
	{"slow", color.NRGBA{0x2b, 0x6c, 0xa3, 0xff}},
	{"ok", color.NRGBA{0xa6, 0xcf, 0xe8, 0xff}},
	{"degraded", color.NRGBA{0xf0, 0xe4, 0x42, 0xff}},
	{"refused", color.NRGBA{0xf9, 0xc7, 0xa0, 0xff}},
	{"busy", color.NRGBA{0xee, 0x95, 0x55, 0xff}},
	{"error", color.NRGBA{0x7a, 0x2c, 0x05, 0xff}},
	{"timeout", color.NRGBA{0xd5, 0x5e, 0x00, 0xff}},
	{"shed", color.NRGBA{0x8a, 0x8a, 0x8a, 0xff}},
	{"unsent", color.NRGBA{0x3c, 0x3c, 0x3c, 0xff}},
}

// plotOutcomes draws how the calls of each moment ended, stacked to 100 % of those offered.
func plotOutcomes(r *Result) (Plot, bool) {
	end := r.end()
	kinds := r.outcomeKinds()
	n, note := r.shown()
	edges := 0
	for i := range n {
		for _, k := range kinds {
			if addUp(r.Strategies[i].Series.kind(outcomeColors[k].name)) > 0 {
				edges++
			}
		}
	}
	limit := perSteps(n, edges)
	stacks := make([][][]point, n)
	any := false
	for i := range n {
		stacks[i] = r.stack(&r.Strategies[i], kinds, end, limit)
		any = any || len(stacks[i][0]) > 0
	}
	if !any || end <= 0 {
		return Plot{}, false
	}
	note = strings.TrimSpace(r.meanNote(end, limit) + " " + note)
	f := frame{title: "How calls ended, over time", subtitle: r.subtitle(), note: note}
	for _, k := range kinds {
		f.key = append(f.key, keyEntry{outcomeColors[k].name, areaSample(outcomeColors[k].color)})
	}
	var panels []*plot.Plot
	columns := panelColumns(len(stacks))
	for i, stack := range stacks {
		p := newPanel()
		label := ""
		if i%columns == 0 {
			label = "% of offered calls"
		}
		setShare(&p.Y, label)
		setTime(p, end, i >= len(stacks)-columns)
		for j := len(kinds) - 1; j >= 0; j-- { // the highest edge first: each area covers what is below it
			if j == 0 || !same(stack[j], stack[j-1]) {
				p.Add(area(stack[j], outcomeColors[kinds[j]].color))
			}
		}
		p.Add(r.headingOnly(r.Strategies[i].Name))
		sparse(p, i, n)
		panels = append(panels, p)
	}
	return Plot{
		Name: "outcomes", Title: f.title, Note: f.note,
		Desc:  "Share of the offered calls by how they ended, stacked to 100 % over time of intended start, for each strategy.",
		Width: plotWidth, Height: f.height() + panelHeight*vg.Length(panelRows(len(panels))),
		Draw: func(c draw.Canvas) { drawPanels(f.draw(c), panels, 0) },
	}, true
}

// outcomeKinds returns which of outcomeColors occur: ok is split into good and slow where there is an
// objective.
func (r *Result) outcomeKinds() []int {
	var kinds []int
	for k, o := range outcomeColors {
		switch o.name {
		case "good":
			if r.Objective != nil {
				kinds = append(kinds, k)
			}
		case "ok":
			if r.Objective == nil {
				kinds = append(kinds, k)
			}
		default:
			for i := range r.Strategies {
				if addUp(r.Strategies[i].Series.kind(o.name)) > 0 && (o.name != "slow" || r.Objective != nil) {
					kinds = append(kinds, k)
					break
				}
			}
		}
	}
	return kinds
}

// kind returns the calls per second of one of outcomeColors.
func (s *Series) kind(name string) []float64 {
	switch name {
	case "good":
		return s.Good
	case "slow":
		ok := s.Outcomes["ok"]
		slow := make([]float64, len(ok))
		for i := range slow {
			slow[i] = ok[i]
			if i < len(s.Good) {
				slow[i] = math.Max(0, ok[i]-s.Good[i])
			}
		}
		return slow
	}
	return s.Outcomes[name]
}

// stack returns the upper edge of each kind's area as a share of the offered calls; a gap where none
// was offered.
func (r *Result) stack(s *Strategy, kinds []int, end float64, limit int) [][]point {
	offered := meanStretches(s.Series.Offered, s.Series.StepS, end, limit)
	total := make([]float64, len(offered))
	edges := make([][]point, len(kinds))
	for j, k := range kinds {
		calls := meanStretches(s.Series.kind(outcomeColors[k].name), s.Series.StepS, end, limit)
		edge := make([]stretch, len(offered))
		for i, o := range offered {
			edge[i] = stretch{from: o.from, to: o.to, y: math.NaN()}
			if i < len(calls) {
				total[i] += calls[i].y
			}
			if o.y > 0 {
				edge[i].y = total[i] / o.y
			}
		}
		edges[j] = stepped(edge)
	}
	return edges
}

// same reports whether two edges enclose nothing.
func same(a, b []point) bool {
	return slices.EqualFunc(a, b, func(p, q point) bool { return p.y == q.y || math.IsNaN(p.y) && math.IsNaN(q.y) })
}

// areaSample fills a box as a key's sample.
func areaSample(fill color.Color) func(draw.Canvas) {
	return func(c draw.Canvas) {
		c.FillPolygon(fill, []vg.Point{c.Min, {X: c.Max.X, Y: c.Min.Y}, c.Max, {X: c.Min.X, Y: c.Max.Y}})
	}
}
