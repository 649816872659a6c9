package report

import (
	"bytes"
	"io"
	"testing"
	"time"
)

// millionCalls is a Result of one run of a million calls, in which a second in three is a spike.
func millionCalls(tb testing.TB) *Result {
	tb.Helper()
	c := spikeConfig(1)
	tally := NewTally(c)
	const calls = 1_000_000
	span := seconds(c.Phases[len(c.Phases)-1].ToS)
	for i := range calls {
		at := span * time.Duration(i) / calls
		phase := 0
		for phase < len(c.Phases)-1 && at >= seconds(c.Phases[phase].ToS) {
			phase++
		}
		took := time.Duration(1+i*7919%4000) * time.Millisecond
		tally.Add(Record{Call: i, Phase: phase, Intended: at, Sent: at, Done: at + took, Attempts: 1})
	}
	col := NewCollector(c, Result{Name: "a million"}, []uint64{1}, []Strategy{{Name: "sync"}})
	col.Add(0, 0, tally, sideOf(tally))
	return col.Result()
}

func BenchmarkHTML(b *testing.B) {
	for name, r := range map[string]*Result{"spike": heated(spikeResult()), "hour": longResult(6), "million": millionCalls(b)} {
		b.Run(name, func(b *testing.B) {
			var page bytes.Buffer
			for b.Loop() {
				page.Reset()
				if err := WriteHTML(&page, r, Options{}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(page.Len()), "page-bytes")
		})
	}
}

// A page of a million calls is there in less than two seconds, and no picture in it is over 100 kB.
func TestThePageOfAMillionCallsIsQuick(t *testing.T) {
	r := millionCalls(t)
	began := time.Now()
	if err := WriteHTML(io.Discard, r, Options{}); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("took %v, want less than 2 s", took)
	}
	for name, r := range map[string]*Result{"spike": heated(spikeResult()), "million": r, "hour": longResult(6)} {
		for _, p := range Plots(r) {
			var svg bytes.Buffer
			if err := p.WriteSVG(&svg); err != nil {
				t.Fatal(err)
			}
			if svg.Len() > 100_000 {
				t.Errorf("%s, %s: got %d bytes, want at most 100 kB", name, p.Name, svg.Len())
			}
		}
	}
}
