package report

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"pgregory.net/rapid"
)

func TestRankIsNearestRankInIntegers(t *testing.T) {
	for _, row := range []struct {
		q       quantile
		n, want int64
	}{
		{p50, 1, 1}, {p50, 2, 1}, {p50, 3, 2}, {p95, 11, 11}, {p95, 100, 95}, {p95, 101, 96},
		{quantile{above: 55, below: 100}, 100, 55}, // in floats ceil(100 x 0.55) is 56
		{p99, 368, 365}, {p999, 3688, 3685}, {quantile{above: 0, below: 100}, 10, 1},
	} {
		if got := row.q.rank(row.n); got != row.want {
			t.Errorf("rank of %d/%d of %d: got %d, want %d", row.q.above, row.q.below, row.n, got, row.want)
		}
	}
}

func TestLeastCallsGiveAFiniteInterval(t *testing.T) {
	for _, q := range []quantile{p50, p95, p99, p999} {
		want := int64(math.Ceil(math.Log(0.025) / math.Log(float64(q.above)/float64(q.below))))
		if q.least != want {
			t.Errorf("%s: got %d, want %d", q.name, q.least, want)
		}
	}
}

// times draws times from a nanosecond to ten minutes, evenly over the powers of ten, and some equal.
func times() *rapid.Generator[[]time.Duration] {
	one := rapid.Custom(func(t *rapid.T) time.Duration {
		scale := rapid.SampledFrom([]time.Duration{1, time.Microsecond, time.Millisecond, time.Second, 10 * time.Minute}).Draw(t, "scale")
		return time.Duration(rapid.Int64Range(0, int64(scale)).Draw(t, "time"))
	})
	return rapid.SliceOfN(one, 1, 200)
}

func TestQuantilesAreWithinAThousandthAboveTheSortedOnes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sorted := times().Draw(t, "times")
		h := newHistogram(fineDigits)
		var sum time.Duration
		for _, d := range sorted {
			h.add(d)
			sum += d
		}
		slices.Sort(sorted)
		d := h.distribution()
		n := int64(len(sorted))
		if d.n != n || d.sum != sum || d.min != sorted[0] || d.max != sorted[n-1] {
			t.Fatalf("n, sum, min, max: got %d, %v, %v, %v", d.n, d.sum, d.min, d.max)
		}
		var before time.Duration
		for rank := int64(1); rank <= n; rank++ {
			got, want := d.ranked(rank), sorted[rank-1]
			if got < want || float64(got-want) > float64(want)/1024+float64(2*time.Microsecond) {
				t.Fatalf("rank %d of %d: got %v, want %v or at most a thousandth more", rank, n, got, want)
			}
			if got < before || got > d.max {
				t.Fatalf("rank %d: %v lies below the one before, %v, or above the largest, %v", rank, got, before, d.max)
			}
			before = got
		}
	})
}

func TestBucketSpansAreTheLibrarys(t *testing.T) {
	for _, digits := range []int{fineDigits, coarseDigits} {
		h := hdrhistogram.New(lowestUS, highestUS, digits)
		draw := rand.New(rand.NewPCG(1, 1))
		d := distribution{digits: digits}
		for i := range 2000 {
			v := int64(math.Exp(draw.Float64() * math.Log(highestUS)))
			if i < 1000 {
				// the first buckets hold one value each
				v = int64(i)
			}
			h.Reset()
			if err := h.RecordValue(v); err != nil {
				t.Fatal(err)
			}
			at := int32(slices.Index(h.Export().Counts, 1))
			low, high := d.span(at)
			if low != h.Min() || high != h.Max() || v < low || v > high {
				t.Fatalf("%d digits, %d µs in bucket %d: got %d to %d, want %d to %d", digits, v, at, low, high, h.Min(), h.Max())
			}
		}
	}
}

func TestTimesOutsideTheRangeAreCountedAtItsEnds(t *testing.T) {
	h := newHistogram(fineDigits)
	h.add(-time.Second)
	h.add(time.Hour)
	d := h.distribution()
	if d.n != 2 || h.clamped != 2 {
		t.Errorf("got %d times, %d clamped, want 2 and 2", d.n, h.clamped)
	}
	if d.min != 0 || d.max != time.Hour || d.ranked(1) != 0 {
		t.Errorf("got %v to %v and rank 1 %v, want 0 to 1h and 0", d.min, d.max, d.ranked(1))
	}
	if got := d.ranked(2); got < 10*time.Minute || got > 10*time.Minute+time.Second {
		t.Errorf("rank 2: got %v, want 10 m: the end of the range", got)
	}
	alone := newHistogram(fineDigits)
	alone.add(time.Hour)
	if got := alone.distribution().ranked(1); got != time.Hour {
		t.Errorf("the only time: got %v, want 1h", got)
	}
}

func TestPlusIsTheDistributionOfBoth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, both := newHistogram(fineDigits), newHistogram(fineDigits), newHistogram(fineDigits)
		for _, d := range times().Draw(t, "a") {
			a.add(d)
			both.add(d)
		}
		for _, d := range times().Draw(t, "b") {
			b.add(d)
			both.add(d)
		}
		got, want := a.distribution().plus(b.distribution()), both.distribution()
		if !slices.Equal(got.at, want.at) || got.n != want.n || got.sum != want.sum || got.min != want.min || got.max != want.max {
			t.Fatalf("got %+v, want %+v", got, want)
		}
		a.merge(b)
		if merged := a.distribution(); !slices.Equal(merged.at, want.at) {
			t.Fatalf("merged: got %+v, want %+v", merged, want)
		}
	})
}

func TestPlusOfNothingIsTheOther(t *testing.T) {
	h := newHistogram(fineDigits)
	h.add(time.Second)
	d := h.distribution()
	if got := (distribution{}).plus(d); got.n != 1 || got.digits != fineDigits {
		t.Errorf("nothing plus one: got %+v", got)
	}
	if got := d.plus(distribution{}); got.n != 1 {
		t.Errorf("one plus nothing: got %+v", got)
	}
}

func TestEncodedHistogramsAreReadByTheLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := newHistogram(fineDigits)
		for _, d := range times().Draw(t, "times") {
			h.add(d)
		}
		text := h.encode()
		if again := h.distribution().encode(); again != text {
			t.Fatalf("a distribution encodes differently:\n%s\n%s", again, text)
		}
		back, err := hdrhistogram.Decode([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if !back.Equals(h.hdr) {
			t.Fatal("the library reads another histogram")
		}
		d, err := decodeDistribution(text)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(d.at, h.distribution().at) {
			t.Fatalf("decoded: got %v, want %v", d.at, h.distribution().at)
		}
	})
	if got := (*histogram)(nil).encode(); got != "" {
		t.Errorf("no histogram: got %q, want nothing", got)
	}
}

func TestDecodingRefusesAnotherLayout(t *testing.T) {
	for _, h := range []*hdrhistogram.Histogram{
		hdrhistogram.New(1, highestUS, 2), hdrhistogram.New(1, 1000, 3), hdrhistogram.New(1000, highestUS, 3),
	} {
		if _, err := decodeDistribution(encodeHDR(h)); err == nil {
			t.Errorf("%d to %d with %d digits: got no error", h.LowestTrackableValue(), h.HighestTrackableValue(), h.SignificantFigures())
		}
	}
	if _, err := decodeDistribution("nonsense"); err == nil {
		t.Error("nonsense: got no error")
	}
}

func TestCurveRisesAndEndsWhereTenCallsLieBeyond(t *testing.T) {
	draw := rand.New(rand.NewPCG(7, 7))
	for _, n := range []int{0, 9, 10, 100, 100_000} {
		h := newHistogram(fineDigits)
		for range n {
			h.add(time.Duration(draw.ExpFloat64() * float64(time.Second)))
		}
		curve := h.distribution().curve()
		if n < 10 {
			if len(curve) != 0 {
				t.Errorf("%d calls: got %d points, want none", n, len(curve))
			}
			continue
		}
		for i := 1; i < len(curve); i++ {
			if curve[i].Q <= curve[i-1].Q || curve[i].MS < curve[i-1].MS {
				t.Errorf("%d calls: point %v comes after %v", n, curve[i], curve[i-1])
			}
		}
		beyond := float64(n) * (1 - curve[len(curve)-1].Q)
		if beyond < 9.999 || beyond > 12 {
			t.Errorf("%d calls: got %.1f beyond the last point, want 10 or a little more", n, beyond)
		}
	}
}

func TestVarianceIsThatOfTheTimes(t *testing.T) {
	h := newHistogram(fineDigits)
	draw := rand.New(rand.NewPCG(2, 3))
	for range 100_000 {
		h.add(time.Duration(draw.ExpFloat64() * float64(time.Second)))
	}
	if got := h.distribution().variance() / 1e12; math.Abs(got-1) > 0.03 {
		t.Errorf("got %.3f s², want 1 within 3 %%", got)
	}
	if got := newHistogram(fineDigits).distribution().variance(); got != 0 {
		t.Errorf("of nothing: got %v, want 0", got)
	}
}
