package report

import (
	"math"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestNumbersAreShownWithThreeDigitsAndAUnit(t *testing.T) {
	for _, c := range []struct{ what, got, want string }{
		{"nothing", significant(0), "0"},
		{"a small number keeps its digits", significant(0.0123), "0.0123"},
		{"one digit before the point", significant(9.874), "9.87"},
		{"rounding up to the next power drops a decimal", significant(9.996), "10.0"},
		{"thousands are separated", significant(1058.4), "1,058"},
		{"whole digits are never rounded away", significant(1234567), "1,234,567"},
		{"a negative number is separated alike", significant(-12345), "-12,345"},

		{"below a second in milliseconds", showMillis(ptr(812.4)), "812 ms"},
		{"999.5 ms would read 1,000 ms", showMillis(ptr(999.6)), "1.00 s"},
		{"above in seconds", showMillis(ptr(29841.0)), "29.8 s"},
		{"a microsecond", showMillis(ptr(0.001)), "0.00100 ms"},
		{"no time", showMillis(nil), "-"},
		{"an interval has the unit of its value", showMillisCI(ptr(1010.0), &Interval{990, 1030}), "1.01 s [0.990, 1.03]"},
		{"no interval", showMillisCI(ptr(812.0), nil), "812 ms"},

		{"a share", showShare(ptr(0.9123)), "91.2 %"},
		{"all", showShare(ptr(1.0)), "100 %"},
		{"nearly all is not all", showShare(ptr(0.9997)), "99.97 %"},
		{"one in ten million lost is not all", showShare(ptr(0.9999999)), ">99.99 %"},
		{"nothing at all", showShare(ptr(0.0)), "0 %"},
		{"nearly nothing is not nothing", showShare(ptr(0.000001)), "<0.001 %"},
		{"a share with its interval", showBareCI(ptr(0.271), &Interval{0.249, 0.292}), "27.1 [24.9, 29.2]"},
		{"no share", showBareCI(nil, nil), "-"},

		{"a share in a sentence", showWhole(0.912), "91%"},
		{"a lost call is seen in a sentence", showWhole(0.9999), ">99%"},
		{"a served call is seen in a sentence", showWhole(0.0001), "<1%"},
		{"large differences in whole points", showPoints(0.6449), "+64"},
		{"small ones with a decimal", showPoints(-0.0231), "-2.3"},
		{"a difference rounded to nothing has no sign", showPoints(-0.0001), "0.0"},
		{"an interval as exact as its difference", showPointsCI(0.0231, Interval{-0.004, 0.051}), "[-0.4, 5.1]"},
		{"large ones", showPointsCI(0.64, Interval{0.61, 0.67}), "[61, 67]"},

		{"a configured rate as people say it", showQPS(1000), "1000"},
		{"a fractional one", showQPS(0.5), "0.5"},
		{"a large one is separated", showQPS(12500), "12,500"},
		{"a moment", showClock(34), "34 s"},
		{"a moment between", showClock(12.5), "12.5 s"},
		{"a configured share", plainPercent(0.9995), "99.95 %"},
		{"a configured time", plainMillis(2000), "2 s"},
		{"a short configured time", plainMillis(250), "250 ms"},
		{"one thing", showCounted(1, "phase"), "1 phase"},
		{"many things", showCounted(1200, "phase"), "1,200 phases"},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %q, want %q", c.what, c.got, c.want)
		}
	}
}

// A shown number never says more than the number it stands for: within half a unit of its last digit.
func TestShownNumbersAreTheNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.Float64Range(1e-6, 1e9).Draw(t, "x")
		back, err := strconv.ParseFloat(strings.ReplaceAll(significant(x), ",", ""), 64)
		if err != nil {
			t.Fatalf("significant(%v) is no number: %v", x, err)
		}
		if math.Abs(back-x) > x*0.005001 {
			t.Errorf("got %v for %v, more than half a digit off", back, x)
		}
		share := rapid.Float64Range(0, 1).Draw(t, "share")
		text := showPercent(share)
		if strings.HasPrefix(text, "100") != (share == 1) || (text == "0") != (share == 0) {
			t.Errorf("share %v reads %q", share, text)
		}
	})
}

func TestWrappedTextKeepsItsWordsAndItsWidth(t *testing.T) {
	word := rapid.StringMatching(`[a-zé\[\]0-9]{1,12}`)
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(word, 1, 40).Draw(t, "words")
		width := rapid.IntRange(16, 90).Draw(t, "width")
		text := wrapText(strings.Join(words, "  "), width, "  ")
		if got := strings.Fields(text); strings.Join(got, " ") != strings.Join(words, " ") {
			t.Fatalf("got words %q, want %q", got, words)
		}
		for _, line := range strings.Split(text, "\n") {
			if n := utf8.RuneCountInString(line); n > width {
				t.Errorf("line of %d columns, want at most %d: %q", n, width, line)
			}
		}
	})
}
