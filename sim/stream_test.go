package sim

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// TestDrawsAreKeyed: what a call draws for an attempt depends on no draw before it, in this stream or
// in another.
func TestDrawsAreKeyed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		call, attempt := rapid.IntRange(0, 1<<40).Draw(t, "call"), rapid.IntRange(0, 1000).Draw(t, "attempt")
		var want [5]uint64
		first := NewStream(seed, "service").For(call, attempt)
		for i := range want {
			want[i] = first.Uint64()
		}
		w := NewWorld(seed)
		for range rapid.IntRange(0, 5).Draw(t, "others") {
			r := w.Rand(rapid.SampledFrom([]string{"service", "network"}).Draw(t, "name")).
				For(rapid.IntRange(0, 50).Draw(t, "other call"), rapid.IntRange(0, 9).Draw(t, "other attempt"))
			for range rapid.IntRange(0, 5).Draw(t, "draws") {
				r.NormFloat64()
			}
		}
		again := w.Rand("service").For(call, attempt)
		for i := range want {
			if got := again.Uint64(); got != want[i] {
				t.Fatalf("draw %d: got %x, want %x", i, got, want[i])
			}
		}
	})
}

// TestStreamSchemeIsPinned: a change of how seeds become draws breaks every pairing with an older run,
// so it must come with another StreamScheme. The key is the first half of SHA-256(seed, name), as any
// other tool computes it; the draws were computed a second time outside Go.
func TestStreamSchemeIsPinned(t *testing.T) {
	s := NewStream(9, "service")
	// printf '\0\0\0\0\0\0\0\011service' | sha256sum
	if s.key0 != 0x5854e86c4e913d32 || s.key1 != 0x924c26016525fe96 {
		t.Errorf("got key %#x, %#x", s.key0, s.key1)
	}
	type key struct{ call, attempt int }
	for k, want := range map[key]uint64{
		{0, 0}:   0x841c34afc91469f2,
		{0, 1}:   0x7222c729a66ce8d1,
		{1, 0}:   0xfc73a797f87fa087,
		{381, 2}: 0x1b43b621b43e0b62,
	} {
		if got := s.For(k.call, k.attempt).Uint64(); got != want {
			t.Errorf("For(%d, %d) in scheme %d: got %#x, want %#x", k.call, k.attempt, StreamScheme, got, want)
		}
	}
}

func TestAnEnvKeepsItsStreams(t *testing.T) {
	world, wall := NewWorld(9), NewWall(9)
	for _, env := range []Env{world, wall} {
		if one, other := env.Rand("a"), env.Rand("a"); one != other {
			t.Errorf("%T: one name gave two streams", env)
		}
	}
	if got, want := wall.Rand("a").For(1, 2).Uint64(), world.Rand("a").For(1, 2).Uint64(); got != want {
		t.Errorf("Wall draws %x, World %x: want the same", got, want)
	}
	if NewStream(9, "a").For(1, 2).Uint64() == NewStream(10, "a").For(1, 2).Uint64() {
		t.Error("two seeds draw the same")
	}
}

// statistics of a sample that should be uniform on [0, 1): a normal deviate for its mean and for its
// variance, and chi-squared over 100 cells as one too.
func uniformity(sample []float64) (mean, variance, cells float64) {
	n := float64(len(sample))
	var sum, squares float64
	var count [100]float64
	for _, x := range sample {
		sum += x
		squares += (x - 0.5) * (x - 0.5)
		count[int(x*100)]++
	}
	mean = (sum/n - 0.5) / math.Sqrt(1/(12*n))
	// Var((x - 1/2)^2) = 1/80 - 1/144 = 1/180
	variance = (squares/n - 1.0/12) / math.Sqrt(1/(180*n))
	var chi2 float64
	for _, c := range count {
		chi2 += (c - n/100) * (c - n/100) / (n / 100)
	}
	cells = (chi2 - 99) / math.Sqrt(2*99)
	return mean, variance, cells
}

// TestFirstDrawsOfNeighboursAreUniformAndUncorrelated: a keyed generator is only ever asked for its
// first few numbers, so those, over neighbouring keys, are what has to be random. The bands are 4.5
// standard errors at fixed seeds.
func TestFirstDrawsOfNeighboursAreUniformAndUncorrelated(t *testing.T) {
	const n, band = 100_000, 4.5
	draws := func(f func(i int) float64) []float64 {
		sample := make([]float64, n)
		for i := range sample {
			sample[i] = f(i)
		}
		return sample
	}
	s, other, nextSeed := NewStream(1, "service"), NewStream(1, "service.2"), NewStream(2, "service")
	second := func(s *Stream, call, attempt int) float64 {
		r := s.For(call, attempt)
		r.Uint64()
		return r.Float64()
	}
	samples := map[string][]float64{
		"consecutive calls":          draws(func(i int) float64 { return s.For(i, 0).Float64() }),
		"the calls after them":       draws(func(i int) float64 { return s.For(i+1, 0).Float64() }),
		"their second draws":         draws(func(i int) float64 { return second(s, i, 0) }),
		"their second attempts":      draws(func(i int) float64 { return s.For(i, 1).Float64() }),
		"consecutive attempts":       draws(func(i int) float64 { return s.For(0, i).Float64() }),
		"every 64th call":            draws(func(i int) float64 { return s.For(i*64, 0).Float64() }),
		"the same calls, other name": draws(func(i int) float64 { return other.For(i, 0).Float64() }),
		"the same calls, next seed":  draws(func(i int) float64 { return nextSeed.For(i, 0).Float64() }),
		"a hundred calls often":      draws(func(i int) float64 { return s.For(i%100, i/100).Float64() }),
	}
	for name, sample := range samples {
		mean, variance, cells := uniformity(sample)
		for what, z := range map[string]float64{"mean": mean, "variance": variance, "chi-squared": cells} {
			if math.Abs(z) > band {
				t.Errorf("%s: the %s is %.1f standard errors off, want at most %v", name, what, z, band)
			}
		}
	}
	correlation := func(a, b []float64) float64 { // in standard errors, 1/sqrt(n)
		var sum float64
		for i := range a {
			sum += (a[i] - 0.5) * (b[i] - 0.5)
		}
		return sum / n * 12 * math.Sqrt(n)
	}
	base := samples["consecutive calls"]
	for _, name := range []string{"the calls after them", "their second draws", "their second attempts",
		"the same calls, other name", "the same calls, next seed"} {
		if z := correlation(base, samples[name]); math.Abs(z) > band {
			t.Errorf("consecutive calls with %s: correlated by %.1f standard errors, want at most %v", name, z, band)
		}
	}
}

// TestNoTwoKeysMeet: among a million keys of calls and attempts no two seed the same generator.
func TestNoTwoKeysMeet(t *testing.T) {
	s := NewStream(1, "service")
	seen := make(map[uint64]bool, 1<<20)
	for call := range 1 << 16 {
		for attempt := range 16 {
			x := s.For(call, attempt).Uint64()
			if seen[x] {
				t.Fatalf("call %d, attempt %d draws what another key drew", call, attempt)
			}
			seen[x] = true
		}
	}
}
