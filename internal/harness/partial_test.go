package harness

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/headroom-dev/headroom/report"
	"github.com/headroom-dev/headroom/sim"
)

// What an interrupt writes down goes into the files that the run's own end is written into: so the end
// waits for it. It holds the run under way, and leaves it to be added whole.
func TestTheEndWaitsForWhatAnInterruptWrites(t *testing.T) {
	p, err := Read("interrupt", strings.NewReader(`
load: {phases: [{name: a, rate: 10/s, for: 1m}]}
strategies: [sync]
`))
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, interrupt := context.WithCancel(t.Context())
		var saved *report.Result
		r, err := newRunner(ctx, p, p.Strategies, Options{Seeds: []uint64{1}, Save: func(result *report.Result) {
			time.Sleep(time.Second) // in the bubble: a slow disk
			saved = result
		}})
		if err != nil {
			t.Fatal(err)
		}
		part := newPartial(r.config)
		end := r.saveAtInterrupt(part, 0, 0)
		part.add(report.Record{Outcome: sim.OK, FirstTry: sim.OK, Attempts: 1, Done: time.Millisecond}, part.tally.Add)
		interrupt()
		end()
		if saved == nil {
			t.Fatal("the end did not wait")
		}
		if got := saved.Strategies[0].Total.Calls; got != 1 || !saved.Interrupted {
			t.Errorf("%d calls written, interrupted %v; want the call that had ended, and true", got, saved.Interrupted)
		}
		r.collector.Add(0, 0, part.tally, report.Side{}) // the run itself: Add panics if it is there already

		again := newPartial(r.config)
		quiet, stop := context.WithCancel(context.Background())
		defer stop()
		r.ctx = quiet
		r.saveAtInterrupt(again, 0, 0)() // no interrupt: nothing to wait for
		stop()
		synctest.Wait()
	})
}
