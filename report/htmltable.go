package report

import "strings"

// table writes a grid with its caption. It stands in a container of its own that scrolls sideways and
// can be reached by keyboard: on a telephone the page itself must not.
func (p *page) table(caption string, g *grid) {
	if g == nil || len(g.rows) == 0 {
		return
	}
	p.raw("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"")
	p.text(caption)
	p.raw("\">\n<table>\n")
	p.element("caption", caption)
	words := max(1, g.words)
	p.raw("<thead><tr>")
	for i, head := range g.head {
		p.cell("th scope=\"col\"", i < words, head)
	}
	p.raw("</tr></thead>\n<tbody>\n")
	for _, row := range g.rows {
		p.raw("<tr>")
		for i, cell := range row {
			tag := "td"
			if i == 0 {
				tag = "th scope=\"row\""
			}
			p.cell(tag, i < words, cell)
		}
		p.raw("</tr>\n")
	}
	p.raw("</tbody>\n</table>\n</div>\n")
}

// cell writes one cell: words to the left, numbers to the right.
func (p *page) cell(tag string, words bool, text string) {
	name, _, _ := strings.Cut(tag, " ")
	switch {
	case words:
		tag += " class=\"w\""
	case strings.HasPrefix(text, "FAIL"):
		tag += " class=\"bad\"" // the word says it, the colour repeats it
	}
	p.raw("<" + tag + ">")
	p.text(text)
	p.raw("</" + name + ">")
}

// figures writes the tables: that of the phase that decides, what belongs to it, the other phases, the
// whole run.
func (p *page) figures() {
	r := p.r
	p.raw("<section id=\"figures\" aria-labelledby=\"figures-h\">\n<h2 id=\"figures-h\">Figures</h2>\n")
	peak := r.peak()
	if len(r.Strategies) > 0 {
		for i, phase := range r.phaseOrder() {
			p.table(capital(r.Phases[phase].span()), r.phaseGrid(phase))
			if i == 0 {
				p.table("Callers given a longer patience", r.patienceGrid(peak))
				p.table("Tokens", r.tokenGrid(peak))
				p.table("How the calls ended", r.outcomeGrid(peak))
			}
		}
		if peak >= 0 {
			p.table("Whole run", r.runGrid())
		}
		p.table("Targets", r.targetGrid())
	}
	if lines := r.bottlenecks(); len(lines) > 0 {
		p.raw("<h3>Resources of the service</h3>\n")
		for i, text := range lines {
			lines[i] = capital(text)
		}
		p.list(lines)
	}
	p.element("p class=\"note\"", "ok/s is throughput: ok answers in the phase. good/s is goodput: the phase's own calls. attempts are per call (amplification). "+
		"[a, b] is a 95 % interval. Percentiles are of ok calls, from the intended start. - is no data.")
	p.raw("</section>\n")
}
