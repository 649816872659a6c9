package sim

import (
	"strings"
	"testing"
)

func TestSize(t *testing.T) {
	for _, row := range []struct {
		text string
		want Size
		back string // empty: text
	}{
		{"1KiB", 1024, ""}, {"1kB", 1000, ""}, {"10kB", 10_000, ""}, {"1.5MiB", 1_572_864, "1536KiB"}, {"2MB", 2_000_000, ""}, {"3GB", 3_000_000_000, ""},
		{"1GiB", 1 << 30, ""}, {"7B", 7, ""}, {"512", 512, "512B"}, {"0", 0, "0B"}, {"0KiB", 0, "0B"}, {"1e3", 1000, "1kB"}, {"1048576GiB", 1 << 50, ""},
	} {
		var got Size
		if err := got.UnmarshalText([]byte(row.text)); err != nil || got != row.want {
			t.Errorf("%s: %d, %v, want %d", row.text, got, err, row.want)
		}
		want := row.back
		if want == "" {
			want = row.text
		}
		if got.String() != want {
			t.Errorf("%s is written %s, want %s", row.text, got, want)
		}
	}
	for _, row := range []struct{ text, found string }{
		{"1KB", `"1KB" is not a size`}, {"", `"" is not a size`}, {"KiB", "not a size"}, {"-1", "-1"}, {"1.5", "no whole number of bytes"}, {"0.0001KiB", "whole number"},
		{"2000000GiB", "0 to 1048576GiB"}, {"1e30", "0 to 1048576GiB"}, {"nan", "not a size"}, {"1 KiB", "not a size"},
	} {
		got := Size(5)
		err := got.UnmarshalText([]byte(row.text))
		if err == nil || !strings.Contains(err.Error(), row.found) || got != 5 {
			t.Errorf("%q: %d, %v, want 5 as before and %q", row.text, got, err, row.found)
		}
	}
}

func FuzzSize(f *testing.F) {
	for _, seed := range []string{"1KiB", "10kB", "1.5MiB", "0", "1e3", "1KB", "1048576GiB", "-1B", "GiB"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var s, again Size
		if s.UnmarshalText([]byte(text)) != nil {
			return
		}
		if s < 0 || s > maxSize {
			t.Fatalf("%q was read as %d", text, int64(s))
		}
		if err := again.UnmarshalText([]byte(s.String())); err != nil || again != s {
			t.Errorf("%q reads as %d, written %q, which reads as %d, %v", text, int64(s), s, int64(again), err)
		}
	})
}
