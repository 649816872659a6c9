package backend

import (
	"testing"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// carried is a scenario's service under Poisson traffic for a minute: what became of the calls, and when
// the last of each kind arrived.
func carried(t tester, rate float64, patience time.Duration, text string) (counts map[string]int, last map[string]time.Duration) {
	t.Helper()
	f := newFleet(served(t, 2, text))
	gaps, at := f.w.Rand("test gaps"), time.Duration(0)
	for i := 0; at < 60*s1; i++ {
		at += time.Duration(gaps.For(i, 0).ExpFloat64() * 1e9 / rate)
		f.call(at, patience, sim.Request{})
	}
	f.end(t, 70*s1)
	last = map[string]time.Duration{}
	for _, r := range f.records {
		last[r.Reply.Reason] = max(last[r.Reply.Reason], r.Arrived)
	}
	return f.reasons(), last
}

// TestFailover: a replica of three crashes for 20 s, and hangs for 20 s. Each of the checks keeps calls
// from failing that fail without.
func TestFailover(t *testing.T) {
	const crash, hang = "replicas: 3\nfail: [{replica: 1, at: 20s, for: 20s}]", "replicas: 3\nfail: [{replica: 1, at: 20s, for: 20s, how: hang}]"
	without, last := carried(t, 20, s1, crash)
	// Round robin: a third of the 400 calls in 20 s, and those inside.
	near(t, "a crash without checks", float64(without[ReasonUnreachable]), 400.0/3, 0.15)
	if last[ReasonUnreachable] < 39*s1 || last[ReasonUnreachable] > 40*s1 {
		t.Errorf("the last refused connection was at %v, want just before 40 s", last[ReasonUnreachable])
	}
	with, _ := carried(t, 20, s1, crash+"\nchecks: {next_upstream: [error]}")
	same(t, "a crash with checks", with, map[string]int{"ok": total(without)})

	without, _ = carried(t, 20, s1, hang)
	if without["timeout"] < 100 {
		t.Errorf("a hang without checks: got %v, want a third of 400 calls to time out", without)
	}
	with, _ = carried(t, 20, s1, hang+"\nchecks: {active: {every: 1s, timeout: 500ms, fall: 2}}")
	// Out after the second probe: 2.5 s at most, a third of the calls of that time.
	if with["timeout"] == 0 || with["timeout"] > 30 {
		t.Errorf("a hang with probes: got %v, want about a third of 2 to 3 s of calls", with)
	}
	with, _ = carried(t, 20, 10*s1, hang+"\nchecks: {read_timeout: 500ms, next_upstream: [timeout], fail_timeout: 30s}")
	same(t, "a hang with a read timeout and another try", with, map[string]int{"ok": total(without)})
}

func total(counts map[string]int) (n int) {
	for _, one := range counts {
		n += one
	}
	return n
}
