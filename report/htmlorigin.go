package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// origin writes what reproduces the run, and what the words mean.
func (p *page) origin() {
	r := p.r
	p.raw("<section id=\"configuration\" aria-labelledby=\"configuration-h\">\n<h2 id=\"configuration-h\">Configuration</h2>\n")
	if r.Command != "" {
		p.element("p", "This command repeats the run"+map[bool]string{false: ", to the same bytes:", true: ":"}[r.Measured])
		p.raw("<pre class=\"command\" tabindex=\"0\"><code>")
		p.text(r.Command)
		p.raw("</code></pre>\n")
	}
	p.table("Strategies", r.aboutGrid())
	p.table("Versions", r.originGrid())
	if text := r.scenarioText(); text != "" {
		p.raw("<details>\n<summary>The effective scenario, with every default</summary>\n<pre tabindex=\"0\"><code>")
		p.text(text)
		p.raw("</code></pre>\n</details>\n")
	}
	p.raw("</section>\n<section id=\"words\" aria-labelledby=\"words-h\">\n<h2 id=\"words-h\">Understanding this report</h2>\n")
	for _, text := range understanding {
		p.element("p", text)
	}
	p.raw("<h3>What the words mean</h3>\n<dl class=\"glossary\">\n")
	for _, entry := range glossaryEntries() {
		p.element("dt", entry[0])
		p.element("dd", entry[1])
	}
	p.raw("</dl>\n</section>\n")
}

// originGrid is the table of what the run was made with.
func (r *Result) originGrid() *grid {
	g := &grid{head: []string{"what", "value"}, words: 2}
	row := func(name, value string) {
		if value != "" {
			g.add(name, value)
		}
	}
	row("kind", r.kind())
	row("target", r.Target)
	row("seeds", seedList(r.Seeds))
	row("headroom", r.Versions.Headroom)
	row("Go", r.Versions.Go)
	if r.Versions.Streams > 0 {
		row("random streams", "version "+strconv.Itoa(r.Versions.Streams))
	}
	var modules []string
	for name, version := range r.Versions.Modules {
		modules = append(modules, name+" "+version)
	}
	slices.Sort(modules)
	row("modules", strings.Join(modules, ", "))
	row("scenario sha256", r.ScenarioSHA256)
	row("traffic sha256", r.TrafficSHA256)
	return g
}

// seedList writes seeds with runs of neighbours joined: 1 to 20, 42.
func seedList(seeds []uint64) string {
	var parts []string
	for i := 0; i < len(seeds); {
		j := i
		for j+1 < len(seeds) && seeds[j+1] == seeds[j]+1 {
			j++
		}
		part := strconv.FormatUint(seeds[i], 10)
		if j > i {
			part += " to " + strconv.FormatUint(seeds[j], 10)
		}
		parts = append(parts, part)
		i = j + 1
	}
	return strings.Join(parts, ", ")
}

// mostScenario is how many bytes of a scenario the page shows: an inlined trace can be long.
const mostScenario = 100 << 10

// scenarioText is the effective scenario, indented. JSON is YAML: it can be saved and run as it is.
func (r *Result) scenarioText() string {
	if len(r.Scenario) == 0 || string(r.Scenario) == "null" {
		return ""
	}
	var b bytes.Buffer
	if err := json.Indent(&b, r.Scenario, "", "  "); err != nil {
		return ""
	}
	if b.Len() > mostScenario {
		return fmt.Sprintf("%s\n... %s bytes in all; run.json has them.", strings.ToValidUTF8(b.String()[:mostScenario], ""), showCount(int64(b.Len())))
	}
	return b.String()
}

// understanding is how to read the page, for those who see one for the first time.
var understanding = []string{
	"Every strategy met the same calls at the same instants: the same arrivals, sizes and keys, drawn from the seed. So two strategies can be compared seed by seed, and the difference has a narrower interval than either figure.",
	"A simulated run says what follows from the service's model; a measured one what a real target did from this machine. The first word of the page says which it is.",
	"Times start when a call was meant to be sent, not when it was: a client that holds calls back does not look faster for it.",
	"Read success first, then times. Times are those of ok calls alone, so a strategy that fails most calls can show a short P99.",
	"An interval that holds the limit, or 0 for a difference, decides nothing: more seeds make it narrower, a rerun does not make it truer.",
	"The charts over time share one axis; the phase that decides is shaded. Drag over a chart to zoom all of them, press Escape or double-click to see everything again; with the keyboard, the arrow keys move the cursor and + and - zoom.",
}

// glossaryEntries are the word and the meaning of each line of the glossary, which Markdown shows as a
// list.
func glossaryEntries() [][2]string {
	var all [][2]string
	for _, item := range strings.Split(glossary, "\n- ")[1:] {
		item = strings.NewReplacer("**", "", "`", "", "\n ", "").Replace(strings.TrimSpace(item))
		word, meaning, ok := strings.Cut(item, ": ")
		if ok {
			all = append(all, [2]string{word, meaning})
		}
	}
	return all
}
