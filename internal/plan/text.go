package plan

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
)

// WriteText writes the calibration for people: the rules that were applied, a line a row, the groups.
func (c *Calibration) WriteText(w io.Writer) error {
	var b strings.Builder
	if c.Fit != nil {
		c.Fit.write(&b)
	}
	c.writeRules(&b)
	c.writeRows(&b)
	c.writeSkipped(&b)
	c.writeGroups(&b)
	c.writeWorst(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

func aligned(b *strings.Builder, write func(w io.Writer)) {
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
	write(w)
	_ = w.Flush() // a strings.Builder takes everything
	b.WriteString("\n")
}

// writeRules says once for each rule which lines it was applied to.
func (c *Calibration) writeRules(b *strings.Builder) {
	var order []string
	lines := map[string][]int{}
	for i := range c.Rows {
		r := &c.Rows[i]
		if r.Skipped != "" {
			continue
		}
		// How many sequences may run follows the row's concurrency, so it is no other rule.
		about, _, _ := strings.Cut(r.About, "; max_seqs")
		key := r.Rule + ": " + about
		if lines[key] == nil {
			order = append(order, key)
		}
		lines[key] = append(lines[key], r.Point.Line)
	}
	if len(order) == 0 {
		return
	}
	b.WriteString("harness rules, by source, engine version and precision\n")
	for _, key := range order {
		fmt.Fprintf(b, "  %s\n    %s\n", key, lineRanges(lines[key]))
	}
	b.WriteString("\n")
}

// lineRanges writes 2, 3, 4, 7 as "lines 2 to 4, 7".
func lineRanges(lines []int) string {
	var parts []string
	for i := 0; i < len(lines); {
		j := i
		for j+1 < len(lines) && lines[j+1] == lines[j]+1 {
			j++
		}
		if i == j {
			parts = append(parts, fmt.Sprint(lines[i]))
		} else {
			parts = append(parts, fmt.Sprintf("%d to %d", lines[i], lines[j]))
		}
		i = j + 1
	}
	return "lines " + strings.Join(parts, ", ")
}

func (c *Calibration) writeRows(b *strings.Builder) {
	c.writeKind(b, Closed, "line\tmodel\tsystem\ttp\tisl\tosl\tcallers\ttpot ms\tsimulated\terror\tttft ms\tsimulated\terror\t", func(r *Row) string {
		p := r.Point
		return fmt.Sprintf("%d\t%s\t%s\t%d\t%.0f\t%.0f\t%d\t%s\t%s\t", p.Line, p.Model, p.System, p.TP, p.ISL, p.OSL, p.Concurrency, r.pair(tpot), r.pair(ttft))
	})
	c.writeKind(b, Step, "line\tprefill\tdecode\tcontext\tseqs\tstep ms\tsimulated\terror\t", func(r *Row) string {
		p := r.Point
		return fmt.Sprintf("%d\t%d\t%d\t%d\t%d\t%s\t", p.Line, p.Batch.Prefill, p.Batch.Decode, p.Batch.Context, p.Batch.Seqs, r.pair(step))
	})
	c.writeKind(b, Open, "line\tmodel\ttp\tcalls/s\tttft ms\tsimulated\terror\tttft p50\tsimulated\terror\te2e ms\tsimulated\terror\tsuccess\tsimulated\terror\t", func(r *Row) string {
		p := r.Point
		return fmt.Sprintf("%d\t%s\t%d\t%g\t%s\t%s\t%s\t%s\t", p.Line, p.Model, p.TP, p.Rate, r.pair(ttft), r.pair(ttftP50), r.pair(e2e), r.pair(success))
	})
}

// writeKind writes the simulated rows of one kind as a table, if there are any.
func (c *Calibration) writeKind(b *strings.Builder, kind Kind, header string, line func(*Row) string) {
	var lines []string
	for i := range c.Rows {
		if r := &c.Rows[i]; r.Point.Kind == kind && r.Skipped == "" {
			lines = append(lines, line(r))
		}
	}
	if len(lines) == 0 {
		return
	}
	aligned(b, func(w io.Writer) {
		fmt.Fprintln(w, header)
		for _, one := range lines {
			fmt.Fprintln(w, one)
		}
	})
}

// pair writes a metric as measured, simulated, error; a dash where there is none.
func (r *Row) pair(m metric) string {
	value := func(f Figures) string {
		switch {
		case !f.has(m):
			return "-"
		case m == success:
			return fmt.Sprintf("%.2f %%", 100*f[m])
		}
		return fmt.Sprintf("%.4g", f[m])
	}
	off := "-"
	if r.Error.has(m) {
		off = fmt.Sprintf("%+.1f %%", 100*r.Error[m])
	}
	if m == success && r.Error.has(m) {
		off = fmt.Sprintf("%+.2f", 100*r.Error[m])
	}
	return value(r.Point.Measured) + "\t" + value(r.Simulated) + "\t" + off
}

func (c *Calibration) writeSkipped(b *strings.Builder) {
	first := true
	for i := range c.Rows {
		if r := &c.Rows[i]; r.Skipped != "" {
			if first {
				b.WriteString("skipped\n")
			}
			first = false
			fmt.Fprintf(b, "  line %d, %s %s: %s\n", r.Point.Line, r.Point.Model, r.Point.System, r.Skipped)
		}
	}
	if !first {
		b.WriteString("\n")
	}
}

func (c *Calibration) writeGroups(b *strings.Builder) {
	share := func(v *float64, form string) string {
		if v == nil {
			return "-"
		}
		return fmt.Sprintf(form+" %%", 100**v)
	}
	aligned(b, func(w io.Writer) {
		fmt.Fprintln(w, "group\trows\ttpot mape\tmedian\tbias\tttft mape\tmedian\tbias\te2e mape\tmedian\tbias\tsuccess error\t")
		line := func(name string, g Group) {
			fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", name, g.N,
				share(g.TPOTMape, "%.1f"), share(g.TPOTMedian, "%.1f"), share(g.TPOTBias, "%+.1f"),
				share(g.TTFTMape, "%.1f"), share(g.TTFTMedian, "%.1f"), share(g.TTFTBias, "%+.1f"),
				share(g.E2EMape, "%.1f"), share(g.E2EMedian, "%.1f"), share(g.E2EBias, "%+.1f"), share(g.Success, "%.2f"))
		}
		for _, g := range c.Groups {
			name := strings.Join(strings.Fields(g.Model+" "+g.System+" "+g.Precision), " ")
			if g.Overloaded {
				name += " overloaded"
			}
			line(name, g)
		}
		line("all that were not overloaded", c.Total)
	})
	seeds := "1 seed"
	if c.Seeds != 1 {
		seeds = fmt.Sprintf("%d seeds", c.Seeds)
	}
	if c.Total.StepMape != nil {
		fmt.Fprintf(b, "steps: mean error %s, bias %s\n", share(c.Total.StepMape, "%.1f"), share(c.Total.StepBias, "%+.1f"))
	}
	fmt.Fprintf(b, "%d of %d rows simulated, mean of %s each; errors are simulated/measured - 1\n", c.Simulated(), len(c.Rows), seeds)
}

// worstRows is how many rows are named as the worst.
const worstRows = 5

// writeWorst names the rows that are furthest off in what their kind is judged by.
func (c *Calibration) writeWorst(b *strings.Builder) {
	judged := func(r *Row) (metric, bool) {
		for _, m := range []metric{tpot, e2e, ttft, step} {
			if r.Error.has(m) {
				return m, r.Skipped == "" && !r.Point.overloaded()
			}
		}
		return 0, false
	}
	var worst []*Row
	for i := range c.Rows {
		if _, ok := judged(&c.Rows[i]); ok {
			worst = append(worst, &c.Rows[i])
		}
	}
	slices.SortStableFunc(worst, func(x, y *Row) int {
		mx, _ := judged(x)
		my, _ := judged(y)
		return cmp.Compare(math.Abs(y.Error[my]), math.Abs(x.Error[mx]))
	})
	if len(worst) <= worstRows {
		return
	}
	b.WriteString("worst rows\n")
	for _, r := range worst[:worstRows] {
		m, _ := judged(r)
		fmt.Fprintf(b, "  line %d, %s %s: %s %+.1f %%\n", r.Point.Line, r.Point.Model, r.Point.System, strings.TrimSuffix(metricNames[m], "_ms"), 100*r.Error[m])
	}
}
