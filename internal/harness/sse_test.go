package harness

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// eventsOf reads a text in pieces of the given sizes, the rest at once.
func eventsOf(text string, sizes []int) (events []string, whole bool, err error) {
	var s eventReader
	take := func(data []byte) error {
		events = append(events, string(data))
		return nil
	}
	for _, n := range sizes {
		n = min(max(n, 0), len(text))
		if err := s.feed([]byte(text[:n]), take); err != nil {
			return events, false, err
		}
		text = text[n:]
	}
	err = s.feed([]byte(text), take)
	return events, !s.unterminated(), err
}

func TestEventsAreDataLines(t *testing.T) {
	for _, row := range []struct {
		name, text string
		want       []string
		whole      bool
	}{
		{"nothing", "", nil, true},
		{"one event", "data: a\n\n", []string{"a"}, true},
		{"no blank after the colon", "data:a\n\n", []string{"a"}, true},
		{"only one blank is taken off", "data:  a \n\n", []string{" a "}, true},
		{"carriage returns", "data: a\r\n\r\ndata: b\r\n\r\n", []string{"a", "b"}, true},
		{"comments and other fields", ": ping\nevent: x\nid: 7\ndata: a\nretry: 1\n\n", []string{"a"}, true},
		{"an event without data", "data:\n\n", []string{""}, true},
		{"two data lines are two events", "data: a\ndata: b\n\n", []string{"a", "b"}, true},
		{"a byte order mark", "\xef\xbb\xbfdata: a\n\n", []string{"a"}, true},
		{"a byte order mark too late", "\n\xef\xbb\xbfdata: a\n\n", nil, true},
		{"a name that only begins so", "database: a\n", nil, true},
		{"the last line cut", "data: a\n\ndata: b", []string{"a"}, false},
	} {
		got, whole, err := eventsOf(row.text, nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(got, row.want); diff != "" || whole != row.whole {
			t.Errorf("%s: whole %v, want %v (-got +want):\n%s", row.name, whole, row.whole, diff)
		}
	}
}

func TestLongLinesEndAStream(t *testing.T) {
	most := strings.Repeat("x", maxEvent-len("data: "))
	if _, _, err := eventsOf("data: "+most+"\n", []int{1000}); err != nil {
		t.Errorf("a line of exactly 1 MiB: got %v, want none", err)
	}
	for _, sizes := range [][]int{nil, {7}, {maxEvent}, {maxEvent + 1}} {
		if _, _, err := eventsOf("data: "+most+"x\n", sizes); !errors.Is(err, errLongEvent) {
			t.Errorf("a longer line in pieces of %v: got %v, want %v", sizes, err, errLongEvent)
		}
	}
	var s eventReader
	for range 100 {
		if s.feed([]byte(strings.Repeat("x", 64<<10)), nil) != nil {
			break
		}
	}
	if got := len(s.part); got > maxEvent {
		t.Errorf("an endless line holds %d bytes, want at most 1 MiB", got)
	}
}

func TestEventsDoNotDependOnTheReads(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pieces := rapid.SliceOf(rapid.SampledFrom([]string{"data:", " ", "\n", "\r\n", "\r", "a", "bc", ": x", "event: y", "\xef\xbb\xbf", "data: {\"x\":1}\n\n", "[DONE]"})).Draw(t, "pieces")
		text := strings.Join(pieces, "")
		sizes := rapid.SliceOf(rapid.IntRange(0, 9)).Draw(t, "sizes")
		got, whole, err := eventsOf(text, sizes)
		want, wantWhole, wantErr := eventsOf(text, nil)
		if diff := cmp.Diff(got, want); diff != "" || whole != wantWhole || err != nil || wantErr != nil {
			t.Fatalf("%q in pieces of %v (-got +want):\n%s", text, sizes, diff)
		}
	})
}

func FuzzEvents(f *testing.F) {
	f.Add("data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\ndata: [DONE]\n\n", 7)
	f.Add("data: {\"usage\":{\"completion_tokens\":3},\"choices\":[]}\r\n\r\n", 1)
	f.Add("data: {\"error\":{\"message\":\"no\"}}\n\n", 3)
	f.Add("\xef\xbb\xbf: comment\ndata:\n", 2)
	f.Fuzz(func(t *testing.T, text string, size int) {
		// Read by a naive reader: split at every line end.
		var want []string
		for i, line := range strings.Split(text, "\n") {
			if i == strings.Count(text, "\n") {
				break // what follows the last line end is no line
			}
			if i == 0 {
				line = strings.TrimPrefix(line, "\xef\xbb\xbf")
			}
			if data, ok := strings.CutPrefix(strings.TrimSuffix(line, "\r"), "data:"); ok {
				want = append(want, strings.TrimPrefix(data, " "))
			}
		}
		got, _, err := eventsOf(text, []int{size, size})
		if len(text) < maxEvent && err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if diff := cmp.Diff(got, want); err == nil && diff != "" {
			t.Fatalf("%q (-got +want):\n%s", text, diff)
		}
		// What is inside of the events must not upset the reader of completions.
		var c completion
		for _, data := range got {
			if c.event([]byte(data), testTime) != nil {
				break
			}
		}
		if c.tokens() < 0 || c.chunks > len(got) || (c.chunks > 0) != !c.first.IsZero() {
			t.Fatalf("%q: %+v makes no sense", text, c)
		}
		_ = c.plain([]byte(text))
	})
}
