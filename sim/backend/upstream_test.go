package backend

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/headroom-dev/headroom/sim"
)

// TestBackup: a backup gets calls only while all others are out.
func TestBackup(t *testing.T) {
	f := newFleet(served(t, 1, "groups: [{count: 2}, {backup: true}]\nchecks: {fail_timeout: 10s, next_upstream: [error]}"))
	f.set(20*s1, 0, Dead)
	f.set(40*s1, 1, Dead)
	f.set(60*s1, 0, Ready)
	f.w.At(40*s1, func() { same(t, "calls of the backup before", f.counts[2], 0) })
	f.w.At(72*s1, func() { near(t, "while both are out", float64(f.counts[2]), 25, 0.25); f.counts[2] = 0 })
	f.regular(s1, 100*s1, s1)
	f.end(t, 100*s1)
	same(t, "once one is back", f.counts[2], 0)
	same(t, "how", f.reasons(), map[string]int{"ok": 100})
}

// TestMaxConns: a replica has no more calls in flight than it may; with all full the answer is 503.
func TestMaxConns(t *testing.T) {
	f := newFleet(served(t, 10, "groups: [{max_conns: 2}, {count: 1, max_conns: 3}]"))
	for range 7 {
		f.call(s1, s1, sim.Request{})
	}
	f.w.At(s1+ms, func() {
		same(t, "in flight", []int{f.run.Pool.Members()[0].InFlight(), f.run.Pool.Members()[1].InFlight()}, []int{2, 3})
	})
	f.end(t, 2*s1)
	same(t, "how", f.reasons(), map[string]int{"ok": 5, ReasonNoReplica: 2})
}

// TestZones: callers are served in their own zone while a replica is in service there, and spread over
// the zones by weight.
func TestZones(t *testing.T) {
	f := newFleet(served(t, 100, "groups: [{count: 2, zone: a, weight: 3}, {count: 2, zone: b}]\nchecks: {next_upstream: [error]}"))
	home := map[uint64]int{}
	for i, m := range f.run.Pool.Members() {
		handle := m.machine.Handle
		m.machine.Handle = func(r sim.Request) sim.Reply {
			if zone, known := home[r.User]; known && zone != i/2 && f.w.Now() < 50*s1 {
				t.Errorf("user %d was served in two zones", r.User)
			}
			home[r.User] = i / 2
			return handle(r)
		}
	}
	for i := range 4000 {
		f.call(time.Duration(i+1)*10*ms, s1, sim.Request{User: uint64(i % 1000)})
	}
	f.w.At(45*s1, func() {
		near(t, "share of the heavier zone", float64(f.counts[0]+f.counts[1])/4000, 0.75, 0.06) // 1000 users: 4 standard errors
		clear(f.counts)
	})
	f.set(50*s1, 0, Dead)
	f.set(50*s1, 1, Dead)
	for i := range 100 {
		f.call(60*s1+time.Duration(i)*10*ms, s1, sim.Request{User: uint64(i)})
	}
	f.end(t, 70*s1)
	same(t, "with a zone lost", []int{f.reasons()["ok"], f.counts[2] + f.counts[3]}, []int{4100, 100})
}

// TestListing: the balancer's list follows the replicas' lives.
func TestListing(t *testing.T) {
	f := newFleet(served(t, 1, "replicas: 3"))
	p := f.run.Pool
	drop := func(i int, listed bool) {
		m := p.Members()[i]
		m.listed = listed
		p.changed(m)
	}
	ids := func() (ids []int) {
		for _, m := range p.listing() {
			ids = append(ids, m.ID)
		}
		return ids
	}
	same(t, "at first", ids(), []int{0, 1, 2})
	drop(1, false)
	same(t, "less one", ids(), []int{0, 2})
	late := p.add()
	same(t, "one that starts", ids(), []int{0, 2})
	late.state, late.listed = Ready, true
	p.changed(late)
	drop(1, true)
	same(t, "all", ids(), []int{0, 1, 2, 3})
	for i := range 4 {
		drop(i, false)
	}
	f.call(s1, s1, sim.Request{})
	f.end(t, 2*s1)
	same(t, "none", f.reasons(), map[string]int{ReasonNoReplica: 1})
}

// TestPickCostsNothing: without groups and checks a pick allocates nothing, and neither does the search
// with them.
func TestPickCostsNothing(t *testing.T) {
	for _, entry := range Balancers {
		for _, text := range []string{"replicas: 20", "groups: [{count: 10, zone: a}, {count: 10, zone: b, max_conns: 9}]\nchecks: {zero_above: 1s}"} {
			s := readService(t, text)
			s.Balance = Balancing{Name: entry.Name}
			w := sim.NewWorld(1)
			pool := newPool(w, s)
			u := newUpstream(w, s, pool)
			r, call := sim.Request{}, 0
			if got := testing.AllocsPerRun(100, func() {
				call++
				r.Call, r.User = call, uint64(call)
				u.pick(&r, nil)
			}); got != 0 {
				t.Errorf("%s, %s: got %v allocations, want 0", entry.Name, text, got)
			}
		}
	}
}

// TestChecksConserveCalls: whatever replicas do and checks find, every call ends within its patience,
// nothing stays in flight, nobody has more than max_conns, and the same seed gives the same records.
func TestChecksConserveCalls(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		balance := rapid.SampledFrom(Balancers).Draw(t, "balance").Name
		checks := rapid.SampledFrom([]string{
			"checks: {}", "checks: {max_fails: 2, fail_timeout: 3s, next_upstream: [error, timeout, 503], read_timeout: 250ms}",
			"checks: {next_upstream: [error], active: {every: 1s, timeout: 500ms}, connect_timeout: 100ms, read_timeout: 2s}",
			"checks: {max_fails: 0, zero_above: 300ms, next_upstream: [error, timeout], tries: 2, read_timeout: 1s}",
		}).Draw(t, "checks")
		groups := rapid.SampledFrom([]string{
			"replicas: 3", "groups: [{count: 2, zone: a, max_conns: 4}, {count: 2, zone: b, weight: 3}, {backup: true}]",
		}).Draw(t, "groups")
		type event struct {
			At    int
			Who   int
			State State
		}
		events := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) event {
			return event{rapid.IntRange(0, 20).Draw(t, "at"), rapid.IntRange(0, 2).Draw(t, "who"),
				rapid.SampledFrom([]State{Ready, Dead, Hung}).Draw(t, "state")}
		}), 0, 8).Draw(t, "events")
		once := func() []record {
			f := newFleet(served(t, 2, groups+"\nbalance: "+balance+"\n"+checks))
			for _, e := range events {
				f.set(time.Duration(e.At)*s1+ms/2, e.Who, e.State)
			}
			gaps := f.w.Rand("test gaps")
			at := time.Duration(0)
			for i := range 300 {
				at += time.Duration(gaps.For(i, 0).ExpFloat64() * float64(70*ms))
				f.call(at, 4*s1, sim.Request{User: uint64(i % 17), Key: uint64(i % 5)})
			}
			for _, m := range f.run.Pool.Members() {
				handle := m.machine.Handle
				m.machine.Handle = func(r sim.Request) sim.Reply {
					if m.MaxConns > 0 && m.inflight > m.MaxConns {
						t.Errorf("got %d in flight, want at most %d", m.inflight, m.MaxConns)
					}
					return handle(r)
				}
			}
			f.end(t, 60*s1)
			for _, r := range f.records {
				if r.stay() > 4*s1 {
					t.Errorf("call %d stayed %v", r.Call, r.stay())
				}
			}
			return f.records
		}
		same(t, "records", once(), once())
	})
}

// BenchmarkUpstream is a pick among 20 replicas, with nothing configured and with everything.
func BenchmarkUpstream(b *testing.B) {
	for _, row := range []struct{ name, text string }{
		{"plain", "replicas: 20"},
		{"checks", "groups: [{count: 10, zone: a}, {count: 10, zone: b}]\nchecks: {zero_above: 1s, active: {}}"},
	} {
		for _, entry := range Balancers {
			b.Run(row.name+"/"+entry.Name, func(b *testing.B) {
				s := readService(b, row.text)
				s.Balance = Balancing{Name: entry.Name}
				w := sim.NewWorld(1)
				u := newUpstream(w, s, newPool(w, s))
				r, call := sim.Request{}, 0
				b.ReportAllocs()
				for b.Loop() {
					call++
					r.Call, r.User = call, uint64(call)
					u.pick(&r, nil)
				}
			})
		}
	}
}
