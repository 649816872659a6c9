package harness

import (
	"fmt"
	"time"

	"github.com/headroom-dev/headroom/sim"
	"github.com/headroom-dev/headroom/strategies"
)

// A livePlan is what must be known of a schedule before its first call: eight bytes for each call of
// its open phases, and little else.
type livePlan struct {
	at      []time.Duration // intended starts of the open phases' calls
	loop    int             // calls of the closed-loop phase
	loopAt  time.Duration   // when that phase starts
	longest time.Duration   // the longest that any caller waits; 0 is for ever
}

// readPlan reads a schedule once.
func readPlan(r *LiveRun) (livePlan, error) {
	var p livePlan
	source, err := r.Schedule()
	if err != nil {
		return p, err
	}
	forever := false
	for a, ok := source.Next(); ok; a, ok = source.Next() {
		if a.Phase < 0 || a.Phase >= len(r.Phases) {
			return p, fmt.Errorf("call %d is of phase %d; the scenario has %d phases", a.Request.Call, a.Phase, len(r.Phases))
		}
		wait := patience(r.Strategy, a.Request, r.Patience)
		forever = forever || wait <= 0
		p.longest = max(p.longest, wait)
		if a.Phase == r.Closed {
			if p.loop == 0 {
				p.loopAt = a.At
			}
			p.loop++
			continue
		}
		p.at = append(p.at, a.At)
	}
	if forever {
		p.longest = 0
	}
	return p, nil
}

// spareWorkers stand beside the calls that can be out at once: those that have ended but whose result
// has not been read.
const spareWorkers = 64

// mostAtOnce returns the largest number of intended starts in any window of that length; all of them
// where it is 0, for ever. Where calls end within the window, no more can be out at once.
func mostAtOnce(at []time.Duration, window time.Duration) int {
	if window <= 0 {
		return len(at)
	}
	most, first := 0, 0
	for i, t := range at {
		for t-at[first] >= window {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

// workers returns how many calls may be out at once, and warns where a ceiling binds: vegeta never
// drops a call, so beyond it calls start late.
func (d *driver) workers() int {
	need := mostAtOnce(d.plan.at, d.plan.longest) + spareWorkers
	ceiling, name := maxWorkers, "--max-workers"
	if d.endpoint != nil {
		ceiling = d.endpoint.live.MaxWorkers
	}
	if files := openFiles() - 100; files > 0 && files < ceiling {
		ceiling, name = files, "the open files of this process"
	}
	if need-spareWorkers > ceiling {
		d.warn("up to %d calls can be out at once, but %s allow %d: beyond it calls start late, which counts against them", need-spareWorkers, name, ceiling)
	}
	d.warnOfPorts()
	return max(1, min(need, ceiling))
}

// portRate is how many connections a second one target can be given for long: Linux has 28,232 local
// ports for it and holds a closed one for 60 s.
const portRate = 470

// warnOfPorts says beforehand that fresh connections will run out of local ports.
func (d *driver) warnOfPorts() {
	if d.endpoint == nil || !opensFresh(d.run.Strategy) {
		return
	}
	const window = 60 * time.Second
	if most := mostAtOnce(d.plan.at, window); most > portRate*int(window/time.Second) {
		d.warn("this strategy opens a connection for each call, %d of them within a minute: a stock Linux has 28,232 local ports for one target and holds closed ones 60 s, so beyond %d calls per second it runs out of them (widen net.ipv4.ip_local_port_range)", most, portRate)
	}
}

// opensFresh asks a strategy, by one call in virtual time, whether it opens a connection for each.
func opensFresh(s strategies.Strategy) bool {
	fresh := false
	w := sim.NewWorld(0)
	handle := strategies.Fresh(s).Wrap(w, func(r sim.Request) sim.Reply {
		fresh = fresh || r.Via.Fresh
		return sim.Reply{Outcome: sim.OK, Status: 200}
	})
	w.Go(func() { sim.Within(w, time.Minute, handle, sim.Request{}) })
	w.Run(time.Minute)
	return fresh
}

// validity fills in what the run was worth as a measurement.
func (d *driver) validity() {
	v := &d.side.Validity
	v.Planned = int64(len(d.plan.at) + d.plan.loop)
	v.Unsent = v.Planned - v.Sent
	d.side.Costs, d.side.Causes, d.side.Series = d.book.costs, d.book.causes, d.book.seconds
	d.side.Counts = decisions(d.run.Strategy)
	d.lags.fill(v, d.run.Limit)
	if d.send.Err() == nil && float64(v.Sent) < leastSent*float64(v.Planned) {
		v.Problems = append(v.Problems, fmt.Sprintf("sent %.3g %% of the planned calls, limit %.0f %%: use fewer calls per second or more workers", 100*float64(v.Sent)/float64(v.Planned), 100*leastSent))
	}
}
