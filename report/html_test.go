package report

import (
	"bytes"
	"html"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// htmlOf renders a Result as a page of HTML.
func htmlOf(t testing.TB, r *Result) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteHTML(&b, r, Options{}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// gatedResult is a Result with a gate of every verdict.
func gatedResult() *Result {
	r := spikeResult()
	verdict := Fail
	r.Verdict, r.ExitCode = &verdict, 99
	r.Gates = []GateResult{
		{Expr: "success{spike,async-queue} >= 85%", Unit: "share", Measured: ptr(0.912), CI: &Interval{0.904, 0.92}, Limit: ptr(0.85), Margin: ptr(0.073), Strict: true, Verdict: Pass},
		{Expr: "p99{spike,async-queue} < 500ms", Unit: "ms", Measured: ptr(812.0), CI: &Interval{774, 851}, Limit: ptr(500.0), Margin: ptr(-0.62), Strict: true, Verdict: Fail},
		{Expr: "amplification{backoff} < 4x", Unit: "x", Measured: ptr(4.01), CI: &Interval{3.9, 4.2}, Limit: ptr(4.0), Margin: ptr(-0.01), Verdict: Inconclusive, Reason: "the limit lies inside the interval", NeededSeeds: 12},
		{Expr: "p99.9{before,sync} < 9s", Unit: "ms", Strict: true, Verdict: NoData, Reason: "P99.9 needs at least 3688 calls"},
	}
	return r
}

// heated gives a Result heat maps and gauges, which the fluid queue has not.
func heated(r *Result) *Result {
	for i := range r.Strategies {
		s := &r.Strategies[i].Series
		step := (len(s.Offered) + maxCells - 1) / maxCells
		h := &Heat{StepS: float64(step), PerDecade: heatPerDecade}
		waiting := make([]float64, len(s.Offered))
		for t := range s.Offered {
			if t%step == 0 {
				h.Columns = append(h.Columns, []int64{int64(30 + (t/step+i)%20), 1, 40, 3, 0, 2})
			}
			waiting[t] = float64((t * 37) % 900)
		}
		h.Columns[3] = []int64{}
		s.Heat = h
		s.Gauges = append(s.Gauges, Gauge{Name: "client queue", Values: waiting}, Gauge{Name: "service waiting", Values: waiting})
	}
	return r
}

var (
	reference = regexp.MustCompile(`(?i)\b(?:src|href|action|srcset|poster|data)\s*=\s*["']?([^"'\s>]*)`)
	scriptEnd = regexp.MustCompile(`(?i)</script`)
	scripts   = regexp.MustCompile(`(?is)<script[^>]*>.*?</script>`)
)

// htmlResults are Results of every shape that the page must carry.
func htmlResults() map[string]*Result {
	all := map[string]*Result{"gated": heated(gatedResult()), "live": liveResult(), "empty": {Name: "empty"}, "second": oneSecond(), "hour": longResult(6), "crowd": heated(longResult(18))}
	for name, r := range many() {
		all[name] = r
	}
	return all
}

func TestThePageAsksForNothing(t *testing.T) {
	for name, r := range htmlResults() {
		page := htmlOf(t, r)
		markup := scripts.ReplaceAllString(page, "")
		for _, m := range reference.FindAllStringSubmatch(markup, -1) {
			if at := m[1]; at != "" && !strings.HasPrefix(at, "#") && !strings.HasPrefix(at, "data:") {
				t.Errorf("%s: the page refers to %q", name, at)
			}
		}
		if strings.Contains(markup, "url(") || strings.Contains(markup, "@import") {
			t.Errorf("%s: a style loads something", name)
		}
		if !strings.Contains(page, pagePolicy) {
			t.Errorf("%s: the page does not forbid requests", name)
		}
		if len(page) >= 2<<20 {
			t.Errorf("%s: got %d bytes, want less than 2 MB", name, len(page))
		}
		if opened, closed := strings.Count(page, "<script"), len(scriptEnd.FindAllString(page, -1)); opened != 3 || closed != 3 {
			t.Errorf("%s: got %d script elements opened and %d closed, want 3 of each", name, opened, closed)
		}
	}
	for name, asset := range map[string]string{"report.js": pageScript, "uPlot": uPlotScript, "report.css": pageStyle, "uPlot.css": uPlotStyle} {
		if scriptEnd.MatchString(asset) || strings.Contains(strings.ToLower(asset), "</style") || strings.Contains(asset, "fetch(") || strings.Contains(asset, "XMLHttpRequest") {
			t.Errorf("%s ends its element or asks for something", name)
		}
	}
}

func TestThePageHasTheSameBytesEachTime(t *testing.T) {
	r := heated(gatedResult())
	if first, second := htmlOf(t, r), htmlOf(t, r); first != second {
		t.Error("the same result gave another page")
	}
}

// tablesOf reads the tables of a page: their captions and the text of their cells.
func tablesOf(page string) map[string][][]string {
	all := make(map[string][][]string)
	for _, table := range regexp.MustCompile(`(?s)<table>.*?</table>`).FindAllString(page, -1) {
		caption := html.UnescapeString(regexp.MustCompile(`<caption>(.*?)</caption>`).FindStringSubmatch(table)[1])
		if _, had := all[caption]; had {
			continue // the numbers of a chart of that name
		}
		var rows [][]string
		for _, row := range regexp.MustCompile(`(?s)<tr>.*?</tr>`).FindAllString(table, -1) {
			var cells []string
			for _, cell := range regexp.MustCompile(`(?s)<t[hd][^>]*>(.*?)</t[hd]>`).FindAllStringSubmatch(row, -1) {
				cells = append(cells, html.UnescapeString(cell[1]))
			}
			rows = append(rows, cells)
		}
		all[caption] = rows
	}
	return all
}

// Every cell of the text report's tables stands in the page, in the row of the same name.
func TestThePageHasEveryNumberOfTheText(t *testing.T) {
	for name, r := range map[string]*Result{"spike": spikeResult(), "live": liveResult(), "gated": gatedResult()} {
		tables := tablesOf(htmlOf(t, r))
		check := func(caption string, text *grid) {
			t.Helper()
			if text == nil {
				return
			}
			rows := tables[caption]
			if len(rows) == 0 {
				t.Errorf("%s: the page has no table %q", name, caption)
				return
			}
			at := make([]int, len(text.head))
			for i, head := range text.head {
				// P99 and attempts stand in the page with their intervals, as in Markdown.
				at[i] = slices.IndexFunc(rows[0], func(h string) bool { return h == head || h == head+" [95 % CI]" })
			}
			for k, row := range text.rows {
				for i, cell := range row {
					if at[i] < 0 {
						if cell != noData {
							t.Errorf("%s: table %q has no column %q", name, caption, text.head[i])
						}
						continue
					}
					got, _, _ := strings.Cut(rows[k+1][at[i]], " [")
					want, _, _ := strings.Cut(cell, " [")
					if got != want || strings.Contains(cell, " [") && rows[k+1][at[i]] != cell {
						t.Errorf("%s: %s, %s: got %q, the text has %q", name, row[0], text.head[i], rows[k+1][at[i]], cell)
					}
				}
			}
		}
		columns := []column{columnSuccess, columnP50, columnP95, columnP99, columnThroughput, columnGoodput, columnAttempts}
		for phase := range r.Phases {
			g := &grid{head: header("strategy", columns)}
			for i := range r.Strategies {
				g.add(r.Strategies[i].phaseRow(phase, columns)...)
			}
			check(capital(r.Phases[phase].span()), g)
		}
		peak := r.peak()
		check("Callers given a longer patience", r.patienceGrid(peak))
		check("How the calls ended", r.outcomeGrid(peak))
		check("Whole run", r.runGrid())
		check("Targets", r.targetGrid())
		check("Gates", r.gateGrid())
	}
}

func TestThePageSaysFirstWhatTheRunSays(t *testing.T) {
	for _, c := range []struct {
		r           *Result
		kind, badge string
	}{{spikeResult(), "Simulated", ""}, {liveResult(), "Measured", ""}, {gatedResult(), "Simulated", "FAIL"}} {
		page := htmlOf(t, c.r)
		_, first, _ := strings.Cut(page, "<h1 id=\"finding\">")
		first, _, _ = strings.Cut(first, "</h1>")
		first = html.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(first, ""))
		main, _, _ := strings.Cut(Finding(c.r), "; ")
		if len(c.r.Gates) > 0 {
			main = "Simulated, 20 seeds: 1 of 4 gates pass: p99{spike,async-queue} < 500ms is 812 ms [774, 851], limit 500 ms."
		}
		if want := strings.TrimSpace(c.badge + " " + main); !strings.HasPrefix(first, want) || !strings.Contains(first, c.kind) {
			t.Errorf("got the heading %q, want it to begin with %q", first, want)
		}
		last := 0
		for _, part := range append([]string{"<h1", "class=\"numbers\""}, parts(c.r)...) {
			at := strings.Index(page, part)
			if at < last {
				t.Errorf("%s at %d, want it after %d", part, at, last)
			}
			last = max(last, at)
		}
		if c.r.Command != "" && !strings.Contains(page, html.EscapeString(c.r.Command)) {
			t.Error("the command that repeats the run is not on the page")
		}
	}
}

// parts are the marks of the page's sections, in order.
func parts(r *Result) []string {
	var all []string
	if len(r.warnings()) > 0 {
		all = append(all, "class=\"warnings\"")
	}
	all = append(all, "id=\"figures\"", "id=\"charts\"")
	for _, p := range Plots(r) {
		all = append(all, "id=\"chart-"+p.Name+"\"")
	}
	return append(all, "id=\"configuration\"", "id=\"words\"")
}

func TestThePageEscapesNames(t *testing.T) {
	const evil = `a<b&"c"</script><img src=x onerror=alert(1)>`
	r := heated(gatedResult())
	r.Name, r.Command, r.Target, r.Phases[1].Name = evil, evil, evil, evil
	r.Warnings, r.Scenario = []string{evil}, []byte(`{"name":"a<b&\"c\"</script>"}`)
	r.Gates[1].Expr, r.Gates[1].Reason = evil, evil
	r.Strategies[0].Name, r.Strategies[1].Name, r.Strategies[1].About = evil, evil, evil
	r.Versions.Headroom = evil
	page := htmlOf(t, r)
	if strings.Contains(page, "<img ") || strings.Contains(page, "a<b") || len(scriptEnd.FindAllString(page, -1)) != 3 {
		t.Error("a name reached the page as markup")
	}
	if !strings.Contains(page, html.EscapeString(evil)) {
		t.Error("the name is not on the page")
	}
}

func TestEveryChartOfThePageCanBeReadWithoutSeeingIt(t *testing.T) {
	r := heated(spikeResult())
	page := htmlOf(t, r)
	for _, p := range Plots(r) {
		_, figure, ok := strings.Cut(page, "<figure id=\"chart-"+p.Name+"\"")
		figure, _, _ = strings.Cut(figure, "</figure>")
		if !ok {
			t.Errorf("%s is not on the page", p.Name)
			continue
		}
		for _, part := range []string{"role=\"img\"", "<title ", "<desc ", html.EscapeString(p.Desc), "<details>", "<th scope=\"row\"", "<figcaption>"} {
			if !strings.Contains(figure, part) {
				t.Errorf("%s has no %s", p.Name, part)
			}
		}
		if strings.Contains(figure, "<?xml") {
			t.Errorf("%s keeps the prologue of a file", p.Name)
		}
	}
	if ids := regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(scripts.ReplaceAllString(page, ""), -1); len(ids) > 0 {
		seen := map[string]bool{}
		for _, id := range ids {
			if seen[id[1]] {
				t.Errorf("two elements have the id %q", id[1])
			}
			seen[id[1]] = true
		}
	}
}

func TestPercentilesAreToldApart(t *testing.T) {
	for q, want := range map[float64]string{0: "0", 0.5: "50", 0.9: "90", 0.95: "95.0", 0.99: "99.0", 0.994377: "99.44", 0.999: "99.90", 0.99995: "99.9950"} {
		if got := percentileAt(nines(q)); got != want {
			t.Errorf("%v: got %s, want %s", q, got, want)
		}
	}
}

func TestTheScriptsDataKeepsItsLimits(t *testing.T) {
	for name, r := range map[string]*Result{"spike": heated(spikeResult()), "hour": longResult(6), "many": longResult(18)} {
		values := 0
		for _, c := range r.liveCharts(r.liveLimit()) {
			for _, p := range c.Panels {
				for _, l := range p.Lines {
					if len(l.Values) > mostLive {
						t.Errorf("%s, %s: got a line of %d points, want at most %d", name, c.Name, len(l.Values), mostLive)
					}
					values += len(l.Values)
				}
			}
		}
		if values == 0 || values > 2*liveBudget {
			t.Errorf("%s: got %d values, want 1 to %d", name, values, 2*liveBudget)
		}
	}
}

// Times of 1 ms, 10 ms, 100 ms lie in the first, 17th and 33rd bucket; what is faster in the first.
func TestHeatCountsEveryOKCallOnce(t *testing.T) {
	c := cells{step: time.Second}
	for _, ms := range []int64{0, 1, 10, 100, 100} {
		c.cell(0).add(time.Duration(ms) * time.Millisecond)
	}
	c.cell(2 * time.Second).add(9 * time.Minute)
	h := c.heat()
	if len(h.Columns) != 3 || len(h.Columns[1]) != 0 {
		t.Fatalf("got columns %v, want three and the second empty", h.Columns)
	}
	first, counts := h.column(0)
	got := map[int]int64{}
	for k, n := range counts {
		if n > 0 {
			got[first+k] = n
		}
	}
	if diff := cmp.Diff(map[int]int64{0: 2, 16: 1, 32: 2}, got); diff != "" {
		t.Errorf("buckets differ (-want +got):\n%s", diff)
	}
	// log10 540,000 = 5.732, times 16 = 91.7.
	if first, counts := h.column(2); first != 91 || len(counts) != 1 || counts[0] != 1 {
		t.Errorf("9 minutes lie in %d (%v), want %d", first, counts, 91)
	}
	if (&cells{step: time.Second, at: []*histogram{nil}}).heat() != nil {
		t.Error("got a heat map of no call")
	}
	for _, column := range [][]int64{{}, {3}, {-1, 5}, {92, 1, 1}, {1 << 62, 1}} {
		if _, counts := (&Heat{Columns: [][]int64{column}}).column(0); counts != nil {
			t.Errorf("column %v: got %v, want nothing", column, counts)
		}
	}
}
