package report

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

const (
	resamples    = 2000 // of the bootstrap
	maxBatches   = 200  // runs, or batches of them, that the bootstrap draws from
	leastOfBoots = 5    // runs below which a bootstrap interval would be far too short
)

// weights are the resamples of a bootstrap over k runs: weights[b][i] is how often run i was drawn in
// resample b. They depend on k alone, so the same runs always give the same interval.
func bootstrapWeights(k int) [][]int64 {
	draw := rand.New(rand.NewPCG(0x68656164726f6f6d, uint64(k))) // "headroom"
	all := make([]int64, resamples*k)
	weights := make([][]int64, resamples)
	for b := range weights {
		weights[b] = all[b*k : (b+1)*k]
		for range k {
			weights[b][draw.IntN(k)]++
		}
	}
	return weights
}

// A pool is the response times of several runs, ready for quantiles of many resamples: row u of upTo
// counts, run by run, the times in bucket index[u] or below. So a resample's count up to a bucket is
// one row weighted, and its quantile a bisection over rows; histograms are never merged again.
type pool struct {
	all   distribution // of all runs together
	index []int32
	upTo  []int64 // len(index) rows of k
	k     int
}

func newPool(all distribution, runs []distribution) *pool {
	p := &pool{all: all, k: len(runs), index: make([]int32, len(all.at)), upTo: make([]int64, len(all.at)*len(runs))}
	for u, b := range all.at {
		p.index[u] = b.index
	}
	for i, run := range runs {
		next := 0
		var upTo int64
		for u, index := range p.index {
			if next < len(run.at) && run.at[next].index == index {
				upTo = run.at[next].upTo
				next++
			}
			p.upTo[u*p.k+i] = upTo
		}
	}
	return p
}

// upTo counts the times of one resample in the first u+1 buckets.
func (p *pool) weighted(u int, weights []int64) (n int64) {
	for i, upTo := range p.upTo[u*p.k : (u+1)*p.k] {
		n += weights[i] * upTo
	}
	return n
}

// interval is the percentile bootstrap interval of a quantile of the pooled times: the 2.5th and
// 97.5th percentile, by nearest rank, of the quantile over all resamples of whole runs. It is nil
// where the quantile has too few times, and below five runs. Each end is taken to the far side of its
// bucket, so that the resolution of the histogram is inside.
func (p *pool) interval(q quantile, weights [][]int64) *Interval {
	if p.k < leastOfBoots || p.all.n < q.least {
		return nil
	}
	rows := make([]int, 0, len(weights))
	last := len(p.index) - 1
	for _, w := range weights {
		n := p.weighted(last, w)
		if n == 0 {
			continue // nothing but runs without an ok call was drawn
		}
		r := q.rank(n)
		low, high := 0, last
		for low < high {
			if mid := (low + high) / 2; p.weighted(mid, w) < r {
				low = mid + 1
			} else {
				high = mid
			}
		}
		rows = append(rows, low)
	}
	slices.Sort(rows)
	tail := int(math.Ceil(float64(len(rows)) * (1 - confidence) / 2))
	low, high := p.index[rows[tail-1]], p.index[rows[len(rows)-tail]]
	return millisecondInterval(p.all.bottom(low), p.all.top(high))
}

func millisecondInterval(low, high time.Duration) *Interval {
	return interval(milliseconds(low), milliseconds(high))
}
