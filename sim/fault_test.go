package sim_test

import (
	"errors"
	"testing"

	"github.com/headroom-dev/headroom/sim"
)

func TestFaultSaysWhereWhatAndWhatIsAllowed(t *testing.T) {
	for want, fault := range map[string]sim.Fault{
		`phases[1].rate: -3/s; allowed: a rate of at least 0`: {Path: "phases[1].rate", Found: "-3/s", Allowed: "a rate of at least 0"},
		`-3/s; allowed: a rate of at least 0`:                 {Found: "-3/s", Allowed: "a rate of at least 0"},
		`phases: allowed: at least one`:                       {Path: "phases", Allowed: "at least one"},
	} {
		if got := fault.Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestFaultsAreAllToldAtOnce(t *testing.T) {
	var faults sim.Faults
	if err := faults.Err(); err != nil {
		t.Errorf("no faults: got %v, want nil", err)
	}
	faults.Add("size", "0", "at least 1")
	faults.Add("wait", "-1s", "0s or more")
	err := faults.Err()
	if want := "size: 0; allowed: at least 1\nwait: -1s; allowed: 0s or more"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %q", err, want)
	}
	var all sim.Faults
	if !errors.As(err, &all) || len(all) != 2 {
		t.Errorf("got %d faults back from the error, want 2", len(all))
	}
}
