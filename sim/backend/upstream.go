package backend

import (
	"net/http"
	"slices"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// An upstream hands each call to a replica, as a reverse proxy does: one that is in service and that the
// balancer picks, and another one if that fails and the scenario says so.
type upstream struct {
	env      sim.Env
	pool     *Pool
	balancer Balancer
	zones    zones
	checks   *Checks // nil: none
	judge    judge
	choosy   bool      // not every listed replica is as good for every call
	among    []*Member // room for those that are
	unused   []*try
	tries    int64 // calls handed to replicas
}

func newUpstream(env sim.Env, s *Service, pool *Pool) *upstream {
	entry, _ := balancerNamed(s.Balance.Name)
	u := &upstream{env: env, pool: pool, balancer: entry.New(env, s.Balance), zones: zonesOf(s.Groups), checks: s.Checks}
	u.choosy = s.Checks != nil || len(u.zones.names) > 1 || s.Admission.Dispatch == Pull ||
		slices.ContainsFunc(s.Groups, func(g Group) bool { return g.Backup || g.MaxConns > 0 })
	if s.Checks == nil {
		return u
	}
	if s.Checks.MaxFails == nil {
		panic("backend: Service.Start before Validate")
	}
	u.judge = s.Checks.NextUpstream.judge()
	pool.taking.serves = func(m *Member) bool { return u.serves(m, len(pool.listing()), env.Now()) }
	if s.Checks.Active != nil {
		pool.probing(*s.Checks.Active)
	}
	return u
}

// handler returns what hands calls over. Where nothing can change between two calls but what the replicas
// carry, it asks for nothing else: every stage that passes a call on costs a fiftieth of a whole call.
func (u *upstream) handler(s *Service) sim.Handler {
	switch {
	case !s.still():
		return u.handle
	case len(u.pool.members) == 1:
		return u.pool.members[0].machine.Handle // nothing to pick
	}
	return u.straight
}

// straight is handle where all listed replicas are there for good and as good for every call.
func (u *upstream) straight(r sim.Request) sim.Reply {
	m := (*Member)(nil)
	if i := r.Via.Endpoint - 1; i >= 0 && i < len(u.pool.members) {
		m = u.pool.members[i]
	} else {
		among := u.pool.listing()
		if len(among) == 0 {
			return refuse(http.StatusServiceUnavailable, ReasonNoReplica)
		}
		m = among[u.balancer.Pick(r, among)]
	}
	u.tries++
	m.tries++
	m.inflight++
	reply := m.machine.Handle(r)
	m.inflight--
	return reply
}

// still reports whether the replicas are the same from the first call to the last, take every call, and
// nobody waits for one of them to have room.
func (s *Service) still() bool {
	choosy := len(zonesOf(s.Groups).names) > 1 || slices.ContainsFunc(s.Groups, func(g Group) bool { return g.Backup || g.MaxConns > 0 })
	return s.Autoscale == nil && len(s.Fail) == 0 && s.MTBF == 0 && s.Checks == nil && !choosy && !s.holds() && s.Admission.Per != PerReplica
}

// handle carries one call. A caller that names a replica (Via.Endpoint) goes there past balancer and
// checks.
func (u *upstream) handle(r sim.Request) sim.Reply {
	if i := r.Via.Endpoint - 1; i >= 0 && i < len(u.pool.members) {
		return u.give(&r, u.pool.members[i])
	}
	if u.checks == nil {
		m := u.pick(&r, nil)
		if m == nil {
			return refuse(http.StatusServiceUnavailable, ReasonNoReplica)
		}
		return u.give(&r, m)
	}
	return u.persist(r)
}

// give hands a call to a replica.
func (u *upstream) give(r *sim.Request, m *Member) sim.Reply {
	u.tries++
	m.tries++
	return m.Handle(r)
}

// hottest returns the share of all tries that went to the replica that had most.
func (u *upstream) hottest() float64 {
	most := int64(0)
	for _, m := range u.pool.members {
		most = max(most, m.tries)
	}
	return float64(most) / float64(max(u.tries, 1))
}

// gauges shows how unevenly a balancer that hashes spreads the calls.
func (u *upstream) gauges(s *Service) []sim.Gauge {
	if entry, _ := balancerNamed(s.Balance.Name); !entry.Hashes {
		return nil
	}
	return []sim.Gauge{{Name: "hottest replica", Read: u.hottest}}
}

// persist tries a call on one replica after the other until one answers, or there is nothing to try
// again.
func (u *upstream) persist(r sim.Request) sim.Reply {
	reply := refuse(http.StatusServiceUnavailable, ReasonNoReplica)
	var tried []*Member
	for {
		m := u.pick(&r, tried)
		if m == nil {
			return reply
		}
		var again bool
		if reply, again = u.try(r, m); !again || u.checks.Tries > 0 && len(tried)+1 >= u.checks.Tries {
			return reply
		}
		tried = append(tried, m)
	}
}

// try hands a call to a replica, notes what that says of it, and reports whether to try another.
func (u *upstream) try(r sim.Request, m *Member) (reply sim.Reply, again bool) {
	began, c := u.env.Now(), u.checks
	m.health.passive.picked(began, c.FailTimeout)
	streamed := false
	if c.ReadTimeout > 0 || c.ConnectTimeout > 0 || r.Token != nil {
		reply, streamed = u.limited(r, m)
	} else {
		reply = u.give(&r, m)
	}
	now := u.env.Now()
	if c.ZeroAbove > 0 && (reply.Status != 0 || now-began > c.ZeroAbove) {
		m.health.slow.add(now, now-began)
	}
	if r.Gone.Fired() && reply.Outcome != sim.OK { // it is the caller who ended it
		return reply, false
	}
	failed, again := u.judge.of(reply)
	switch {
	case !failed:
		m.health.passive.served()
	case *c.MaxFails > 0:
		m.health.passive.failed(now, *c.MaxFails, c.FailTimeout)
		m.share.lower(m.Weight, *c.MaxFails)
	}
	return reply, again && !streamed // what the caller has seen cannot be taken back
}

// pick returns the replica that gets the call; nil if none is in service.
func (u *upstream) pick(r *sim.Request, tried []*Member) *Member {
	among := u.pool.listing()
	if u.choosy {
		among = u.candidates(r, among, tried)
	}
	switch len(among) {
	case 0:
		return nil
	case 1: // nothing to choose
		return among[0]
	}
	return among[u.balancer.Pick(*r, among)]
}

// candidates returns those of the listed replicas among whom the balancer picks: of those in service the
// ones of the best rank.
func (u *upstream) candidates(r *sim.Request, listed, tried []*Member) []*Member {
	now, zone, best := u.env.Now(), u.zones.of(r), worst
	u.among = u.among[:0]
	for _, m := range listed {
		rank := u.rank(m, zone, now)
		if rank > best || m.Full() || !u.serves(m, len(listed), now) || slices.Contains(tried, m) {
			continue
		}
		if rank < best {
			best, u.among = rank, u.among[:0]
		}
		u.among = append(u.among, m)
	}
	return u.among
}

// worst is the rank of a slow backup in another zone: backups behind all others, then slow ones, then
// other zones.
const worst = 7

func (u *upstream) rank(m *Member, zone string, now time.Duration) (rank int) {
	if m.Backup {
		rank = 4
	}
	if u.checks != nil && u.checks.ZeroAbove > 0 && m.health.slow.above(now, u.checks.ZeroAbove) {
		rank += 2
	}
	if m.Zone != zone {
		rank++
	}
	return rank
}

// serves reports whether the checks let calls through to a replica. With a single replica, failures of
// calls are no reason to send it none.
func (u *upstream) serves(m *Member, listed int, now time.Duration) bool {
	if u.checks == nil {
		return true
	}
	return !m.health.active.out && (listed == 1 || *u.checks.MaxFails == 0 || m.health.passive.serves(now))
}
