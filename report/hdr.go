package report

import (
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// The histograms of a run all have one of two layouts, so that any two of a kind merge exactly. They
// hold microseconds from 1 to 10 minutes: with three significant digits (172 kB) where a figure is
// printed, with two (25 kB) where a point is drawn.
const (
	lowestUS     = 1
	highestUS    = 600_000_000
	fineDigits   = 3
	coarseDigits = 2
)

// A histogram counts times. Beside the buckets it keeps what buckets cannot tell: the exact sum,
// smallest and largest time. Times outside the range are counted at its ends, never refused (the
// library refuses them, and a refused time would be a lost call), and clamped says how many.
//
// All of it is integers, so merging in any order gives the same bits. The sum of nanoseconds is good
// for 292 years of waiting.
type histogram struct {
	hdr      *hdrhistogram.Histogram
	n        int64
	sum      time.Duration
	min, max time.Duration
	clamped  int64
}

func newHistogram(digits int) *histogram {
	return &histogram{hdr: hdrhistogram.New(lowestUS, highestUS, digits)}
}

// add counts one time. It is rounded up to whole microseconds, so that a quantile read from a bucket
// is never below the time it stands for.
func (h *histogram) add(d time.Duration) {
	if d < 0 {
		d = 0
		h.clamped++
	}
	if h.n == 0 || d < h.min {
		h.min = d
	}
	if d > h.max {
		h.max = d
	}
	h.n++
	h.sum += d
	us := int64(d+time.Microsecond-1) / int64(time.Microsecond)
	if us > highestUS {
		us = highestUS
		h.clamped++
	}
	if err := h.hdr.RecordValue(us); err != nil {
		panic(fmt.Sprintf("report: histogram refused %d µs: %v", us, err)) // 0 to highestUS always fit
	}
}

// merge adds what u counted.
func (h *histogram) merge(u *histogram) {
	if u == nil || u.n == 0 {
		return
	}
	if h.n == 0 || u.min < h.min {
		h.min = u.min
	}
	h.max = max(h.max, u.max)
	h.n += u.n
	h.sum += u.sum
	h.clamped += u.clamped
	if dropped := h.hdr.Merge(u.hdr); dropped != 0 {
		panic(fmt.Sprintf("report: merging histograms dropped %d times", dropped)) // layouts differ
	}
}

// reset forgets all times and keeps the memory.
func (h *histogram) reset() {
	if h == nil || h.n == 0 {
		return
	}
	h.hdr.Reset()
	*h = histogram{hdr: h.hdr}
}

// count is the number of times counted; 0 for a histogram that was never made.
func (h *histogram) count() int64 {
	if h == nil {
		return 0
	}
	return h.n
}

// encode returns the histogram in the V2 form that every HdrHistogram reads: compressed, base64, in
// microseconds. It is "" without a time.
func (h *histogram) encode() string {
	if h.count() == 0 {
		return ""
	}
	return encodeHDR(h.hdr)
}

func encodeHDR(h *hdrhistogram.Histogram) string {
	blob, err := h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		panic(fmt.Sprintf("report: encoding a histogram: %v", err)) // it is written to memory
	}
	return string(blob)
}
