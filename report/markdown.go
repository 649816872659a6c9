package report

import (
	"fmt"
	"io"
	"path"
	"path/filepath"
	"strings"
)

// mostMarkdown is how long the Markdown may be: a comment on GitHub holds 64 KiB.
const mostMarkdown = 60 << 10

// WriteMarkdown writes a Result as Markdown: the finding, a table for each phase with the one that
// decides first, the plots by reference, warnings, how to repeat the run and what the words mean.
// With Options.Dir "" no files were written and no plot is referenced. What would make it longer than
// 60 KiB is left out from the end, and it says so.
func WriteMarkdown(w io.Writer, r *Result, o Options) error {
	sections, err := markdownSections(r, o)
	if err != nil {
		return fmt.Errorf("writing the Markdown report: %w", err)
	}
	if _, err := io.WriteString(w, capped(sections)); err != nil {
		return fmt.Errorf("writing the Markdown report: %w", err)
	}
	return nil
}

// A section is a part of the Markdown, in the order of the page.
type section struct {
	name, text string
	spare      int // sections of a higher number are left out first; 0 is never left out
}

func markdownSections(r *Result, o Options) ([]section, error) {
	var all []section
	var failed error
	table := func(name, before string, spare int, g *grid) {
		if g == nil || len(g.rows) == 0 || failed != nil {
			return
		}
		text, err := g.markdown()
		if err != nil {
			failed = err
			return
		}
		all = append(all, section{name, "## " + escape.Replace(name) + "\n\n" + before + text + "\n", spare})
	}
	all = append(all, section{"finding", markdownHead(r), 0})
	table("Gates", "", 0, r.gateGrid())
	order := r.phaseOrder()
	peak := r.peak()
	if len(r.Strategies) > 0 {
		for i, phase := range order {
			spare := 0
			if i > 0 {
				spare = 3
			}
			table(capital(r.Phases[phase].Name), escape.Replace(r.Phases[phase].span())+"\n\n", spare, r.phaseGrid(phase))
			if i == 0 {
				table("Callers given a longer patience", "", 1, r.patienceGrid(peak))
				table("Tokens", "", 1, r.tokenGrid(peak))
				table("How the calls ended", "", 1, r.outcomeGrid(peak))
			}
		}
		table("Whole run", "", 1, r.runGrid())
		all = append(all, section{"resources", markdownResources(r), 3})
		table("Targets", "", 4, r.targetGrid())
		table("Strategies", "", 4, r.aboutGrid())
	}
	if o.Dir != "" && len(Plots(r)) > 0 {
		all = append(all, section{"plots", markdownPlots(r, o.Dir), 2})
	}
	all = append(all, section{"warnings", markdownWarnings(r), 2}, section{"repeat", markdownRepeat(r), 1},
		section{"glossary", glossary, 5})
	return all, failed
}

// phaseGrid is the table of one phase, with every figure that some strategy has.
func (r *Result) phaseGrid(phase int) *grid {
	columns := r.seen([]column{columnCalls, columnSuccess, columnGood, columnP50, columnP95, columnP99CI, columnP999,
		columnService, columnTTFT, columnTPOT, columnThroughput, columnGoodput, columnAttemptsCI, columnFirst, columnWasted}, []int{phase})
	g := &grid{head: header("strategy", columns)}
	for i := range r.Strategies {
		g.add(r.Strategies[i].phaseRow(phase, columns)...)
	}
	return g
}

// aboutGrid is the table of what the strategies are; nil where nothing is said of them.
func (r *Result) aboutGrid() *grid {
	g := &grid{head: []string{"strategy", "what it does", "told to wait"}, words: 2}
	said := false
	for i := range r.Strategies {
		s := &r.Strategies[i]
		said = said || s.About != ""
		g.add(s.Name, s.About, s.toldToWait())
	}
	if !said {
		return nil
	}
	return g
}

func markdownHead(r *Result) string {
	var b strings.Builder
	name := r.Name
	if name == "" {
		name = "headroom run"
	}
	fmt.Fprintf(&b, "# %s\n\n**%s**\n\n", escape.Replace(name), escape.Replace(Finding(r)))
	fmt.Fprintf(&b, "- %s\n", escape.Replace(capital(r.offered())))
	if promised := r.promised(); promised != "" {
		fmt.Fprintf(&b, "- %s\n", escape.Replace(capital(promised)))
	}
	if r.Measured {
		fmt.Fprintf(&b, "- %s\n- Target: %s\n", escape.Replace(capital(r.health())), escape.Replace(r.Target))
	}
	return b.String() + "\n"
}

// markdownResources says what was saturated, a line for each phase.
func markdownResources(r *Result) string {
	lines := r.bottlenecks()
	if len(lines) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("## Resources\n\n")
	for _, text := range lines {
		fmt.Fprintf(&b, "- %s\n", escape.Replace(capital(text)))
	}
	return b.String() + "\n"
}

// markdownPlots references each plot as SVG; the PNG lies beside it.
func markdownPlots(r *Result, dir string) string {
	var b strings.Builder
	b.WriteString("## Plots\n\n")
	for _, p := range Plots(r) {
		file := path.Join(filepath.ToSlash(dir), PlotDir, p.Name+".svg")
		fmt.Fprintf(&b, "### %s\n\n![%s](<%s>)\n\n%s\n\n", escape.Replace(p.Title), escape.Replace(p.Title), file, escape.Replace(p.Desc))
	}
	return b.String()
}

func markdownWarnings(r *Result) string {
	all := r.warnings()
	if len(all) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("## Warnings\n\n")
	for _, text := range all {
		fmt.Fprintf(&b, "- %s\n", escape.Replace(text))
	}
	return b.String() + "\n"
}

// markdownRepeat is a code block, in which nothing needs escaping but the fence.
func markdownRepeat(r *Result) string {
	var b strings.Builder
	if r.Command != "" {
		fmt.Fprintf(&b, "## Run it again\n\n~~~\n%s\n~~~\n\n", strings.ReplaceAll(r.Command, "\n", " "))
	}
	if r.Versions.Headroom != "" {
		fmt.Fprintf(&b, "headroom %s, %s, scenario sha256 `%s`\n\n", escape.Replace(r.Versions.Headroom), escape.Replace(r.Versions.Go), r.ScenarioSHA256)
	}
	return b.String()
}

// glossary says what the words and the figures mean, so that a reader can compute them again.
const glossary = `## What the words mean

- **success**: ok calls / all offered calls. A degraded answer (stale or fallback) is not ok.
- **good**: ok and inside the objective's time limits; without an objective every ok call.
- **P50, P95, P99**: response time of ok calls from the intended start to the last byte, nearest rank: the ceil(n q)-th
  smallest of n, from HDR histograms of three digits, pooled over the seeds.
- **ok/s**: throughput, the ok answers that came during the phase, to calls of whatever phase, per second of it.
- **good/s**: goodput, the good calls of the phase itself per second of it, whenever their answer came. Where answers come
  after their phase it is larger than ok/s.
- **attempts**: attempts per call, the amplification; **first try**: calls whose first attempt was ok / all offered calls.
- **waited**: intended start to the first attempt, or to giving up: all calls.
- **wasted work**: service time spent on attempts whose answer reached nobody / all service time.
- **recovery**: time after the spike until the trailing 10 s keep the objective for 30 s.
- **CI, [a, b]**: two-sided 95 % interval over the seeds. One simulated run has none; fewer than five live runs have only
  that of shares, from within the runs. ` + "`-`" + ` is no data.
`

// capped joins the sections, leaving out the most dispensable ones, last first, until the page is
// short enough, and says what was left out.
func capped(sections []section) string {
	const room = 512 // for the line that says so
	size := 0
	worst := 0
	for _, s := range sections {
		size += len(s.text)
		worst = max(worst, s.spare)
	}
	var cut []string
	gone := make([]bool, len(sections))
	for spare := worst; spare > 0 && size > mostMarkdown-room; spare-- {
		for i := len(sections) - 1; i >= 0 && size > mostMarkdown-room; i-- {
			if sections[i].spare == spare && sections[i].text != "" {
				gone[i] = true
				size -= len(sections[i].text)
				cut = append(cut, sections[i].name)
			}
		}
	}
	var b strings.Builder
	for i, s := range sections {
		if !gone[i] {
			b.WriteString(s.text)
		}
	}
	if len(cut) > 0 {
		names := strings.Join(cut, ", ")
		if len(names) > room-100 {
			names = fmt.Sprintf("%d sections", len(cut))
		}
		b.WriteString("Left out to stay below 60 KiB: " + escape.Replace(names) + ". run.json has everything.\n")
	}
	text := b.String()
	if len(text) <= mostMarkdown {
		return text
	}
	// Hundreds of strategies: keep whole lines of what comes first.
	const note = "\n\nCut at 60 KiB. run.json has everything.\n"
	text = text[:mostMarkdown-len(note)]
	return text[:strings.LastIndexByte(text, '\n')+1] + note
}
