package backend

import (
	"net/http"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// A try is a call at a replica under connect_timeout and read_timeout. It is used again; its method
// values are made once, so that a try allocates no more than its signal.
type try struct {
	upstream *upstream
	member   *Member
	gone     *sim.Signal // cuts it off
	reason   string      // why it was cut off; "": it was not
	heard    time.Duration
	streamed bool
	token    func(int) // the caller's

	connect, read  sim.Timer
	unmade, silent func()
	hear           func(int)
}

// limited hands a call to a replica for as long as the limits allow: one cut off is to the replica as
// one whose caller has gone. It reports whether the caller has seen tokens.
func (u *upstream) limited(r sim.Request, m *Member) (sim.Reply, bool) {
	t, now := u.fresh(), u.env.Now()
	t.member, t.gone, t.reason = m, r.Gone.Child(), ""
	t.heard, t.streamed, t.token = now, false, r.Token
	r.Gone = t.gone
	if r.Token != nil {
		r.Token = t.hear
	}
	if c := u.checks; c.ConnectTimeout > 0 && m.state == Hung {
		t.connect = u.env.At(now+c.ConnectTimeout, t.unmade)
	}
	if c := u.checks; c.ReadTimeout > 0 {
		t.read = u.env.At(now+c.ReadTimeout, t.silent)
	}
	reply := u.give(&r, m)
	t.connect.Stop()
	t.read.Stop()
	t.connect, t.read = sim.Timer{}, sim.Timer{}
	reason, streamed := t.reason, t.streamed
	t.gone.Fire() // so that it leaves the caller's
	t.gone, t.token = nil, nil
	u.unused = append(u.unused, t)
	if reason != "" && reply.Outcome != sim.OK {
		return refuse(http.StatusGatewayTimeout, reason), streamed
	}
	return reply, streamed
}

func (u *upstream) fresh() *try {
	if last := len(u.unused) - 1; last >= 0 {
		t := u.unused[last]
		u.unused = u.unused[:last]
		return t
	}
	t := &try{upstream: u}
	t.unmade, t.silent, t.hear = t.notConnected, t.nothingHeard, t.heardToken
	return t
}

// notConnected is called when a connection to a replica that hung should stand.
func (t *try) notConnected() {
	if t.member.state == Hung {
		t.cut(ReasonConnectTime)
	}
}

// nothingHeard is called when something should have come, unless it came meanwhile.
func (t *try) nothingHeard() {
	if due := t.heard + t.upstream.checks.ReadTimeout; due > t.upstream.env.Now() {
		t.read = t.upstream.env.At(due, t.silent)
		return
	}
	t.cut(ReasonReadTime)
}

func (t *try) heardToken(n int) {
	t.heard, t.streamed = t.upstream.env.Now(), true
	t.token(n)
}

func (t *try) cut(reason string) {
	if !t.gone.Fired() {
		t.reason = reason
		t.gone.Fire()
	}
}
