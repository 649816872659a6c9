package strategies

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/headroom-dev/headroom/sim"
)

// A Jitter says how waits are spread, so that callers that failed together do not come back together.
// Its text is
//
//	jitter  = "none" | "full" | "full-below-cap" | "equal" | "decorrelated" | [ "-" | "+-" ] percent
//	percent = number "%"
//
// where a bare percentage lengthens a wait by up to so much, "-" shortens it, "+-" does either. The
// zero Jitter is none.
type Jitter struct {
	Kind    JitterKind
	Percent float64 // for the kinds written as percentages: 0 to 1000 added, 0 to 100 otherwise
}

// A JitterKind is one way to spread a wait; delay holds the formulas.
type JitterKind uint8

// The kinds of jitter.
const (
	JitterNone         JitterKind = iota
	JitterFull                    // anything between 0 and the wait
	JitterBelowCap                // the same, but the cap itself for a wait that the cap cut
	JitterEqual                   // between half of the wait and the wait
	JitterDecorrelated            // between the base and three times the wait before
	JitterAdded                   // up to Percent longer
	JitterTaken                   // up to Percent shorter
	JitterAround                  // up to Percent longer or shorter
)

var jitterWords = []string{JitterNone: "none", JitterFull: "full", JitterBelowCap: "full-below-cap", JitterEqual: "equal", JitterDecorrelated: "decorrelated"}

var jitterSigns = []struct {
	sign    string
	kind    JitterKind
	highest float64
}{
	{"+-", JitterAround, 100}, // before "-", and before no sign at all
	{"-", JitterTaken, 100},
	{"", JitterAdded, 1000},
}

const jitterAllowed = "none, full, full-below-cap, equal, decorrelated, or a percentage: 10%, -25%, +-20%"

// UnmarshalText reads a jitter.
func (j *Jitter) UnmarshalText(text []byte) error {
	s := string(text)
	for kind, word := range jitterWords {
		if s == word {
			*j = Jitter{Kind: JitterKind(kind)}
			return nil
		}
	}
	number, isPercent := strings.CutSuffix(s, "%")
	for _, form := range jitterSigns {
		digits, signed := strings.CutPrefix(number, form.sign)
		if !isPercent || !signed {
			continue
		}
		if digits == "" || strings.Trim(digits, "0123456789.") != "" {
			break // not "Inf", "0x10" or "1_000", which ParseFloat would read
		}
		percent, err := strconv.ParseFloat(digits, 64)
		if err != nil {
			break
		}
		if percent > form.highest {
			return sim.Faults{{Found: strconv.Quote(s), Allowed: fmt.Sprintf("at most %s%g%%", form.sign, form.highest)}}
		}
		*j = Jitter{Kind: form.kind, Percent: percent}
		return nil
	}
	return sim.Faults{{Found: strconv.Quote(s), Allowed: jitterAllowed}}
}

// MarshalText writes what UnmarshalText reads.
func (j Jitter) MarshalText() ([]byte, error) {
	if int(j.Kind) < len(jitterWords) {
		return []byte(jitterWords[j.Kind]), nil
	}
	for _, form := range jitterSigns {
		if form.kind == j.Kind {
			return []byte(form.sign + strconv.FormatFloat(j.Percent, 'f', -1, 64) + "%"), nil
		}
	}
	return nil, fmt.Errorf("jitter of kind %d does not exist", j.Kind)
}

// String returns the jitter as text.
func (j Jitter) String() string {
	text, err := j.MarshalText()
	if err != nil {
		return "jitter?"
	}
	return string(text)
}
