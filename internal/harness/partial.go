package harness

import (
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
