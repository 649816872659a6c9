package backend

import (
	"math"
	"testing"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

const s1 = time.Second

// TestPassiveCheck: a dead replica is out after 3 failures for 30 s, tried once then, and back when that
// succeeds.
func TestPassiveCheck(t *testing.T) {
	f := newFleet(served(t, 1, "replicas: 2\nchecks: {max_fails: 3, fail_timeout: 30s}"))
	f.set(0, 0, Dead)
	f.set(100*s1, 0, Ready)
	f.regular(s1, 200*s1, s1)
	f.end(t, 200*s1)
	at := f.failures()
	if len(at) != 6 {
		t.Fatalf("got failures at %v, want 3 and then one each 30 s, the last before 100 s", at)
	}
	for i, gap := range []time.Duration{2 * s1, 2 * s1, 30 * s1, 30 * s1, 30 * s1} {
		if d := at[i+1] - at[i]; d < gap || d > gap+s1 {
			t.Errorf("got failures at %v, want number %d %v to %v after the one before", at, i+1, gap, gap+s1)
		}
	}
	same(t, "how", f.reasons(), map[string]int{"ok": 194, ReasonUnreachable: 6})
	// The next trial comes 30 s after the last failure; from then on it has half of the calls.
	near(t, "calls since", float64(f.counts[0]), (200-(at[5]+30*s1).Seconds())/2, 0.05)
}

// TestPassiveCheckForgets: failures further apart than fail_timeout take nobody out.
func TestPassiveCheckForgets(t *testing.T) {
	for _, row := range []struct {
		apart time.Duration
		out   bool
	}{{5 * s1, true}, {5*s1 + 1, false}} {
		var p passive
		for i := range 3 {
			p.failed(time.Duration(i)*row.apart, 3, 10*s1)
			p.served()
		}
		same(t, row.apart.String()+" apart", p.out, row.out)
	}
}

// TestPassiveCheckAgain: after a short outage, a replica that is out for long costs more calls than the
// outage: 2 failures and 10 s lose fewer than 3 and 30 s.
func TestPassiveCheckAgain(t *testing.T) {
	lost := func(fails, seconds string) int {
		f := newFleet(served(t, 1, "replicas: 2\nchecks: {max_fails: "+fails+", fail_timeout: "+seconds+"}"))
		f.set(10*s1, 0, Dead)
		f.set(15*s1, 0, Ready)
		f.regular(s1/15, 60*s1, s1) // each replica carries 10/s
		f.end(t, 60*s1)
		return len(f.failures())
	}
	if short, long := lost("2", "10s"), lost("3", "30s"); !(short < long/2) {
		t.Errorf("got %d lost with 2 and 10 s, %d with 3 and 30 s", short, long)
	}
}

// TestSingleReplicaStays: it is never taken out by the failures of calls.
func TestSingleReplicaStays(t *testing.T) {
	f := newFleet(served(t, 1, "checks: {}"))
	f.set(0, 0, Dead)
	f.set(10*s1+1, 0, Ready)
	f.regular(s1, 20*s1, s1)
	f.end(t, 20*s1)
	same(t, "how", f.reasons(), map[string]int{"ok": 10, ReasonUnreachable: 10})
}

// TestNoneLive: with all replicas out the answer is 503, at once.
func TestNoneLive(t *testing.T) {
	f := newFleet(served(t, 1, "replicas: 2\nchecks: {fail_timeout: 1h}"))
	f.set(0, 0, Dead)
	f.set(0, 1, Dead)
	f.regular(s1, 10*s1, s1)
	f.end(t, 10*s1)
	same(t, "how", f.reasons(), map[string]int{ReasonUnreachable: 2, ReasonNoReplica: 8})
	last := f.records[9]
	same(t, "status", []int{last.Reply.Status, int(last.stay())}, []int{503, 0})
}

// TestActiveCheck: a probe every 30 s that must fail three times takes a dead replica out after 60 to
// 90 s, whenever it dies; its share of the calls fails until then. It is back at the next probe.
func TestActiveCheck(t *testing.T) {
	const every = s1 / 2
	for _, dies := range []time.Duration{31 * s1, 45 * s1, 59 * s1} {
		f := newFleet(served(t, 1, "replicas: 4\nchecks: {max_fails: 0, active: {every: 30s, fall: 3}}"))
		f.set(dies+1, 2, Dead)
		f.set(245*s1, 2, Ready)
		f.regular(every, 400*s1, s1)
		f.end(t, 400*s1)
		at := f.failures()
		left := at[len(at)-1] - dies
		if left < 60*s1-4*every || left > 90*s1 {
			t.Errorf("died at %v: it left %v later, want 60 to 90 s", dies, left)
		}
		near(t, "a quarter fails until then", float64(len(at)), float64(left/every)/4, 0.05)
		// Out from 120 s to 270 s: it gets a quarter before it dies and since 270 s.
		near(t, "calls", float64(f.counts[2]), (dies+130*s1).Seconds()*2/4, 0.02)
	}
}

// TestProbes: what a probe finds in each state, with a replica that wakes up in time.
func TestProbes(t *testing.T) {
	for _, row := range []struct {
		state  State
		wakes  time.Duration // 0: never
		out    bool
		fallen time.Duration // when
	}{
		{Ready, 0, false, 0}, {Draining, 0, false, 0}, {Starting, 0, true, 20 * s1}, {Dead, 0, true, 20 * s1},
		{Hung, 0, true, 23 * s1}, {Hung, 22 * s1, false, 0},
	} {
		s := served(t, 1, "replicas: 2\nchecks: {active: {every: 10s, timeout: 3s, fall: 2, rise: 2}}")
		f := newFleet(s)
		m := f.run.Pool.Members()[0]
		f.set(0, 0, row.state)
		if row.wakes > 0 {
			f.set(row.wakes, 0, Ready)
		}
		if row.out {
			f.w.At(row.fallen-1, func() { same(t, row.state.String()+" before", m.health.active.out, false) })
		}
		f.w.At(25*s1, func() { same(t, row.state.String(), m.health.active.out, row.out) })
		f.set(26*s1, 0, Ready)
		f.w.At(31*s1, func() { same(t, "one success is too few", m.health.active.out, row.out) })
		f.w.At(41*s1, func() { same(t, "two bring it back", m.health.active.out, false) })
		f.end(t, 50*s1)
	}
}

// TestStalledReplicaLeaves: read_timeout 5s takes a replica that hangs out after its first timeouts, and
// a listed status one that answers it.
func TestStalledReplicaLeaves(t *testing.T) {
	const text = "replicas: 3\nchecks: {fail_timeout: 1h, read_timeout: 5s, next_upstream: [502]}"
	f := newFleet(served(t, 1, text))
	f.set(0, 1, Hung)
	f.regular(s1, 60*s1, 30*s1)
	f.end(t, 60*s1)
	// Calls come each second, one in three there: those of the first 5 s after its first.
	same(t, "how it stalls", f.reasons(), map[string]int{"ok": 58, ReasonReadTime: 2})
	for _, r := range f.records {
		if r.Reply.Reason == ReasonReadTime {
			same(t, "stay and status", []int{int(r.stay() / s1), r.Reply.Status}, []int{5, 504})
		}
	}
	f = newFleet(served(t, 1, text))
	f.answers[1] = 502
	f.regular(s1, 60*s1, 30*s1)
	f.end(t, 60*s1)
	// A listed status is also tried again elsewhere.
	same(t, "with 502", []int{f.reasons()["ok"], f.counts[1], int(f.run.Tries())}, []int{60, 1, 61})
}

// TestReadTimeoutShare: unstreamed answers that take longer than the limit fail: P(S > 3 s), which is
// exp(-3/2) for exponential service of 2 s. What they cost until then is wasted.
func TestReadTimeoutShare(t *testing.T) {
	const calls = 40_000
	s := readService(t, "checks: {max_fails: 0, connect_timeout: 1s, read_timeout: 3s}")
	s.Model = Choice{"queue", &Queue{Servers: 1000, Service: Drawn(sim.ExponentialDuration(2 * s1)), Discipline: FIFO, Cancel: CancelFree}}
	var cost sim.Cost
	failed := 0
	for _, r := range (traffic{seed: 1, calls: calls, rate: 100, request: func(int) sim.Request { return sim.Request{Cost: &cost} }}).
		carry(t, func(env sim.Env) sim.Handler { return s.Start(env).Handle }) {
		if r.Reply.Reason == ReasonReadTime {
			failed++
			same(t, "stay", r.stay(), 3*s1)
		}
	}
	p := math.Exp(-1.5)
	if got := float64(failed) / calls; math.Abs(got-p) > 4*math.Sqrt(p*(1-p)/calls) {
		t.Errorf("got a share of %.4f, want %.4f", got, p)
	}
	same(t, "wasted", cost.Wasted, time.Duration(failed)*3*s1)
}

// TestReadTimeoutOfStreams: each token is a sign of life; after the last one the gap counts.
func TestReadTimeoutOfStreams(t *testing.T) {
	s := served(t, 1, "replicas: 2\nchecks: {read_timeout: 3s, next_upstream: [timeout]}")
	w := sim.NewWorld(1)
	run := s.Start(w)
	made := 0
	for _, m := range run.Pool.Members() {
		m.machine.Handle = func(r sim.Request) sim.Reply { // tokens at 2, 4, 6 s and no more
			made++
			for i := 1; i <= 3; i++ {
				if !sim.Sleep(w, 2*s1, r.Gone) {
					return abandoned
				}
				r.Token(i)
			}
			w.Await(sim.Forever, nil, r.Gone)
			return abandoned
		}
	}
	w.Go(func() {
		seen := 0
		reply := run.Handle(sim.Request{Token: func(n int) { seen = n }})
		same(t, "cut off", []any{w.Now(), reply.Reason, seen}, []any{9 * s1, ReasonReadTime, 3})
	})
	w.Run(sim.Forever)
	same(t, "tries: an answer that has begun is not begun again", made, 1)
}

// TestConnectTimeout: a replica that hangs takes no connection; one that wakes up in time does.
func TestConnectTimeout(t *testing.T) {
	f := newFleet(served(t, 1, "checks: {connect_timeout: 1s}"))
	f.set(0, 0, Hung)
	f.call(s1, 30*s1, sim.Request{})
	f.end(t, 10*s1)
	r := f.records[0]
	same(t, "reply", []any{r.Reply.Reason, r.Reply.Status, r.stay()}, []any{ReasonConnectTime, 504, s1})

	f = newFleet(served(t, 1, "checks: {connect_timeout: 1s}"))
	f.run.Pool.Members()[0].machine.Handle = func(r sim.Request) sim.Reply {
		sim.Sleep(f.w, 5*s1, r.Gone)
		return answer(0, 1, 0)
	}
	f.set(0, 0, Hung)
	f.set(s1+500*ms, 0, Ready)
	f.call(s1, 30*s1, sim.Request{})
	f.end(t, 10*s1)
	same(t, "with one that wakes up", f.reasons(), map[string]int{"ok": 1})
}

// TestZeroAbove: a slow replica gets nothing while another is fast; when all are slow, all count again.
func TestZeroAbove(t *testing.T) {
	slow := func(text string, service ...time.Duration) *fleet {
		f := newFleet(served(t, 1, text+"\nchecks: {zero_above: 1s}"))
		for i, m := range f.run.Pool.Members() {
			m.machine.Handle = func(r sim.Request) sim.Reply {
				f.counts[i]++
				if !sim.Sleep(f.w, service[i], r.Gone) {
					return abandoned
				}
				return answer(0, 1, 0)
			}
		}
		f.regular(s1, 100*s1, 30*s1)
		f.end(t, 200*s1)
		return f
	}
	f := slow("replicas: 3", s1/2, 2*s1, s1/2)
	// It counts again when its last calls are 10 s ago, until the first of the next have ended.
	if f.counts[1] < 8 || f.counts[1] > 14 {
		t.Errorf("got %v calls by replica, want one each 10 s or so at the slow one", f.counts)
	}
	f = slow("replicas: 3", 2*s1, 2*s1, 2*s1)
	same(t, "all slow: how", f.reasons(), map[string]int{"ok": 100})
	for _, n := range f.counts {
		near(t, "all slow: calls", float64(n), 100.0/3, 0.1)
	}
	f = slow("groups: [{count: 2}, {backup: true}]", 2*s1, 2*s1, s1/2)
	same(t, "slow ones go before a backup", f.counts[2], 0)
}

// TestTriesMultiply: with two replicas that fail, each of a client's five attempts is two tries.
func TestTriesMultiply(t *testing.T) {
	for _, row := range []struct {
		text string
		want int64
	}{
		{"checks: {max_fails: 0, next_upstream: [error]}", 10},
		{"checks: {max_fails: 0, next_upstream: [error], tries: 1}", 5},
		{"checks: {max_fails: 0, next_upstream: [timeout, 502]}", 5},
		{"checks: {next_upstream: [error]}", 2}, // both are out then
	} {
		f := newFleet(served(t, 1, "replicas: 2\n"+row.text))
		f.set(0, 0, Dead)
		f.set(0, 1, Dead)
		for attempt := range 5 {
			f.call(time.Duration(attempt+1)*s1, s1, sim.Request{Attempt: attempt})
		}
		f.end(t, 10*s1)
		same(t, row.text, f.run.Tries(), row.want)
	}
}

// TestBlackHole: least connections sends nearly all calls to a replica that fails fast; if the failure
// counts, it is out.
func TestBlackHole(t *testing.T) {
	share := func(text string) float64 {
		f := newFleet(served(t, 1, "replicas: 4\nbalance: least-conn\n"+text))
		f.answers[3] = 503
		f.regular(s1/30, 30*s1, 10*s1) // three replicas carry 30/s
		f.end(t, 30*s1)
		return float64(f.reasons()[ReasonInjected]) / float64(f.sent)
	}
	if got := share("checks: {}"); got < 0.5 {
		t.Errorf("got %.2f of the calls at the replica that fails, want most of them: 503 is no failure unless listed", got)
	}
	if got := share("checks: {next_upstream: [503], tries: 1, fail_timeout: 10s}"); got > 0.01 {
		t.Errorf("got %.2f of the calls lost though 503 counts as a failure", got)
	}
}
