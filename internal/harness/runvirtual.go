package harness

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/headroom-dev/headroom/report"
	"github.com/headroom-dev/headroom/sim"
)

// virtual spreads the runs over workers, each World on one of them. They are handed out seed by
// seed. The first error stops them all.
func (r *runner) virtual() error {
	workers := r.options.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	if r.calls != nil {
		workers = 1 // so that rows come in the order of the runs
	}
	ctx, stop := context.WithCancel(r.ctx)
	defer stop()
	var (
		next   atomic.Int64
		failed = make([]error, workers)
		done   sync.WaitGroup
	)
	total := int64(len(r.options.Seeds) * len(r.contenders))
	for i := range min(int64(workers), total) {
		done.Go(func() {
			tally := report.NewTally(r.config)
			for job := next.Add(1) - 1; job < total; job = next.Add(1) - 1 {
				seed, which := int(job)/len(r.contenders), int(job)%len(r.contenders)
				if err := r.virtualRun(ctx, tally, which, seed); err != nil {
					failed[i] = err
					stop()
					return
				}
			}
		})
	}
	done.Wait()
	for _, err := range failed {
		if err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
	}
	return nil
}

// virtualRun makes one run and adds it to what was collected.
func (r *runner) virtualRun(ctx context.Context, tally *report.Tally, which, place int) (err error) {
	c, seed := r.contenders[which], r.options.Seeds[place]
	defer func() {
		if v := recover(); v != nil {
			stack := debug.Stack()
			if p, ok := v.(*sim.Panic); ok {
				v, stack = p.Value, p.Stack
			}
			err = named(fmt.Errorf("panic: %v\n%s", v, stack), c, seed)
		}
	}()
	tally.Reset()
	record, ended := r.recorder(tally, c.Name, seed)
	side, err := Virtual(ctx, r.plan, c.New(), seed, record)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return named(err, c, seed)
	}
	if err := tally.Check(); err != nil {
		return named(fmt.Errorf("the counts of a run do not add up, a defect: %w", err), c, seed)
	}
	r.collector.Add(which, place, tally, side)
	ended()
	return nil
}
