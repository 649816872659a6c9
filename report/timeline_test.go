package report

import (
	"testing"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

func TestStepsAreTheNarrowestOfTheLadderThatFit(t *testing.T) {
	for _, row := range []struct {
		span time.Duration
		most int64
		want time.Duration
	}{
		{0, 300, time.Second},
		{300 * time.Second, 300, time.Second},
		{301 * time.Second, 300, 2 * time.Second},
		{time.Hour, 300, 30 * time.Second}, // 360 cells of 10 s would be too many
		{22222 * time.Second, 300, 2 * time.Minute},
		{24 * time.Hour, maxSeconds, time.Second},
		{100_001 * time.Second, maxSeconds, 2 * time.Second},
		{365 * 24 * time.Hour, 300, 48 * time.Hour}, // beyond the ladder it doubles
	} {
		if got := stepFor(row.span, row.most); got != row.want {
			t.Errorf("%v in at most %d: got %v, want %v", row.span, row.most, got, row.want)
		}
	}
}

func TestWidenReachesAMultiple(t *testing.T) {
	for step := time.Second; step < 1000*24*time.Hour; {
		wide := widen(step)
		if wide <= step || wide%step != 0 {
			t.Fatalf("got %v after %v, want a larger multiple", wide, step)
		}
		step = wide
	}
}

// An open-ended run (a closed loop) does not say beforehand how long it is.
func TestARunOfUnknownLengthFoldsItsSecondsAndCells(t *testing.T) {
	c := Config{Phases: []PhaseInfo{{Name: "steady", Closed: true, ToS: unbound.Seconds()}}}
	long, same := NewTally(c), NewTally(c)
	const calls = 1000
	for i := range calls {
		at := time.Duration(i) * 250 * time.Second // to 250,000 s
		r := Record{Outcome: sim.OK, FirstTry: sim.OK, Intended: at, Sent: at, Done: at + time.Second}
		long.Add(r)
		if i < 10 {
			same.Add(r)
		}
	}
	if got := len(long.seconds.at); got > maxSeconds {
		t.Errorf("got %d seconds, want at most %d", got, maxSeconds)
	}
	if got := len(long.latency.at); got > maxCells {
		t.Errorf("got %d cells, want at most %d", got, maxCells)
	}
	if err := long.Check(); err != nil {
		t.Error(err)
	}
	if s := long.Summary(0); s.Span != 999*250*time.Second+time.Second {
		t.Errorf("the phase lasted %v, want until its last call ended", s.Span)
	}
	same.Merge(long)
	if err := same.Check(); err != nil {
		t.Error(err)
	}
	if same.seconds.step != long.seconds.step || same.latency.step != long.latency.step {
		t.Errorf("merged steps: got %v, %v, want %v, %v", same.seconds.step, same.latency.step, long.seconds.step, long.latency.step)
	}
	if got := same.Summary(0).Calls; got != calls+10 {
		t.Errorf("merged: got %d calls, want %d", got, calls+10)
	}
}

func TestCellsKeepTheirTimesWhenTheyFold(t *testing.T) {
	c := cells{step: time.Second}
	for i := range 2 * maxCells {
		if i%3 != 0 { // some cells stay empty
			c.cell(time.Duration(i) * time.Second).add(time.Duration(i) * time.Millisecond)
		}
	}
	if c.step != 2*time.Second || len(c.at) != maxCells {
		t.Fatalf("got %d cells of %v, want %d of 2 s", len(c.at), c.step, maxCells)
	}
	for i, h := range c.at {
		var want int64
		for j := 2 * i; j < 2*i+2; j++ {
			if j%3 != 0 {
				want++
			}
		}
		if h.count() != want {
			t.Errorf("cell %d: got %d times, want %d", i, h.count(), want)
		}
		if last := time.Duration(2*i+1) * time.Millisecond; (2*i+1)%3 != 0 && h.max != last {
			t.Errorf("cell %d: got largest %v, want %v", i, h.max, last)
		}
	}
}
