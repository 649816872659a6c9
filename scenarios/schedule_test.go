package scenarios

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/headroom-dev/headroom/sim"
)

// parse reads a scenario of which only load and requests matter.
func parse(t testing.TB, text string, edits ...Edit) *Scenario {
	t.Helper()
	s, err := Parse("test.yaml", strings.NewReader(text), edits...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func arrivals(t testing.TB, s *Scenario, seed uint64) []Arrival {
	t.Helper()
	schedule, err := s.Schedule(seed)
	if err != nil {
		t.Fatal(err)
	}
	var all []Arrival
	for a, ok := schedule.Next(); ok; a, ok = schedule.Next() {
		all = append(all, a)
	}
	checkArrivals(t, s, all)
	return all
}

// checkArrivals holds for every schedule: calls are numbered, in order of time, and inside their
// phases.
func checkArrivals(t testing.TB, s *Scenario, all []Arrival) {
	t.Helper()
	spans := s.Spans()
	for i, a := range all {
		if a.Request.Call != i {
			t.Fatalf("arrival %d is call %d", i, a.Request.Call)
		}
		if i > 0 && a.At < all[i-1].At {
			t.Fatalf("call %d at %v comes before call %d at %v", i, a.At, i-1, all[i-1].At)
		}
		span := spans[a.Phase]
		if span.Closed && a.At != span.From || !span.Closed && (a.At < span.From || a.At >= span.To) {
			t.Fatalf("call %d at %v is not in its phase %+v", i, a.At, span)
		}
	}
}

const spike = `
load:
  phases:
    - {name: before, rate: 100/s, for: 30s}
    - {name: spike, rate: 1000/s, for: 10s}
    - {name: recovery, rate: 100/s, for: 60s}
`

func TestPoissonArrivalsKeepTheirRates(t *testing.T) {
	const seeds = 40
	s := parse(t, spike)
	counts := make([]float64, 3)
	gaps, squares, n := 0.0, 0.0, 0.0
	for seed := range uint64(seeds) {
		all := arrivals(t, s, seed)
		for i, a := range all {
			counts[a.Phase]++
			if i > 0 && a.Phase == 1 && all[i-1].Phase == 1 {
				gap := (a.At - all[i-1].At).Seconds() * 1000
				gaps, squares, n = gaps+gap, squares+gap*gap, n+1
			}
		}
	}
	for i, want := range []float64{3000 * seeds, 10000 * seeds, 6000 * seeds} {
		if math.Abs(counts[i]-want) > 4*math.Sqrt(want) {
			t.Errorf("phase %d has %v calls, want %v within 4 standard errors", i, counts[i], want)
		}
	}
	mean := gaps / n
	if cv := math.Sqrt(squares/n-mean*mean) / mean; math.Abs(mean-1) > 4/math.Sqrt(n) || math.Abs(cv-1) > 4*math.Sqrt(2/n) {
		t.Errorf("gaps in the spike have mean %v ms and CV %v, want 1 and 1", mean, cv)
	}
}

func TestUniformArrivalsAreEvenlySpaced(t *testing.T) {
	s := parse(t, "load: {arrivals: uniform, phases: [{name: a, rate: 10/s, for: 1s}, {name: b, rate: 100/s, for: 1s}]}")
	all := arrivals(t, s, 1)
	if len(all) != 110 || s.Calls() != 110 {
		t.Fatalf("%d arrivals, expected %v, want 110", len(all), s.Calls())
	}
	for i, a := range all {
		want := 50*time.Millisecond + time.Duration(i)*100*time.Millisecond
		if i >= 10 {
			want = time.Second + 5*time.Millisecond + time.Duration(i-10)*10*time.Millisecond
		}
		if d := a.At - want; d < -time.Microsecond || d > time.Microsecond {
			t.Fatalf("call %d at %v, want %v", i, a.At, want)
		}
	}
}

func TestGammaArrivalsComeInBursts(t *testing.T) {
	s := parse(t, "load: {arrivals: {gamma: {cv: 3}}, phases: [{name: a, rate: 1000/s, for: 600s}]}")
	all := arrivals(t, s, 1)
	sum, squares := 0.0, 0.0
	for i := 1; i < len(all); i++ {
		gap := (all[i].At - all[i-1].At).Seconds()
		sum, squares = sum+gap, squares+gap*gap
	}
	n := float64(len(all) - 1)
	mean := sum / n
	cv := math.Sqrt(squares/n-mean*mean) / mean
	// Standard error of the mean gap: cv/sqrt(n); of the cv of a gamma law of shape 1/9: about 1 %.
	if math.Abs(mean-0.001) > 4*3*0.001/math.Sqrt(n) || math.Abs(cv-3) > 0.1 {
		t.Errorf("gaps have mean %v s and CV %v, want 0.001 and 3", mean, cv)
	}
}

// In a ramp from 0 to 100/s over ten seconds half of a quarter of the calls come in the first half.
func TestRampMovesTheRateLinearly(t *testing.T) {
	s := parse(t, "load: {arrivals: uniform, phases: [{name: up, rate: 100/s, for: 20s, ramp: 10s}, {name: down, rate: 50/s, for: 10s, ramp: 10s}]}")
	if got, want := s.Calls(), 500+1000+750.0; got != want {
		t.Fatalf("expects %v calls, want %v", got, want)
	}
	all := arrivals(t, s, 1)
	count := func(from, to time.Duration) (n int) {
		for _, a := range all {
			if a.At >= from && a.At < to {
				n++
			}
		}
		return n
	}
	for _, row := range []struct{ from, to, want int }{{0, 5, 125}, {5, 10, 375}, {10, 20, 1000}, {20, 25, 437}, {25, 30, 313}} {
		got := count(time.Duration(row.from)*time.Second, time.Duration(row.to)*time.Second)
		if got < row.want-1 || got > row.want+1 {
			t.Errorf("%d calls from %d to %d s, want %d", got, row.from, row.to, row.want)
		}
	}
}

// Twice the rate is the same draws in half the time: what differs between two runs is the rate alone.
func TestTwoRatesOfOneSeedArePaired(t *testing.T) {
	slow := arrivals(t, parse(t, "load: {phases: [{name: a, rate: 100/s, for: 60s}]}"), 7)
	fast := arrivals(t, parse(t, "load: {phases: [{name: a, rate: 200/s, for: 60s}]}"), 7)
	for i := range slow {
		if d := slow[i].At - 2*fast[i].At; d < -3 || d > 3 {
			t.Fatalf("call %d at %v and at %v", i, slow[i].At, fast[i].At)
		}
	}
	if len(fast) < len(slow)*3/2 {
		t.Errorf("%d calls at twice the rate of %d", len(fast), len(slow))
	}
}

func TestQuietStretchHasNoCalls(t *testing.T) {
	all := arrivals(t, parse(t, "load: {phases: [{name: a, rate: 10, for: 10s}, {name: quiet, rate: 0, for: 1h}, {name: b, rate: 10, for: 10s}]}"), 3)
	seen := [3]int{}
	for _, a := range all {
		seen[a.Phase]++
	}
	if seen[0] == 0 || seen[1] != 0 || seen[2] == 0 {
		t.Errorf("calls by phase: %v", seen)
	}
}

func TestClosedLoopComesLast(t *testing.T) {
	s := parse(t, "load: {phases: [{name: warm, rate: 10, for: 10s}, {name: steady, concurrency: 16, calls: 100}]}")
	all := arrivals(t, s, 3)
	n := 0
	for _, a := range all {
		if a.Phase == 1 {
			n++
			if a.At != 10*time.Second {
				t.Fatalf("a call of the closed loop at %v, want 10s", a.At)
			}
		}
	}
	if n != 100 || s.Calls() != 200 {
		t.Errorf("%d calls in the closed loop, %v expected in all", n, s.Calls())
	}
	span := s.Spans()[1]
	if want := (Span{Name: "steady", From: 10 * time.Second, To: 10 * time.Second, Closed: true}); span != want {
		t.Errorf("got %+v, want %+v", span, want)
	}
	alone := parse(t, "load: {phases: [{name: steady, concurrency: 1, calls: 5}]}")
	if got := len(arrivals(t, alone, 1)); got != 5 || alone.Length() != 0 {
		t.Errorf("%d calls, length %v", got, alone.Length())
	}
}

func TestSameSeedSameSchedule(t *testing.T) {
	s, _ := Builtin("spike-100-1000")
	one, two := arrivals(t, parse(t, string(s)), 9), arrivals(t, parse(t, string(s)), 9)
	if fmt.Sprint(one) != fmt.Sprint(two) {
		t.Error("seed 9 gave two schedules")
	}
	if other := arrivals(t, parse(t, string(s)), 10); fmt.Sprint(one[:100]) == fmt.Sprint(other[:100]) {
		t.Error("seeds 9 and 10 gave the same schedule")
	}
}

// A field more in the scenario leaves every other field's draws as they were.
func TestFieldsDoNotDisturbEachOther(t *testing.T) {
	bare := arrivals(t, parse(t, spike+"requests: {output: {exp: {mean: 100}}}"), 5)
	full := arrivals(t, parse(t, spike+`requests:
  output: {exp: {mean: 100}}
  prompt: {exp: {mean: 100}}
  keys: {zipf: {s: 1, n: 1000}}
  users: 50
  work: {exp: {mean: 1}}
  priority: {high: 10%, low: 90%}
`), 5)
	if len(bare) != len(full) {
		t.Fatalf("%d and %d calls", len(bare), len(full))
	}
	for i := range bare {
		if bare[i].At != full[i].At || bare[i].Request.Output != full[i].Request.Output {
			t.Fatalf("call %d: %+v and %+v", i, bare[i], full[i])
		}
	}
}

func TestRequestsHaveTheirShares(t *testing.T) {
	all := arrivals(t, parse(t, `
load: {phases: [{name: a, rate: 1000, for: 60s}]}
requests:
  prompt: {lognormal: {mean: 512, p99: 4096}}
  output: 128
  keys: {zipf: {s: 0.9, n: 1000}}
  users: 20
  work: {exp: {mean: 1}}
  priority: {high: 10%, medium: 60%, low: 30%}
`), 2)
	n := float64(len(all))
	classes, users, prompts, work := [3]float64{}, map[uint64]float64{}, map[uint64]int{}, 0.0
	for _, a := range all {
		r := a.Request
		classes[r.Priority]++
		users[r.User]++
		work += r.Work
		if r.Output != 128 || r.Prompt < 1 || r.Key < 1 || r.Key > 1000 {
			t.Fatalf("request %+v", r)
		}
		if before, seen := prompts[r.Key]; seen && before != r.Prompt {
			t.Fatalf("key %d has prompts of %d and of %d tokens", r.Key, before, r.Prompt)
		}
		prompts[r.Key] = r.Prompt
	}
	within := func(what string, got, share float64) {
		if math.Abs(got-share*n) > 4*math.Sqrt(share*(1-share)*n) {
			t.Errorf("%s: %v of %v calls, want a share of %v", what, got, n, share)
		}
	}
	within("high", classes[0], 0.1)
	within("medium", classes[1], 0.6)
	within("low", classes[2], 0.3)
	for u := range uint64(20) {
		within(fmt.Sprint("user ", u), users[u], 0.05)
	}
	if math.Abs(work/n-1) > 4/math.Sqrt(n) {
		t.Errorf("mean work %v, want 1", work/n)
	}
}

func TestWithoutKeysNoTwoCallsAskTheSame(t *testing.T) {
	seen := map[uint64]bool{}
	for _, a := range arrivals(t, parse(t, spike), 1) {
		if a.Request.Key == 0 || seen[a.Request.Key] {
			t.Fatalf("key %d again", a.Request.Key)
		}
		seen[a.Request.Key] = true
	}
}

func TestFixedSaysWhetherSeedsMatter(t *testing.T) {
	for _, row := range []struct {
		text string
		want bool
	}{
		{"load: {phases: [{name: a, rate: 10, for: 10s}]}", false},
		{"load: {arrivals: uniform, phases: [{name: a, rate: 10, for: 10s}]}", true},
		{"load: {arrivals: uniform, phases: [{name: a, rate: 10, for: 10s}]}\nrequests: {prompt: 100, users: 1}", true},
		{"load: {arrivals: uniform, phases: [{name: a, rate: 10, for: 10s}]}\nrequests: {users: 2}", false},
		{"load: {arrivals: uniform, phases: [{name: a, rate: 10, for: 10s}]}\nrequests: {work: {exp: {mean: 1}}}", false},
		{"load: {phases: [{name: a, concurrency: 1, calls: 10}]}", true},
		{`load: {arrivals: {trace: {file: "fixture:traces/azure_sample.csv"}}}`, true},
		{`load: {arrivals: {trace: {file: "fixture:traces/azure_sample.csv"}}}` + "\nrequests: {keys: {zipf: {s: 1, n: 10}}}", false},
	} {
		s := parse(t, row.text)
		same := fmt.Sprint(arrivals(t, s, 1)) == fmt.Sprint(arrivals(t, s, 2))
		if s.Fixed() != row.want || same != row.want {
			t.Errorf("%s: Fixed says %v, seeds 1 and 2 are the same: %v; want %v", row.text, s.Fixed(), same, row.want)
		}
	}
}

// Whatever the phases, the schedule keeps its order and its phases, and has about as many calls as
// expected.
func TestSchedulesOfAnyLoad(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := &Scenario{Name: "any", Seeds: 1, Load: Load{Arrivals: Arrivals{Kind: rapid.SampledFrom([]string{"poisson", "uniform"}).Draw(rt, "arrivals")}}}
		for i := range rapid.IntRange(1, 5).Draw(rt, "phases") {
			rate := sim.Rate(rapid.SampledFrom([]float64{0, 0.1, 1, 7.3, 50, 200}).Draw(rt, "rate"))
			length := time.Duration(rapid.Int64Range(1, int64(5*time.Second)).Draw(rt, "for"))
			ramp := time.Duration(rapid.Int64Range(0, int64(length)).Draw(rt, "ramp"))
			s.Load.Phases = append(s.Load.Phases, Phase{Name: fmt.Sprint(i), Rate: &rate, For: length, Ramp: ramp})
		}
		all := arrivals(t, s, rapid.Uint64().Draw(rt, "seed"))
		want := s.Calls()
		band := 1.0
		if s.Load.Arrivals.Kind == "poisson" {
			band = 6*math.Sqrt(want) + 6
		}
		if math.Abs(float64(len(all))-want) > band {
			rt.Fatalf("%d calls, expected %v", len(all), want)
		}
	})
}

func TestNextAllocatesNothing(t *testing.T) {
	text, _ := Builtin("spike-100-1000")
	for name, s := range map[string]*Scenario{
		"poisson": parse(t, spike),
		"all":     parse(t, string(text), Edit{Path: "requests.work", Value: "{exp: {mean: 1}}"}),
		"gamma":   parse(t, spike, Edit{Path: "load.arrivals", Value: "{gamma: {cv: 3}}"}),
	} {
		schedule, err := s.Schedule(1)
		if err != nil {
			t.Fatal(err)
		}
		if allocs := testing.AllocsPerRun(1000, func() { schedule.Next() }); allocs != 0 {
			t.Errorf("%s: %v allocations a call", name, allocs)
		}
	}
}

func BenchmarkNext(b *testing.B) {
	text, _ := Builtin("spike-100-1000")
	long := Edit{Path: "load.phases.spike.for", Value: "100000s"}
	for _, row := range []struct {
		name string
		s    *Scenario
	}{
		{"poisson", parse(b, spike, long)},
		{"uniform", parse(b, spike, long, Edit{Path: "load.arrivals", Value: "uniform"})},
		{"gamma", parse(b, spike, long, Edit{Path: "load.arrivals", Value: "{gamma: {cv: 3}}"})},
		{"all fields", parse(b, string(text), long, Edit{Path: "requests.work", Value: "{exp: {mean: 1}}"})},
	} {
		b.Run(row.name, func(b *testing.B) {
			schedule, err := row.s.Schedule(1)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := schedule.Next(); !ok {
					b.Fatal("the schedule ended")
				}
			}
		})
	}
}

func ExampleScenario_Schedule() {
	s, err := Parse("example.yaml", strings.NewReader(`
load:
  arrivals: uniform
  phases:
    - {name: before, rate: 1/s, for: 2s}
    - {name: spike, rate: 2/s, for: 1s}
requests: {output: 100}
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	schedule, err := s.Schedule(1)
	if err != nil {
		fmt.Println(err)
		return
	}
	spans := s.Spans()
	for a, ok := schedule.Next(); ok; a, ok = schedule.Next() {
		fmt.Println(a.At, spans[a.Phase].Name, "call", a.Request.Call, "output", a.Request.Output)
	}
	// Output:
	// 500ms before call 0 output 100
	// 1.5s before call 1 output 100
	// 2.25s spike call 2 output 100
	// 2.75s spike call 3 output 100
}

// The method says whether a request may be asked twice; without one it is a POST, which may not.
func TestMethodSaysWhatMayBeAskedTwice(t *testing.T) {
	for method, want := range map[string]bool{
		"": false, "POST": false, "PATCH": false, "GET": true, "HEAD": true, "PUT": true, "DELETE": true, "OPTIONS": true, "TRACE": true,
	} {
		requests := "{patience: 0s}"
		if method != "" {
			requests = "{method: " + method + ", patience: 0s}"
		}
		s := parse(t, "load: {arrivals: uniform, phases: [{name: a, rate: 10/s, for: 1s}]}\nrequests: "+requests)
		for _, a := range arrivals(t, s, 1) {
			if a.Request.Idempotent != want {
				t.Fatalf("%q: idempotent is %v, want %v", method, a.Request.Idempotent, want)
			}
		}
	}
}

func TestMostAskedKeys(t *testing.T) {
	for _, row := range []struct {
		keys Keys
		n    int
		want []uint64
	}{
		{Keys{}, 5, []uint64{}},
		{Keys{S: 1, N: 1000}, 3, []uint64{1, 2, 3}},
		{Keys{S: 1, N: 2}, 3, []uint64{1, 2}},
		{Keys{Cycle: true, N: 2}, 3, []uint64{1, 2}},
		{Keys{S: 1, N: 2}, 0, []uint64{}},
	} {
		if got := row.keys.MostAsked(row.n); !slices.Equal(got, row.want) {
			t.Errorf("the %d most asked of %+v are %v, want %v", row.n, row.keys, got, row.want)
		}
	}
	// They are what a schedule asks for most.
	s := parse(t, "load: {phases: [{name: a, rate: 1000/s, for: 10s}]}\nrequests: {keys: {zipf: {s: 1, n: 50}}}")
	schedule, err := s.Schedule(1)
	if err != nil {
		t.Fatal(err)
	}
	asked := map[uint64]int{}
	for a, ok := schedule.Next(); ok; a, ok = schedule.Next() {
		asked[a.Request.Key]++
	}
	if most := s.Requests.Keys.MostAsked(2); asked[most[0]] <= asked[most[1]] || asked[most[1]] <= asked[10] {
		t.Errorf("keys %v are asked %d and %d times, key 10 %d times", most, asked[most[0]], asked[most[1]], asked[10])
	}
}
