package report

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s: got %.7g, want %.7g", what, got, want)
	}
}

func TestSignFlipCountsPatterns(t *testing.T) {
	near(t, "one pair", signFlip([]float64{1}, 0), .5, 0)
	near(t, "5 pairs, all above", signFlip([]float64{1, 2, 3, 4, 5}, 0), 1./32, 0)
	near(t, "6 pairs, all above", signFlip([]float64{1, 2, 3, 4, 5, 6}, 0), 1./64, 0)
	near(t, "all below", signFlip([]float64{-1, -2, -3}, 0), 1, 0)
	near(t, "nothing", signFlip(nil, 0), 1, 0)
	near(t, "at the tolerance", signFlip([]float64{2, 2, 2}, 2), 1, 0)
	// Darwin's fifteen pairs of maize, self- against cross-fertilised, in eighths of an inch: of the 32,768
	// patterns 863 have a sum of at least 314 (Fisher, The Design of Experiments, section 21).
	darwin := []float64{49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48}
	near(t, "Darwin's maize", signFlip(darwin, 0), 863./32768, 0)
}

// Drawn patterns agree with counted ones, and false alarms come as often as the level says.
func TestSignFlipDrawsWhatItCannotCount(t *testing.T) {
	draw := rand.New(rand.NewPCG(1, 2))
	alarms := 0
	const trials = 800
	for range trials {
		d := make([]float64, 20)
		for i := range d {
			d[i] = draw.NormFloat64()
		}
		if signFlip(d, 0) <= .025 {
			alarms++
		}
	}
	share, se := float64(alarms)/trials, math.Sqrt(.025*.975/trials)
	if math.Abs(share-.025) > 4*se {
		t.Errorf("got false alarms in %.4f of trials, want .025 within %.4f", share, 4*se)
	}
}

func TestHolm(t *testing.T) {
	// The worked example of R's p.adjust documentation for method "holm".
	got := holm([]float64{.01, .04, .03, .005})
	for i, want := range []float64{.03, .06, .06, .02} {
		near(t, "adjusted p", got[i], want, 1e-12)
	}
	if got := holm([]float64{.9, .8}); got[0] != 1 || got[1] != 1 {
		t.Errorf("got %v, want 1, 1", got)
	}
	if got := holm(nil); len(got) != 0 {
		t.Errorf("got %v of nothing", got)
	}
}

func TestShift(t *testing.T) {
	// Hollander and Wolfe, example 4.1 (permeability of the human chorioamnion): the estimate is .305 for
	// term minus early. R's wilcox.test(conf.int = TRUE) gives the exact interval [-.15, .76] at 95.7 %; the
	// normal approximation here takes the next differences or the same.
	term := []float64{.80, .83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, .73, 1.46}
	early := []float64{1.15, .88, .90, .74, 1.21}
	median, ci := shift(term, early)
	near(t, "Hodges-Lehmann", median, .305, 1e-9)
	if ci == nil || math.Abs(ci[0]+.15) > .07 || math.Abs(ci[1]-.76) > .07 {
		t.Errorf("got %v, want about [-.15, .76]", ci)
	}
	near(t, "Mann-Whitney of the same data, two-sided (R: p = .2544)", rankTest(term, early), .2544, 5e-4)
	near(t, "all equal", rankTest([]float64{1, 1, 1, 1}, []float64{1, 1, 1, 1}), 1, 0)
	if _, ci := shift([]float64{1, 2, 3}, early); ci != nil {
		t.Errorf("three runs got the interval %v", ci)
	}
}

// The interval covers the true shift in about 95 % of trials.
func TestShiftCovers(t *testing.T) {
	draw := rand.New(rand.NewPCG(3, 4))
	covered := 0
	const trials = 1000
	for range trials {
		a, b := make([]float64, 10), make([]float64, 10)
		for i := range a {
			a[i], b[i] = draw.ExpFloat64()+.5, draw.ExpFloat64()
		}
		if _, ci := shift(a, b); ci[0] <= .5 && .5 <= ci[1] {
			covered++
		}
	}
	if share := float64(covered) / trials; share < .93 || share > .98 {
		t.Errorf("covered in %.3f of trials, want about .95", share)
	}
}

func TestSpending(t *testing.T) {
	near(t, "half way", spent(.05, .5), .00557, 5e-5)
	near(t, "at the end", spent(.05, 1), .05, 1e-12)
	near(t, "at the beginning", spent(.05, 0), 0, 0)
	looks := Looks(40)
	if !slices.Equal(looks, []int{5, 10, 20, 40}) || !slices.Equal(Looks(20), []int{5, 10, 20}) || !slices.Equal(Looks(5), []int{5}) || !slices.Equal(Looks(12), []int{5, 10, 12}) {
		t.Errorf("got looks %v, %v, %v, %v", looks, Looks(20), Looks(5), Looks(12))
	}
	var total float64
	for i := range looks {
		total += lookAlpha(.05, looks, i)
	}
	near(t, "all looks together", total, .05, 1e-12)
}

func TestPairsNeeded(t *testing.T) {
	if got := pairsNeeded(1, 1); got != 8 { // 7.85
		t.Errorf("got %d, want 8", got)
	}
	if got := pairsNeeded(.011, .02); got != 3 {
		t.Errorf("got %d, want 3", got)
	}
	if got := pairsNeeded(0, 1); got != 0 {
		t.Errorf("got %d, want 0", got)
	}
}
