package report

import (
	"fmt"
	"sync"
)

// A Collector gathers runs into a Result. Runs may come in any order, from several goroutines: what
// is merged on the way is integers, and what is not is kept by run and added up in the order of the
// seeds, so the Result does not depend on the order. Of a run remain its Summaries and its row; its
// histograms are merged into the strategy's.
type Collector struct {
	mu     sync.Mutex
	config Config
	given  Result
	seeds  []uint64
	per    []*collected // by strategy
}

// collected is what one strategy's runs add up to.
type collected struct {
	strategy Strategy       // Name, About and PatienceS
	tally    *Tally         // of all runs
	runs     []*run         // by place of the seed; nil: not completed
	batches  []*batch       // of consecutive seeds, for the bootstrap
	gauges   gaugeSums      //
	attempts []int64        // sent in each second
	counts   map[string]int // decisions
}

// A run is what remains of one run.
type run struct {
	phases   []Summary // settled
	total    Summary   // settled
	rows     []RunPhase
	recovery recovery
	validity Validity
	warnings []string
	peak     int64 // calls of the busiest step
	peakAt   int   // which that was
	asked    map[string]Sample
}

// A batch is the response times of the ok calls of some consecutive seeds, by phase. Up to maxBatches
// seeds each is a batch of its own; with more, memory would grow with the number of seeds.
type batch struct {
	runs   int
	phases []distribution
}

// NewCollector returns a Collector for runs of these strategies (of which Name, About and PatienceS
// are read) with these seeds. given is copied into every Result: all of it that the runs do not
// decide, such as Name, Scenario, Command and Versions.
func NewCollector(c Config, given Result, seeds []uint64, strategies []Strategy) *Collector {
	col := &Collector{config: c, given: given, seeds: seeds}
	width := batchWidth(len(seeds))
	for _, s := range strategies {
		one := &collected{
			strategy: Strategy{Name: s.Name, About: s.About, PatienceS: s.PatienceS},
			tally:    NewTally(c), runs: make([]*run, len(seeds)), counts: make(map[string]int),
		}
		for range (len(seeds) + width - 1) / width {
			one.batches = append(one.batches, &batch{phases: make([]distribution, len(c.Phases))})
		}
		col.per = append(col.per, one)
	}
	return col
}

// batchWidth is how many consecutive seeds share a batch.
func batchWidth(seeds int) int {
	return max((seeds+maxBatches-1)/maxBatches, 1)
}

// Add adds the run of one strategy with one seed, both by their place in NewCollector's lists. The
// Tally is read, not kept: it may be Reset for the next run. Add panics if that run is there already.
func (c *Collector) Add(strategy, seed int, t *Tally, side Side) {
	r, times := c.settle(t, &side)
	width := batchWidth(len(c.seeds))
	if width == 1 {
		for i := range times {
			r.rows[i].Histogram = times[i].encode() // costly, so before the lock
		}
	}

	c.mu.Lock()
	defer c.mu.Unlock()
	one := c.per[strategy]
	if one.runs[seed] != nil {
		panic(fmt.Sprintf("report: %s with seed %d was added twice", one.strategy.Name, c.seeds[seed]))
	}
	one.runs[seed] = r
	one.tally.Merge(t)
	b := one.batches[seed/width]
	b.runs++
	for i := range times {
		b.phases[i] = b.phases[i].plus(times[i])
	}
	one.gauges.add(seed, side.Gauges)
	for i, s := range side.Series {
		if i == len(one.attempts) {
			one.attempts = append(one.attempts, 0)
		}
		one.attempts[i] += s.Attempts
	}
	for name, n := range side.Counts {
		one.counts[name] += n
	}
}

// settle reduces a run to what remains of it, and the response times of its phases.
func (c *Collector) settle(t *Tally, side *Side) (*run, []distribution) {
	r := &run{recovery: t.recovery(side.Until), validity: side.Validity, warnings: side.Warnings}
	times := make([]distribution, len(t.phases))
	for i := range t.phases {
		s := t.Summary(i)
		s.side(side, i, seconds(c.config.Phases[i].FromS))
		r.total.add(&s)
		times[i] = s.settle()
		s.waitP99 = p99.ms(t.phases[i].wait.distribution())
		r.phases = append(r.phases, s)
		r.rows = append(r.rows, s.row())
	}
	r.total.settle()
	asked, all := t.samples(side)
	for i := range asked {
		r.rows[i].Asked = asked[i]
	}
	r.asked = all
	for i := range t.seconds.at {
		if n := t.seconds.at[i].calls(); n > r.peak {
			r.peak, r.peakAt = n, i
		}
	}
	return r, times
}

// Result returns what the runs added so far amount to. Strategies may have different numbers of runs
// (an interrupted comparison): each figure is of the runs its strategy completed, comparisons are of
// the seeds that both completed, and Seeds are those that all completed.
func (c *Collector) Result() *Result {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.build()
}
