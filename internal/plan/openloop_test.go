package plan

import (
	"math"
	"os"
	"testing"

	"github.com/headroom-dev/headroom/internal/shareddata"
	"github.com/headroom-dev/headroom/sim/backend"
)

func calm(r *Row) bool     { return !r.Point.overloaded() }
func drowning(r *Row) bool { return r.Point.overloaded() }

// openSample are three of the six measured stages, which the repository holds.
func openSample(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile("../../fixtures/measured/open-loop.csv")
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestOpenLoopMeetsMeasurements: six open-loop stages, one of them far into overload, the mean of ten
// seeds.
func TestOpenLoopMeetsMeasurements(t *testing.T) {
	unraced(t)
	c := calibrated(t, shareddata.Read(t, "measured_vllm_open_loop_train.csv"), 10, nil)
	mape, bias, n := errorsOf(c, e2e, calm)
	if n != 5 || c.Simulated() != 6 {
		t.Errorf("got %d stages, %d of them calm; want 6 and 5", c.Simulated(), n)
	}
	gate(t, "end to end, mean", mape, 0.04)
	gate(t, "end to end, bias", math.Abs(bias), 0.03)
	mape, _, _ = errorsOf(c, ttft, calm)
	gate(t, "TTFT, mean", mape, 0.12)
	mape, _, _ = errorsOf(c, ttftP50, calm)
	gate(t, "TTFT, median", mape, 0.10)
	overload(t, c)
}

// overload holds the stage that was measured at 15.25 % success.
func overload(t *testing.T, c *Calibration) {
	t.Helper()
	for what, most := range map[metric]float64{success: 0.015, ttft: 0.10, e2e: 0.06} {
		mape, _, n := errorsOf(c, what, drowning)
		if n != 1 {
			t.Errorf("got %d overloaded stages, want 1", n)
		}
		gate(t, "overload, "+metricNames[what], mape, most)
	}
	for _, g := range c.Groups {
		if g.Overloaded != (g.Success != nil) {
			t.Errorf("group %s: overloaded %v with success_error %v", g.Model, g.Overloaded, g.Success)
		}
	}
	if c.Total.Success == nil || c.Total.N != len(c.Rows)-1 {
		t.Errorf("got total %+v", c.Total)
	}
}

// TestOpenLoopMeetsASample is the same on what the repository holds.
func TestOpenLoopMeetsASample(t *testing.T) {
	c := calibrated(t, openSample(t), 3, nil)
	mape, _, n := errorsOf(c, e2e, calm)
	if n != 2 {
		t.Errorf("got %d calm stages, want 2", n)
	}
	gate(t, "end to end, mean", mape, 0.05)
	mape, _, _ = errorsOf(c, ttft, calm)
	gate(t, "TTFT, mean", mape, 0.12)
	overload(t, c)
}

// TestEachRuleMatters switches the rules of the scheduler off one by one: what was measured is then
// further away.
func TestEachRuleMatters(t *testing.T) {
	unraced(t)
	for _, row := range []struct {
		rule    string
		without func(*backend.LLM)
		metric  metric
		rows    func(*Row) bool
		at      float64 // the error without the rule is at least this
	}{
		{"a preempted sequence keeps its outputs", func(m *backend.LLM) { m.Ablation.Redecode = true }, success, drowning, 0.03},
		{"released blocks are found again", func(m *backend.LLM) { m.PrefixCaching = false }, e2e, calm, 0.10},
		{"a batch is formed while the step before runs", func(m *backend.LLM) { m.Engine.Scheduling = "sync" }, ttft, calm, 0.17},
		{"decoding goes before prompts", func(m *backend.LLM) { m.Ablation.PrefillFirst = true }, e2e, calm, 0.08},
	} {
		t.Run(row.rule, func(t *testing.T) {
			with, _, _ := errorsOf(calibrated(t, openSample(t), 2, nil), row.metric, row.rows)
			without, _, _ := errorsOf(calibrated(t, openSample(t), 2, row.without), row.metric, row.rows)
			t.Logf("error %.1f%% with the rule, %.1f%% without", 100*with, 100*without)
			if without < row.at || without < 1.5*with {
				t.Errorf("%s: got an error of %.1f%% without it and %.1f%% with it, want at least %.0f%% without", metricNames[row.metric], 100*without, 100*with, 100*row.at)
			}
		})
	}
}

// TestAdmissionRulesMatter: the two rules of admission decide where memory binds and little elsewhere,
// so they show in the closed-loop points of that kind. The last rule acts only where the one before it
// does not already stop what it stops.
func TestAdmissionRulesMatter(t *testing.T) {
	unraced(t)
	bound := func(r *Row) bool { return memoryBinds(r) }
	of := func(change func(*backend.LLM)) float64 {
		mape, _, n := errorsOf(calibrated(t, sampled(t), 10, change), ttft, bound)
		if n != 2 {
			t.Fatalf("got %d points where memory binds, want 2", n)
		}
		return mape
	}
	all := of(nil)
	greedy := of(func(m *backend.LLM) { m.Reserve = false })
	greedier := of(func(m *backend.LLM) { m.Reserve, m.Ablation.AdmitAfterPreemption = false, true })
	t.Logf("TTFT off by %.2f%%; admitting by the first chunk %.2f%%; and after a preemption %.2f%%", 100*all, 100*greedy, 100*greedier)
	if greedy <= all {
		t.Errorf("without the reservation the error is %.2f%%, with it %.2f%%", 100*greedy, 100*all)
	}
	if greedier <= greedy {
		t.Errorf("admitting after a preemption the error is %.2f%%, without that %.2f%%", 100*greedier, 100*greedy)
	}
}
