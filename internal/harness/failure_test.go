package harness

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/headroom-dev/headroom/sim"
)

// breaksDown is a strategy whose runs fail once so many were made.
type breaksDown struct{ left *atomic.Int32 }

func (b *breaksDown) Wrap(_ sim.Env, next sim.Handler) sim.Handler {
	return func(r sim.Request) sim.Reply {
		if b.left.Load() <= 0 {
			panic("broke down")
		}
		if r.Call == 0 {
			b.left.Add(-1)
		}
		return next(r)
	}
}

// Nothing is lost when a run fails half-way: the seeds completed before come back beside the error,
// which names the run and carries the stack of the process.
func TestRunThatFailsHalfWayKeepsWhatWasMeasured(t *testing.T) {
	for _, row := range []struct {
		runs int32
		want int // seeds
	}{{3, 2}, {0, 0}} {
		plan, err := Read("failing.yaml", strings.NewReader(`
load: {phases: [{name: steady, rate: 50/s, for: 2s}]}
service: {model: {queue: {servers: 5, service: 20ms}}}
strategies: [sync]
`))
		if err != nil {
			t.Fatal(err)
		}
		left := new(atomic.Int32)
		left.Store(row.runs)
		plan.Strategies[0].model = &breaksDown{left}
		result, err := Run(t.Context(), plan, Options{Seeds: []uint64{1, 2, 3, 4, 5}, Workers: 1})
		if err == nil || !strings.Contains(err.Error(), "broke down") || !strings.Contains(err.Error(), "breaksDown") {
			t.Errorf("after %d runs: got %v, want the panic with its stack", row.runs, err)
		}
		if row.want == 0 {
			if result != nil {
				t.Errorf("nothing was completed, and there is a result of seeds %v", result.Seeds)
			}
			continue
		}
		if result == nil || len(result.Seeds) != row.want || result.ExitCode != exitUnmeasured || len(result.Warnings) == 0 {
			t.Errorf("after %d runs: got %+v, want the figures of %d seeds with exit code 1 and a warning", row.runs, result, row.want)
		}
	}
}
