package backend

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// A scaler carries out Autoscale in one Env: it measures the replicas, decides and scales the pool.
type scaler struct {
	config   *Autoscale
	pool     *Pool
	pace     pace
	history  history
	forecast forecaster // nil: none
	desired  int

	came, inside int // calls that came so far; calls inside
	measured     measures
	counted      int // calls at the last measurement
	countedAt    time.Duration
	decidedOn    int // calls at the last decision
}

// measures are what was last measured of the whole service.
type measures struct{ inflight, waiting, kv, rate float64 }

// A sighting is what was last measured of one replica.
type sighting struct {
	at     time.Duration
	busy   time.Duration // until then
	sample reading
}

// longAgo is when the replicas of the beginning came up: before all that an autoscaler looks back on.
const longAgo = -time.Hour

// newScaler lets the autoscaler begin. Measurements have a phase of their own, drawn once: nothing
// ties them to the decisions.
func newScaler(pool *Pool, config *Autoscale, load func(time.Duration) float64) *scaler {
	s := &scaler{config: config, pool: pool, pace: config.Behavior.pace(), desired: len(pool.members)}
	s.history.longestWindow = s.pace.longest()
	s.history.remember(recommendation{0, s.desired})
	if p := config.Predictive; p != nil {
		s.forecast = p.forecaster(config.Every, load)
		pool.at(pool.env.Now(), s.foresee)
	}
	phase := time.Duration((1 - pool.env.Rand("scrape").For(0, 0).Float64()) * float64(config.Scrape))
	pool.at(pool.env.Now()+phase, func() {
		s.measure()
		pool.every(config.Scrape, s.measure)
	})
	pool.every(config.Every, s.decide)
	return s
}

// wrap counts the calls that come and those inside.
func (s *scaler) wrap(next sim.Handler) sim.Handler {
	return func(r sim.Request) sim.Reply {
		s.came++
		s.inside++
		reply := next(r)
		s.inside--
		return reply
	}
}

// measure takes the samples that decisions are made from.
func (s *scaler) measure() {
	now := s.pool.env.Now()
	waiting, handed, kv := 0, 0, 0.0
	for _, m := range s.pool.members {
		busy := m.Busy()
		if span := now - m.seen.at; span > 0 {
			share := float64(busy-m.seen.busy) / float64(span)
			m.seen.sample = reading{busy: min(max(share, 0), 1), at: now, window: span}
		}
		if m.state == Dead {
			m.seen.sample = reading{} // its container is down
		}
		m.seen.at, m.seen.busy = now, busy
		handed += m.inflight
		if m.state.serving() {
			waiting += m.machine.Waiting()
			kv += gauge(&m.machine, "kv")
		}
	}
	s.measured.inflight = float64(s.inside)
	s.measured.waiting = float64(waiting + max(s.inside-handed, 0))
	s.measured.kv = kv
	if span := now - s.countedAt; span > 0 {
		s.measured.rate = float64(s.came-s.counted) / span.Seconds()
	}
	s.counted, s.countedAt = s.came, now
}

// gauge returns the level of that name, 0 if the replica has none.
func gauge(r *Replica, name string) float64 {
	for _, g := range r.Gauges {
		if g.Name == name {
			return g.Read()
		}
	}
	return 0
}

// decide is one round of the autoscaler.
func (s *scaler) decide() {
	now := s.pool.env.Now()
	current := 0
	var pods []pod
	for _, m := range s.pool.members {
		if m.state == Draining {
			continue // being deleted: ignored
		}
		current++
		pods = append(pods, pod{
			pending: m.state == Starting, ready: m.state == Ready || m.state == Hung,
			started: m.life.began, changed: m.life.changed, sample: m.seen.sample,
		})
	}
	if s.forecast != nil {
		s.forecast.saw(float64(s.came-s.decidedOn) / s.config.Every.Seconds())
		s.decidedOn = s.came
	}
	wanted := current
	if len(s.config.Signals) > 0 {
		wanted = s.wanted(now, current, pods)
	}
	to := s.history.decide(now, current, wanted, s.config.Min, s.config.Max, s.pace)
	s.set(now, current, max(to, s.foreseen(now)))
}

// wanted asks all signals; of several the largest answer counts. A signal without data says nothing,
// and keeps the others from taking replicas away.
func (s *scaler) wanted(now time.Duration, current int, pods []pod) int {
	tolerance := float64(*s.config.Tolerance)
	most, blind := 0, false
	for i := range s.config.Signals {
		one := &s.config.Signals[i]
		switch {
		case one.Utilisation > 0:
			c := groupPods(pods, now, hpaInitialisation, hpaReadinessDelay)
			n, ok := byUtilisation(current, c, float64(one.Utilisation), tolerance)
			most, blind = max(most, n), blind || !ok
		case one.Inflight > 0:
			most = max(most, byAverage(current, s.measured.inflight, one.Inflight, tolerance))
		case one.Waiting > 0:
			most = max(most, byAverage(current, s.measured.waiting, one.Waiting, tolerance))
		case one.KV > 0:
			most = max(most, byAverage(current, s.measured.kv, float64(one.KV), tolerance))
		case one.Rate > 0:
			most = max(most, byAverage(current, s.measured.rate, float64(one.Rate), tolerance))
		}
	}
	if blind {
		most = max(most, current)
	}
	return most
}

// foreseen returns the replicas that the forecast wants, at most max; 0 without a forecast.
func (s *scaler) foreseen(now time.Duration) int {
	if s.forecast == nil {
		return 0
	}
	p := s.config.Predictive
	ahead := p.Ahead
	if ahead == 0 {
		ahead = s.pool.startUp.mean() + s.config.Every
	}
	rate := s.forecast.most(now, ahead)
	return min(int(math.Ceil(min(rate*(1+float64(p.Margin))/float64(p.Capacity), maxReplicas))), s.config.Max)
}

// foresee scales ahead of the forecast before the first decision.
func (s *scaler) foresee() {
	now := s.pool.env.Now()
	s.set(now, len(s.pool.members), max(len(s.pool.members), s.foreseen(now)))
}

// set adds replicas, or takes some away: first those that are not ready, then the newest, as a
// ReplicaSet does.
func (s *scaler) set(now time.Duration, current, to int) {
	s.desired = to
	s.history.carriedOut(now, current, to)
	for ; current < to; current++ {
		s.pool.grow()
	}
	if current > to {
		s.pool.shrink(current - to)
	}
}

// grow adds a replica, which starts.
func (p *Pool) grow() {
	m := p.add()
	m.life.began, m.life.changed = p.env.Now(), p.env.Now()
	m.seen.at, m.read.at = p.env.Now(), p.env.Now()
	m.start()
}

// shrink takes n replicas away.
func (p *Pool) shrink(n int) {
	var stay []*Member
	for _, m := range p.members {
		if m.state != Draining {
			stay = append(stay, m)
		}
	}
	slices.SortStableFunc(stay, func(a, b *Member) int {
		return cmp.Or(cmp.Compare(leastLost(a.state), leastLost(b.state)), cmp.Compare(b.ID, a.ID))
	})
	for _, m := range stay[:min(n, len(stay))] {
		m.drain()
	}
}

// leastLost orders replicas by how little is lost with them.
func leastLost(s State) int {
	switch s {
	case Starting:
		return 0
	case Dead:
		return 1
	}
	return 2
}
