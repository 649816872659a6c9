package report

import (
	"math"
	"strconv"
	"strings"
)

// noData stands where a figure has no data: never 0, which would be a claim.
const noData = "-"

// significant writes x with three significant digits and thousands separated: 0.0123, 9.87, 27.0,
// 912, 1,058. Digits before the point are never rounded away.
func significant(x float64) string {
	if x == 0 || math.IsNaN(x) || math.IsInf(x, 0) {
		return thousands(strconv.FormatFloat(x, 'f', -1, 64))
	}
	return thousands(strconv.FormatFloat(x, 'f', decimals(x), 64))
}

// decimals returns how many digits after the point make three significant digits of x. The exponent
// is read from the rounded number, because 9.996 rounds to 10.0 and not to 10.00.
func decimals(x float64) int {
	e := strconv.FormatFloat(x, 'e', 2, 64)
	exponent, _ := strconv.Atoi(e[strings.IndexByte(e, 'e')+1:])
	return max(0, 2-exponent)
}

// thousands puts commas into the whole part of a decimal number: 1234567.8 becomes 1,234,567.8.
func thousands(number string) string {
	sign, whole, rest := "", number, ""
	if strings.HasPrefix(whole, "-") || strings.HasPrefix(whole, "+") {
		sign, whole = whole[:1], whole[1:]
	}
	if i := strings.IndexByte(whole, '.'); i >= 0 {
		whole, rest = whole[:i], whole[i:]
	}
	var b strings.Builder
	for i, digit := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(digit)
	}
	return sign + b.String() + rest
}

// showCount writes a whole number with its thousands separated.
func showCount(n int64) string { return thousands(strconv.FormatInt(n, 10)) }

// showWholeNumber writes a mean of counts without its fraction.
func showWholeNumber(x float64) string { return thousands(strconv.FormatFloat(x, 'f', 0, 64)) }

// showCounted writes a number of things, in the singular where it is one: 1 seed, 20 seeds.
func showCounted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return showCount(int64(n)) + " " + thing + "s"
}

// timeUnit returns the unit in which a time is shown, and how many milliseconds it has: seconds from
// one second up, else milliseconds.
func timeUnit(ms float64) (unit string, size float64) {
	if math.Abs(ms) >= 999.5 { // 999.5 ms would read 1,000 ms
		return "s", 1000
	}
	return "ms", 1
}

// showMillis writes a time given in milliseconds: 812 ms, 29.8 s.
func showMillis(ms *float64) string {
	if ms == nil {
		return noData
	}
	unit, size := timeUnit(*ms)
	return significant(*ms/size) + " " + unit
}

// showMillisCI writes a time with its interval in the same unit: 812 ms [774, 851].
func showMillisCI(ms *float64, ci *Interval) string {
	if ms == nil || ci == nil {
		return showMillis(ms)
	}
	_, size := timeUnit(*ms)
	return showMillis(ms) + " [" + significant(ci[0]/size) + ", " + significant(ci[1]/size) + "]"
}

// showClock writes a moment of the run, in whole seconds where it is one: 34 s, 12.5 s.
func showClock(s float64) string {
	return thousands(strconv.FormatFloat(math.Round(s*100)/100, 'f', -1, 64)) + " s"
}

// showPercent writes a share of 0 to 1 in percent, without the sign: 91.2. What is not all never reads
// 100 and what is not nothing never reads 0: 99.97 keeps the digit that tells it from 100.
func showPercent(share float64) string {
	p := share * 100
	switch {
	case share <= 0:
		return significant(p)
	case p < 0.001:
		return "<0.001"
	case share >= 1 || p < 99.95:
		return significant(p)
	}
	if s := strconv.FormatFloat(p, 'f', 2, 64); !strings.HasPrefix(s, "100") {
		return s
	}
	return ">99.99"
}

// showShare writes a share with its sign: 91.2 %.
func showShare(x *float64) string {
	if x == nil {
		return noData
	}
	return showPercent(*x) + " %"
}

// showBare writes a share without its sign, for a column whose header has it.
func showBare(x *float64) string {
	if x == nil {
		return noData
	}
	return showPercent(*x)
}

// showBareCI writes a share and its interval without the sign: 91.2 [90.4, 92.0].
func showBareCI(x *float64, ci *Interval) string {
	if x == nil || ci == nil {
		return showBare(x)
	}
	return showPercent(*x) + " [" + showPercent(ci[0]) + ", " + showPercent(ci[1]) + "]"
}

// showWhole writes a share in whole percent, for sentences: 91%. The same care as in percent.
func showWhole(x float64) string {
	p := math.Round(x * 100)
	switch {
	case p == 0 && x > 0:
		return "<1%"
	case p == 100 && x < 1:
		return ">99%"
	}
	return strconv.FormatFloat(p, 'f', 0, 64) + "%"
}

// showPoints writes a difference of shares in points, whole ones from 10 up: +64, -2.3.
func showPoints(difference float64) string {
	digits := 0
	if math.Abs(difference) < 0.0995 {
		digits = 1
	}
	return signed(difference*100, digits)
}

// showPointsCI writes the interval of a difference, as exactly as the difference itself is written.
func showPointsCI(difference float64, ci Interval) string {
	digits := 0
	if math.Abs(difference) < 0.0995 {
		digits = 1
	}
	text := func(x float64) string { return unsignedZero(strconv.FormatFloat(x*100, 'f', digits, 64)) }
	return "[" + text(ci[0]) + ", " + text(ci[1]) + "]"
}

func signed(x float64, digits int) string {
	s := unsignedZero(strconv.FormatFloat(x, 'f', digits, 64))
	if strings.HasPrefix(s, "-") || strings.Trim(s, "0.") == "" {
		return s
	}
	return "+" + s
}

// unsignedZero drops the sign of a number that was rounded to nothing: -0.0 is 0.0.
func unsignedZero(number string) string {
	if strings.HasPrefix(number, "-") && strings.Trim(number, "-0.") == "" {
		return number[1:]
	}
	return number
}

// showRate writes calls per second, without the unit.
func showRate(perSecond *float64) string {
	if perSecond == nil {
		return noData
	}
	return significant(*perSecond)
}

// showQPS writes a configured rate as people say it, without separators below 10,000: 100, 1000, 12,500.
func showQPS(perSecond float64) string {
	s := strconv.FormatFloat(math.Round(perSecond*100)/100, 'f', -1, 64)
	if perSecond < 10_000 {
		return s
	}
	return thousands(s)
}

// showTimes writes attempts per call, or another factor, without the unit: 1.31.
func showTimes(factor *float64) string {
	if factor == nil {
		return noData
	}
	return significant(*factor)
}

// showTimesCI writes a factor with its interval: 1.31 [1.28, 1.34].
func showTimesCI(factor *float64, ci *Interval) string {
	if factor == nil || ci == nil {
		return showTimes(factor)
	}
	return showTimes(factor) + " [" + significant(ci[0]) + ", " + significant(ci[1]) + "]"
}

// wrapText breaks text between words so that no line is longer than width, if no word is. The lines
// after the first begin with indent.
func wrapText(text string, width int, indent string) string {
	var b strings.Builder
	column := 0
	for i, word := range strings.Fields(text) {
		length := len([]rune(word))
		switch {
		case i == 0:
		case column+1+length > width:
			b.WriteString("\n" + indent)
			column = len(indent)
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += length
	}
	return b.String()
}
