package scenarios

import "testing"

func TestNearestGuessesWhatWasMeant(t *testing.T) {
	strategies := []string{"sync", "pooled", "async-queue", "cache", "backoff", "resilient"}
	for _, row := range []struct{ word, want string }{
		{"asnyc", "async-queue"},
		{"snyc", "sync"},
		{"pool", "pooled"},
		{"poled", "pooled"},
		{"Cache", "cache"},
		{"back-off", "backoff"},
		{"resil", "resilient"},
		{"x", ""},
		{"", ""},
		{"breaker", ""},
		{"sy", ""},
	} {
		got, ok := Nearest(row.word, strategies)
		if got != row.want || ok != (row.want != "") {
			t.Errorf("%q: got %q, %v, want %q", row.word, got, ok, row.want)
		}
	}
}

func TestSlips(t *testing.T) {
	for _, row := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"", "ab", 2}, {"rate", "raet", 1}, {"kitten", "sitting", 3}, {"ca", "abc", 3}, {"größe", "grösse", 2}} {
		if got := slips([]rune(row.a), []rune(row.b)); got != row.want {
			t.Errorf("%s to %s: %d slips, want %d", row.a, row.b, got, row.want)
		}
	}
}

func TestUnknownListsWhatThereIs(t *testing.T) {
	if got, want := Unknown("strategy", "asnyc", []string{"sync", "async-queue"}), `unknown strategy "asnyc" (have sync, async-queue; did you mean async-queue?)`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := Unknown("format", "pdf", []string{"text", "json"}), `unknown format "pdf" (have text, json)`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
