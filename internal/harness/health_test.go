package harness

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/headroom-dev/headroom/report"
)

func TestLagsAreJudgedByPhase(t *testing.T) {
	type many struct {
		phase, n int
		lag      time.Duration
	}
	for _, row := range []struct {
		name     string
		lags     []many
		tightest time.Duration
		want     string // of the problems; "" for none
	}{
		{"on time", []many{{0, 1000, 100 * time.Microsecond}}, 0, ""},
		{"a spike that drowns in the run", []many{{0, 100_000, 0}, {1, 950, time.Millisecond}, {1, 50, 30 * time.Millisecond}}, 0, "start lag P99 in phase spike 30"},
		{"half of a phase late", []many{{0, 1000, 20 * time.Millisecond}}, 0, "start lag P50 in phase before 20"},
		{"a slow objective allows more", []many{{1, 900, 0}, {1, 100, 90 * time.Millisecond}}, 2 * time.Second, ""},
		{"but not that much", []many{{1, 900, 0}, {1, 100, 110 * time.Millisecond}}, 2 * time.Second, "limit 100ms"},
		{"a phase too short to judge", []many{{0, 10_000, 0}, {1, 50, 50 * time.Millisecond}}, 0, ""},
		{"a run too short to judge by phase", []many{{0, 40, 0}, {1, 40, 50 * time.Millisecond}}, 0, "start lag P99 50"},
		{"no call at all", nil, 0, ""},
	} {
		l := newLags([]string{"before", "spike"})
		for _, m := range row.lags {
			for range m.n {
				l.add(m.phase, m.lag)
			}
		}
		var v report.Validity
		l.fill(&v, row.tightest)
		if got := fmt.Sprint(v.Problems); (row.want == "") != (len(v.Problems) == 0) || !strings.Contains(got, row.want) {
			t.Errorf("%s: got problems %v, want %q", row.name, got, row.want)
		}
		if has := v.StartLagP99MS != nil; has != (row.lags != nil) {
			t.Errorf("%s: P99 is there: %v", row.name, has)
		}
	}
	l := newLags([]string{"before"})
	for i := range 100 {
		l.add(0, time.Duration(i+1)*time.Millisecond)
	}
	var v report.Validity
	l.fill(&v, 0)
	if p50, p99, most := *v.StartLagP50MS, *v.StartLagP99MS, *v.StartLagMaxMS; !near(p50, 49.9, 50.1) || !near(p99, 98.8, 99.2) || most != 100 {
		t.Errorf("1 to 100 ms: got P50 %v, P99 %v, max %v", p50, p99, most)
	}
}

func TestPulseMeasuresThisProcess(t *testing.T) {
	before := cpuTime()
	p := startPulse()
	for x := 0; cpuTime()-before < 20*time.Millisecond; x++ {
		_ = fmt.Sprint(x)
	}
	var v report.Validity
	p.end(&v, func(string, ...any) {})
	if v.CPUSeconds < 0.010 || v.CPUShare <= 0 || v.CPUShare > 1.5 || v.PeakGoroutines < 2 {
		t.Errorf("got %+v, want some 20 ms of CPU and the goroutines there are", v)
	}
}

func TestAClockThatWasSetIsSeen(t *testing.T) {
	for _, row := range []struct {
		wall, took time.Duration
		want       bool
	}{
		{10 * time.Second, 10 * time.Second, false},
		{10*time.Second + 99*time.Millisecond, 10 * time.Second, false},
		{10*time.Second + 101*time.Millisecond, 10 * time.Second, true},
		{9*time.Second + 899*time.Millisecond, 10 * time.Second, true},
		{-time.Hour, 10 * time.Second, true},
		{2 * time.Millisecond, time.Millisecond, false},
	} {
		if got := wasSet(row.wall, row.took); got != row.want {
			t.Errorf("the wall clock moved %v in %v: got %v, want %v", row.wall, row.took, got, row.want)
		}
	}
}
