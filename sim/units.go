package sim

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// A Share is a part of a whole, from 0 to 1. Its text is a percentage, "10%", or the number, "0.1".
type Share float64

// UnmarshalText reads a share:
//
//	share = number [ "%" ] ;
//
// The percent sign moves the decimal point and nothing else, so "7%" is exactly what "0.07" is.
// What lies outside 0 to 1 is refused: a bare 10 is more often a forgotten percent sign than ten times the whole.
func (s *Share) UnmarshalText(text []byte) error {
	const allowed = "0% to 100%, or 0 to 1"
	number, percent := strings.CutSuffix(string(text), "%")
	value, ok := parseNumber(number)
	if ok && percent {
		value, ok = scaledByHundredth(number)
	}
	switch {
	case !ok:
		return wrong(fmt.Sprintf("%q is not a share", text), allowed)
	case value < 0 || value > 1:
		return wrong(string(text), allowed)
	}
	*s = Share(value + 0) // the sum makes -0 a plain 0
	return nil
}

// MarshalText writes the share as a percentage, in the fewest digits that read back as the same
// number.
func (s Share) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// String returns the share as a percentage.
func (s Share) String() string {
	mantissa, exponent, found := strings.Cut(strconv.FormatFloat(float64(s), 'e', -1, 64), "e")
	power, err := strconv.Atoi(exponent)
	if !found || err != nil { // NaN, Inf: no share, but printing must not hide it
		return mantissa + "%"
	}
	return plainDecimal(mantissa, power+2) + "%"
}

// A Rate is a number of calls per second, zero or more. Zero is a quiet stretch.
type Rate float64

// UnmarshalText reads a rate; without a unit it is per second:
//
//	rate   = number [ "/" [ number ] unit ] ;
//	unit   = "s" | "m" | "h" ;
//	number = digits [ "." digits ] [ ( "e" | "E" ) [ "+" | "-" ] digits ] ;
//
// So 100, 100/s, 100/1s, 6000/m and 360000/h are the same rate.
func (r *Rate) UnmarshalText(text []byte) error {
	const allowed = "a number of calls per second, minute or hour, as 100/s, 6000/m, 360000/h"
	count, per, hasUnit := strings.Cut(string(text), "/")
	value, ok := parseNumber(count)
	if !ok {
		return wrong(fmt.Sprintf("%s: %q is not a number", text, count), allowed)
	}
	if value < 0 {
		return wrong(fmt.Sprintf("%s is negative", text), allowed+"; 0 is a quiet stretch")
	}
	if hasUnit {
		seconds, err := perSeconds(string(text), per)
		if err != nil {
			return err
		}
		value /= seconds
	}
	if math.IsInf(value, 0) || math.IsNaN(value) {
		return wrong(fmt.Sprintf("%s is not finite", text), allowed)
	}
	*r = Rate(value + 0)
	return nil
}

// perSeconds reads what stands behind a rate's slash, as seconds.
func perSeconds(rate, per string) (float64, error) {
	number := strings.TrimRight(per, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
	unit, seconds := per[len(number):], 0.0
	switch unit {
	case "s":
		seconds = 1
	case "m":
		seconds = 60
	case "h":
		seconds = 3600
	case "":
		return 0, wrong(rate+": no unit behind the slash", "s, m, h")
	default:
		return 0, wrong(fmt.Sprintf("%s: unknown unit %q", rate, unit), "s, m, h")
	}
	if number == "" {
		return seconds, nil
	}
	count, ok := parseNumber(number)
	if !ok || count <= 0 {
		return 0, wrong(fmt.Sprintf("%s: %q is not a number above 0", rate, number), "/s, /m, /h or /10s")
	}
	return count * seconds, nil
}

// MarshalText writes the rate per second, in the fewest digits that read back as the same number.
func (r Rate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// String returns the rate per second, as in "100/s".
func (r Rate) String() string {
	if r >= 1e15 { // a scenario with such a rate is refused, but the message must stay readable
		return strconv.FormatFloat(float64(r), 'g', -1, 64) + "/s"
	}
	return strconv.FormatFloat(float64(r), 'f', -1, 64) + "/s"
}

// parseNumber reads a finite decimal number. strconv alone would take hexadecimal, underscores,
// "inf" and "nan" as well, which are slips of the keyboard in a scenario.
func parseNumber(text string) (float64, bool) {
	digit := false
	for i := range len(text) {
		switch c := text[i]; {
		case '0' <= c && c <= '9':
			digit = true
		case c == '.', c == '+', c == '-':
		case (c == 'e' || c == 'E') && digit:
		default:
			return 0, false
		}
	}
	value, err := strconv.ParseFloat(text, 64)
	return value, digit && err == nil // out of range is an error too
}

// scaledByHundredth reads a number with its decimal point two places to the left. It rounds once:
// to parse and then to divide would round twice, and print would not be the inverse of parse.
func scaledByHundredth(text string) (float64, bool) {
	mantissa, exponent, power := text, "", 0
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		mantissa, exponent = text[:i], text[i+1:]
		n, err := strconv.Atoi(exponent)
		if err != nil || n < -1000 || n > 1000 {
			return 0, false
		}
		power = n
	}
	return parseNumber(mantissa + "e" + strconv.Itoa(power-2))
}

// plainDecimal writes mantissa x 10^power without an exponent. The mantissa is strconv's: one digit
// before the point.
func plainDecimal(mantissa string, power int) string {
	sign := ""
	if mantissa[0] == '-' {
		sign, mantissa = "-", mantissa[1:]
	}
	digits := strings.Replace(mantissa, ".", "", 1)
	point := 1 + power // digits before the point
	switch {
	case strings.Trim(digits, "0") == "":
		return sign + "0"
	case point <= 0:
		return sign + "0." + strings.Repeat("0", -point) + digits
	case point >= len(digits):
		return sign + digits + strings.Repeat("0", point-len(digits))
	}
	return sign + digits[:point] + "." + digits[point:]
}

// wrong is one fault as an error.
func wrong(found, allowed string) error {
	return Faults{{Found: found, Allowed: allowed}}
}
