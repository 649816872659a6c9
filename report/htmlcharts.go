package report

import (
	"bytes"
	"fmt"
	"strings"
)

// charts writes the plots in the order of the page, each as a figure: the SVG, one sentence on how to
// read it, and its numbers.
func (p *page) charts() {
	plots := Plots(p.r)
	if len(plots) == 0 {
		return
	}
	p.raw("<section id=\"charts\" aria-labelledby=\"charts-h\">\n<h2 id=\"charts-h\">Charts</h2>\n")
	for _, plot := range plots {
		p.figure(plot)
	}
	p.raw("</section>\n")
}

func (p *page) figure(plot Plot) {
	svg, err := plot.inline()
	if err != nil {
		p.err = err
		return
	}
	p.raw(fmt.Sprintf("<figure id=\"chart-%s\" data-chart=\"%s\">\n", plot.Name, plot.Name))
	p.element("h3", plot.Title)
	p.raw("<div class=\"svg\">\n" + svg + "</div>\n<div class=\"live\" hidden></div>\n")
	p.element("figcaption", plot.Desc)
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
