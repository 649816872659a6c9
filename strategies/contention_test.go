package strategies

import (
	"encoding/csv"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/headroom-dev/headroom/internal/shareddata"
	"github.com/headroom-dev/headroom/sim"
)

// The model of aws-arch-backoff-simulator: clients update one versioned row, each reading it and writing
// back the version it read. A stale write fails, and its client waits and reads again. Every message takes
// |N(10, 2)| ms; base 5 ms, cap 2 s. The first failure waits with n = 1, which is a base of 10 ms here;
// decorrelated jitter begins at 5 ms.

// contender returns the Backoff that stands for one of the algorithms.
func contender(algorithm string) *Backoff {
	b := &Backoff{Tries: 1 << 30, Base: 10 * time.Millisecond, Factor: 2, Cap: 2 * time.Second}
	switch algorithm {
	case "None": // no backoff at all, not one without jitter
		b.Base = 0
	case "FullJitter":
		b.Jitter.Kind = JitterFull
	case "EqualJitter":
		b.Jitter.Kind = JitterEqual
	case "Decorr":
		b.Jitter.Kind, b.Base = JitterDecorrelated, 5*time.Millisecond
	}
	return b
}

// contention carries the calls of so many clients through b. It returns the writes tried, and when the
// last client was done.
func contention(seed uint64, clients int, b *Backoff) (writes int, done time.Duration) {
	w := sim.NewWorld(seed)
	draws := w.Rand("client")
	version := 0
	steps := make([]int, clients)
	update := b.Wrap(w, func(r sim.Request) sim.Reply {
		message := func() {
			ms := math.Abs(10 + 2*draws.For(r.Call, steps[r.Call]).NormFloat64())
			steps[r.Call]++
			sim.Sleep(w, time.Duration(ms*float64(time.Millisecond)), nil)
		}
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
		if !written {
			return busy
		}
		return good
	})
	for client := range clients {
		w.Go(func() {
			update(sim.Request{Call: client})
			done = w.Now()
		})
	}
	w.Run(sim.Forever)
	return writes, done
}

// contentionRow is a row of means over 100 trials.
type contentionRow struct {
	clients       int
	algorithm     string
	ms, msSD      float64
	calls, callSD float64
}

// The table of the page, for where the data are not at hand.
var contentionTwin = []contentionRow{
	{10, "None", 381, 32, 51.0, 3.9},
	{10, "Exponential", 3555, 1290, 51.2, 4.0},
	{10, "EqualJitter", 712, 182, 42.0, 2.6},
	{10, "FullJitter", 461, 112, 38.8, 2.0},
	{10, "Decorr", 426, 71, 37.6, 2.2},
	{50, "None", 1136, 43, 688.5, 17.0},
	{50, "Exponential", 36339, 3315, 624.6, 30.9},
	{50, "EqualJitter", 4299, 490, 347.5, 5.6},
	{50, "FullJitter", 2915, 573, 333.3, 4.5},
	{50, "Decorr", 2219, 486, 374.9, 13.2},
	{100, "None", 2033, 43, 2424, 32.6},
	{100, "Exponential", 63698, 3626, 1863, 58.7},
	{100, "EqualJitter", 6512, 634, 811.8, 7.5},
	{100, "FullJitter", 4832, 562, 794.9, 6.4},
	{100, "Decorr", 4575, 620, 999.6, 28.1},
}

func TestBackoffUnderContention(t *testing.T) { checkContention(t, contentionTwin) }

func TestBackoffUnderContentionOfTheSharedData(t *testing.T) {
	rows, err := readContention(shareddata.Path(t, "backoff_contention.csv"))
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range rows { // the runs are the twin's; only the numbers could differ
		for _, twin := range contentionTwin {
			if twin.clients == row.clients && twin.algorithm == row.algorithm &&
				(math.Abs(twin.ms-row.ms) > .6 || math.Abs(twin.calls-row.calls) > .6) {
				t.Errorf("row %d is %+v, and %+v in the twin", i, row, twin)
			}
		}
	}
	if len(rows) != len(contentionTwin) {
		t.Errorf("%d rows, %d in the twin", len(rows), len(contentionTwin))
	}
}

func checkContention(t *testing.T, rows []contentionRow) {
	t.Helper()
	long(t)
	calls, ms := map[string]float64{}, map[string]float64{}
	for _, row := range rows {
		name := fmt.Sprintf("%d %s", row.clients, row.algorithm)
		ofCalls, ofMs := trials(100, func(seed uint64) (int, time.Duration) {
			return contention(seed, row.clients, contender(row.algorithm))
		})
		calls[name], ms[name] = ofCalls.mean, ofMs.mean
		// Both means are of 100 trials, so their difference has sd sqrt(2)/10: three of these.
		for _, one := range []struct {
			what          string
			got, want, sd float64
		}{{"calls", ofCalls.mean, row.calls, row.callSD}, {"ms", ofMs.mean, row.ms, row.msSD}} {
			se := one.sd * math.Sqrt2 / 10
			t.Logf("%s: %.1f %s, want %.1f: %.2f standard errors", name, one.got, one.what, one.want, (one.got-one.want)/se)
			if math.Abs(one.got-one.want) > 3*se {
				t.Errorf("%s: %.1f %s, want %.1f within 3 standard errors of %.2f", name, one.got, one.what, one.want, se)
			}
		}
	}
	if got := calls["100 FullJitter"] / calls["100 Exponential"]; math.Abs(got-.427) > .02 {
		t.Errorf("of 100 clients full jitter makes %.3f of the calls of none, want .427", got)
	}
	for _, n := range []string{"50 ", "100 "} {
		for _, other := range []string{"FullJitter", "EqualJitter", "Decorr"} {
			if ms[n+"Exponential"] < 8*ms[n+other] {
				t.Errorf("%s: without jitter %.0f ms, want at least 8 times the %.0f of %s", n, ms[n+"Exponential"], ms[n+other], other)
			}
			if ms[n+"None"] > ms[n+other] || calls[n+"None"] < calls[n+other] {
				t.Errorf("%s: without a backoff %.0f ms and %.0f calls, want the fastest with the most calls", n, ms[n+"None"], calls[n+"None"])
			}
		}
	}
}

// trials returns the means of calls and milliseconds over seeds 1 to n.
func trials(n int, run func(seed uint64) (int, time.Duration)) (calls, ms estimate) {
	var ends []float64
	calls = over(n, func(seed uint64) float64 {
		c, at := run(seed)
		ends = append(ends, at.Seconds()*1000)
		return float64(c)
	})
	return calls, values(ends)
}

// At other numbers of clients there is nothing published. There the model is written a second time, as a
// loop over the clients' next events, with its waits spelled out.
func TestBackoffUnderContentionAgainstANaiveModel(t *testing.T) {
	long(t)
	for _, n := range []int{5, 23, 64} {
		for _, algorithm := range []string{"None", "Exponential", "EqualJitter", "FullJitter", "Decorr"} {
			calls, ms := trials(100, func(seed uint64) (int, time.Duration) { return contention(seed, n, contender(algorithm)) })
			wantCalls, wantMs := trials(100, func(seed uint64) (int, time.Duration) { return naiveContention(seed, n, algorithm) })
			name := fmt.Sprintf("%d clients, %s", n, algorithm)
			for _, one := range []struct {
				what      string
				got, want estimate
			}{{"calls", calls, wantCalls}, {"ms", ms, wantMs}} {
				if se := math.Hypot(one.got.se, one.want.se); math.Abs(one.got.mean-one.want.mean) > 4*se {
					t.Errorf("%s: %.1f %s, want %.1f within 4 standard errors of %.2f", name, one.got.mean, one.what, one.want.mean, se)
				}
			}
		}
	}
}

func naiveContention(seed uint64, n int, algorithm string) (writes int, done time.Duration) {
	random := rand.New(rand.NewPCG(seed, 77))
	message := func() float64 { return math.Abs(random.NormFloat64()*2 + 10) }
	type client struct {
		at       float64 // ms, of its next event
		writing  bool    // that is the arrival of its write, else of its question
		version  int     // read
		failures int
		last     float64
	}
	clients := make([]client, n)
	for i := range clients {
		clients[i] = client{at: message(), last: 5}
	}
	version := 0
	for left := n; left > 0; {
		next := -1
		for i := range clients {
			if next < 0 || clients[i].at < clients[next].at {
				next = i
			}
		}
		c := &clients[next]
		if !c.writing {
			c.writing, c.version = true, version
			c.at += message() + message()
			continue
		}
		writes++
		c.at += message()
		if c.version == version {
			version++
			left--
			done = max(done, time.Duration(c.at*float64(time.Millisecond)))
			c.at = math.Inf(1)
			continue
		}
		c.failures++
		v := math.Min(2000, 5*math.Pow(2, float64(c.failures)))
		switch algorithm {
		case "None":
			v = 0
		case "FullJitter":
			v *= random.Float64()
		case "EqualJitter":
			v = v/2 + v/2*random.Float64()
		case "Decorr":
			c.last = math.Min(2000, 5+random.Float64()*(3*c.last-5))
			v = c.last
		}
		c.writing = false
		c.at += v + message()
	}
	return writes, done
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
