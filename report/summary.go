package report

import (
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// A Summary is what remains of one phase of one run: what intervals and pairs over seeds are computed
// from. Counts and times add up over phases and runs; the distribution of response times of ok calls
// is kept beside them, as its nonzero buckets.
type Summary struct {
	Calls      int64 // offered
	Outcomes   [sim.NumOutcomes]int64
	Good       int64            // ok and inside the objective's time limits
	Over       [numLimits]int64 // ok calls over each limit of the objective
	FirstOK    int64            // calls whose first attempt was ok
	AtPatience int64            // ok within the scenario's own patience
	Attempts   int64
	Tokens     int64         // output tokens of the ok calls
	Delivered  int64         // ok calls, intended whenever, whose last byte came during the phase
	Response   time.Duration // sum of the response times of the ok calls
	Span       time.Duration // how long the phase lasted
	Work       time.Duration // service time spent
	Wasted     time.Duration // the part of Work whose answer reached nobody
	Causes     CauseCounts   // attempts by cause

	VIF float64 // variance inflation of response times; 0 where it cannot be estimated

	times         distribution // response times of the ok calls; empty once settled
	p50, p95, p99 *float64     // of times, in milliseconds; nil where they are too few
	waitP99       *float64     // milliseconds held back before the first attempt, all calls of one phase; nil where too few
}

// Summary returns what the run knows of one phase, by its index. Work, Wasted and Causes are not in
// the records: they come from the run's Side.
func (t *Tally) Summary(phase int) Summary {
	p := &t.phases[phase]
	s := Summary{
		Outcomes: p.outcomes(), Good: p.good, Over: p.over, FirstOK: p.firstOK(), AtPatience: p.atPatience,
		Attempts: p.attempts, Tokens: p.tokens, Delivered: p.delivered, times: p.response[sim.OK].distribution(),
	}
	for _, n := range s.Outcomes {
		s.Calls += n
	}
	s.Response = s.times.sum
	from := seconds(t.config.Phases[phase].FromS)
	to := t.ends[phase]
	if to == unbound {
		to = max(p.lastDone, from)
	}
	s.Span = to - from
	s.VIF = t.seconds.vif(from, to, s.times.variance())
	return s
}

// side adds what the records do not hold, and cuts the phase's length where the run was interrupted.
func (s *Summary) side(side *Side, phase int, from time.Duration) {
	if phase < len(side.Costs) {
		s.Work, s.Wasted = side.Costs[phase].Work, side.Costs[phase].Wasted
	}
	if phase < len(side.Causes) {
		s.Causes = side.Causes[phase]
		s.Attempts = 0
		for _, n := range s.Causes {
			s.Attempts += n
		}
	}
	if side.Until > 0 {
		s.Span = min(s.Span, max(side.Until-from, 0))
	}
}

// add makes s the sum of both. The larger variance inflation stands: it claims less.
func (s *Summary) add(u *Summary) {
	s.Calls += u.Calls
	for o := range s.Outcomes {
		s.Outcomes[o] += u.Outcomes[o]
	}
	s.Good += u.Good
	for i := range s.Over {
		s.Over[i] += u.Over[i]
	}
	s.FirstOK += u.FirstOK
	s.AtPatience += u.AtPatience
	s.Attempts += u.Attempts
	s.Tokens += u.Tokens
	s.Delivered += u.Delivered
	s.Response += u.Response
	s.Span += u.Span
	s.Work += u.Work
	s.Wasted += u.Wasted
	for c := range s.Causes {
		s.Causes[c] += u.Causes[c]
	}
	s.VIF = max(s.VIF, u.VIF)
	s.times = s.times.plus(u.times)
}

// settle works out the quantiles and returns the times, which the Summary then no longer holds.
func (s *Summary) settle() distribution {
	times := s.times
	s.p50, s.p95, s.p99 = p50.ms(times), p95.ms(times), p99.ms(times)
	s.times = distribution{}
	return times
}

// same reports whether two runs counted exactly the same.
func (s *Summary) same(u *Summary) bool {
	return s.Calls == u.Calls && s.Outcomes == u.Outcomes && s.Good == u.Good && s.Over == u.Over &&
		s.FirstOK == u.FirstOK && s.AtPatience == u.AtPatience && s.Attempts == u.Attempts && s.Tokens == u.Tokens &&
		s.Delivered == u.Delivered && s.Response == u.Response && s.Span == u.Span && s.Work == u.Work &&
		s.Wasted == u.Wasted && s.Causes == u.Causes
}

// row is the settled Summary as a line of run.json.
func (s *Summary) row() RunPhase {
	r := RunPhase{
		Calls: s.Calls, Outcomes: outcomeCounts(s.Outcomes), Good: s.Good, FirstOK: s.FirstOK, AtPatience: s.AtPatience,
		Attempts: s.Attempts, WorkS: s.Work.Seconds(), WastedS: s.Wasted.Seconds(), DurationS: s.Span.Seconds(),
		Delivered: s.Delivered, MeanMS: s.mean(), P50MS: s.p50, P95MS: s.p95, P99MS: s.p99, WaitP99MS: s.waitP99,
	}
	for i, n := range s.Over {
		if n > 0 {
			if r.Over == nil {
				r.Over = make(map[string]int64)
			}
			r.Over[limitNames[i]] = n
		}
	}
	return r
}

// mean is the mean response time of the ok calls in milliseconds; nil without one.
func (s *Summary) mean() *float64 {
	return per(milliseconds(s.Response), float64(s.Outcomes[sim.OK]))
}

// success is the share of offered calls that were ok; nil without a call.
func (s *Summary) success() *float64 {
	return per(float64(s.Outcomes[sim.OK]), float64(s.Calls))
}

// ms is the quantile of d in milliseconds; nil where d holds too few times.
func (q quantile) ms(d distribution) *float64 {
	t, ok := q.of(d)
	if !ok {
		return nil
	}
	ms := milliseconds(t)
	return &ms
}

// per is a/b, or nil where b is zero: no data.
func per(a, b float64) *float64 {
	if b == 0 {
		return nil
	}
	r := a / b
	return &r
}
