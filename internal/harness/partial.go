package harness

import (
	"context"
	"sync"
	"time"

	"github.com/headroom-dev/headroom/report"
)

// A partial is a live run under way, which an interrupt may want to write down before it has ended.
type partial struct {
	mu    sync.Mutex // of tally
	tally *report.Tally
}

func newPartial(c report.Config) *partial { return &partial{tally: report.NewTally(c)} }

func (p *partial) add(rec report.Record, record func(report.Record)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	record(rec)
}

// saveAtInterrupt has what was measured so far written down when the run is interrupted. It returns
// what ends that: it waits for a writing under way, for the run's own end is written next, into the
// same files.
func (r *runner) saveAtInterrupt(p *partial, which, place int) (end func()) {
	began, saved := time.Now(), make(chan struct{})
	stop := context.AfterFunc(r.ctx, func() {
		defer close(saved)
		r.saveWith(p, which, place, time.Since(began))
	})
	return func() {
		if !stop() {
			<-saved
		}
	}
}

// saveWith writes down what was measured so far, the run under way included. That one will be added
// whole when it ends, so here it goes into a copy of what was collected.
func (r *runner) saveWith(p *partial, which, place int, until time.Duration) {
	p.mu.Lock()
	copied := r.collector.Clone()
	copied.Add(which, place, p.tally, report.Side{Until: until})
	p.mu.Unlock()
	result := copied.Result()
	r.finish(result)
	r.options.Save(result)
}
