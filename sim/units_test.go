package sim

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestShareIsReadAndPrinted(t *testing.T) {
	for _, row := range []struct {
		text  string
		want  Share
		print string
	}{
		{"10%", 0.1, "10%"},
		{"0.1", 0.1, "10%"},
		{"7%", 0.07, "7%"}, // 0.07*100 is 7.000000000000001 in float64
		{"99.9%", 0.999, "99.9%"},
		{"0.05%", 0.0005, "0.05%"},
		{"100%", 1, "100%"},
		{"1", 1, "100%"},
		{"0", 0, "0%"},
		{"-0", 0, "0%"},
		{"1e-3", 0.001, "0.1%"},
		{"1e-3%", 0.00001, "0.001%"},
		{"33.33%", 0.3333, "33.33%"},
	} {
		var s Share
		if err := s.UnmarshalText([]byte(row.text)); err != nil {
			t.Errorf("%s: %v", row.text, err)
			continue
		}
		if s != row.want || s.String() != row.print {
			t.Errorf("%s is %v and prints %s, want %v and %s", row.text, float64(s), s, float64(row.want), row.print)
		}
	}
}

func TestShareRefuses(t *testing.T) {
	for _, text := range []string{"", "%", "10", "101%", "-1%", "nan", "inf", "0x1p-2", "1_0%", "10 %", "e5%", "1e%", "ten", "1e999999999999%"} {
		var s Share
		err := s.UnmarshalText([]byte(text))
		if err == nil {
			t.Errorf("%q was read as %v", text, float64(s))
		} else if !strings.Contains(err.Error(), "0% to 100%") {
			t.Errorf("%q: %v: does not say what is allowed", text, err)
		}
	}
}

func TestRateIsReadAndPrinted(t *testing.T) {
	for _, row := range []struct {
		text  string
		want  Rate
		print string
	}{
		{"100", 100, "100/s"},
		{"100/s", 100, "100/s"},
		{"100/1s", 100, "100/s"},
		{"6000/m", 100, "100/s"},
		{"360000/h", 100, "100/s"},
		{"50/10s", 5, "5/s"},
		{"0", 0, "0/s"},
		{"0/m", 0, "0/s"},
		{"1.5/s", 1.5, "1.5/s"},
		{"2e6/s", 2e6, "2000000/s"},
		{"1/h", 1.0 / 3600, "0.0002777777777777778/s"},
		{"1/0.5s", 2, "2/s"},
	} {
		var r Rate
		if err := r.UnmarshalText([]byte(row.text)); err != nil {
			t.Errorf("%s: %v", row.text, err)
			continue
		}
		if r != row.want || r.String() != row.print {
			t.Errorf("%s is %v and prints %s, want %v and %s", row.text, float64(r), r, float64(row.want), row.print)
		}
	}
}

func TestRateSaysWhatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		"100/x":   `100/x: unknown unit "x"; allowed: s, m, h`,
		"100/":    `100/: no unit behind the slash; allowed: s, m, h`,
		"100/ms":  `100/ms: unknown unit "ms"; allowed: s, m, h`,
		"100/0s":  `100/0s: "0" is not a number above 0; allowed: /s, /m, /h or /10s`,
		"-5/s":    `-5/s is negative; allowed: a number of calls per second, minute or hour, as 100/s, 6000/m, 360000/h; 0 is a quiet stretch`,
		"fast":    `fast: "fast" is not a number; allowed: a number of calls per second, minute or hour, as 100/s, 6000/m, 360000/h`,
		"inf/s":   `inf/s: "inf" is not a number; allowed: a number of calls per second, minute or hour, as 100/s, 6000/m, 360000/h`,
		"1e309/s": `1e309/s: "1e309" is not a number; allowed: a number of calls per second, minute or hour, as 100/s, 6000/m, 360000/h`,
	} {
		var r Rate
		err := r.UnmarshalText([]byte(text))
		if err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

func TestUnitsPrintWhatTheyRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Share(rapid.Float64Range(0, 1).Draw(t, "share"))
		checkShare(t, s)
		checkRate(t, Rate(rapid.Float64Range(0, 1e9).Draw(t, "rate")))
	})
}

type failer interface{ Fatalf(string, ...any) }

func checkShare(t failer, s Share) {
	text, err := s.MarshalText()
	var back Share
	if err != nil || back.UnmarshalText(text) != nil || back != s {
		t.Fatalf("share %v prints %s and reads back as %v", float64(s), text, float64(back))
	}
}

func checkRate(t failer, r Rate) {
	text, err := r.MarshalText()
	var back Rate
	if err != nil || back.UnmarshalText(text) != nil || back != r {
		t.Fatalf("rate %v prints %s and reads back as %v", float64(r), text, float64(back))
	}
}

func FuzzShare(f *testing.F) {
	for _, seed := range []string{"10%", "0.1", "99.9%", "1e-5%", "5e-324", "101%", "%", "-0", ".5", "1e%"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var s Share
		if s.UnmarshalText([]byte(text)) != nil {
			return
		}
		if !(s >= 0 && s <= 1) {
			t.Fatalf("%q was read as %v", text, float64(s))
		}
		checkShare(t, s)
	})
}

func FuzzRate(f *testing.F) {
	for _, seed := range []string{"100", "100/s", "6000/m", "100/1s", "36000/h", "1/0s", "5/10", "1e300/1e-300s", "0/h", "-1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var r Rate
		if r.UnmarshalText([]byte(text)) != nil {
			return
		}
		if !(r >= 0) || math.IsInf(float64(r), 0) {
			t.Fatalf("%q was read as %v", text, float64(r))
		}
		checkRate(t, r)
	})
}
