package report

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// made is a Result of one phase "spike" and one strategy "s", whose runs are given.
func made(runs ...Run) *Result {
	r := &Result{
		Name: "made", TrafficSHA256: "t", Phases: []PhaseInfo{{Name: "spike", ToS: 10, RateQP: 100}},
		Strategies: []Strategy{{Name: "s", Runs: runs, Phases: []Figures{{Name: "spike"}}}},
	}
	return r
}

// runWith is a run with so many ok and busy calls, of which slow ok calls took longer than asked.
func runWith(seed uint64, ok, busy, slow int64) Run {
	p := RunPhase{
		Calls: ok + busy, Outcomes: map[string]int64{"ok": ok, "busy": busy}, DurationS: 10, Good: ok - slow, Attempts: ok + 2*busy,
		FirstOK: ok, WorkS: float64(ok), WastedS: float64(busy) / 10,
	}
	all := map[string]Sample{beyondKey(beyondQuantity(Quantity{Metric: "response_time", Stat: Stat{Kind: "quantile", A: 99, D: 100}}, Less, 2000)): {float64(slow), float64(ok)}}
	p.Asked = all
	return Run{Seed: seed, Phases: []RunPhase{p}, Asked: all, Recovered: true}
}

// judged judges one expression.
func judged(t *testing.T, r, base *Result, expr string) GateResult {
	t.Helper()
	demands, err := Demands(expr)
	if err != nil {
		t.Fatal(err)
	}
	gates, err := Judge(r, base, demands)
	if err != nil {
		t.Fatal(err)
	}
	if len(gates) != 1 {
		t.Fatalf("%s: got %d gates", expr, len(gates))
	}
	return gates[0]
}

// twenty runs with about that success and share of slow calls.
func twenty(success, slow float64) *Result {
	draw := rand.New(rand.NewPCG(7, 7))
	var runs []Run
	for seed := range uint64(20) {
		const n = 10_000
		ok := int64(n*success + 30*draw.NormFloat64())
		runs = append(runs, runWith(seed, ok, n-ok, max(0, int64(float64(ok)*slow+10*draw.NormFloat64()))))
	}
	return made(runs...)
}

func TestGatesAgainstALimit(t *testing.T) {
	for _, row := range []struct {
		expr          string
		success, slow float64
		want          string
	}{
		{"success{phase=spike} >= 85%", .91, 0, Pass},
		{"success{phase=spike} >= 85%", .80, 0, Fail},
		{"success{phase=spike} >= 91%", .91, 0, Inconclusive},
		{"busy{phase=spike} < 5%", .91, 0, Fail},
		{"busy{phase=spike} < 10%", .91, 0, Pass},
		{"p99{phase=spike} < 2s", .9, .005, Pass},
		{"p99{phase=spike} < 2s", .9, .02, Fail},
		{"p99{phase=spike} < 2s", .9, .0101, Inconclusive},
		{"amplification{phase=spike} < 1.2", .9, 0, Pass},
		{"amplification{phase=spike} < 1.05x", .9, 0, Fail},
		{"goodput{phase=spike} > 800/s", .9, 0, Pass},
		{"goodput{phase=spike} > 95%", .9, 0, Fail},
		{"wasted_work{phase=spike} < 2%", .9, 0, Pass},
		{"success{phase=spike,attempt=first} > 85%", .9, 0, Pass},
		{"calls{phase=spike} == 10000", .9, 0, Pass},
		{"calls{phase=spike} != 10000", .9, 0, Fail},
		{"shed{phase=spike} == 0", .9, 0, Pass},
		{"shed{phase=spike}.count <= 0", .9, 0, Pass},
		{"recovery < 1m", .9, 0, NoData},
		{"ttft{phase=spike}.p99 < 1s", .9, 0, NoData},
	} {
		g := judged(t, twenty(row.success, row.slow), nil, row.expr)
		if g.Verdict != row.want {
			t.Errorf("%s at success %v, slow %v: got %s (%s), measured %v in %v", row.expr, row.success, row.slow, g.Verdict, g.Reason, deref(g.Measured), g.CI)
		}
		if g.Verdict == Inconclusive && g.Reason == "" {
			t.Errorf("%s: undecided without a reason", row.expr)
		}
	}
}

func deref(x *float64) float64 {
	if x == nil {
		return math.NaN()
	}
	return *x
}

// scaled is twenty runs whose P99 and goodput are those of twenty others, times about a factor.
func scaled(factor, noise float64, seed uint64) *Result {
	luck, own := rand.New(rand.NewPCG(1, 1)), rand.New(rand.NewPCG(2, seed))
	var runs []Run
	for s := range uint64(20) {
		common := math.Exp(.2 * luck.NormFloat64())
		ms := 800 * common * factor * math.Exp(noise*own.NormFloat64())
		run := runWith(s, 9000, 1000, 0)
		run.Phases[0].P99MS = &ms
		run.Phases[0].Asked = map[string]Sample{"p99": {ms, 1}}
		run.Phases[0].Good = int64(9000 / factor)
		runs = append(runs, run)
	}
	return made(runs...)
}

func TestGatesAgainstTheBase(t *testing.T) {
	base := scaled(1, .01, 1)
	for _, row := range []struct {
		expr   string
		factor float64
		want   string
	}{
		{"p99{phase=spike} <= base*1.02", 1, Pass},
		{"p99{phase=spike} <= base*1.02", 1.05, Fail},
		{"p99{phase=spike} <= base*1.02", 1.02, Inconclusive},
		{"p99{phase=spike} < max(base*1.10, base+50ms)", 1.05, Pass},
		{"p99{phase=spike} < base+50ms", 1.2, Fail},
		{"goodput{phase=spike} >= base*0.98", 1, Pass},
		{"goodput{phase=spike} >= base*0.98", 1.05, Fail},
		{"success{phase=spike} >= base - 2pts", 1.05, Pass},
		{"amplification{phase=spike} <= base*1.02", 1.05, Pass},
	} {
		g := judged(t, scaled(row.factor, .01, 2), base, row.expr)
		if g.Verdict != row.want {
			t.Errorf("%s at factor %v: got %s (%s), effect %v in %v", row.expr, row.factor, g.Verdict, g.Reason, deref(g.Effect), g.EffectCI)
		}
	}
	if g := judged(t, scaled(1.05, .01, 2), nil, "p99{phase=spike} <= base*1.02"); g.Verdict != NoData || !strings.Contains(g.Reason, "--baseline") {
		t.Errorf("without a base: %s (%s)", g.Verdict, g.Reason)
	}
	// Two samples that share no traffic show less, and say so.
	other := scaled(1.5, .01, 2)
	other.TrafficSHA256 = "another"
	if g := judged(t, other, base, "p99{phase=spike} <= base*1.02"); g.Verdict != Fail || len(g.Warnings) == 0 {
		t.Errorf("unpaired at factor 1.5: %s, warnings %v", g.Verdict, g.Warnings)
	}
}

// A gate on identical code fails no more often than its level says, and one on code that is 5 % slower
// nearly always.
func TestGatesRaiseFewFalseAlarms(t *testing.T) {
	alarms, caught := 0, 0
	const trials = 200
	for trial := range uint64(trials) {
		base := scaled(1, .03, 2*trial+10)
		if judged(t, scaled(1.02, .03, 2*trial+11), base, "p99{phase=spike} <= base*1.02").Verdict == Fail {
			alarms++ // at the very edge of the tolerance, the worst place
		}
		if judged(t, scaled(1.08, .03, 2*trial+11), base, "p99{phase=spike} <= base*1.02").Verdict == Fail {
			caught++
		}
	}
	t.Logf("%d false alarms at the edge, %d of %d caught 6 %% beyond it", alarms, caught, trials)
	if alarms > 12 || caught < 190 { // 2.5 % and its 4 standard errors
		t.Errorf("got %d false alarms and %d caught of %d", alarms, caught, trials)
	}
}

func TestFewSeedsDecideNothing(t *testing.T) {
	one := made(runWith(1, 9000, 1000, 0))
	if g := judged(t, one, nil, "success{phase=spike} >= 85%"); g.Verdict != Inconclusive || !strings.Contains(g.Reason, "one seed has no interval") {
		t.Errorf("one seed: %s (%s)", g.Verdict, g.Reason)
	}
	few := made(runWith(1, 9000, 1000, 0), runWith(2, 9100, 900, 0), runWith(3, 9050, 950, 0))
	if g := judged(t, few, few, "amplification{phase=spike} <= base*1.02"); g.Verdict != Pass {
		t.Errorf("identical to its base: %s (%s)", g.Verdict, g.Reason)
	}
	short := made(runWith(1, 100, 0, 0), runWith(2, 90, 10, 0), runWith(3, 100, 0, 0))
	if g := judged(t, short, nil, "p99{phase=spike} < 2s"); g.Verdict != NoData || !strings.Contains(g.Reason, "P99 needs 368 independent calls") && !strings.Contains(g.Reason, "P99 needs 299 independent calls") {
		t.Errorf("290 calls: %s (%s)", g.Verdict, g.Reason)
	}
}

func TestNeverRecoveredFails(t *testing.T) {
	var runs []Run
	for seed := range uint64(10) {
		runs = append(runs, Run{Seed: seed, Phases: []RunPhase{{Calls: 1, Outcomes: map[string]int64{"ok": 1}}}})
	}
	r := made(runs...)
	r.Strategies[0].RecoveryShown = true
	if g := judged(t, r, nil, "recovery < 1m"); g.Verdict != Fail || g.Reason != "does not recover" {
		t.Errorf("got %s (%s)", g.Verdict, g.Reason)
	}
}

func TestFamiliesStepDown(t *testing.T) {
	// One gate of ten just fails by itself: among ten it does not.
	gates := make([]GateResult, 10)
	for i := range gates {
		gates[i] = GateResult{Strict: true, Verdict: Pass, p: .5, alpha: .05}
	}
	gates[0].Verdict, gates[0].p = Fail, .02
	stepDown(gates)
	if gates[0].Verdict != Inconclusive || !strings.Contains(gates[0].Reason, "Holm") {
		t.Errorf("got %s (%s)", gates[0].Verdict, gates[0].Reason)
	}
	gates[0].Verdict, gates[0].p = Fail, .001
	stepDown(gates)
	if gates[0].Verdict != Fail {
		t.Errorf("got %s (%s)", gates[0].Verdict, gates[0].Reason)
	}
}

func TestConclude(t *testing.T) {
	of := func(verdicts ...string) []GateResult {
		var all []GateResult
		for _, v := range verdicts {
			g := GateResult{Strict: true}
			for _, word := range strings.Fields(v) {
				switch word {
				case "shown":
					g.Strict = false
				case "allowed":
					g.noDataPass = true
				case "unmeasured":
					g.unmeasured = true
				}
			}
			g.Verdict = strings.TrimSpace(strings.NewReplacer("shown", "", "allowed", "", "unmeasured", "").Replace(v))
			all = append(all, g)
		}
		return all
	}
	for _, row := range []struct {
		gates []GateResult
		exit  int
	}{
		{of(Pass, Pass), 0}, {of(Pass, Fail, Inconclusive), 99}, {of(NoData, Inconclusive), 99}, {of(NoData+" allowed", Pass), 0},
		{of(NoData+" unmeasured", Inconclusive), 1}, {of(Inconclusive, Pass), 3}, {of("shown "+Fail, Pass), 0}, {of("", Fail), 1}, {nil, 0},
	} {
		if verdict, exit := Conclude(row.gates); exit != row.exit {
			t.Errorf("%v: got %s, %d, want %d", row.gates, verdict, exit, row.exit)
		}
	}
}

func TestSelectorsMustNameSomething(t *testing.T) {
	r := twenty(.9, 0)
	r.Priorities = []string{"high", "s"}
	for _, row := range []struct{ expr, want string }{
		{"success{phase=spik} > 1%", `unknown phase "spik"; allowed: spike`},
		{"success{strategy=t} > 1%", `unknown strategy "t"; allowed: s`},
		{"success{nobody} > 1%", `"nobody" names nothing here`},
		{"success{s} > 1%", `"s" names several things; allowed: strategy=s, priority=s`},
		{"success{spike,phase=spike} > 1%", `a second phase`},
		{"itl.p99 < 50ms", "gaps between single tokens are not kept"},
		{"goodput{priority=high} > 3/s", "a priority of goodput"},
		{"worst(10s) amplification < 3", "worst() of amplification"},
	} {
		demands, err := Demands(row.expr)
		if err == nil {
			_, err = Judge(r, nil, demands)
		}
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: got %v, want %q", row.expr, err, row.want)
		}
	}
}

func TestDefaultGates(t *testing.T) {
	r := twenty(.9, 0)
	if got := ByDefault(r, false, .02); len(got) != 0 {
		t.Errorf("without base and objective: %d gates", len(got))
	}
	success, limit := .99, 2000.0
	r.Objective = &Objective{Success: &success, P99MS: &limit, TTFTP99MS: &limit}
	var got []string
	for _, d := range append(ByDefault(r, false, .02), ByDefault(r, true, .02)...) {
		got = append(got, d.String())
	}
	want := "[success{phase=spike} >= 99% p99{phase=spike} <= 2s ttft{phase=spike}.p99 <= 2s success{phase=spike} >= base - 2pts p99{phase=spike} <= base*1.02 goodput{phase=spike} >= base*0.98 amplification{phase=spike} <= base*1.02]"
	if fmt.Sprint(got) != want {
		t.Errorf("got %v", got)
	}
}
