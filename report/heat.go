package report

import (
	"math"
	"time"
)

// Buckets of a heat map: heatPerDecade for each power of ten of milliseconds, from 1 ms to the 10
// minutes that a histogram holds. What is faster lies in the first: a cache answers in no time.
const (
	heatPerDecade = 16
	heatBuckets   = 93
)

// Heat is how the response times of ok calls were spread over time: what percentiles hide where times
// have two modes. It has at most 300 columns of at most 93 buckets.
type Heat struct {
	StepS     float64 `json:"step_s"`     // width of a column
	PerDecade int     `json:"per_decade"` // bucket k holds 10^(k/per_decade) ms up to the next; 0 also what is faster

	// Columns are the calls of each step, over all seeds: the first number is the bucket that the second
	// counts, those after it count the buckets above. A step without ok calls is empty.
	Columns [][]int64 `json:"columns"`
}

// heatBucket is the bucket of a time.
func heatBucket(t time.Duration) int {
	ms := milliseconds(t)
	if ms < 1 {
		return 0
	}
	return min(heatBuckets-1, int(heatPerDecade*math.Log10(ms)))
}

// heat returns the heat map of the cells; nil where no call was ok.
func (c *cells) heat() *Heat {
	h := &Heat{StepS: c.step.Seconds(), PerDecade: heatPerDecade, Columns: make([][]int64, len(c.at))}
	any := false
	for i, cell := range c.at {
		h.Columns[i] = []int64{}
		d := cell.distribution()
		if d.n == 0 {
			continue
		}
		any = true
		var counts [heatBuckets]int64
		first, last := heatBuckets, 0
		var before int64
		for _, b := range d.at {
			k := heatBucket(d.top(b.index))
			counts[k] += b.upTo - before
			before = b.upTo
			first, last = min(first, k), max(last, k)
		}
		h.Columns[i] = append(append(h.Columns[i], int64(first)), counts[first:last+1]...)
	}
	if !any {
		return nil
	}
	return h
}

// usable reports whether there is a heat map that can be drawn: one from elsewhere may have any shape.
func (h *Heat) usable() bool {
	return h != nil && h.StepS > 0 && h.PerDecade == heatPerDecade && len(h.Columns) <= maxCells
}

// column returns the first bucket of a column and its counts; nothing where it is empty or, in a file
// from elsewhere, out of range.
func (h *Heat) column(i int) (first int, counts []int64) {
	c := h.Columns[i]
	if len(c) < 2 || c[0] < 0 || c[0]+int64(len(c)-1) > heatBuckets {
		return 0, nil
	}
	return int(c[0]), c[1:]
}

// heatMillis is where a bucket begins, in milliseconds.
func heatMillis(bucket int) float64 { return math.Pow(10, float64(bucket)/heatPerDecade) }
