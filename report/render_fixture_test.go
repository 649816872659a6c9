package report

import (
	"encoding/json"
	"math"
	"math/rand/v2"
)

func ptr[T any](x T) *T { return &x }

// sketch is how the made-up service treats one strategy's calls, second by second.
type sketch struct {
	name, about string
	patience    float64 // what callers are told, seconds
	queue       float64 // most calls that wait
	capacity    float64 // calls a second
	failAs      string  // the outcome of calls beyond the queue
	late        string  // the outcome of calls beyond the patience
	retry       float64 // attempts per failed call
}

// The six strategies of the default scenario, as a fluid queue would treat them.
var sketches = []sketch{
	{"sync", "one attempt on a fresh connection", 30, 256, 220, "busy", "timeout", 1},
	{"pooled", "192 at once, wait 10s", 30, 2200, 230, "shed", "timeout", 1},
	{"async-queue", "256 workers, queue 20000, deadline 120s", 120, 20000, 230, "shed", "timeout", 1},
	{"cache", "1000 entries, ttl 60s", 30, 256, 380, "busy", "timeout", 1},
	{"backoff", "5 tries, base 1s, cap 30s, jitter 10%", 30, 900, 210, "busy", "timeout", 4.2},
	{"resilient", "cache > backoff > pooled", 30, 4000, 380, "shed", "timeout", 1.4},
}

// spikeResult is a Result as the default scenario would give it: 100 s, a spike from 30 to 40 s, six
// strategies, 20 seeds. The figures are made up by a fluid queue with seeded noise and agree with each
// other; they stand for no real run.
func spikeResult() *Result {
	r := &Result{
		Schema: Schema, Scenario: json.RawMessage(`{"name":"spike-100-1000"}`), ScenarioSHA256: "5eed", Name: "spike-100-1000", Target: "sim",
		Command: "headroom run spike-100-1000 --seeds 20 --seed 1", PatienceS: ptr(30.0),
		Versions:  Versions{Headroom: "test", Go: "go1.26", Streams: 1},
		Objective: &Objective{Success: ptr(0.99), P99MS: ptr(2000.0)},
		Phases: []PhaseInfo{
			{Name: "before", FromS: 0, ToS: 30, RateQP: 100},
			{Name: "spike", FromS: 30, ToS: 40, RateQP: 1000, IsPeak: true},
			{Name: "recovery", FromS: 40, ToS: 100, RateQP: 100},
		},
		Validity: Validity{Planned: 20 * 19000, Sent: 20 * 19000},
	}
	for seed := range 20 {
		r.Seeds = append(r.Seeds, uint64(seed+1))
	}
	noise := rand.New(rand.NewPCG(7, 7))
	offered := make([]float64, 100)
	for t := range offered {
		base := 100.0
		if t >= 30 && t < 40 {
			base = 1000
		}
		offered[t] = math.Round((base+noise.NormFloat64()*math.Sqrt(base/20))*20) / 20
		r.Offered.Calls += offered[t]
	}
	r.Offered.Calls = math.Round(r.Offered.Calls)
	r.Offered.PerSec, r.Offered.StepS, r.Offered.PeakQPS, r.Offered.PeakAtS = offered, 1, 1058, 34
	r.Offered.MeanRate = r.Offered.Calls / 100
	for i, k := range sketches {
		s := k.strategy(r, offered, noise)
		s.PatienceS = ptr(k.patience)
		if i > 0 {
			against(&r.Strategies[0], &s)
		}
		r.Strategies = append(r.Strategies, s)
	}
	r.Finding = Finding(r)
	return r
}

// strategy runs the fluid queue: arrivals join while it has room, wait for the backlog before them, and
// are answered if that takes no longer than their patience.
func (k sketch) strategy(r *Result, offered []float64, noise *rand.Rand) Strategy {
	s := Strategy{Name: k.name, About: k.about, Counts: map[string]int64{"retried": int64(1000 * (k.retry - 1))}, Recovered: true, RecoveryShown: true}
	n := len(offered)
	s.Series = Series{StepS: 1, Offered: offered, Outcomes: map[string][]float64{}, Good: make([]float64, n), Achieved: make([]float64, n), Attempts: make([]float64, n)}
	for _, o := range outcomeOrder {
		s.Series.Outcomes[o] = make([]float64, n)
	}
	backlog := 0.0
	waits := make([]float64, n)
	for t, calls := range offered {
		served := math.Min(backlog+calls, k.capacity)
		backlog += calls - served
		lost := math.Max(0, backlog-k.queue)
		backlog -= lost
		lost = math.Min(lost, calls)
		wait := backlog / k.capacity
		waits[t] = wait
		timeout := 0.0
		if wait > k.patience {
			timeout = calls - lost
		}
		ok := calls - lost - timeout
		s.Series.Outcomes["ok"][t], s.Series.Outcomes[k.failAs][t] = ok, lost
		s.Series.Outcomes[k.late][t] += timeout
		if k.name == "cache" || k.name == "resilient" {
			s.Series.Outcomes["degraded"][t] = ok * 0.02
			s.Series.Outcomes["ok"][t] -= ok * 0.02
			ok *= 0.98
		}
		s.Series.Achieved[t] = served
		s.Series.Attempts[t] = calls + lost*(k.retry-1)
		p50 := (wait + 0.41) * 1000 * (1 + 0.02*noise.NormFloat64())
		if ok < 1 {
			s.Series.P50MS, s.Series.P95MS, s.Series.P99MS, s.Series.MaxMS =
				append(s.Series.P50MS, nil), append(s.Series.P95MS, nil), append(s.Series.P99MS, nil), append(s.Series.MaxMS, nil)
			continue
		}
		p95, p99 := p50*(1.5+0.05*noise.Float64()), p50*(1.9+0.2*noise.Float64())
		s.Series.P50MS, s.Series.P95MS, s.Series.P99MS, s.Series.MaxMS =
			append(s.Series.P50MS, &p50), append(s.Series.P95MS, &p95), append(s.Series.P99MS, &p99), append(s.Series.MaxMS, ptr(p99*1.3))
		if p99 <= 2000 {
			s.Series.Good[t] = ok
		} else if p50 <= 2000 {
			s.Series.Good[t] = ok / 2
		}
	}
	for _, p := range r.Phases {
		s.Phases = append(s.Phases, s.figuresOf(p, k, waits))
	}
	s.Total = s.figuresOf(PhaseInfo{Name: "total", ToS: float64(n)}, k, waits)
	for t := n - 1; t >= 40; t-- {
		if s.Series.Good[t] < 0.99*s.Series.Offered[t] {
			s.RecoveryS = ptr(float64(t - 39))
			break
		}
	}
	if s.RecoveryS == nil {
		s.RecoveryS = ptr(0.0)
	}
	if *s.RecoveryS >= 60 {
		s.RecoveryS, s.Recovered = nil, false
	}
	for _, seed := range r.Seeds {
		run := Run{Seed: seed, RecoveryS: s.RecoveryS, Recovered: s.Recovered}
		for _, f := range s.Phases {
			calls := f.Calls / int64(len(r.Seeds))
			ok := int64(float64(calls) * *f.Success * (1 + 0.004*noise.NormFloat64()))
			ok = min(ok, calls)
			run.Phases = append(run.Phases, RunPhase{Calls: calls, DurationS: []float64{30, 10, 60}[len(run.Phases)], Delivered: ok, Outcomes: map[string]int64{"ok": ok, k.failAs: calls - ok},
				Good: ok / 2, FirstOK: ok, AtPatience: ok, Attempts: calls, WorkS: float64(calls) / 3, MeanMS: f.MeanMS, P50MS: f.P50MS, P95MS: f.P95MS, P99MS: f.P99MS})
		}
		s.Runs = append(s.Runs, run)
	}
	return s
}

// figuresOf sums the series over a phase.
func (s *Strategy) figuresOf(p PhaseInfo, k sketch, waits []float64) Figures {
	f := Figures{Name: p.Name, Outcomes: map[string]int64{}, Attempts: map[string]int64{}}
	from, to := int(p.FromS), int(p.ToS)
	ok, good, calls, attempts, own, longest, middle := 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
	var p50, p95, p99 float64
	for t := from; t < to; t++ {
		for _, o := range outcomeOrder {
			f.Outcomes[o] += int64(math.Round(20 * s.Series.Outcomes[o][t]))
		}
		ok += s.Series.Outcomes["ok"][t]
		good += s.Series.Good[t]
		calls += s.Series.Offered[t]
		attempts += s.Series.Attempts[t]
		if waits[t] <= 30 {
			own += s.Series.Outcomes["ok"][t]
		}
		longest = math.Max(longest, waits[t])
		middle += waits[t] / float64(to-from)
		if s.Series.P99MS[t] != nil {
			p50, p95, p99 = math.Max(p50, *s.Series.P50MS[t]*0.6), math.Max(p95, *s.Series.P95MS[t]*0.9), math.Max(p99, *s.Series.P99MS[t])
		}
	}
	for _, o := range outcomeOrder {
		f.Calls += f.Outcomes[o]
	}
	around := func(x, relative float64) *Interval { return &Interval{x * (1 - relative), x * (1 + relative)} }
	success := ok / calls
	half := 0.03 * success * (1 - success)
	f.Success, f.SuccessCI = &success, &Interval{success - half, success + half}
	if success == 1 {
		f.SuccessCI = &Interval{0.999, 1}
	}
	f.SuccessFirstAttempt = ptr(success * 0.98)
	f.SuccessAtPatience = ptr(own / calls)
	f.SuccessAtPatienceCI = &Interval{own / calls * 0.98, math.Min(1, own/calls*1.02)}
	f.Good = ptr(good / calls)
	f.ThroughputQPS, f.GoodputQPS = ptr(ok/(p.ToS-p.FromS)), ptr(good/(p.ToS-p.FromS))
	if p99 > 0 {
		f.P50MS, f.P95MS, f.P99MS, f.MeanMS, f.MaxMS = &p50, &p95, &p99, ptr(p50*1.1), ptr(p99*1.3)
		f.P50CI, f.P95CI, f.P99CI = around(p50, 0.01), around(p95, 0.015), around(p99, 0.02)
		f.ServiceP99MS = ptr(math.Min(p99, 2100))
		for q := 0.0; float64(f.Calls)*(1-q) >= 10 && len(f.Curve) < 300; q = 1 - (1-q)/1.08 {
			f.Curve = append(f.Curve, CurvePoint{Q: q, MS: p50 * math.Pow(p99/p50, math.Min(1.5, math.Log10(1/(1-q))/2)) * (0.5 + 0.5*math.Min(1, q*2))})
		}
	}
	f.WaitP50MS, f.WaitP99MS = ptr(0.0), ptr(0.0)
	if k.name == "async-queue" {
		f.WaitP50MS, f.WaitP99MS = ptr(middle*1000), ptr(longest*1000)
	}
	f.Amplification, f.AmplificationCI = ptr(attempts/calls), around(attempts/calls, 0.01)
	f.WastedWork = ptr(0.012 * k.retry)
	f.WorkS = calls * 20 / 3
	return f
}

// against pairs a strategy with the first, in the spike.
func against(first, s *Strategy) {
	d := *s.Phases[1].Success - *first.Phases[1].Success
	s.Against = &Paired{Phase: "spike", Success: d, SuccessCI: &Interval{d - 0.03, d + 0.03}, Of: 20}
	if d > 0.03 {
		s.Against.Better = 20
	} else {
		s.Against.Better = 9
	}
}
