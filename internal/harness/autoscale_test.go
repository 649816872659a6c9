package harness_test

import (
	"slices"
	"testing"

	"github.com/headroom-dev/headroom/internal/harness"
	"github.com/headroom-dev/headroom/report"
	"github.com/headroom-dev/headroom/scenarios"
)

// gauge returns a level of a strategy over time.
func gauge(t *testing.T, r *report.Result, strategy, name string) []float64 {
	t.Helper()
	for _, s := range r.Strategies {
		for _, g := range s.Series.Gauges {
			if s.Name == strategy && g.Name == name {
				return g.Values
			}
		}
	}
	t.Fatalf("no level %q of %s", name, strategy)
	return nil
}

// reached returns the second at which a level first had a value, in the mean over the seeds; the end if never.
func reached(values []float64, level float64) int {
	if at := slices.IndexFunc(values, func(v float64) bool { return v >= level }); at >= 0 {
		return at
	}
	return len(values)
}

// The same step meets two autoscalers. A queue says how many replicas are missing; a busy share cannot
// say more than busy, so it asks for 1/0.7 times as many, and waits until those are up and measured.
// Seven replicas carry the step, which comes at 60 s.
func TestAutoscaleSpike(t *testing.T) {
	skipRaced(t)
	queue, busy := run(t, "autoscale-spike", 3, "sync"), run(t, "autoscale-spike-utilisation", 3, "sync")
	soon, late := reached(gauge(t, queue, "sync", "replicas ready"), 7), reached(gauge(t, busy, "sync", "replicas ready"), 7)
	if soon > 60+90 {
		t.Errorf("with a queue signal seven replicas are ready at %d s, want by 150 s", soon)
	}
	if late < soon+60 {
		t.Errorf("with a utilisation signal they are ready at %d s, with a queue signal at %d s: want a minute between", late, soon)
	}
	kept, lost := *phase(t, queue, "sync", "spike").Success, *phase(t, busy, "sync", "spike").Success
	if kept < lost+0.15 {
		t.Errorf("success in the spike %.3f with a queue signal, %.3f with a utilisation signal: want 15 points between", kept, lost)
	}
	if !slices.ContainsFunc(report.Plots(queue), func(p report.Plot) bool { return p.Name == "replicas" }) {
		t.Error("the replicas are not plotted")
	}
	for _, u := range phase(t, busy, "sync", "spike").Resources {
		if u.Name == "running slots" && u.Full < 0.9 {
			t.Errorf("running slots are full %.2f of the spike, want nearly all of it", u.Full)
		}
	}
	checkGolden(t, "autoscale-spike", soon, 120)
	checkGolden(t, "autoscale-spike-utilisation", late, 240)
}

// checkGolden holds the second at which seven replicas are ready.
func checkGolden(t *testing.T, name string, got, want int) {
	t.Helper()
	if got != want {
		t.Errorf("%s: seven replicas are ready at %d s, want %d s; a change of behaviour", name, got, want)
	}
}

// 1,000 calls/s at 500/s a replica are two replicas, the minimum: the target of the article asks for no more.
func TestAutoscaleByRate(t *testing.T) {
	skipRaced(t)
	result := edited(t, "autoscale-spike", "service.autoscale.signals=[{rate: 500/s}]")
	for at, n := range gauge(t, result, "sync", "replicas desired") {
		if n != 2 {
			t.Fatalf("got %v replicas desired at %d s, want 2", n, at)
		}
	}
}

// With the load known ahead every call of the step is answered in time and the recovery takes no time;
// a forecast that is an hour late is worth as much as none.
func TestPredictiveScaling(t *testing.T) {
	skipRaced(t)
	predictive := func(schedule string) *report.Result {
		return edited(t, "autoscale-spike", "service.autoscale.predictive={schedule: "+schedule+", capacity: 150/s, margin: 20%}")
	}
	without := phase(t, run(t, "autoscale-spike", 1, "sync"), "sync", "spike")
	right := predictive("{}")
	if got := phase(t, right, "sync", "spike"); *got.Success < 0.999 {
		t.Errorf("success %.4f in the spike with the load known, want no call lost", *got.Success)
	}
	if s := strategy(t, right, "sync"); s.RecoveryS == nil || *s.RecoveryS != 0 {
		t.Errorf("recovery %v with the load known, want 0 s", s.RecoveryS)
	}
	if got := phase(t, predictive("{late: 1h}"), "sync", "spike"); *got.Success != *without.Success {
		t.Errorf("success %.4f in the spike with a forecast an hour late, want %.4f as without", *got.Success, *without.Success)
	}
}

// edited runs sync on a built-in scenario with one edit, over one seed.
func edited(t *testing.T, name, edit string) *report.Result {
	t.Helper()
	one, err := scenarios.ParseEdit(edit)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := harness.Load(name, nil, one)
	if err != nil {
		t.Fatal(err)
	}
	result, err := harness.Run(t.Context(), plan, harness.Options{Seeds: seeds(1), Only: []string{"sync"}})
	if err != nil {
		t.Fatal(err)
	}
	return result
}
