package report

import (
	"bytes"
	"io"
	"testing"
	"time"
)

// defaultSized is a Collector filled like the default run: six strategies, 20 seeds, three phases.
func defaultSized(tb testing.TB) *Collector {
	tb.Helper()
	c := spikeConfig(1)
	seeds := make([]uint64, 20)
	strategies := make([]Strategy, 6)
	for i := range seeds {
		seeds[i] = uint64(i + 1)
	}
	col := NewCollector(c, Result{Name: "spike-100-1000"}, seeds, strategies)
	tally := NewTally(c)
	for s := range strategies {
		for i, seed := range seeds {
			tally.Reset()
			singleServer(c, seed, time.Duration(s+1)*time.Millisecond, 30*time.Second, tally.Add)
			col.Add(s, i, tally, sideOf(tally))
		}
	}
	return col
}

func BenchmarkBuild(b *testing.B) {
	col := defaultSized(b)
	b.ReportAllocs()
	for b.Loop() {
		col.Result()
	}
	var out bytes.Buffer
	if err := WriteJSON(&out, col.Result()); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(out.Len()), "run.json-bytes")
}

func BenchmarkCollectorAdd(b *testing.B) {
	c := spikeConfig(1)
	tally := NewTally(c)
	singleServer(c, 1, 4*time.Millisecond, 5*time.Second, tally.Add)
	side := sideOf(tally)
	b.ReportAllocs()
	for b.Loop() {
		col := NewCollector(c, Result{}, []uint64{1}, []Strategy{{Name: "one"}})
		col.Add(0, 0, tally, side)
	}
}

func BenchmarkWriteJSON(b *testing.B) {
	r := defaultSized(b).Result()
	b.ReportAllocs()
	for b.Loop() {
		if err := WriteJSON(&bytes.Buffer{}, r); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPlots(b *testing.B) {
	for name, r := range map[string]*Result{"spike": heated(spikeResult()), "hour": longResult(6)} {
		for _, p := range Plots(r) {
			b.Run(name+"/"+p.Name+"/svg", func(b *testing.B) {
				for b.Loop() {
					if err := p.WriteSVG(io.Discard); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run(name+"/"+p.Name+"/png", func(b *testing.B) {
				for b.Loop() {
					if err := p.WritePNG(io.Discard); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkText(b *testing.B) {
	r := spikeResult()
	for b.Loop() {
		if err := WriteText(io.Discard, r, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
