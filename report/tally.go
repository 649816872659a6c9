package report

import (
	"fmt"
	"math"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// A Config is what has to be known before a run can be counted.
type Config struct {
	Phases     []PhaseInfo // in order of time, without gaps; at least one; only the last may be closed
	Priorities []string    // names of the classes, highest first; nil: one class without a name
	Objective  *Objective  // nil: nothing was promised
	Targets    []string    // live, with several requests: their names; nil: no figures by target
	Asked      []Asked     // what gates need of each run
}

// A Tally counts one run, or several merged. It keeps no Record: its memory follows the length of the
// run in seconds and the number of phases and outcomes, not the number of calls. All it holds are
// integers, so a run's Tally does not depend on the order of its records, nor a merged one on the
// order of its parts.
type Tally struct {
	config  Config
	limits  limits
	ends    []time.Duration // of the phases; the last is unbound when it is closed
	phases  []phaseTally
	seconds timeline
	latency cells
	targets []targetTally
}

// A targetTally counts the calls that went to one of several live requests.
type targetTally struct {
	outcomes [sim.NumOutcomes]int64
	response *histogram
}

// maxTargets are the targets with figures of their own; the rest share the last.
const maxTargets = 100

// NewTally returns an empty Tally. It panics without a phase.
func NewTally(c Config) *Tally {
	if len(c.Phases) == 0 {
		panic("report: NewTally without a phase")
	}
	t := &Tally{config: c, limits: newLimits(c.Objective), phases: make([]phaseTally, len(c.Phases))}
	for i, p := range c.Phases {
		end := seconds(p.ToS)
		if p.Closed && i == len(c.Phases)-1 {
			end = unbound
		}
		t.ends = append(t.ends, end)
		t.phases[i].cells = make([]int64, max(len(c.Priorities), 1)*pairs)
		t.phases[i].reasons = make(map[string]int64)
	}
	if n := min(len(c.Targets), maxTargets); n > 1 {
		t.targets = make([]targetTally, n)
	}
	t.seconds.step, t.latency.step = t.steps()
	t.seconds.at = make([]second, 0, min(int64(t.span()/t.seconds.step)+1, maxSeconds))
	return t
}

// span is how long the load lasts, as far as that is known beforehand: of a closed loop only when it
// begins.
func (t *Tally) span() time.Duration {
	last := len(t.config.Phases) - 1
	if t.ends[last] == unbound {
		return seconds(t.config.Phases[last].FromS)
	}
	return t.ends[last]
}

// steps are the widths that the timeline and the cells begin with.
func (t *Tally) steps() (counts, latency time.Duration) {
	return stepFor(t.span(), maxSeconds), stepFor(t.span(), maxCells)
}

// seconds is s as a Duration, to the nanosecond that s was made from; unbound from 292 years on.
func seconds(s float64) time.Duration {
	if s >= unbound.Seconds() {
		return unbound
	}
	return time.Duration(math.Round(s * float64(time.Second)))
}

// Add counts one call and keeps nothing of it. It panics if there is no such phase.
func (t *Tally) Add(r Record) {
	if uint(r.Phase) >= uint(len(t.phases)) {
		panic(fmt.Sprintf("report: call %d is in phase %d of %d", r.Call, r.Phase, len(t.phases)))
	}
	p := &t.phases[r.Phase]
	cell := int(r.Priority)*pairs + int(r.FirstTry)*int(sim.NumOutcomes) + int(r.Outcome)
	if cell >= len(p.cells) {
		t.grow(int(r.Priority) + 1)
	}
	p.cells[cell]++
	p.attempts += int64(r.Attempts)
	p.lastDone = max(p.lastDone, r.Done)
	if p.wait == nil {
		p.wait = newHistogram(fineDigits)
	}
	p.wait.add(r.Waited())

	took := r.ResponseTime()
	h := p.response[r.Outcome]
	if h == nil {
		h = newHistogram(fineDigits)
		p.response[r.Outcome] = h
	}
	h.add(took)

	s := t.seconds.second(r.Intended)
	s.outcomes[r.Outcome]++
	if t.targets != nil {
		t.targets[min(r.Target, len(t.targets)-1)].add(r.Outcome, took)
	}
	if r.Outcome != sim.OK {
		if r.Reason != "" {
			p.addReason(r.Reason)
		}
		return
	}
	t.addOK(p, s, &r, took)
}

// addOK counts what only an ok call has.
func (t *Tally) addOK(p *phaseTally, s *second, r *Record, took time.Duration) {
	p.tokens += int64(r.Tokens)
	if t.config.Asked != nil {
		p.asked.add(t.config.Asked, r)
	}
	if r.Patience == 0 || took <= r.Patience {
		p.atPatience++
	}
	if r.Sent >= 0 { // an answer from the client's cache has no service time
		if p.service == nil {
			p.service = newHistogram(fineDigits)
		}
		p.service.add(r.ServiceTime())
	}

	ttft, seen, tpot, paced := r.firstToken()
	if seen {
		if p.ttft == nil {
			p.ttft = newHistogram(fineDigits)
		}
		p.ttft.add(ttft)
	} else {
		ttft = took
	}
	if paced {
		if p.tpot == nil {
			p.tpot = newHistogram(fineDigits)
		}
		p.tpot.add(tpot)
	}
	broken, good := t.limits.over(took, ttft, tpot)
	for i, b := range broken {
		if b {
			p.over[i]++
			s.over[i]++
		}
	}
	if good {
		p.good++
		s.good++
	}
	s.response += int64(took / time.Microsecond)
	t.latency.cell(r.Intended).add(took)

	t.seconds.second(r.Done).achieved++ // s may be stale from here: the timeline may have grown
	for i := r.Phase; i < len(t.ends); i++ {
		if r.Done < t.ends[i] {
			t.phases[i].delivered++
			break
		}
	}
}

func (t *targetTally) add(o sim.Outcome, took time.Duration) {
	t.outcomes[o]++
	if o == sim.OK {
		if t.response == nil {
			t.response = newHistogram(fineDigits)
		}
		t.response.add(took)
	}
}

// grow makes room for more classes than the Config named.
func (t *Tally) grow(classes int) {
	for i := range t.phases {
		p := &t.phases[i]
		if n := classes * pairs; n > len(p.cells) {
			p.cells = append(p.cells, make([]int64, n-len(p.cells))...)
		}
	}
}

// Merge adds what u counted: the Tally of all records is the merge of the Tallies of their parts. It
// panics unless both were made for the same phases and targets.
func (t *Tally) Merge(u *Tally) {
	if len(t.phases) != len(u.phases) || len(t.targets) != len(u.targets) {
		panic("report: merging tallies of different scenarios")
	}
	for i := range t.phases {
		t.grow(len(u.phases[i].cells) / pairs)
		t.phases[i].merge(&u.phases[i])
	}
	t.seconds.merge(&u.seconds)
	t.latency.merge(&u.latency)
	for i := range t.targets {
		a, b := &t.targets[i], &u.targets[i]
		for o, n := range b.outcomes {
			a.outcomes[o] += n
		}
		mergeInto(&a.response, b.response)
	}
}

// Reset forgets all counts and keeps the memory, for the next run of the same scenario.
func (t *Tally) Reset() {
	for i := range t.phases {
		t.phases[i].reset()
	}
	counts, latency := t.steps()
	t.seconds.reset(counts)
	t.latency.reset(latency)
	for i := range t.targets {
		t.targets[i].response.reset()
		t.targets[i] = targetTally{response: t.targets[i].response}
	}
}
