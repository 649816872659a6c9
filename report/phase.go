package report

import (
	"strings"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// A phaseTally counts the calls that were intended in one phase.
type phaseTally struct {
	cells      []int64 // by class, first and last outcome
	good       int64
	atPatience int64
	attempts   int64
	tokens     int64
	delivered  int64 // ok calls of any phase whose last byte came during this one
	over       [numLimits]int64
	lastDone   time.Duration
	reasons    map[string]int64
	response   [sim.NumOutcomes]*histogram // made when the outcome first occurs
	service    *histogram                  // first send to last byte, ok calls that were sent
	ttft, tpot *histogram                  // ok calls, where known
	wait       *histogram                  // before the first attempt, all calls
	asked      askedTally                  // what gates need; of one run, never merged
}

const (
	pairs       = int(sim.NumOutcomes) * int(sim.NumOutcomes) // cells of one class
	maxReasons  = 64                                          // distinct reasons kept in a phase of one run; the rest are "other"
	otherReason = "other"
)

// addReason counts why a call failed. Reasons come from a small set; should an endpoint invent them,
// those after the first maxReasons are counted together.
func (p *phaseTally) addReason(reason string) {
	if _, known := p.reasons[reason]; !known {
		if len(p.reasons) >= maxReasons {
			reason = otherReason
		}
		reason = strings.Clone(reason) // the text it was cut from is not kept
	}
	p.reasons[reason]++
}

func (p *phaseTally) merge(u *phaseTally) {
	for i, n := range u.cells {
		p.cells[i] += n
	}
	p.good += u.good
	p.atPatience += u.atPatience
	p.attempts += u.attempts
	p.tokens += u.tokens
	p.delivered += u.delivered
	p.lastDone = max(p.lastDone, u.lastDone)
	for i, n := range u.over {
		p.over[i] += n
	}
	// All reasons are kept here, however many, or the result would depend on the order of merging.
	for reason, n := range u.reasons {
		p.reasons[reason] += n
	}
	for o := range p.response {
		mergeInto(&p.response[o], u.response[o])
	}
	mergeInto(&p.service, u.service)
	mergeInto(&p.ttft, u.ttft)
	mergeInto(&p.tpot, u.tpot)
	mergeInto(&p.wait, u.wait)
}

func mergeInto(h **histogram, u *histogram) {
	if u.count() == 0 {
		return
	}
	if *h == nil {
		*h = newHistogram(int(u.hdr.SignificantFigures()))
	}
	(*h).merge(u)
}

// reset forgets all counts and keeps the memory.
func (p *phaseTally) reset() {
	clear(p.cells)
	clear(p.reasons)
	for _, h := range p.response {
		h.reset()
	}
	p.service.reset()
	p.ttft.reset()
	p.tpot.reset()
	p.wait.reset()
	p.asked.reset()
	*p = phaseTally{
		cells: p.cells, reasons: p.reasons, response: p.response,
		service: p.service, ttft: p.ttft, tpot: p.tpot, wait: p.wait, asked: p.asked,
	}
}

// outcomes counts the phase's calls by how they ended.
func (p *phaseTally) outcomes() (counts [sim.NumOutcomes]int64) {
	for i, n := range p.cells {
		counts[i%int(sim.NumOutcomes)] += n
	}
	return counts
}

// firstOK counts the phase's calls whose first attempt was answered.
func (p *phaseTally) firstOK() (n int64) {
	for i, c := range p.cells {
		if sim.Outcome(i%pairs/int(sim.NumOutcomes)) == sim.OK {
			n += c
		}
	}
	return n
}

// clamped counts times outside what a histogram holds.
func (p *phaseTally) clamped() (n int64) {
	for _, h := range append(p.response[:], p.service, p.ttft, p.tpot, p.wait) {
		if h != nil {
			n += h.clamped
		}
	}
	return n
}
