package strategies

import (
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/headroom-dev/headroom/internal/shareddata"
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

// contention runs the model of aws-arch-backoff-simulator: clients update one versioned row, each
// reading it and writing back the version it read. A stale write fails, and its client waits and
// reads again. Every message takes |N(10, 2)| ms. The first failure waits with n = 1. It returns the
// writes tried and when the last client was done.
func contention(seed uint64, clients int, wait func(n int, previous time.Duration, u float64) time.Duration) (writes int, done time.Duration) {
	w := sim.NewWorld(seed)
	draws := w.Rand("client")
	version := 0
	for client := range clients {
		w.Go(func() {
			step := 0
			message := func() {
				ms := math.Abs(10 + 2*draws.For(client, step).NormFloat64())
				step++
				sim.Sleep(w, time.Duration(ms*float64(time.Millisecond)), nil)
			}
			for previous, n := 5*time.Millisecond, 1; ; n++ {
				message() // the question
				read := version
				message() // its answer
				message() // the write
				writes++
				written := read == version
				if written {
					version++
				}
				message() // its answer
				if written {
					done = w.Now()
					return
				}
				u := draws.For(client, step).Float64()
				step++
				previous = wait(n, previous, u)
				sim.Sleep(w, previous, nil)
			}
		})
	}
	w.Run(sim.Forever)
	return writes, done
}

// contentionRow is a row of the published means over 100 trials.
type contentionRow struct {
	clients       int
	algorithm     string
	ms, msSD      float64
	calls, callSD float64
}

// A few rows of the table, for where the whole is not at hand.
var contentionTwin = []contentionRow{
	{10, "None", 380.9, 32.4, 51.0, 3.9},
	{10, "Exponential", 3555.0, 1290.1, 51.2, 4.0},
	{10, "EqualJitter", 712.4, 181.9, 42.0, 2.6},
	{10, "FullJitter", 461.2, 107.9, 38.8, 2.0},
	{10, "Decorr", 426.3, 70.7, 37.6, 2.2},
	{50, "None", 1136.3, 43.4, 688.5, 17.0},
	{50, "FullJitter", 2915.4, 573.3, 333.3, 4.5},
}

func TestDelayUnderContention(t *testing.T) {
	checkContention(t, contentionTwin)
}

func TestDelayUnderContentionOfTheSharedData(t *testing.T) {
	rows, err := readContention(shareddata.Path(t, "backoff_contention.csv"))
	if err != nil {
		t.Fatal(err)
	}
	checkContention(t, rows)
}

func checkContention(t *testing.T, rows []contentionRow) {
	t.Helper()
	long(t)
	means := make(map[string]float64) // calls and ms of 100 clients, by algorithm
	for _, row := range rows {
		b := &Backoff{Base: 5 * time.Millisecond, Factor: 2, Cap: 2 * time.Second}
		b.Jitter.Kind = map[string]JitterKind{"FullJitter": JitterFull, "EqualJitter": JitterEqual, "Decorr": JitterDecorrelated}[row.algorithm]
		wait := b.delay
		if row.algorithm == "None" { // no backoff at all, not one without jitter
			wait = func(int, time.Duration, float64) time.Duration { return 0 }
		}
		const trials = 100
		var calls, ms float64
		for seed := uint64(1); seed <= trials; seed++ {
			c, at := contention(seed, row.clients, wait)
			calls += float64(c) / trials
			ms += at.Seconds() * 1000 / trials
		}
		name := fmt.Sprintf("%d clients, %s", row.clients, row.algorithm)
		// Both means are of 100 trials, so their difference has sd sqrt(2)/10.
		estimate{calls, row.callSD * math.Sqrt2 / 10}.holds(t, name+": calls", row.calls)
		estimate{ms, row.msSD * math.Sqrt2 / 10}.holds(t, name+": ms", row.ms)
		if row.clients == 100 {
			means[row.algorithm+" calls"], means[row.algorithm+" ms"] = calls, ms
		}
	}
	if len(means) == 0 {
		return
	}
	if got := means["FullJitter calls"] / means["Exponential calls"]; math.Abs(got-.427) > .02 {
		t.Errorf("of 100 clients full jitter makes %.3f of the calls of none, want .427", got)
	}
	for _, jittered := range []string{"FullJitter ms", "EqualJitter ms", "Decorr ms"} {
		if means["Exponential ms"] < 8*means[jittered] {
			t.Errorf("without jitter 100 clients take %.0f ms, want at least 8 times the %.0f of %s", means["Exponential ms"], means[jittered], jittered)
		}
	}
}

func readContention(name string) ([]contentionRow, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	lines, err := csv.NewReader(file).ReadAll()
	if err != nil {
		return nil, err
	}
	var rows []contentionRow
	for _, line := range lines[1:] {
		number := func(i int) float64 {
			f, _ := strconv.ParseFloat(line[i], 64)
			return f
		}
		rows = append(rows, contentionRow{int(number(0)), line[1], number(3), number(4), number(5), number(6)})
	}
	return rows, nil
}
