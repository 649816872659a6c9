package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html"
	"io"
	"strings"
)

// The page's own style and script, and uPlot, which draws the charts that can be zoomed. All of it is
// written into the page: a report that loads from the network is broken the day the network is.
var (
	//go:embed assets/report.css
	pageStyle string
	//go:embed assets/report.js
	pageScript string
	//go:embed assets/uPlot.min.css
	uPlotStyle string
	//go:embed assets/uPlot.iife.min.js
	uPlotScript string
	//go:embed assets/uPlot.LICENSE.txt
	uPlotLicence string
)

// pagePolicy forbids the page every request: only what is written in it may run and be shown.
const pagePolicy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"

// WriteHTML writes a Result as one page of HTML that needs no other file and no network: the finding,
// the gates, the tables, the charts, and what reproduces the run. The charts are SVG; where scripts
// run they can be zoomed. The bytes depend on the Result alone.
func WriteHTML(w io.Writer, r *Result, _ Options) error {
	p := &page{r: r}
	p.opening()
	p.answer()
	p.figures()
	p.charts()
	p.origin()
	p.closing()
	if p.err != nil {
		return fmt.Errorf("writing the HTML report: %w", p.err)
	}
	if _, err := w.Write(p.b.Bytes()); err != nil {
		return fmt.Errorf("writing the HTML report: %w", err)
	}
	return nil
}

// A page collects the HTML, so that the first failure ends it with nothing half-written. There is no
// template package: it would be a third of the program. So each text from outside goes through text
// or attribute, and only our own markup, the plots and what json.Marshal wrote go through raw.
type page struct {
	r   *Result
	b   bytes.Buffer
	err error
}

// raw writes markup as it is.
func (p *page) raw(markup string) { p.b.WriteString(markup) }

// text writes text, escaped.
func (p *page) text(s string) { p.b.WriteString(html.EscapeString(s)) }

// element writes an element that holds nothing but text. The tag may carry attributes of ours.
func (p *page) element(tag, text string) {
	name, _, _ := strings.Cut(tag, " ")
	p.raw("<" + tag + ">")
	p.text(text)
	p.raw("</" + name + ">\n")
}

// list writes texts as a list; nothing where there is none.
func (p *page) list(texts []string) {
	if len(texts) == 0 {
		return
	}
	p.raw("<ul>\n")
	for _, text := range texts {
		p.element("li", text)
	}
	p.raw("</ul>\n")
}

// title is what the page is called.
func (r *Result) title() string {
	if r.Name == "" {
		return "headroom run"
	}
	return r.Name
}

func (p *page) opening() {
	p.raw("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n")
	p.raw(`<meta http-equiv="Content-Security-Policy" content="` + pagePolicy + "\">\n")
	p.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n")
	p.raw("<link rel=\"icon\" href=\"data:,\">\n")
	p.element("title", p.r.title()+" - headroom")
	p.raw("<style>\n" + uPlotStyle + "\n" + variables() + pageStyle + "</style>\n</head>\n<body>\n")
	p.raw("<a class=\"skip\" href=\"#result\">Skip to the result</a>\n<header>\n")
	p.raw("<p class=\"brand\">headroom</p>\n<nav aria-label=\"Sections\">")
	for _, s := range []struct{ id, name string }{{"result", "Result"}, {"figures", "Figures"}, {"charts", "Charts"}, {"configuration", "Configuration"}, {"words", "Words"}} {
		p.raw("<a href=\"#" + s.id + "\">" + s.name + "</a> ")
	}
	p.raw("</nav>\n</header>\n<main>\n")
}

func (p *page) closing() {
	p.raw("</main>\n")
	p.data(p.r.liveCharts(p.r.liveLimit()))
	p.raw("<!--\nuPlot 1.6.32\n" + uPlotLicence + "-->\n")
	p.raw("<script>\n" + uPlotScript + "</script>\n<script>\n" + pageScript + "</script>\n</body>\n</html>\n")
}
