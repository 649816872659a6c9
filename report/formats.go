package report

import "io"

// A Format is a way to write a Result.
type Format struct {
	Name  string // what --format takes
	About string // one line for help texts
	File  string // its file in a run's directory; "" for none
	Write func(io.Writer, *Result, Options) error
}

// Formats are all formats, in the order in which help texts list them.
var Formats = []Format{
	{"text", "tables for a terminal", "report.txt", WriteText},
	{"json", "everything a run found, as run.json", "run.json", func(w io.Writer, r *Result, _ Options) error { return WriteJSON(w, r) }},
	{"md", "Markdown, for a pull request or a page", "report.md", WriteMarkdown},
	{"html", "one page with charts, for a browser", "report.html", WriteHTML},
	{"csv", "a row for each strategy, phase and seed", "runs.csv", func(w io.Writer, r *Result, _ Options) error { return WriteCSV(w, r) }},
}
