package report

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// charts writes the plots in the order of the page, each as a figure: the SVG, one sentence on how to
// read it, and its numbers.
func (p *page) charts() {
	plots := Plots(p.r)
	p.raw("<section id=\"charts\" aria-labelledby=\"charts-h\">\n<h2 id=\"charts-h\">Charts</h2>\n")
	if len(plots) == 0 {
		p.element("p class=\"note\"", "No call was counted, so there is nothing to draw.")
	}
	tables := p.r.chartGrids()
	for _, plot := range plots {
		p.figure(plot, tables[plot.Name])
	}
	p.raw("</section>\n")
}

// figure writes one plot. The title stands in the SVG, too, which is also a file of its own: the
// heading is for the outline of the page, and is shown where the script draws in the SVG's place.
func (p *page) figure(plot Plot, numbers *grid) {
	svg, err := plot.inline()
	if err != nil {
		p.err = err
		return
	}
	p.raw(fmt.Sprintf("<figure id=\"chart-%s\" aria-labelledby=\"chart-%s-h\">\n<h3 id=\"chart-%s-h\">", plot.Name, plot.Name, plot.Name))
	p.text(plot.Title)
	p.raw("</h3>\n<div class=\"svg\" tabindex=\"0\" role=\"region\" aria-label=\"Picture\">\n" + svg + "</div>\n<div class=\"live\" hidden></div>\n")
	p.raw("<figcaption>")
	p.text(plot.Desc)
	if plot.Note != "" { // the picture has it, too
		p.raw(" <span class=\"with-live\">")
		p.text(plot.Note)
		p.raw("</span>")
	}
	p.raw("</figcaption>\n")
	if numbers != nil && len(numbers.rows) > 0 {
		p.raw("<details>\n<summary>The numbers of this chart</summary>\n")
		p.table(plot.Title, numbers)
		p.raw("</details>\n")
	}
	p.raw("</figure>\n")
}

// inline is the plot's SVG as it stands in a page: without the prologue of a file of its own, as wide
// as there is room, and in the page's colours.
func (plot Plot) inline() (string, error) {
	var b bytes.Buffer
	if err := plot.WriteSVG(&b); err != nil {
		return "", err
	}
	svg := b.String()
	if i := strings.Index(svg, "<svg "); i > 0 {
		svg = svg[i:]
	}
	return themed(svg), nil
}

// tableRows is about how many stretches of time a chart's table has: more is what run.json is for.
const tableRows = 20

// chartGrids returns the numbers of the charts as tables, by the names of the plots.
func (r *Result) chartGrids() map[string]*grid {
	all := map[string]*grid{"differences": r.forestGrid(), "strategies": r.sidesGrid()}
	for _, c := range r.liveCharts(tableRows) {
		switch {
		case c.Kind == "heat":
			all[c.Name] = c.heatGrid()
		case len(c.Panels) > 0:
			all[c.Name] = c.grid()
		}
	}
	return all
}

// grid is the table of a chart: a row for each stretch of time or percentile, a column for each line.
func (c *liveChart) grid() *grid {
	g := &grid{head: []string{"from"}}
	longest := &c.Panels[0]
	for i := range c.Panels {
		p := &c.Panels[i]
		if p.rows() > longest.rows() {
			longest = p
		}
		for _, l := range p.Lines {
			g.head = append(g.head, strings.TrimSpace(p.Name+" "+l.Label))
		}
	}
	if c.Kind == "nines" {
		g.head[0] = "percentile"
	}
	for k := range longest.rows() {
		var row []string
		if c.Kind == "nines" {
			row = []string{percentileAt(longest.X[k])}
		} else {
			from := longest.From
			if !c.Steps {
				from -= longest.Step / 2
			}
			row = []string{showClock(from + float64(k)*longest.Step)}
		}
		for _, p := range c.Panels {
			for _, l := range p.Lines {
				row = append(row, c.cell(l.Values, k))
			}
		}
		g.add(row...)
	}
	return g
}

// percentileAt writes the percentile at a place of the curve, with as many digits as tell it from its
// neighbours: 50, 99.44, 99.944.
func percentileAt(x float64) string {
	digits := max(0, int(math.Ceil(x-1e-9))-1)
	return strconv.FormatFloat(100*(1-math.Pow(10, -x)), 'f', digits, 64)
}

// rows is how many values the panel's lines have.
func (p *livePanel) rows() int {
	if len(p.X) > 0 {
		return len(p.X)
	}
	if len(p.Lines) > 0 {
		return len(p.Lines[0].Values)
	}
	return 0
}

// cell writes a value of a chart with its unit.
func (c *liveChart) cell(values []value, k int) string {
	if k >= len(values) || !finite(float64(values[k])) {
		return noData
	}
	x := float64(values[k])
	switch c.Unit {
	case "ms", "share", "/s":
		return showIn(c.Unit, &x)
	}
	return significant(x)
}

// heatGrid is the table of a heat map: how many calls of each strategy took how long, over all time.
func (c *liveChart) heatGrid() *grid {
	const each = heatPerDecade / 4
	g := &grid{head: []string{"response time"}}
	counts := make([][heatBuckets/each + 1]int64, len(c.Panels))
	low, high := heatBuckets, -1
	for i, p := range c.Panels {
		g.head = append(g.head, p.Name)
		for _, column := range p.Columns {
			for k := 1; k < len(column); k++ {
				if column[k] > 0 {
					row := (int(column[0]) + k - 1) / each
					counts[i][row] += column[k]
					low, high = min(low, row), max(high, row)
				}
			}
		}
	}
	for row := low; row <= high; row++ {
		from, to := heatMillis(row*each), heatMillis((row+1)*each)
		cells := []string{showMillis(&from) + " to " + showMillis(&to)}
		if row == 0 {
			cells[0] = "below " + showMillis(&to)
		}
		for i := range counts {
			cells = append(cells, showCount(counts[i][row]))
		}
		g.add(cells...)
	}
	return g
}

// forestGrid is the table of the differences to the first strategy; nil without one.
func (r *Result) forestGrid() *grid {
	g := &grid{head: []string{"strategy", "success, points", "P99, times", "better in"}}
	for i := range r.Strategies {
		a := r.Strategies[i].Against
		if a == nil || a.Of <= 0 {
			continue
		}
		points := r.Strategies[i].versusFirst(false)
		g.add(r.Strategies[i].Name, points[0], showTimesCI(a.P99Ratio, a.P99CI), points[1])
	}
	return g
}

// sidesGrid is the table of success by phase.
func (r *Result) sidesGrid() *grid {
	g := &grid{head: []string{"success %"}}
	for i := range r.Phases {
		g.head = append(g.head, r.Phases[i].Name)
	}
	for i := range r.Strategies {
		s := &r.Strategies[i]
		row := []string{s.Name}
		for j := range r.Phases {
			row = append(row, showBareCI(s.figures(j).Success, s.figures(j).SuccessCI))
		}
		g.add(row...)
	}
	return g
}
