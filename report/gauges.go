package report

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// micro is the unit in which gauges are added up: whole millionths, so that the sum over runs does
// not depend on their order.
const micro = 1e6

// A gaugeSum is one gauge, second by second, over the runs added so far.
type gaugeSum struct {
	name  string
	first [2]int // the least (run, place) in which it appeared: its place in the report
	sum   []int64
	n     []int64
	full  []int64 // samples of a share in use that were fullFrom or more
}

// gaugeSums are all gauges of a strategy.
type gaugeSums []*gaugeSum

// add counts the samples of one run. What is no finite level below a thousand million is left
// out.
func (g *gaugeSums) add(run int, gauges []Gauge) {
	for place, gauge := range gauges {
		s := g.named(gauge.Name)
		if at := [2]int{run, place}; slices.Compare(at[:], s.first[:]) < 0 {
			s.first = at
		}
		for len(s.sum) < len(gauge.Values) {
			s.sum, s.n, s.full = append(s.sum, 0), append(s.n, 0), append(s.full, 0)
		}
		for i, v := range gauge.Values {
			if math.Abs(v) < 1e9 { // false for NaN
				s.sum[i] += int64(math.Round(v * micro))
				s.n[i]++
				if v >= fullFrom {
					s.full[i]++
				}
			}
		}
	}
}

func (g *gaugeSums) named(name string) *gaugeSum {
	for _, s := range *g {
		if s.name == name {
			return s
		}
	}
	s := &gaugeSum{name: name, first: [2]int{math.MaxInt, 0}}
	*g = append(*g, s)
	return s
}

// seconds is the longest gauge's length.
func (g gaugeSums) seconds() (n int) {
	for _, s := range g {
		n = max(n, len(s.sum))
	}
	return n
}

// inOrder returns the gauges in the order of the report.
func (g gaugeSums) inOrder() []*gaugeSum {
	return slices.SortedFunc(slices.Values(g), func(a, b *gaugeSum) int {
		return cmp.Or(slices.Compare(a.first[:], b.first[:]), cmp.Compare(a.name, b.name))
	})
}

// series returns the mean level over runs and seconds of each of n steps; 0 where nothing was sampled.
func (g gaugeSums) series(n int, step time.Duration) []Gauge {
	gauges := make([]Gauge, 0, len(g))
	width := int(step / time.Second)
	for _, s := range g.inOrder() {
		values := make([]float64, n)
		for i := range values {
			var sum, samples int64
			for j := i * width; j < min((i+1)*width, len(s.sum)); j++ {
				sum += s.sum[j]
				samples += s.n[j]
			}
			if samples > 0 {
				values[i] = float64(sum) / micro / float64(samples)
			}
		}
		gauges = append(gauges, Gauge{Name: s.name, Values: values})
	}
	return gauges
}
