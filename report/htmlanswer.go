package report

import (
	"fmt"
	"strings"
)

// answer writes the first screen: the verdict as a sentence, the gates, the number to act on, what the
// traffic was, and what to beware of.
func (p *page) answer() {
	r := p.r
	p.raw("<section id=\"result\" aria-labelledby=\"finding\">\n")
	p.element("p class=\"run\"", r.title())
	main, rest := r.headline()
	p.raw("<h1 id=\"finding\">")
	if word, class := r.verdictBadge(); word != "" {
		p.raw("<strong class=\"verdict " + class + "\">" + word + "</strong> ")
	}
	p.text(main)
	p.raw("</h1>\n")
	if rest != "" {
		p.element("p class=\"rest\"", rest)
	}
	p.table("Gates", r.gateGrid())
	p.gateWarnings()
	p.keyNumbers()
	facts := []string{capital(r.offered())}
	if promised := r.promised(); promised != "" {
		facts = append(facts, capital(promised))
	}
	if r.Measured {
		facts = append(facts, capital(r.health()), "Target: "+r.Target)
	}
	p.list(facts)
	if all := r.warnings(); len(all) > 0 {
		p.raw("<div class=\"warnings\" role=\"note\" aria-label=\"Warnings\">\n<h2>Before you rely on it</h2>\n")
		p.list(all)
		p.raw("</div>\n")
	}
	p.raw("</section>\n")
}

// headline is the sentence at the top, and what stands below it in smaller letters: with gates their
// verdict and the finding, without the finding's main clause and its others.
func (r *Result) headline() (main, rest string) {
	if len(r.Gates) > 0 {
		return capital(r.kind()) + ": " + r.gateLine(), Finding(r)
	}
	main, rest, more := strings.Cut(Finding(r), "; ")
	if more {
		main += "."
	}
	return main, capital(rest)
}

// verdictBadge is the verdict in a word, and the class of its colour; "" without gates.
func (r *Result) verdictBadge() (word, class string) {
	if len(r.Gates) == 0 {
		return "", ""
	}
	verdict := ""
	if r.Verdict != nil {
		verdict = *r.Verdict
	}
	switch verdict {
	case Pass:
		return "PASS", "pass"
	case Fail:
		return "FAIL", "fail"
	case Inconclusive:
		return "UNSURE", "unsure"
	}
	return "NO VERDICT", "unsure"
}

// gateLine says how many of the gates pass and by what the first failing one was broken.
func (r *Result) gateLine() string {
	passed := 0
	for i := range r.Gates {
		if r.Gates[i].Verdict == Pass {
			passed++
		}
	}
	text := fmt.Sprintf("%s of %s pass", showCount(int64(passed)), showCounted(len(r.Gates), "gate"))
	if failing := Failing(r.Gates); len(failing) > 0 {
		g := &r.Gates[failing[0]]
		text += fmt.Sprintf(": %s is %s", g.Expr, showIn(g.Unit, g.Measured))
		if ci := showIntervalIn(g.Unit, g.Measured, g.CI); ci != noData {
			text += " " + ci
		}
		if g.Limit != nil {
			text += ", limit " + showLimitIn(g.Unit, g.Limit)
		}
	}
	return text + "."
}

// gateWarnings lists what the reader must know of single gates.
func (p *page) gateWarnings() {
	var all []string
	for i := range p.r.Gates {
		g := &p.r.Gates[i]
		for _, text := range g.Warnings {
			all = append(all, g.Expr+": "+text)
		}
		if g.Verdict == Inconclusive && g.NeededSeeds > 0 {
			all = append(all, fmt.Sprintf("%s: about %s more would decide: --seeds=%d", g.Expr, showCounted(g.NeededSeeds, "seed"), g.NeededSeeds+len(p.r.Seeds)))
		}
	}
	p.list(all)
}

// A keyNumber is one of the few numbers of the first screen.
type keyNumber struct{ number, what, interval string }

// keyNumbers writes the number to act on, large: what the best strategy kept in the phase that decides,
// and beside it what it costs the callers.
func (p *page) keyNumbers() {
	all := p.r.keyNumbers()
	if len(all) == 0 {
		return
	}
	p.raw("<dl class=\"numbers\">\n")
	for _, k := range all {
		p.raw("<div>")
		p.element("dt", k.what)
		p.raw("<dd><b>")
		p.text(k.number)
		p.raw("</b>")
		if k.interval != "" {
			p.raw(" <span>")
			p.text(k.interval)
			p.raw("</span>")
		}
		p.raw("</dd></div>\n")
	}
	p.raw("</dl>\n")
}

func (r *Result) keyNumbers() []keyNumber {
	peak := r.peak()
	best := r.best(peak)
	if best < 0 {
		return nil
	}
	s := &r.Strategies[best]
	f := s.figures(peak)
	all := []keyNumber{{showShare(f.Success), "success of " + s.Name + " in " + r.Phases[peak].Name, bare(f.SuccessCI, showPercent)}}
	if a := s.Against; a != nil {
		k := keyNumber{number: showPoints(a.Success) + " points", what: "success against " + r.Strategies[0].Name + ", paired by seed"}
		if r.Measured {
			k.what = "success against " + r.Strategies[0].Name + ", run by run"
		}
		if a.SuccessCI != nil {
			k.interval = showPointsCI(a.Success, *a.SuccessCI)
		}
		all = append(all, k)
	}
	if f.P99MS != nil {
		_, size := timeUnit(*f.P99MS)
		all = append(all, keyNumber{showMillis(f.P99MS), "P99 of its ok calls", bare(f.P99CI, func(ms float64) string { return significant(ms / size) })})
	}
	if text := s.recovery(); r.Objective != nil && text != noData {
		all = append(all, keyNumber{number: text, what: "until it meets the objective again"})
	}
	return all
}

// bare writes an interval in brackets; "" for none.
func bare(ci *Interval, show func(float64) string) string {
	if ci == nil {
		return ""
	}
	return "[" + show(ci[0]) + ", " + show(ci[1]) + "]"
}
