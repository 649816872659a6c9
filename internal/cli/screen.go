package cli

import (
	"io"
	"os"

	"golang.org/x/term"
)

// isTerminal says whether a stream is a terminal that a person looks at.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// colored says whether a stream gets colours: terminals alone, unless the user or the terminal says
// no (https://no-color.org: NO_COLOR set and not empty).
func (p *program) colored(stream io.Writer) bool {
	return !p.plain && p.variable("NO_COLOR") == "" && p.variable("TERM") != "dumb" && isTerminal(stream)
}

// moving says whether a stream can show a bar that redraws itself.
func (p *program) moving(stream io.Writer) bool {
	return p.variable("TERM") != "dumb" && isTerminal(stream)
}

// width returns the columns of a terminal, and 80 for anything else.
func width(stream io.Writer) int {
	if f, ok := stream.(*os.File); ok {
		if columns, _, err := term.GetSize(int(f.Fd())); err == nil && columns >= 60 {
			return columns
		}
	}
	return 80
}
