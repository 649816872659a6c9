package harness

import (
	"context"
	"fmt"
	"net/http"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"

	"github.com/headroom-dev/headroom/report"
	"github.com/headroom-dev/headroom/sim"
)

// A driver carries one LiveRun. Everything below vegeta happens in the Wall's turn; everything that
// enters a record passes through one loop, in collect.
type driver struct {
	run        LiveRun
	endpoint   *Endpoint
	send, hard context.Context
	side       report.Side

	plan    livePlan
	source  Source
	wall    *sim.Wall
	stack   sim.Handler
	book    *book
	cut     sim.Signal // fires when hard is cancelled
	ends    []func()   // take back what waits for send and hard
	table   sideTable
	lags    *lags
	began   time.Time
	stopped time.Duration // when the sending was stopped
	paced   chan struct{} // closed when began is set
	pulled  chan struct{} // closed when the arrivals of all open phases are in the table
	opened  uint64        // calls of the open phases that were started
	loops   uint64        // calls of the closed-loop phase that have ended
	gauges  []sim.Gauge
	look    sim.Timer // at the gauges
}

// drive runs the schedule through the strategy to the handler that service makes.
func (d *driver) drive(service func(*sim.Wall) sim.Handler) error {
	var err error
	if d.plan, err = readPlan(&d.run); err != nil {
		return err
	}
	if d.source, err = d.run.Schedule(); err != nil {
		return err
	}
	workers := d.workers()
	d.lags, d.book = newLags(d.run.Phases), newBook(len(d.run.Phases))
	d.table.notes = make(map[uint64]*note)
	d.paced, d.pulled = make(chan struct{}), make(chan struct{})
	d.wall = sim.NewWall(d.run.Seed)
	pulse := startPulse()

	attack := d.attack(workers, service)
	d.collect(attack, d.loop())
	d.finish()
	pulse.end(&d.side.Validity, d.warn)
	d.validity()
	if d.endpoint != nil && d.endpoint.bin != nil {
		return d.endpoint.bin.flush()
	}
	return nil
}

// begin sets the zero of the schedule and of the Wall, before any call.
func (d *driver) begin(service func(*sim.Wall) sim.Handler, began time.Time) {
	d.began = began
	d.wall.Begin(began)
	d.wall.Do(func() {
		d.stack = d.run.Strategy.Wrap(d.wall, meter(d.wall, service(d.wall), d.book))
		if g, ok := d.run.Strategy.(interface{ Gauges() []sim.Gauge }); ok {
			d.gauges = g.Gauges()
		}
		for _, g := range d.gauges {
			d.side.Gauges = append(d.side.Gauges, report.Gauge{Name: g.Name})
		}
		d.readGauges()
	})
	d.after(d.hard, func() { d.wall.Do(d.cut.Fire) })
	close(d.paced)
}

// after calls f when ctx ends, as long as the run lasts.
func (d *driver) after(ctx context.Context, f func()) {
	stop := context.AfterFunc(ctx, f)
	d.ends = append(d.ends, func() { stop() })
}

// attack starts vegeta on the open phases and returns its results; nil where there are none.
func (d *driver) attack(workers int, service func(*sim.Wall) sim.Handler) <-chan *vegeta.Result {
	if len(d.plan.at) == 0 {
		close(d.pulled)
		d.begin(service, time.Now())
		return nil
	}
	pacer := &schedulePacer{send: d.send, at: d.plan.at}
	if !d.run.timers {
		pacer.exact = newExactWait()
	}
	pacer.begin = func(began time.Time) { d.begin(service, began) }
	pacer.pull = func(hit uint64) {
		a, _ := d.source.Next() // there is one: the plan was read from the same schedule
		d.table.put(hit, a)
		if hit == uint64(len(d.plan.at))-1 {
			close(d.pulled)
		}
	}
	client := &http.Client{Transport: &carrier{table: &d.table, carry: d.carry}}
	attacker := vegeta.NewAttacker(vegeta.Client(client), vegeta.MaxWorkers(uint64(workers)), vegeta.MaxBody(0), vegeta.Redirects(vegeta.NoFollow))
	targeter := vegeta.NewStaticTargeter(vegeta.Target{Method: http.MethodGet, URL: placeholder})
	// At the ceiling of workers vegeta waits outside Pace, and only its own Stop ends that.
	d.after(d.send, func() { attacker.Stop() })
	return attacker.Attack(targeter, pacer, 0, "")
}

// carry takes one call of an open phase through the strategy, on the goroutine of a vegeta worker.
func (d *driver) carry(n *note) {
	d.wall.Do(func() { d.ask(n) })
}

// ask carries a call to its end, in the turn. A call whose lag has eaten its patience is unsent.
func (d *driver) ask(n *note) {
	c := newCall(n.arrival, d.run.Patience, d.book)
	n.call = c
	left := sim.Forever
	if p := patience(d.run.Strategy, c.request, c.patience); p > 0 {
		if left = c.intended + p - d.wall.Now(); left <= 0 {
			n.reply = sim.Reply{Outcome: sim.Unsent, Reason: "late"}
			return
		}
	}
	r := c.request
	r.Gone = &d.cut
	if e := d.endpoint; e != nil && len(e.targets) > 0 {
		r.Idempotent = e.targets[e.TargetOf(r.Call)].safe
	}
	n.reply = sim.Within(d.wall, left, d.stack, r)
	c.ended = true // in the turn: what goes on without the call must not meet its record
	// The attempts' own context ends with hard, and may be quicker than the signal.
	n.cut = d.hard.Err() != nil && n.reply.Outcome != sim.OK && n.reply.Outcome != sim.Degraded
}

// collect reads the results of both kinds of phases until both have ended. It never stops reading
// before: vegeta's workers would wait for ever.
func (d *driver) collect(attack <-chan *vegeta.Result, loop <-chan loopResult) {
	stopped := d.send.Done()
	for attack != nil || loop != nil {
		select {
		case result, ok := <-attack:
			if !ok {
				attack = nil
				continue
			}
			d.openCall(result)
		case ended, ok := <-loop:
			if !ok {
				loop = nil
				continue
			}
			d.loopCall(ended)
		case <-stopped:
			stopped = nil
			<-d.paced // vegeta asks for the first hit in any case
			d.stopped = time.Since(d.began)
			if d.endpoint != nil && d.endpoint.bin != nil {
				d.endpoint.bin.send() // on disk before the calls still out are waited for
			}
		}
	}
}

// openCall records a call that vegeta carried. Times are computed before anything is encoded: files
// drop the monotonic clock.
func (d *driver) openCall(result *vegeta.Result) {
	n := d.table.take(result.Seq)
	d.opened++
	intended := d.plan.at[result.Seq]
	started := result.Timestamp.Sub(d.began)
	d.lags.add(n.arrival.Phase, started-intended)
	d.ended(&n, started+result.Latency)
	d.file(result, &n)
}

// ended adds the record of a call that ended at done.
func (d *driver) ended(n *note, done time.Duration) {
	v := &d.side.Validity
	switch {
	case n.cut:
		v.Sent++
		v.Cut++
		return
	case n.reply.Outcome != sim.Unsent:
		v.Sent++
	}
	d.run.Add(n.call.record(done, n.reply))
}

// file writes a call into vegeta.bin, those that were cut included: a hole in the numbers would make
// vegeta's plot hold back all that follows.
func (d *driver) file(result *vegeta.Result, n *note) {
	e := d.endpoint
	if e == nil || e.bin == nil {
		return
	}
	reply := n.reply
	if n.cut {
		reply = sim.Reply{Outcome: sim.Timeout, Reason: "cut"}
	}
	fillResult(result, d.run.Name, reply, &e.targets[e.TargetOf(n.arrival.Request.Call)])
	e.bin.add(*result)
}

// stopGrace is how long before the stop a call's time must have come for the call to count as unsent:
// the stop itself takes a moment to be noticed.
const stopGrace = 10 * time.Millisecond

// finish records as unsent the calls whose time came before the sending was stopped and that were
// never started, and waits for what the strategy left running.
func (d *driver) finish() {
	if now := time.Since(d.began); d.send.Err() != nil {
		if d.stopped == 0 {
			d.stopped = now
		}
		for k := d.opened; k < uint64(len(d.plan.at)) && d.plan.at[k] < d.stopped-stopGrace; k++ {
			n := d.table.get(k)
			if n == nil { // not even pulled by the pacer
				n = new(note)
				n.arrival, _ = d.source.Next()
			}
			n.call = newCall(n.arrival, d.run.Patience, d.book)
			n.reply = sim.Reply{Outcome: sim.Unsent, Reason: "stopped"}
			d.ended(n, now)
		}
	}
	d.wall.Do(func() { d.look.Stop() })
	d.wall.Wait()
	for _, end := range d.ends {
		end()
	}
}

// readGauges samples the strategy's levels each second, in the turn.
func (d *driver) readGauges() {
	if len(d.gauges) == 0 {
		return
	}
	for i, g := range d.gauges {
		d.side.Gauges[i].Values = append(d.side.Gauges[i].Values, g.Read())
	}
	d.look = d.wall.At(time.Duration(len(d.side.Gauges[0].Values))*time.Second, d.readGauges)
}

func (d *driver) warn(format string, args ...any) {
	d.side.Warnings = append(d.side.Warnings, fmt.Sprintf(format, args...))
}
