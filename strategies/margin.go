package strategies

import (
	"strconv"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

const (
	marginSamples = 1000 // how many of the latest service times the P95 is taken from
	marginLeast   = 100  // below so many it says too little: no margin
)

// A Margin is the time a queued call must have left to be worth an attempt: a fixed one, or the P95
// of the latest 1000 service times, from 100 on; until then there is none. For exponential service
// times the P95 is three times their mean. The zero Margin drops only who is past its patience.
//
// The time until a call's patience ended counts as a service time too. Answers alone would be those
// that were quick enough: each drop by the margin cuts the slow ones off, so their P95 would shrink
// from window to window until nothing was dropped any more.
type Margin struct {
	Measured bool          // the P95 of what the service does
	Fixed    time.Duration // zero or more; used unless Measured
}

// of returns the margin, given the service times there are.
func (m Margin) of(served *window) time.Duration {
	switch {
	case !m.Measured:
		return m.Fixed
	case served.len() < marginLeast:
		return 0
	}
	return served.quantile(95, 100)
}

// UnmarshalText reads "p95" or a duration of zero or more.
func (m *Margin) UnmarshalText(text []byte) error {
	if string(text) == "p95" {
		*m = Margin{Measured: true}
		return nil
	}
	d, err := time.ParseDuration(string(text))
	if err != nil || d < 0 {
		return sim.Faults{{Found: strconv.Quote(string(text)), Allowed: "p95, or a duration such as 500ms"}}
	}
	*m = Margin{Fixed: d}
	return nil
}

// MarshalText writes what UnmarshalText reads.
func (m Margin) MarshalText() ([]byte, error) {
	if m.Measured {
		return []byte("p95"), nil
	}
	return durationText(m.Fixed), nil
}
