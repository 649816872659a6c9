package strategies

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// maxPlaces bounds pools, queues and caches: ten million places are gigabytes, and more than any
// client has; what lies above is a slip of the finger.
const maxPlaces = 10_000_000

// between notes a fault if v is below low or above high.
func between(f *sim.Faults, path string, v, low, high int) {
	if v < low || v > high {
		f.Add(path, strconv.Itoa(v), fmt.Sprintf("%d to %d", low, high))
	}
}

// notNegative notes a fault if d is below zero.
func notNegative(f *sim.Faults, path string, d time.Duration) {
	if d < 0 {
		f.Add(path, d.String(), "0s or more")
	}
}

// oneOf notes a fault if word is none of those allowed.
func oneOf(f *sim.Faults, path, word string, allowed ...string) {
	for _, a := range allowed {
		if word == a {
			return
		}
	}
	f.Add(path, strconv.Quote(word), strings.Join(allowed, ", "))
}

// durationText writes a duration without the zeros that time.Duration puts at its end: 10m, not
// 10m0s.
func durationText(d time.Duration) []byte {
	text := d.String()
	if short, cut := strings.CutSuffix(text, "m0s"); cut {
		text = short + "m"
	}
	if short, cut := strings.CutSuffix(text, "h0m"); cut {
		text = short + "h"
	}
	return []byte(text)
}
