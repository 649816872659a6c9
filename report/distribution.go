package report

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// A distribution is a histogram at rest: only the buckets that hold something, in order. It is what
// remains of a run, some kilobytes instead of 172.
type distribution struct {
	digits   int
	at       []hdrBucket
	n        int64
	sum      time.Duration
	min, max time.Duration
}

// An hdrBucket is one step of a distribution: upTo times lie in it or below it.
type hdrBucket struct {
	index int32
	upTo  int64
}

// distribution copies the histogram's buckets out of the library. A nil histogram gives an empty one.
func (h *histogram) distribution() distribution {
	if h.count() == 0 {
		return distribution{digits: fineDigits}
	}
	d := distribution{digits: int(h.hdr.SignificantFigures()), n: h.n, sum: h.sum, min: h.min, max: h.max}
	counts := h.hdr.Export().Counts
	filled := 0
	for _, c := range counts {
		if c != 0 {
			filled++
		}
	}
	d.at = make([]hdrBucket, 0, filled)
	var upTo int64
	for i, c := range counts {
		if c != 0 {
			upTo += c
			d.at = append(d.at, hdrBucket{int32(i), upTo})
		}
	}
	return d
}

// plus returns the distribution of the times of both.
func (d distribution) plus(e distribution) distribution {
	if e.n == 0 {
		return d
	}
	if d.n == 0 {
		return e
	}
	sum := distribution{digits: d.digits, n: d.n + e.n, sum: d.sum + e.sum, min: min(d.min, e.min), max: max(d.max, e.max)}
	sum.at = make([]hdrBucket, 0, len(d.at)+len(e.at))
	var i, j int
	var left, right int64 // times up to here in d and in e
	for i < len(d.at) || j < len(e.at) {
		index := int32(math.MaxInt32)
		if i < len(d.at) {
			index = d.at[i].index
		}
		if j < len(e.at) {
			index = min(index, e.at[j].index)
		}
		if i < len(d.at) && d.at[i].index == index {
			left = d.at[i].upTo
			i++
		}
		if j < len(e.at) && e.at[j].index == index {
			right = e.at[j].upTo
			j++
		}
		sum.at = append(sum.at, hdrBucket{index, left + right})
	}
	return sum
}

// encode is the same as histogram.encode.
func (d distribution) encode() string {
	if d.n == 0 {
		return ""
	}
	empty := hdrhistogram.New(lowestUS, highestUS, d.digits)
	s := empty.Export()
	var before int64
	for _, b := range d.at {
		s.Counts[b.index] = b.upTo - before
		before = b.upTo
	}
	return encodeHDR(hdrhistogram.Import(s))
}

// decodeDistribution reads what encode wrote. The exact sum, smallest and largest time are not in
// the encoded form: they come back as the buckets tell them. "" is the histogram of no time.
func decodeDistribution(s string) (distribution, error) {
	if s == "" {
		return distribution{digits: fineDigits}, nil
	}
	h, err := hdrhistogram.Decode([]byte(s))
	if err != nil {
		return distribution{}, fmt.Errorf("reading histogram: %w", err)
	}
	if h.LowestTrackableValue() != lowestUS || h.HighestTrackableValue() != highestUS || h.SignificantFigures() != fineDigits {
		return distribution{}, fmt.Errorf("reading histogram: it holds %d to %d with %d digits (have %d to %d with %d)",
			h.LowestTrackableValue(), h.HighestTrackableValue(), h.SignificantFigures(), lowestUS, highestUS, fineDigits)
	}
	own := histogram{
		hdr: h, n: h.TotalCount(), sum: time.Duration(h.Mean() * float64(h.TotalCount()) * float64(time.Microsecond)),
		min: time.Duration(h.Min()) * time.Microsecond, max: time.Duration(h.Max()) * time.Microsecond,
	}
	return own.distribution(), nil
}

// span returns the smallest and largest whole number of microseconds that bucket i holds.
//
// The layout is HdrHistogram's: the first 2H values (H = 1024 with three digits, 128 with two) have
// a bucket each; every further H buckets cover twice the stretch of the H before, so bucket i with
// i >= 2H holds 2^b values from (i mod H + H) 2^b, b = i/H - 1. Hence a relative error below 1/H.
func (d distribution) span(i int32) (low, high int64) {
	half, shift := int64(1024), 10
	if d.digits == coarseDigits {
		half, shift = 128, 7
	}
	b := int64(i)>>shift - 1
	if b <= 0 {
		return int64(i), int64(i)
	}
	low = (int64(i)&(half-1) + half) << b
	return low, low + 1<<b - 1
}

// top is the time a bucket stands for: the largest it may hold, but nothing that did not occur.
func (d distribution) top(i int32) time.Duration {
	_, high := d.span(i)
	return min(max(time.Duration(high)*time.Microsecond, d.min), d.max)
}

// bottom is the smallest time a bucket may hold, for the lower end of an interval. Times were
// rounded up to a microsecond, so it lies one below the bucket's first.
func (d distribution) bottom(i int32) time.Duration {
	low, _ := d.span(i)
	return min(max(time.Duration(low-1)*time.Microsecond, d.min), d.max)
}

// at returns the x of rank r, 1 to n, at the resolution of the histogram. The library is not asked:
// it rounds ranks (P95 of 11 times would be the 10th).
func (d distribution) ranked(r int64) time.Duration {
	i, _ := slices.BinarySearchFunc(d.at, r, func(b hdrBucket, r int64) int {
		switch {
		case b.upTo < r:
			return -1
		case b.upTo > r:
			return 1
		}
		return 0
	})
	return d.top(d.at[i].index)
}

// variance returns the variance in µs², from the middles of the buckets.
func (d distribution) variance() float64 {
	if d.n < 2 {
		return 0
	}
	mean := float64(d.sum) / float64(d.n) / float64(time.Microsecond)
	var before int64
	var squares float64
	for _, b := range d.at {
		low, high := d.span(b.index)
		x := (float64(low)+float64(high))/2 - mean
		squares += x * x * float64(b.upTo-before)
		before = b.upTo
	}
	return squares / float64(d.n-1)
}

// A quantile is the share above/below of times at or under it, as a fraction of integers: in floats
// the rank of the 55th percentile of 100 comes out 56.
type quantile struct {
	name         string
	above, below int64
	least        int64 // fewest calls to print it: see need
}

// The quantiles that are printed. The least number of calls n gives a finite two-sided 95 % interval
// of a quantile q by order statistics: n >= ln 0.025 / ln q.
var (
	p50  = quantile{"P50", 50, 100, 6}
	p95  = quantile{"P95", 95, 100, 72}
	p99  = quantile{"P99", 99, 100, 368}
	p999 = quantile{"P99.9", 999, 1000, 3688}
)

// rank is the nearest rank, ceil(n q), at least 1: x_rank is the quantile of n sorted times.
func (q quantile) rank(n int64) int64 {
	return max((n*q.above+q.below-1)/q.below, 1)
}

// of returns the quantile of d; ok is false if d holds too few times to print it.
func (q quantile) of(d distribution) (t time.Duration, ok bool) {
	if d.n < q.least {
		return 0, false
	}
	return d.ranked(q.rank(d.n)), true
}

// need says how many calls are missing to print the quantile.
func (q quantile) need() string {
	return fmt.Sprintf("%s needs at least %d calls", q.name, q.least)
}

// curve returns the percentile curve: twenty points for each power of ten of 1/(1-q), as far as at
// least ten calls lie beyond the point.
func (d distribution) curve() []CurvePoint {
	const million = 1_000_000
	var points []CurvePoint
	for j := 0; ; j++ {
		beyond := int64(math.Round(million * math.Pow(10, -float64(j)/20)))
		if beyond == 0 || d.n*beyond < 10*million {
			return points
		}
		q := quantile{above: million - beyond, below: million}
		points = append(points, CurvePoint{Q: float64(q.above) / million, MS: milliseconds(d.ranked(q.rank(d.n)))})
	}
}

// milliseconds is d as the files write it.
func milliseconds(d time.Duration) float64 {
	return float64(d) / float64(time.Millisecond)
}
