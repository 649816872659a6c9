package sim

import (
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// tree spells a mapping as a decoder of YAML would yield it.
type tree = map[string]any

// Every law is held against its own mean and against a second moment or percentile that follows
// from its parameters alone, within 4 standard errors at fixed seeds.
func TestLawsKeepTheirMoments(t *testing.T) {
	const n = 400_000
	for _, row := range []struct {
		name string
		form any
		mean float64
		cv   float64 // coefficient of variation
		p99  float64
	}{
		{"constant", 3, 3, 0, 3},
		{"exponential", tree{"exp": tree{"mean": 2}}, 2, 1, 2 * math.Log(100)},
		{"uniform", tree{"uniform": tree{"min": 1, "max": 4}}, 2.5, math.Sqrt(3.0/4) / 2.5, 3.97},
		{"lognormal by its mean", tree{"lognormal": tree{"mean": 512, "p99": 4096}}, 512, cvOfLognormal(8), 4096},
		{"lognormal by its median", tree{"lognormal": tree{"median": 100, "p99": 500}},
			100 * math.Exp(sq(math.Log(5)/z99)/2), math.Sqrt(math.Expm1(sq(math.Log(5) / z99))), 500},
		{"gamma with bursts", tree{"gamma": tree{"mean": 2, "cv": 3}}, 2, 3, math.NaN()},
		{"gamma without", tree{"gamma": tree{"mean": 2, "cv": 0.5}}, 2, 0.5, math.NaN()},
		{"weibull", tree{"weibull": tree{"mean": 1, "k": 2}}, 1, math.Sqrt(4/math.Pi - 1), 2 / math.Sqrt(math.Pi) * math.Sqrt(math.Log(100))},
		{"pareto", tree{"pareto": tree{"mean": 1, "alpha": 5}}, 1, math.Sqrt(1.0 / 15), 0.8 * math.Pow(100, 0.2)},
		{"mix", tree{"mix": []any{tree{"weight": "90%", "value": 1}, tree{"weight": 0.1, "exp": tree{"mean": 11}}}},
			2, math.Sqrt(0.9+0.1*2*121-4) / 2, 11 * math.Log(10)},
	} {
		t.Run(row.name, func(t *testing.T) {
			d, err := NewDist(row.form)
			if err != nil {
				t.Fatal(err)
			}
			if got := d.Mean(); math.Abs(got-row.mean) > 1e-9*row.mean {
				t.Errorf("Mean says %v, want %v", got, row.mean)
			}
			r := rand.New(rand.NewPCG(1, 2))
			draws, sum, squares := make([]float64, n), 0.0, 0.0
			for i := range draws {
				x := d.Sample(r)
				draws[i], sum, squares = x, sum+x, squares+x*x
			}
			mean := sum / n
			sd := math.Sqrt(max(squares/n-mean*mean, 0))
			if band := 4 * row.cv * row.mean / math.Sqrt(n); math.Abs(mean-row.mean) > band+1e-9 {
				t.Errorf("mean of %d draws %v, want %v within %v", n, mean, row.mean, band)
			}
			// The error of a standard deviation hangs on the fourth moment; 5 % covers the heaviest of these.
			if want := row.cv * row.mean; math.Abs(sd-want) > 0.05*want+1e-6 {
				t.Errorf("standard deviation %v, want %v", sd, want)
			}
			slices.Sort(draws)
			if got := draws[n*99/100]; !math.IsNaN(row.p99) && math.Abs(got-row.p99) > 0.03*row.p99 {
				t.Errorf("99th percentile %v, want %v", got, row.p99)
			}
		})
	}
}

func sq(x float64) float64 { return x * x }

// cvOfLognormal follows the formula of GPU models' papers: sigma from p99/mean, cv² = e^(sigma²) - 1.
func cvOfLognormal(ratio float64) float64 {
	sigma := z99 - math.Sqrt(z99*z99-2*math.Log(ratio))
	return math.Sqrt(math.Expm1(sigma * sigma))
}

func TestQuantitiesRefuse(t *testing.T) {
	for _, row := range []struct{ name, want string }{
		{"nothing", "nothing; allowed: a duration such as 20ms or 1.5s, or one of exp, uniform, lognormal, gamma, weibull, pareto, mix, empirical"},
		{"text", `"soon" is not a duration; allowed: a duration such as`},
		{"bare number", `20 has no unit; allowed: a duration such as`},
		{"negative", `"-1s"; allowed: a duration`},
		{"unknown law", `unknown law "normal"; allowed: exp, uniform`},
		{"two laws", `several laws: exp, gamma; allowed: one of exp`},
		{"no law", `no law; allowed: exp`},
		{"missing mean", `exp.mean: allowed: a duration such as 20ms or 1.5s, above 0`},
		{"zero mean", `exp.mean: "0s"; allowed: a duration such as 20ms or 1.5s, above 0`},
		{"scalar for parameters", `exp: "20ms"; allowed: a mapping with mean`},
		{"unknown parameter", `exp.avg: is no parameter of exp; allowed: mean`},
		{"swapped bounds", `uniform.max: is below min; allowed: at least min`},
		{"tail beyond lognormal", `lognormal.p99: is 15 times the mean; allowed: at most 14.97 times the mean`},
		{"p99 below mean", `lognormal.p99: is below the mean; allowed: at least the mean`},
		{"mean and median", `lognormal.mean: stands beside the median; allowed: one of the two`},
		{"pareto without mean", `pareto.alpha: 1; allowed: a number above 1, at most 1000`},
		{"cv zero", `gamma.cv: 0; allowed: a number above 0, at most 1000`},
		{"empty mix", `mix: a list; allowed: a list such as`},
		{"faults of a mix", "mix[0].weight: nothing; allowed: a number above 0, or a percentage\nmix[1].exp.mean: \"x\" is not a duration"},
		{"empirical without a name", `empirical: 7; allowed: the name of a file`},
	} {
		form := map[string]any{
			"nothing":                  nil,
			"text":                     "soon",
			"bare number":              20,
			"negative":                 "-1s",
			"unknown law":              tree{"normal": tree{}},
			"two laws":                 tree{"gamma": tree{}, "exp": tree{}},
			"no law":                   tree{},
			"missing mean":             tree{"exp": tree{}},
			"zero mean":                tree{"exp": tree{"mean": "0s"}},
			"scalar for parameters":    tree{"exp": "20ms"},
			"unknown parameter":        tree{"exp": tree{"mean": "1s", "avg": "1s"}},
			"swapped bounds":           tree{"uniform": tree{"min": "2s", "max": "1s"}},
			"tail beyond lognormal":    tree{"lognormal": tree{"mean": "1s", "p99": "15s"}},
			"p99 below mean":           tree{"lognormal": tree{"mean": "2s", "p99": "1s"}},
			"mean and median":          tree{"lognormal": tree{"mean": "1s", "median": "1s", "p99": "2s"}},
			"pareto without mean":      tree{"pareto": tree{"mean": "1s", "alpha": 1}},
			"cv zero":                  tree{"gamma": tree{"mean": "1s", "cv": 0}},
			"empty mix":                tree{"mix": []any{}},
			"faults of a mix":          tree{"mix": []any{tree{"value": "1s"}, tree{"weight": 1, "exp": tree{"mean": "x"}}}},
			"empirical without a name": tree{"empirical": 7},
		}[row.name]
		_, err := NewDurationDist(form)
		var faults Faults
		if !errors.As(err, &faults) {
			t.Errorf("%s: got %v, want faults", row.name, err)
		} else if !strings.HasPrefix(err.Error(), row.want) {
			t.Errorf("%s: got\n%v\nwant\n%s", row.name, err, row.want)
		}
	}
}

func TestLognormalEndsAtItsBound(t *testing.T) {
	if _, err := NewDist(tree{"lognormal": tree{"mean": 1, "p99": 14.96}}); err != nil {
		t.Error(err)
	}
	if _, err := NewDist(tree{"lognormal": tree{"mean": 1, "p99": 14.98}}); err == nil {
		t.Error("14.98 times the mean has no lognormal law")
	}
	if _, err := NewDist(tree{"lognormal": tree{"median": 1, "p99": 1000}}); err != nil {
		t.Errorf("by the median every ratio has a law: %v", err)
	}
}

func TestCountsAreWholeAndAtLeastOne(t *testing.T) {
	d, err := NewCountDist(tree{"exp": tree{"mean": 1}})
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(3, 4))
	for range 10_000 {
		if n := d.Count(r); n < 1 {
			t.Fatalf("drew %d", n)
		}
	}
	if _, err := NewCountDist(0); err == nil {
		t.Error("a constant of 0 tokens was accepted")
	}
}

func TestDurationsAreExact(t *testing.T) {
	d, err := NewDurationDist("2h45m0.000000001s")
	if err != nil {
		t.Fatal(err)
	}
	want := 2*time.Hour + 45*time.Minute + 1
	if got := d.Duration(nil); got != want || d.Mean() != want {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := ExponentialDuration(time.Second).Mean(); got != time.Second {
		t.Errorf("got a mean of %v, want 1s", got)
	}
	if got := ConstantDuration(time.Minute).Duration(nil); got != time.Minute {
		t.Errorf("got %v, want 1m", got)
	}
}

func TestEmpiricalDrawsWhatItsFileHolds(t *testing.T) {
	open := func(name string) (io.ReadCloser, error) {
		if name != "times.txt" {
			return nil, errors.New(name + " is not there")
		}
		return io.NopCloser(strings.NewReader("# measured\n10ms\n\n20ms\n90ms\n")), nil
	}
	d, err := NewDurationDist(tree{"empirical": "times.txt"})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.ReadFiles(open); err != nil {
		t.Fatal(err)
	}
	if got, want := d.Mean(), 40*time.Millisecond; got != want {
		t.Errorf("mean %v, want %v", got, want)
	}
	seen, r := map[time.Duration]int{}, rand.New(rand.NewPCG(5, 6))
	for range 3000 {
		seen[d.Duration(r)]++
	}
	for _, v := range []time.Duration{10 * time.Millisecond, 20 * time.Millisecond, 90 * time.Millisecond} {
		if seen[v] < 850 || seen[v] > 1150 { // 1000 within 5.8 standard deviations
			t.Errorf("%v was drawn %d times of 3000", v, seen[v])
		}
	}

	mixed, err := NewDurationDist(tree{"mix": []any{tree{"weight": 1, "empirical": "times.txt"}, tree{"weight": 1, "value": "0s"}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := mixed.ReadFiles(open); err != nil {
		t.Fatal(err)
	}
	if got, want := mixed.Mean(), 20*time.Millisecond; got != want {
		t.Errorf("mean of the mix %v, want %v", got, want)
	}
}

func TestEmpiricalNamesTheBrokenLine(t *testing.T) {
	for _, row := range []struct{ file, want string }{
		{"10ms\n20ms\nsoon\n", `empirical: f:3: "soon" after 2 good lines; allowed: a duration such as 20ms or 1.5s on each line`},
		{"5\n", `empirical: f:1: "5" after 0 good lines`},
		{"# nothing\n", "empirical: f has no values"},
	} {
		d, err := NewDurationDist(tree{"empirical": "f"})
		if err != nil {
			t.Fatal(err)
		}
		err = d.ReadFiles(func(string) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(row.file)), nil })
		if err == nil || !strings.HasPrefix(err.Error(), row.want) {
			t.Errorf("%q: got %v, want %s", row.file, err, row.want)
		}
	}
}

// What a quantity prints is what it was read from.
func TestQuantitiesPrintWhatTheyRead(t *testing.T) {
	for _, form := range []any{
		"20ms",
		tree{"exp": tree{"mean": "20ms"}},
		tree{"lognormal": tree{"median": "1s", "p99": "20s"}},
		tree{"uniform": tree{"min": "0s", "max": "1m0s"}},
		tree{"gamma": tree{"mean": "1s", "cv": 2.5}},
		tree{"empirical": "times.txt"},
		tree{"mix": []any{tree{"weight": 0.9, "value": "1s"}, tree{"weight": 2.0, "weibull": tree{"mean": "1h0m0s", "k": 0.5}}}},
	} {
		d, err := NewDurationDist(form)
		if err != nil {
			t.Fatal(err)
		}
		printed, err := d.MarshalYAML()
		if got, want := fmt.Sprint(plainTree(printed)), fmt.Sprint(form); err != nil || got != want {
			t.Errorf("got %s, want %s (%v)", got, want, err)
		}
	}
	var unset Dist
	if printed, err := unset.MarshalYAML(); printed != nil || err != nil || !unset.IsZero() {
		t.Errorf("the zero Dist prints %v, %v", printed, err)
	}
}

// plainTree turns what MarshalYAML yields into what a decoder would.
func plainTree(v any) any {
	switch v := v.(type) {
	case Fields:
		m := tree{}
		for _, f := range v {
			m[f.Name] = plainTree(f.Value)
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = plainTree(v[i])
		}
		return list
	case time.Duration:
		return v.String()
	}
	return v
}

// A chi-squared test of Zipf's law against its probabilities, for exponents below, at and above 1,
// where other samplers change their formula.
func TestZipfHasItsProbabilities(t *testing.T) {
	const n, draws = 50, 400_000
	for _, s := range []float64{0, 0.3, 0.9, 1, 1 + 1e-10, 1.2, 3} {
		z, counts, r := NewZipf(s, n), make([]float64, n+1), rand.New(rand.NewPCG(7, 8))
		for range draws {
			k := z.Rank(r)
			if k < 1 || k > n {
				t.Fatalf("s %v: rank %d of %d", s, k, n)
			}
			counts[k]++
		}
		norm := 0.0
		for k := 1; k <= n; k++ {
			norm += math.Pow(float64(k), -s)
		}
		chi, cells := 0.0, 0
		for k := 1; k <= n; k++ {
			want := draws * math.Pow(float64(k), -s) / norm
			if want >= 5 {
				chi, cells = chi+sq(counts[k]-want)/want, cells+1
			}
		}
		// Mean cells-1, variance 2(cells-1): four standard deviations.
		if df := float64(cells - 1); chi > df+4*math.Sqrt(2*df) {
			t.Errorf("s %v: chi-squared %v with %v degrees of freedom", s, chi, df)
		}
	}
}

func TestZipfOverAMillionKeysNeedsNoTable(t *testing.T) {
	z, r := NewZipf(0.9, 1_000_000), rand.New(rand.NewPCG(9, 10))
	ones := 0
	const draws = 200_000
	for range draws {
		if z.Rank(r) == 1 {
			ones++
		}
	}
	norm := 0.0
	for k := 1; k <= 1_000_000; k++ {
		norm += math.Pow(float64(k), -0.9)
	}
	want := draws / norm
	if got := float64(ones); math.Abs(got-want) > 4*math.Sqrt(want) {
		t.Errorf("rank 1 came %v times, want %v", got, want)
	}
	if allocs := testing.AllocsPerRun(100, func() { z.Rank(r) }); allocs != 0 {
		t.Errorf("a draw allocates %v times", allocs)
	}
}

func TestZipfOfOneKey(t *testing.T) {
	z, r := NewZipf(0.9, 1), rand.New(rand.NewPCG(1, 1))
	for range 100 {
		if k := z.Rank(r); k != 1 {
			t.Fatalf("drew %d of 1", k)
		}
	}
}

func TestZipfRefusesAMistake(t *testing.T) {
	for _, make := range []func(){func() { NewZipf(1, 0) }, func() { NewZipf(-1, 5) }, func() { NewZipf(math.NaN(), 5) }} {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("did not panic")
				}
			}()
			make()
		}()
	}
}

func BenchmarkZipf(b *testing.B) {
	for _, s := range []float64{0.9, 1.2} {
		b.Run(fmt.Sprint(s), func(b *testing.B) {
			z, r := NewZipf(s, 1_000_000), rand.New(rand.NewPCG(1, 2))
			b.ReportAllocs()
			for b.Loop() {
				z.Rank(r)
			}
		})
	}
}

func BenchmarkDist(b *testing.B) {
	for _, row := range []struct {
		name string
		form any
	}{
		{"exp", tree{"exp": tree{"mean": 1}}},
		{"lognormal", tree{"lognormal": tree{"mean": 1, "p99": 8}}},
		{"gamma", tree{"gamma": tree{"mean": 1, "cv": 3}}},
	} {
		b.Run(row.name, func(b *testing.B) {
			d, err := NewDist(row.form)
			if err != nil {
				b.Fatal(err)
			}
			r := rand.New(rand.NewPCG(1, 2))
			b.ReportAllocs()
			for b.Loop() {
				d.Sample(r)
			}
		})
	}
}
