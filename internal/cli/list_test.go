package cli

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestListSetsNamesApart: a name of any length stands apart from what is said about it, in 80 columns.
func TestListSetsNamesApart(t *testing.T) {
	for line := range strings.Lines(inventory()) {
		line = strings.TrimRight(line, "\n")
		if n := utf8.RuneCountInString(line); n > 80 {
			t.Errorf("got %d columns, want at most 80: %s", n, line)
		}
		name, isEntry := strings.CutPrefix(line, "  ")
		if !isEntry || strings.HasPrefix(name, " ") || len(name) <= 20 {
			continue
		}
		if word, _, _ := strings.Cut(name, " "); len(word) > 20 && strings.TrimSpace(name) != word {
			t.Errorf("no room between a name and its text: %s", line)
		} else if len(word) <= 20 && name[20:22] != "  " && !strings.HasPrefix(name[20:], "  ") {
			t.Errorf("got %q, want two blanks before the text", line)
		}
	}
}

// TestListNamesWhatAScenarioMayName: a word for each kind of thing that stands in a list of its own.
func TestListNamesWhatAScenarioMayName(t *testing.T) {
	listed := strings.Fields(inventory())
	for _, name := range []string{"spike-100-1000", "backoff", "llm", "consistent", "deepseek-2025", "json"} {
		if !slices.Contains(listed, name) {
			t.Errorf("%s is not listed", name)
		}
	}
}
