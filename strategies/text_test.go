package strategies

import (
	"encoding"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTextForms(t *testing.T) {
	for _, row := range []struct {
		text string
		into encoding.TextUnmarshaler
		want any
		back string // empty: text
	}{
		{"none", new(Jitter), Jitter{}, ""},
		{"full", new(Jitter), Jitter{Kind: JitterFull}, ""},
		{"equal", new(Jitter), Jitter{Kind: JitterEqual}, ""},
		{"decorrelated", new(Jitter), Jitter{Kind: JitterDecorrelated}, ""},
		{"10%", new(Jitter), Jitter{JitterAdded, 10}, ""},
		{"12.50%", new(Jitter), Jitter{JitterAdded, 12.5}, "12.5%"},
		{"-25%", new(Jitter), Jitter{JitterTaken, 25}, ""},
		{"+-20%", new(Jitter), Jitter{JitterAround, 20}, ""},
		{"p95", new(Margin), Margin{Measured: true}, ""},
		{"500ms", new(Margin), Margin{Fixed: 500 * time.Millisecond}, ""},
		{"0s", new(Margin), Margin{}, ""},
		{"off", new(Fallback), Fallback{}, ""},
		{"canned", new(Fallback), Fallback{Canned: true}, ""},
		{"10m", new(Fallback), Fallback{Age: 10 * time.Minute}, ""},
		{"90m", new(Fallback), Fallback{Age: 90 * time.Minute}, "1h30m"},
		{"2h", new(Fallback), Fallback{Age: 2 * time.Hour}, ""},
		{"1h0m20s", new(Margin), Margin{Fixed: time.Hour + 20*time.Second}, ""},
	} {
		if err := row.into.UnmarshalText([]byte(row.text)); err != nil {
			t.Errorf("%s: %v, want no error", row.text, err)
			continue
		}
		got := deref(row.into)
		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", row.text, diff)
		}
		want := row.back
		if want == "" {
			want = row.text
		}
		if back, err := got.(encoding.TextMarshaler).MarshalText(); err != nil || string(back) != want {
			t.Errorf("%s is written as %q, %v, want %q", row.text, back, err, want)
		}
	}
}

func deref(into encoding.TextUnmarshaler) any {
	switch v := into.(type) {
	case *Jitter:
		return *v
	case *Margin:
		return *v
	case *Fallback:
		return *v
	}
	panic("not a text form of this package")
}

func TestTextFormsRefuse(t *testing.T) {
	for _, row := range []struct {
		text, allowed string
		into          encoding.TextUnmarshaler
	}{
		{"", "none, full", new(Jitter)},
		{"10", "none, full", new(Jitter)},
		{"%", "none, full", new(Jitter)},
		{"-%", "none, full", new(Jitter)},
		{"+10%", "none, full", new(Jitter)},
		{"NaN%", "none, full", new(Jitter)},
		{"1e3%", "none, full", new(Jitter)},
		{"1.2.3%", "none, full", new(Jitter)},
		{"--5%", "none, full", new(Jitter)},
		{"Full", "none, full", new(Jitter)},
		{"-101%", "at most -100%", new(Jitter)},
		{"+-200%", "at most +-100%", new(Jitter)},
		{"1001%", "at most 1000%", new(Jitter)},
		{"p99", "p95, or a duration", new(Margin)},
		{"-1s", "p95, or a duration", new(Margin)},
		{"5", "p95, or a duration", new(Margin)},
		{"on", "off, canned", new(Fallback)},
		{"0s", "off, canned", new(Fallback)},
		{"-10m", "off, canned", new(Fallback)},
	} {
		before := deref(row.into)
		err := row.into.UnmarshalText([]byte(row.text))
		if err == nil || !strings.Contains(err.Error(), row.allowed) || !strings.Contains(err.Error(), row.text) {
			t.Errorf("%q: error %v, want one that says what was found and %q", row.text, err, row.allowed)
		}
		if diff := cmp.Diff(before, deref(row.into)); diff != "" {
			t.Errorf("%q was refused and changed the value all the same:\n%s", row.text, diff)
		}
	}
}

func FuzzJitter(f *testing.F) {
	for _, seed := range []string{"none", "full", "equal", "decorrelated", "10%", "-25%", "+-20%", "0.1%", "1000%", "", "%"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var j Jitter
		if j.UnmarshalText([]byte(text)) != nil {
			return
		}
		var again Jitter
		if err := again.UnmarshalText([]byte(j.String())); err != nil || again != j {
			t.Errorf("%q reads as %+v, written %q, which reads as %+v, %v", text, j, j.String(), again, err)
		}
		if !(j.Percent >= 0 && j.Percent <= 1000) {
			t.Errorf("%q reads as %v %%", text, j.Percent)
		}
	})
}

func FuzzMargin(f *testing.F) {
	for _, seed := range []string{"p95", "500ms", "0s", "1h", "-1s", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var m, again Margin
		if m.UnmarshalText([]byte(text)) != nil {
			return
		}
		back, _ := m.MarshalText()
		if err := again.UnmarshalText(back); err != nil || again != m || m.Fixed < 0 {
			t.Errorf("%q reads as %+v, written %q, which reads as %+v, %v", text, m, back, again, err)
		}
	})
}

func FuzzFallback(f *testing.F) {
	for _, seed := range []string{"off", "canned", "10m", "0s", "-1s", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var b, again Fallback
		if b.UnmarshalText([]byte(text)) != nil {
			return
		}
		back, _ := b.MarshalText()
		if err := again.UnmarshalText(back); err != nil || again != b || b.Age < 0 {
			t.Errorf("%q reads as %+v, written %q, which reads as %+v, %v", text, b, back, again, err)
		}
	})
}
