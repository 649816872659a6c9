package report

import (
	"maps"
	"slices"
)

// Clone returns a Collector that holds what c does and shares nothing with it that changes: for
// writing down a run that is still under way.
func (c *Collector) Clone() *Collector {
	c.mu.Lock()
	defer c.mu.Unlock()
	copied := &Collector{config: c.config, given: c.given, seeds: c.seeds}
	for _, one := range c.per {
		copied.per = append(copied.per, one.clone(c.config))
	}
	return copied
}

func (one *collected) clone(c Config) *collected {
	copied := *one
	copied.tally = NewTally(c)
	copied.tally.Merge(one.tally)
	copied.runs = slices.Clone(one.runs) // a run is not changed once it is there
	copied.attempts = slices.Clone(one.attempts)
	copied.counts = maps.Clone(one.counts)
	copied.batches = nil
	for _, b := range one.batches {
		copied.batches = append(copied.batches, &batch{runs: b.runs, phases: slices.Clone(b.phases)})
	}
	copied.gauges = nil
	for _, g := range one.gauges {
		copied.gauges = append(copied.gauges, &gaugeSum{name: g.name, first: g.first, sum: slices.Clone(g.sum), n: slices.Clone(g.n), full: slices.Clone(g.full)})
	}
	return &copied
}
