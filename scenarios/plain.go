package scenarios

import (
	"strconv"
	"strings"
)

// plainKind is what an unquoted scalar is.
func plainKind(s string) kind {
	switch s {
	case "", "~", "null", "Null", "NULL":
		return null
	case "true", "True", "TRUE", "false", "False", "FALSE":
		return boolean
	}
	if looksNumeric(s) {
		return number
	}
	return text
}

// looksNumeric reports whether s is a number in YAML 1.2 or was one in YAML 1.1. Whether a field can
// take it is decided where it is read.
func looksNumeric(s string) bool {
	body := strings.ToLower(strings.TrimLeft(s, "+-"))
	switch {
	case len(s)-len(body) > 1 || body == "":
		return false
	case body == ".nan" || body == ".inf":
		return true
	}
	digits := "0123456789"
	for prefix, set := range map[string]string{"0x": "0123456789abcdef", "0o": "01234567", "0b": "01"} {
		if rest, ok := strings.CutPrefix(body, prefix); ok && rest != "" && strings.Trim(rest, set+"_") == "" {
			return true
		}
	}
	mantissa, exponent, has := strings.Cut(body, "e")
	if has && strings.Trim(strings.TrimLeft(exponent, "+-"), digits) != "" || has && strings.Trim(exponent, "+-") == "" {
		return false
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	return strings.Trim(whole, digits+"_") == "" && strings.Trim(fraction, digits+"_") == "" && strings.ContainsAny(mantissa, digits)
}

// decimal returns the number that s writes in plain decimal notation, or why it is none that a
// scenario takes.
func decimal(s string) (value float64, fault string) {
	body := strings.TrimLeft(s, "+-")
	lower := strings.ToLower(body)
	switch {
	case strings.HasSuffix(lower, "nan") || strings.HasSuffix(lower, "inf"):
		return 0, s + " is not finite"
	case len(body) > 1 && body[0] == '0' && '0' <= body[1] && body[1] <= '9':
		return 0, s + " could be octal or decimal"
	case len(body) > 1 && body[0] == '0' && body[1] != '.' && lower[1] != 'e':
		return 0, s + " is not decimal"
	case strings.ContainsAny(body, "_"):
		return 0, s + " has underscores"
	}
	value, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0, s + " is out of range"
	}
	return value, ""
}
