package harness

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/headroom-dev/headroom/report"
	"github.com/headroom-dev/headroom/scenarios"
	"github.com/headroom-dev/headroom/sim"
)

// Each attempt is in the book and has a number of its own, so that it has draws of its own. Those that a
// strategy makes with the request of a call for others, while it lasts or after its end, are not in the
// call's record.
func TestMeterTellsWhoseAnAttemptIs(t *testing.T) {
	w, b := sim.NewWorld(1), newBook(2)
	outcome := sim.Busy
	var numbers []int
	handle := meter(w, func(r sim.Request) sim.Reply {
		numbers = append(numbers, r.Attempt)
		return sim.Reply{Outcome: outcome}
	}, b)
	c := newCall(scenarios.Arrival{Phase: 1}, 0, b)
	attempt := func(cause sim.Cause) {
		r := c.request
		r.Cause = cause
		handle(r)
	}
	attempt(sim.Refresh) // begun before the call's own first, by a cache further in
	if got := c.record(0, sim.Reply{}); got.Attempts != 0 || got.Sent >= 0 {
		t.Errorf("a refresh alone makes a record of %d attempts, sent at %v", got.Attempts, got.Sent)
	}
	attempt(sim.First)
	outcome = sim.OK
	attempt(sim.Retry)
	c.ended = true
	attempt(sim.Retry) // of a flight that others wait for
	attempt(sim.Refresh)

	got := c.record(0, sim.Reply{Outcome: sim.OK})
	if got.Attempts != 2 || got.FirstTry != sim.Busy || got.Sent != 0 {
		t.Errorf("a record of %d attempts, the first %v, sent at %v; want 2, busy, 0s", got.Attempts, got.FirstTry, got.Sent)
	}
	if diff := cmp.Diff([]int{0, 1, 2, 3, 4}, numbers); diff != "" {
		t.Errorf("numbers (-want +got):\n%s", diff)
	}
	want := []report.CauseCounts{{}, {sim.First: 1, sim.Retry: 2, sim.Refresh: 2}}
	if diff := cmp.Diff(want, b.causes); diff != "" {
		t.Errorf("attempts by cause (-want +got):\n%s", diff)
	}
}
