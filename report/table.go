package report

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
)

// A grid is a table as text: a header and rows of equal length. The first column is words and goes to
// the left, all others are numbers and go to the right, unless words says how many columns are words.
type grid struct {
	head  []string
	rows  [][]string
	words int // columns of words at the left; 0 means 1
}

// add appends a row. The slice is kept.
func (g *grid) add(cells ...string) { g.rows = append(g.rows, cells) }

// plain renders the grid for a terminal, columns gap spaces apart, without lines or borders: a line
// for the header, one for each row, no space at their ends.
func (g *grid) plain(gap int) ([]string, error) {
	between := tw.Padding{Right: strings.Repeat(" ", gap), Overwrite: true}
	none := renderer.NewBlueprint(tw.Rendition{
		Borders:  tw.BorderNone,
		Settings: tw.Settings{Separators: tw.SeparatorsNone, Lines: tw.LinesNone},
	})
	text, err := g.render(none, tablewriter.WithPadding(between))
	if err != nil {
		return nil, err
	}
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	return lines, nil
}

// escape makes a cell safe in a Markdown table, whose renderer does not escape.
var escape = strings.NewReplacer("|", `\|`, "\n", "<br>", "<", "&lt;", "*", `\*`, "`", "\\`")

// markdown renders the grid as a Markdown table.
func (g *grid) markdown() (string, error) {
	safe := grid{head: escaped(g.head), words: g.words}
	for _, row := range g.rows {
		safe.add(escaped(row)...)
	}
	return safe.render(renderer.NewMarkdown())
}

func escaped(cells []string) []string {
	safe := make([]string, len(cells))
	for i, cell := range cells {
		safe[i] = escape.Replace(cell)
	}
	return safe
}

// render lets tablewriter lay the grid out. Headers are left as they are written (the library would
// turn p99_ms into P 99 MS), nothing is wrapped, and each row is a slice of its own, because the
// library keeps it.
func (g *grid) render(with tw.Renderer, more ...tablewriter.Option) (string, error) {
	side := tw.CellAlignment{PerColumn: make([]tw.Align, len(g.head))}
	for i := range side.PerColumn {
		side.PerColumn[i] = tw.AlignRight
		if i < max(1, g.words) {
			side.PerColumn[i] = tw.AlignLeft
		}
	}
	var b bytes.Buffer
	options := append([]tablewriter.Option{
		tablewriter.WithRenderer(with),
		tablewriter.WithHeaderAutoFormat(tw.Off),
		tablewriter.WithHeaderAutoWrap(tw.WrapNone),
		tablewriter.WithRowAutoWrap(tw.WrapNone),
		tablewriter.WithHeaderAlignmentConfig(side),
		tablewriter.WithRowAlignmentConfig(side),
	}, more...)
	t := tablewriter.NewTable(&b, options...)
	t.Header(g.head)
	for _, row := range g.rows {
		if err := t.Append(row); err != nil {
			return "", fmt.Errorf("laying out a table: %w", err)
		}
	}
	if err := t.Render(); err != nil {
		return "", fmt.Errorf("laying out a table: %w", err)
	}
	return b.String(), nil
}
