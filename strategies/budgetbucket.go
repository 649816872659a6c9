package strategies

import (
	"math"
	"strconv"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// token is one token of a budget, counted in millionths: sums of 0.1 are then exact, and a budget that
// compares with half of itself does not depend on how its sums were rounded. (gRPC's A6 asks for three
// decimals; grpc-go itself adds floating-point numbers, which differ at equality alone.)
const token = 1_000_000

// tokens turns a setting into millionths of a token.
func tokens(x float64) int64 { return int64(math.Round(x * token)) }

// maxTokens bounds the settings that count tokens.
const maxTokens = 1_000_000

// A bucket holds between none and cap millionths of a token.
type bucket struct{ level, cap int64 }

// fullBucket returns a bucket of that many tokens, all of them there.
func fullBucket(cap float64) bucket { return bucket{tokens(cap), tokens(cap)} }

// put adds to the bucket; what does not fit is lost.
func (b *bucket) put(n int64) { b.level = min(b.level+n, b.cap) }

// take takes n if there are so many, and reports whether.
func (b *bucket) take(n int64) bool {
	if b.level < n {
		return false
	}
	b.level -= n
	return true
}

// unwatched is embedded by budgets that look neither at what is sent nor at when calls are over.
type unwatched struct{}

func (unwatched) sent(time.Duration, int) {}
func (unwatched) over(time.Duration)      {}

// A recent is a sum over the last span of time, in ten slices: what was added leaves it 9 to 10 tenths of
// the span later. (Finagle's WindowedAdder.)
type recent struct {
	slice  time.Duration // length of one
	number int64         // of the newest slice, counted from the zero of time
	sums   [10]int64     // by number modulo 10
	total  int64
}

func newRecent(span time.Duration) recent { return recent{slice: max(span/10, 1)} }

// at moves the sum on to now.
func (r *recent) at(now time.Duration) {
	newest := int64(now / r.slice)
	if newest-r.number >= int64(len(r.sums)) {
		r.sums, r.total, r.number = [10]int64{}, 0, newest
		return
	}
	for r.number < newest {
		r.number++
		i := r.number % int64(len(r.sums))
		r.total -= r.sums[i]
		r.sums[i] = 0
	}
}

func (r *recent) add(now time.Duration, n int64) {
	r.at(now)
	r.sums[r.number%int64(len(r.sums))] += n
	r.total += n
}

func (r *recent) sum(now time.Duration) int64 {
	r.at(now)
	return r.total
}

// within notes a fault unless low <= x <= high, or (above) low < x <= high.
func within(f *sim.Faults, path string, x, low, high float64, above bool) {
	if x >= low && x <= high && !(above && x == low) {
		return
	}
	allowed := strconv.FormatFloat(low, 'f', -1, 64) + " to " + strconv.FormatFloat(high, 'f', -1, 64)
	if above {
		allowed = "above " + strconv.FormatFloat(low, 'f', -1, 64) + ", at most " + strconv.FormatFloat(high, 'f', -1, 64)
	}
	f.Add(path, strconv.FormatFloat(x, 'g', -1, 64), allowed)
}
