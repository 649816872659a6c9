package harness

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/headroom-dev/headroom/report"
	"github.com/headroom-dev/headroom/scenarios"
	"github.com/headroom-dev/headroom/sim"
	"github.com/headroom-dev/headroom/sim/backend"
	"github.com/headroom-dev/headroom/strategies"
)

// tickLimit ends the sampling of gauges long after the last arrival, so that a run whose callers wait
// for ever still ends when nothing is to come.
const tickLimit = 100_000 * time.Second

// loopLook is after how many calls of a closed loop ctx is looked at.
const loopLook = 1024

// Virtual runs one strategy over one schedule in virtual time, calling add with each call as it
// ends. It looks at ctx once per simulated second, in a closed loop more often: cancelled, it returns
// ctx's error, and what was added so far must not be used. After the load the run goes on until
// every call has ended, for a tail cut off would flatter the slow.
func Virtual(ctx context.Context, p *Plan, st strategies.Strategy, seed uint64, add func(report.Record)) (report.Side, error) {
	schedule, err := p.Scenario.Schedule(seed)
	if err != nil {
		return report.Side{}, err
	}
	v := newVirtual(ctx, p, st, seed, schedule, add)
	v.first()
	blocked := v.world.Run(sim.Forever)
	if err := ctx.Err(); err != nil {
		return report.Side{}, err
	}
	if v.open > 0 || blocked > 0 {
		return report.Side{}, fmt.Errorf("%d of %d calls never ended (%d processes left over): a defect of the strategy or the service model", v.open, v.calls, blocked)
	}
	return report.Side{
		Validity: report.Validity{Planned: v.calls, Sent: v.calls},
		Costs:    v.book.costs,
		Causes:   v.book.causes,
		Counts:   v.counts(),
		Gauges:   v.samples,
		Series:   v.book.seconds,
	}, nil
}

// A virtual is one run in virtual time.
type virtual struct {
	ctx      context.Context
	world    *sim.World
	plan     *Plan
	strategy strategies.Strategy
	carry    sim.Handler  // strategy, meter, network, service
	stop     func()       // of the service
	tries    func() int64 // at its replicas
	link     backend.Link // between strategy and service
	schedule *scenarios.Schedule
	next     scenarios.Arrival // the arrival to come
	more     bool              // there is one
	begin    func()            // starts next: made once, not per call
	calls    int64             // started
	open     int64             // started and not ended
	closed   int               // index of the closed-loop phase, or -1
	book     *book
	add      func(report.Record)
	gauges   []sim.Gauge
	samples  []report.Gauge
}

func newVirtual(ctx context.Context, p *Plan, st strategies.Strategy, seed uint64, schedule *scenarios.Schedule, add func(report.Record)) *virtual {
	v := &virtual{
		ctx: ctx, world: sim.NewWorld(seed), plan: p, strategy: st, schedule: schedule, add: add,
		book: newBook(len(p.Scenario.Spans())), closed: closedPhase(p.Scenario),
	}
	v.begin = v.start
	service := p.Service.Start(v.world)
	v.stop, v.tries = service.Stop, service.Tries
	v.link = p.Network.Start(v.world, service.Handle)
	v.carry = st.Wrap(v.world, meter(v.world, v.link.Handle, v.book))
	fill(st, p.Scenario)
	v.gauges = append(v.gauges, service.Gauges...)
	if g, ok := st.(strategies.Gauged); ok {
		v.gauges = append(v.gauges, g.Gauges()...)
	}
	for _, r := range slices.Concat(service.Resources, v.link.Resources) {
		v.gauges = append(v.gauges, sim.Gauge{Name: report.ResourcePrefix + r.Name, Read: r.Read})
	}
	for _, g := range v.gauges {
		v.samples = append(v.samples, report.Gauge{Name: g.Name})
	}
	return v
}

// first puts the first arrival and the first look at the gauges into the World.
func (v *virtual) first() {
	v.advance()
	v.world.At(0, v.tick)
	v.idle()
}

// counts returns the decisions of the strategy, beside them what the network counted, and how often the
// service tried its replicas where it may do so more than once for an attempt: the meter stands outside
// and sees one.
func (v *virtual) counts() map[string]int {
	counts := decisions(v.strategy)
	add := func(name string, n int64) {
		if counts == nil {
			counts = make(map[string]int)
		}
		counts[name] = int(n)
	}
	if v.link.Counts != nil {
		v.link.Counts(add)
	}
	if c := v.plan.Service.Checks; c != nil && len(c.NextUpstream) > 0 {
		add("service tries", v.tries())
	}
	return counts
}

// idle stops what the service does by itself once no call is inside or to come: it would go on for
// ever.
func (v *virtual) idle() {
	if !v.more && v.open == 0 {
		v.stop()
	}
}

// advance takes the next arrival from the schedule and has it begin at its time.
func (v *virtual) advance() {
	if v.next, v.more = v.schedule.Next(); !v.more {
		return
	}
	if v.next.Phase == v.closed {
		v.world.At(v.next.At, v.startLoop)
		return
	}
	v.world.At(v.next.At, v.begin)
}

// start lets the arrival that is due begin as a process of its own.
func (v *virtual) start() {
	v.world.Go(v.note(&v.next).run)
	v.advance()
}

// startLoop starts the closed-loop phase: a fixed number of callers, each of whom asks again when
// its last call has ended. It is the last phase, so it takes all that is left of the schedule.
func (v *virtual) startLoop() {
	for range v.plan.Scenario.Load.Phases[v.closed].Concurrency {
		v.world.Go(v.loop)
	}
}

func (v *virtual) loop() {
	for v.more {
		// Calls that take no time, as answers from a cache do, keep the clock where it is: tick never comes.
		if v.calls%loopLook == 0 && v.ctx.Err() != nil {
			v.world.Stop()
			return
		}
		a := v.next
		v.next, v.more = v.schedule.Next()
		a.At = v.world.Now()
		v.note(&a).run()
	}
}

// note counts a call that starts, and makes what carries it: one allocation, for with the calls of a
// run it decides how fast the run is.
func (v *virtual) note(a *scenarios.Arrival) *virtualCall {
	v.calls++
	v.open++
	c := &virtualCall{virtual: v}
	c.set(a, v.plan.Scenario.Requests.Patience, v.book)
	return c
}

// A virtualCall is a call and the run it belongs to.
type virtualCall struct {
	call
	virtual *virtual
}

// run carries the call to its end.
func (c *virtualCall) run() {
	v := c.virtual
	left := sim.Forever
	if p := patience(v.strategy, c.request, c.patience); p > 0 {
		left = c.intended + p - v.world.Now()
	}
	reply := sim.Within(v.world, left, v.carry, c.request)
	c.ended = true
	v.open--
	v.add(c.record(v.world.Now(), reply))
	v.idle()
}

// tick samples the gauges each second, for as long as there is something to see.
func (v *virtual) tick() {
	if v.ctx.Err() != nil {
		v.world.Stop()
		return
	}
	for i, g := range v.gauges {
		v.samples[i].Values = append(v.samples[i].Values, g.Read())
	}
	now := v.world.Now()
	if (v.more || v.open > 0) && now < v.plan.Scenario.Length()+tickLimit {
		v.world.At(now+time.Second, v.tick)
		return
	}
	v.stop() // callers that wait for ever, perhaps for a replica that hangs, must not keep the World alive
}

// closedPhase returns the index of the closed-loop phase, which is the last, or -1.
func closedPhase(s *scenarios.Scenario) int {
	spans := s.Spans()
	if last := len(spans) - 1; last >= 0 && spans[last].Closed {
		return last
	}
	return -1
}
