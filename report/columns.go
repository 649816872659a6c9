package report

import "slices"

// A column is one figure of the tables that hold a row for each strategy. Text and Markdown choose
// among the same columns, so that a number reads the same wherever it stands.
type column struct {
	head string
	cell func(*Figures) string
}

// The columns of figures. The unit stands in the cell or in the header.
var (
	columnSuccess    = column{"success % [CI]", func(f *Figures) string { return showBareCI(f.Success, f.SuccessCI) }}
	columnP50        = column{"P50", func(f *Figures) string { return showMillis(f.P50MS) }}
	columnP95        = column{"P95", func(f *Figures) string { return showMillis(f.P95MS) }}
	columnP99        = column{"P99", func(f *Figures) string { return showMillis(f.P99MS) }}
	columnP99CI      = column{"P99 [95 % CI]", func(f *Figures) string { return showMillisCI(f.P99MS, f.P99CI) }}
	columnP999       = column{"P99.9", func(f *Figures) string { return showMillis(f.P999MS) }}
	columnTTFT       = column{"TTFT P99", func(f *Figures) string { return showMillis(f.TTFTP99MS) }}
	columnTPOT       = column{"TPOT P99", func(f *Figures) string { return showMillis(f.TPOTP99MS) }}
	columnService    = column{"service P99", func(f *Figures) string { return showMillis(f.ServiceP99MS) }}
	columnThroughput = column{"ok/s", func(f *Figures) string { return showRate(f.ThroughputQPS) }}
	columnGoodput    = column{"good/s", func(f *Figures) string { return showRate(f.GoodputQPS) }}
	columnGood       = column{"good %", func(f *Figures) string { return showBare(f.Good) }}
	columnAttempts   = column{"attempts", func(f *Figures) string { return showTimes(f.Amplification) }}
	columnAttemptsCI = column{"attempts [95 % CI]", func(f *Figures) string { return showTimesCI(f.Amplification, f.AmplificationCI) }}
	columnFirst      = column{"first try %", func(f *Figures) string { return showBare(f.SuccessFirstAttempt) }}
	columnWasted     = column{"wasted work %", func(f *Figures) string { return showBare(f.WastedWork) }}
	columnCalls      = column{"calls", func(f *Figures) string { return showCount(f.Calls) }}
)

// seen keeps the columns that have a figure for some strategy in some of the phases.
func (r *Result) seen(columns []column, phases []int) []column {
	return slices.DeleteFunc(slices.Clone(columns), func(c column) bool {
		for i := range r.Strategies {
			for _, phase := range phases {
				if c.cell(r.Strategies[i].figures(phase)) != noData {
					return false
				}
			}
		}
		return true
	})
}

// header returns the first column's name and those of the columns.
func header(first string, columns []column) []string {
	head := []string{first}
	for _, c := range columns {
		head = append(head, c.head)
	}
	return head
}

// phaseRow returns the row of a strategy in a phase.
func (s *Strategy) phaseRow(phase int, columns []column) []string {
	row := []string{s.Name}
	for _, c := range columns {
		row = append(row, c.cell(s.figures(phase)))
	}
	return row
}

// runGrid is the table of the whole run: what no single phase shows.
func (r *Result) runGrid() *grid {
	first := "the first"
	if len(r.Strategies) > 0 {
		first = r.Strategies[0].Name
	}
	g := &grid{head: []string{"whole run", "success %", "recovery", "wasted", "attempts"}}
	paired := len(r.Strategies) > 1
	if paired {
		where := ""
		for i := range r.Strategies {
			if a := r.Strategies[i].Against; a != nil {
				where = "in " + a.Phase + " "
			}
		}
		g.head = append(g.head, where+"vs "+first, "better in")
	}
	for i := range r.Strategies {
		s := &r.Strategies[i]
		row := []string{s.Name, showBare(s.Total.Success), s.recovery(), showShare(s.Total.WastedWork), showTimes(s.Total.Amplification)}
		if paired {
			row = append(row, s.versusFirst(i == 0)...)
		}
		g.add(row...)
	}
	return g
}

// versusFirst says how s did against the first strategy, in points, and in how many seeds it was better.
func (s *Strategy) versusFirst(isFirst bool) []string {
	switch {
	case isFirst:
		return []string{"reference", noData}
	case s.Against == nil:
		return []string{noData, noData}
	}
	text := showPoints(s.Against.Success) + " pt"
	if s.Against.SuccessCI != nil {
		text += " " + showPointsCI(s.Against.Success, *s.Against.SuccessCI)
	}
	if s.Against.Of < 2 || s.Against.SuccessCI == nil { // one run, or one run told several times, is no count of wins
		return []string{text, noData}
	}
	return []string{text, showCount(int64(s.Against.Better)) + " of " + showCount(int64(s.Against.Of))}
}

// patienceGrid is the table of the strategies whose callers were told to wait longer than the scenario
// says: what was answered within the scenario's own patience, and how long their calls were held back.
// nil where there is no such strategy.
func (r *Result) patienceGrid(phase int) *grid {
	patient := r.patient()
	if len(patient) == 0 {
		return nil
	}
	own := showClock(*r.PatienceS)
	g := &grid{head: []string{"longer patience", "told to wait", "success % in " + own, "waited P50", "waited P99"}}
	for _, s := range patient {
		f := s.figures(phase)
		g.add(s.Name, s.toldToWait(), showBareCI(f.SuccessAtPatience, f.SuccessAtPatienceCI), showMillis(f.WaitP50MS), showMillis(f.WaitP99MS))
	}
	return g
}

// tokenGrid is the table of times to and between tokens, where a real service told when its tokens
// came or the objective limits them; nil elsewhere.
func (r *Result) tokenGrid(phase int) *grid {
	limited := r.Objective != nil && (r.Objective.TTFTP99MS != nil || r.Objective.TPOTP99MS != nil)
	if !r.Measured && !limited {
		return nil
	}
	g := &grid{head: []string{r.Phases[phase].Name + ", tokens", "TTFT P50", "TTFT P99", "TPOT P50", "TPOT P99", "tokens/s"}}
	told := false
	for i := range r.Strategies {
		f := r.Strategies[i].figures(phase)
		told = told || f.TTFTP50MS != nil || f.TPOTP50MS != nil
		g.add(r.Strategies[i].Name, showMillis(f.TTFTP50MS), showMillis(f.TTFTP99MS), showMillis(f.TPOTP50MS), showMillis(f.TPOTP99MS), showRate(f.TokensPerS))
	}
	if !told {
		return nil
	}
	return g
}

// outcomeGrid is the table of how the calls of a phase ended, in percent of those offered; nil where
// all were ok.
func (r *Result) outcomeGrid(phase int) *grid {
	if !r.mixed(phase) {
		return nil
	}
	seen := r.outcomesSeen(phase)
	g := &grid{head: append([]string{r.Phases[phase].Name + ", % of calls"}, seen...)}
	for i := range r.Strategies {
		row := []string{r.Strategies[i].Name}
		for _, name := range seen {
			row = append(row, showBare(r.Strategies[i].figures(phase).outcomeShare(name)))
		}
		g.add(row...)
	}
	return g
}

// targetGrid is the table of a live run with several requests; nil for others.
func (r *Result) targetGrid() *grid {
	if len(r.Targets) == 0 {
		return nil
	}
	g := &grid{head: []string{"target", "strategy", "calls", "success %", "P95", "P99"}, words: 2}
	for i := range r.Targets {
		t := &r.Targets[i]
		g.add(t.Name, t.Strategy, showCount(t.Calls), showBare(t.Success), showMillis(t.P95MS), showMillis(t.P99MS))
	}
	return g
}
