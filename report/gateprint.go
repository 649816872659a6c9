package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// String writes the gate in our own words, so that ParseGate reads the same one back.
func (g Gate) String() string {
	text := fmt.Sprintf("%s %s %s", g.Quantity, g.Op, g.Bound)
	if g.Window > 0 {
		return fmt.Sprintf("worst(%s) %s", g.Window, text)
	}
	return text
}

// String writes a quantity, as in p99{phase=spike}.
func (q Quantity) String() string {
	switch {
	case q.Measure != "" && q.As != "":
		return q.Measure + q.Selector.String() + "." + q.As
	case q.Measure != "":
		return q.Measure + q.Selector.String()
	case q.Metric == "response_time":
		return q.Stat.String() + q.Selector.String()
	}
	return q.Metric + q.Selector.String() + "." + q.Stat.String()
}

// String writes a stat, as in p99.9.
func (s Stat) String() string {
	switch s.Kind {
	case "over":
		return fmt.Sprintf("over(%s)", s.Over)
	case "quantile":
		return "p" + s.percentage()
	}
	return s.Kind
}

// percentage is 100 A/D, exactly: D is a divisor of a power of ten.
func (s Stat) percentage() string {
	a, d := 100*s.A, s.D
	text := strconv.FormatInt(a/d, 10)
	rest := a % d
	if rest == 0 {
		return text
	}
	text += "."
	for rest != 0 {
		rest *= 10
		text += strconv.FormatInt(rest/d, 10)
		rest %= d
	}
	return text
}

// String writes a selector with its braces; nothing for one that selects nothing.
func (s Selector) String() string {
	var pairs []string
	for _, pair := range []struct{ key, value string }{
		{"phase", s.Phase}, {"strategy", s.Strategy}, {"priority", s.Priority}, {"attempt", s.Attempt},
	} {
		if pair.value != "" {
			pairs = append(pairs, pair.key+"="+quotedName(pair.value))
		}
	}
	for _, word := range s.Bare {
		pairs = append(pairs, quotedName(word.Text))
	}
	if len(pairs) == 0 {
		return ""
	}
	return "{" + strings.Join(pairs, ",") + "}"
}

// quotedName puts a name in quotes where it would not be read as one word.
func quotedName(name string) string {
	plain := name != ""
	for i := range len(name) {
		plain = plain && (isLetter(name[i]) || isDigit(name[i]) || i > 0 && (name[i] == '-' || name[i] == '.'))
	}
	switch {
	case plain:
		return name
	case strings.Contains(name, `"`):
		return "'" + name + "'"
	}
	return `"` + name + `"`
}

// String writes a bound.
func (b Bound) String() string {
	if b.Pick != "" && len(b.Terms) == 2 {
		return fmt.Sprintf("%s(%s, %s)", b.Pick, b.Terms[0], b.Terms[1])
	}
	if len(b.Terms) == 0 {
		return ""
	}
	return b.Terms[0].String()
}

// String writes a term, as in base*1.1+50ms.
func (t Term) String() string {
	if t.Literal != nil {
		return t.Literal.String()
	}
	text := "base"
	if t.Quantity != nil {
		text = t.Quantity.String()
	}
	if t.Times != 1 {
		text += "*" + number(t.Times)
	}
	if p := t.Plus; p != nil {
		if p.Value < 0 {
			return text + " - " + Literal{-p.Value, p.Unit}.String()
		}
		text += " + " + p.String()
	}
	return text
}

// String writes a literal with its unit.
func (l Literal) String() string {
	switch l.Unit {
	case Millis:
		d := time.Duration(l.Value * float64(time.Millisecond))
		if float64(d)/float64(time.Millisecond) == l.Value {
			if text := d.String(); strings.Count(text, "m") == strings.Count(text, "ms") && !strings.Contains(text, "h") {
				return text // 1m30s is two literals to the grammar
			}
		}
		return number(l.Value) + "ms"
	case Share:
		if text, exact := percent(l.Value); exact {
			return text + "%"
		}
		return number(l.Value)
	case Points:
		text, _ := percent(l.Value)
		return text + "pts"
	case Times:
		return number(l.Value) + "x"
	case PerSecond:
		return number(l.Value) + "/s"
	}
	return number(l.Value)
}

func number(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

// percent is the shortest text of a share as a percentage, and whether it reads back as the same share.
func percent(share float64) (string, bool) {
	for precision := range 17 {
		text := strconv.FormatFloat(share*100, 'f', precision, 64)
		if back, err := strconv.ParseFloat(text, 64); err == nil && back/100 == share {
			return text, true
		}
	}
	return number(share * 100), false
}
