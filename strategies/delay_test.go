package strategies

import (
	"math"
	"testing"
	"time"

	"github.com/headroom-dev/headroom/sim"
	"pgregory.net/rapid"
)

func TestDelay(t *testing.T) {
	const s = time.Second
	plain := func(j string) *Backoff {
		b := NewBackoff()
		if err := b.Jitter.UnmarshalText([]byte(j)); err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, row := range []struct {
		name     string
		b        *Backoff
		n        int
		previous time.Duration
		u        float64
		want     time.Duration
	}{
		{"the first retry waits the base", plain("none"), 0, s, .5, 1 * s},
		{"each wait is twice the one before", plain("none"), 3, s, .5, 8 * s},
		{"the cap ends the doubling", plain("none"), 5, s, .5, 30 * s},
		{"and holds where a shift would overflow", plain("none"), 4000, s, .5, 30 * s},
		{"10% comes after the cap", plain("10%"), 9, s, .5, 31500 * time.Millisecond},
		{"10% never shortens", plain("10%"), 0, s, 0, 1 * s},
		{"-25% shortens", plain("-25%"), 0, s, .5, 875 * time.Millisecond},
		{"+-20% begins at 80 %", plain("+-20%"), 0, s, 0, 800 * time.Millisecond},
		{"+-20% is the wait itself in the middle", plain("+-20%"), 0, s, .5, 1 * s},
		{"full begins at nothing", plain("full"), 4, s, 0, 0},
		{"full is a share of the wait", plain("full"), 2, s, .25, 1 * s},
		{"equal keeps half of the wait", plain("equal"), 2, s, 0, 2 * s},
		{"equal adds up to the other half", plain("equal"), 2, s, .5, 3 * s},
		{"decorrelated begins at the base", plain("decorrelated"), 2, 5 * s, 0, 1 * s},
		{"decorrelated looks at the wait before, not at n", plain("decorrelated"), 0, 5 * s, .5, 8 * s},
		{"decorrelated is capped", plain("decorrelated"), 0, 25 * s, .9, 30 * s},
		{"factor 1 is a constant wait", &Backoff{Base: s, Factor: 1, Cap: 30 * s}, 7, s, .5, 1 * s},
		{"no base is no wait, however often", &Backoff{Factor: 1000, Cap: 30 * s}, 500, 0, .5, 0},
		{"no cap is no limit", &Backoff{Base: s, Factor: 2}, 10, s, .5, 1024 * s},
		{"but the clock's own", &Backoff{Base: s, Factor: 2}, 100, s, .5, sim.Forever},
	} {
		if got := row.b.delay(row.n, row.previous, row.u); got != row.want {
			t.Errorf("%s: %v, want %v", row.name, got, row.want)
		}
	}
}

func TestDelayStaysInItsBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := &Backoff{
			Base:   time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "base")),
			Factor: rapid.Float64Range(1, 1000).Draw(t, "factor"),
			Cap:    time.Duration(rapid.Int64Range(1, int64(time.Hour)).Draw(t, "cap")),
			Jitter: Jitter{Kind: JitterKind(rapid.IntRange(0, int(JitterAround)).Draw(t, "jitter"))},
		}
		if b.Jitter.Kind >= JitterAdded {
			b.Jitter.Percent = rapid.Float64Range(0, 100).Draw(t, "percent")
		}
		longest := float64(b.Cap)
		if b.Jitter.Kind == JitterAdded || b.Jitter.Kind == JitterAround {
			longest *= 1 + b.Jitter.Percent/100
		}
		wait := b.Base
		for n := range rapid.IntRange(1, 80).Draw(t, "retries") {
			wait = b.delay(n, wait, rapid.Float64Range(0, math.Nextafter(1, 0)).Draw(t, "u"))
			if wait < 0 || float64(wait) > longest+1 {
				t.Fatalf("wait %d is %v, want 0 to cap x (1 + jitter) = %v", n, wait, time.Duration(longest))
			}
		}
	})
}
