package harness

import (
	"fmt"
	"strconv"
	"strings"
)

// A StatusSet is a set of HTTP status codes. The empty one leaves the decision to sim.OutcomeOf.
type StatusSet []StatusRange

// A StatusRange is the status codes from From to To, both included.
type StatusRange struct{ From, To int }

// Has reports whether the set holds status.
func (s StatusSet) Has(status int) bool {
	for _, one := range s {
		if one.From <= status && status <= one.To {
			return true
		}
	}
	return false
}

// String writes the set as ParseStatusSet reads it.
func (s StatusSet) String() string {
	parts := make([]string, len(s))
	for i, one := range s {
		if parts[i] = strconv.Itoa(one.From); one.To != one.From {
			parts[i] += "-" + strconv.Itoa(one.To)
		}
	}
	return strings.Join(parts, ",")
}

// ParseStatusSet reads a list of status codes, of this form:
//
//	set   = part { "," part }
//	part  = code [ "-" code ] | digit "xx"
//	code  = three digits, 100 to 599
func ParseStatusSet(text string) (StatusSet, error) {
	var set StatusSet
	for part := range strings.SplitSeq(text, ",") {
		one, ok := parseStatusRange(strings.TrimSpace(part))
		if !ok {
			return nil, fmt.Errorf("status %q; allowed: codes and ranges from 100 to 599, such as 200, 2xx or 200-204,404", part)
		}
		set = append(set, one)
	}
	return set, nil
}

func parseStatusRange(text string) (StatusRange, bool) {
	if len(text) == 3 && strings.EqualFold(text[1:], "xx") && text[0] >= '1' && text[0] <= '5' {
		from := 100 * int(text[0]-'0')
		return StatusRange{from, from + 99}, true
	}
	low, high, isRange := strings.Cut(text, "-")
	from, ok := parseStatus(low)
	if !isRange {
		return StatusRange{from, from}, ok
	}
	to, ok2 := parseStatus(high)
	return StatusRange{from, to}, ok && ok2 && from <= to
}

func parseStatus(text string) (int, bool) {
	code, err := strconv.Atoi(text)
	return code, err == nil && len(text) == 3 && code >= 100 && code <= 599
}
