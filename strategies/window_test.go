package strategies

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestWindowIsTheLatestInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 20).Draw(t, "size")
		values := rapid.SliceOfN(rapid.Int64Range(0, 30), 1, 100).Draw(t, "values") // few, so that many are equal
		w := newWindow(size)
		for i, v := range values {
			w.add(time.Duration(v))
			var naive []time.Duration
			for _, u := range values[max(0, i+1-size) : i+1] {
				naive = append(naive, time.Duration(u))
			}
			slices.Sort(naive)
			if !slices.Equal(w.ordered, naive) {
				t.Fatalf("after %d values: %v, want %v", i+1, w.ordered, naive)
			}
		}
	})
}

func TestWindowQuantileIsTheNearestRank(t *testing.T) {
	w := newWindow(1000)
	for d := 1; d <= 100; d++ {
		w.add(time.Duration(d))
	}
	for _, row := range []struct {
		part, whole int
		want        time.Duration
	}{{95, 100, 95}, {1, 100, 1}, {0, 100, 1}, {1, 1, 100}, {951, 1000, 96}} {
		if got := w.quantile(row.part, row.whole); got != row.want {
			t.Errorf("quantile %d/%d of 1 to 100 is %d, want %d", row.part, row.whole, got, row.want)
		}
	}
}

func TestMarginIsMeasuredFromAHundredOn(t *testing.T) {
	w := newWindow(marginSamples)
	for d := 1; d <= 1100; d++ {
		w.add(time.Duration(d))
		want := time.Duration(0)
		switch d {
		case 99: // too few to speak of a P95
		case 100:
			want = 95
		case 1100:
			want = 1050 // of 101 to 1100
		default:
			continue
		}
		if got := (Margin{Measured: true}).of(w); got != want {
			t.Errorf("margin after %d service times is %d, want %d", d, got, want)
		}
		if got := (Margin{Fixed: 7}).of(w); got != 7 {
			t.Errorf("a fixed margin of 7 became %d", got)
		}
	}
}
