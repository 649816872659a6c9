package report

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// perSecond fills a Tally of the spike load with ten calls in each of its 100 seconds; how tells the
// outcome and response time of call i of a second.
func perSecond(c Config, how func(second, i int) (sim.Outcome, time.Duration)) *Tally {
	t := NewTally(c)
	for s := range int(c.Phases[len(c.Phases)-1].ToS) {
		phase := 0
		for float64(s) >= c.Phases[phase].ToS {
			phase++
		}
		for i := range 10 {
			at := time.Duration(s)*time.Second + time.Duration(i)*50*time.Millisecond
			o, took := how(s, i)
			t.Add(Record{Phase: phase, Outcome: o, FirstTry: o, Intended: at, Sent: at, Done: at + took})
		}
	}
	return t
}

func TestRecoveryIsTheTimeUntilTheTrailingTenSecondsHoldForThirty(t *testing.T) {
	fast := 10 * time.Millisecond
	failing := func(bad ...[2]int) func(second, i int) (sim.Outcome, time.Duration) {
		return func(second, _ int) (sim.Outcome, time.Duration) {
			for _, b := range bad {
				if second >= b[0] && second < b[1] {
					return sim.Timeout, fast
				}
			}
			return sim.OK, fast
		}
	}
	slow := func(from, to, of int, took time.Duration) func(second, i int) (sim.Outcome, time.Duration) {
		return func(second, i int) (sim.Outcome, time.Duration) {
			if second >= from && second < to && i < of {
				return sim.OK, took
			}
			return sim.OK, fast
		}
	}
	config := spikeConfig(1)
	with := func(change func(c *Config)) Config {
		c := config
		c.Phases = slices.Clone(c.Phases)
		change(&c)
		return c
	}
	half, second, ten := 0.5, 1000.0, 10.0
	rows := []struct {
		name  string
		c     Config
		how   func(second, i int) (sim.Outcome, time.Duration)
		until time.Duration
		want  recovery
	}{
		{"a spike without harm is recovered from at once", config, failing(), 0, recovery{0, true, true}},
		{"what failed before the last ten seconds of the spike does not count", config, failing([2]int{0, 30}), 0, recovery{0, true, true}},
		{"failures to the end of the spike leave the window ten seconds later", config, failing([2]int{30, 40}), 0, recovery{10 * time.Second, true, true}},
		{"failures to second 55 are over at 65", config, failing([2]int{30, 55}), 0, recovery{25 * time.Second, true, true}},
		{"a relapse within thirty seconds begins the wait anew", config, failing([2]int{30, 40}, [2]int{58, 59}), 0, recovery{29 * time.Second, true, true}},
		{"a relapse after thirty seconds does not", config, failing([2]int{30, 40}, [2]int{80, 81}), 0, recovery{10 * time.Second, true, true}},
		{"failures to second 60 can just be seen to end", config, failing([2]int{30, 60}), 0, recovery{30 * time.Second, true, true}},
		{"failures to second 61 cannot", config, failing([2]int{30, 61}), 0, recovery{shown: true}},
		{"never", config, failing([2]int{30, 100}), 0, recovery{shown: true}},
		{"answers over the objective's P99 are not recovered", config, slow(30, 55, 10, 3*time.Second), 0, recovery{25 * time.Second, true, true}},
		{"one slow answer in a hundred is within P99", config, func(second, i int) (sim.Outcome, time.Duration) {
			if second%10 == 0 && i == 0 {
				return sim.OK, time.Minute
			}
			return sim.OK, fast
		}, 0, recovery{0, true, true}},
		{"a tenth over P95 is not within it, a twentieth is", with(func(c *Config) { c.Objective = &Objective{P95MS: &second} }), slow(30, 50, 1, 2*time.Second), 0, recovery{15 * time.Second, true, true}},
		{"a tenth over P50 is", with(func(c *Config) { c.Objective = &Objective{P50MS: &second} }), slow(30, 50, 1, 2*time.Second), 0, recovery{0, true, true}},
		{"a low success is enough where little was promised", with(func(c *Config) { c.Objective = &Objective{Success: &half} }),
			func(_, i int) (sim.Outcome, time.Duration) { return []sim.Outcome{sim.OK, sim.Busy}[i%2], fast }, 0, recovery{0, true, true}},
		{"without an objective 99 % must be ok", with(func(c *Config) { c.Objective = nil }), failing([2]int{30, 45}), 0, recovery{15 * time.Second, true, true}},
		{"first tokens are held to the last byte where they were not seen", with(func(c *Config) { c.Objective = &Objective{TTFTP99MS: &ten} }), slow(30, 50, 10, time.Second), 0, recovery{20 * time.Second, true, true}},
		{"a spike that ends within a second is over at its end", with(func(c *Config) { c.Phases[1].ToS, c.Phases[2].FromS = 39.5, 39.5 }), failing([2]int{30, 40}), 0, recovery{10500 * time.Millisecond, true, true}},
		{"a run interrupted soon after the spike shows nothing", config, failing([2]int{30, 40}), 69 * time.Second, recovery{}},
		{"a load that ends soon after the spike shows nothing", with(func(c *Config) { c.Phases[2].ToS = 69 }), failing(), 0, recovery{}},
		{"without a spike there is nothing to recover from", with(func(c *Config) { c.Phases[1].IsPeak = false }), failing(), 0, recovery{}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			if got := perSecond(row.c, row.how).recovery(row.until); got != row.want {
				t.Errorf("got %+v, want %+v", got, row.want)
			}
		})
	}
}

func TestMedianRecoveryCountsNeverAsInfinite(t *testing.T) {
	runs := func(recovered, never int) (all []recovery) {
		for i := range recovered {
			all = append(all, recovery{after: time.Duration(i) * time.Second, recovered: true, shown: true})
		}
		for range never {
			all = append(all, recovery{shown: true})
		}
		return all
	}
	for _, row := range []struct {
		recovered, never int
		want             float64
		ci               *Interval
	}{
		{20, 0, 9, &Interval{5, 14}},
		{15, 5, 9, &Interval{5, 14}},
		{10, 10, 9, nil}, // the interval ends at never
		{9, 11, math.Inf(1), nil},
		{1, 0, 0, nil},
	} {
		got, ci := medianRecovery(runs(row.recovered, row.never))
		if got != row.want {
			t.Errorf("%d of %d recovered: got %v, want %v", row.recovered, row.recovered+row.never, got, row.want)
		}
		if (ci == nil) != (row.ci == nil) || ci != nil && *ci != *row.ci {
			t.Errorf("%d of %d recovered: got interval %v, want %v", row.recovered, row.recovered+row.never, ci, row.ci)
		}
	}
	if got, _ := medianRecovery(nil); !math.IsNaN(got) {
		t.Errorf("no run: got %v, want NaN", got)
	}
}
