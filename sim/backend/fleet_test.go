package backend

import (
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// A fleet is a service whose replicas a test puts into states.
type fleet struct {
	w       *sim.World
	run     Running
	counts  []int // calls taken in, by replica
	answers []int // status that a replica answers at once; 0: it does the work
	records []record
	sent    int
}

func newFleet(s *Service) *fleet {
	f := &fleet{w: sim.NewWorld(1)}
	f.run = s.Start(f.w)
	n := len(f.run.Pool.Members())
	f.counts, f.answers = make([]int, n), make([]int, n)
	for i, m := range f.run.Pool.Members() {
		handle := m.machine.Handle
		m.machine.Handle = func(r sim.Request) sim.Reply {
			f.counts[i]++
			switch {
			case m.state == Hung && !m.life.hung: // one that set put there: its machine works on
				f.w.Await(sim.Forever, nil, r.Gone)
				return abandoned
			case f.answers[i] != 0:
				return refuse(f.answers[i], ReasonInjected)
			}
			return handle(r)
		}
	}
	return f
}

// set puts a replica into a state at a time.
func (f *fleet) set(at time.Duration, i int, state State) {
	f.w.At(at, func() {
		m := f.run.Pool.Members()[i]
		m.state = state
		f.run.Pool.changed(m)
	})
}

// call makes one call at a time.
func (f *fleet) call(at, patience time.Duration, r sim.Request) {
	r.Call = f.sent
	f.sent++
	f.w.At(at, func() {
		f.w.Go(func() {
			reply := sim.Within(f.w, patience, f.run.Handle, r)
			f.records = append(f.records, record{r.Call, at, f.w.Now(), reply})
		})
	})
}

// regular makes a call every so often until a time.
func (f *fleet) regular(every, until, patience time.Duration) {
	for at := every; at <= until; at += every {
		f.call(at, patience, sim.Request{User: uint64(f.sent)})
	}
}

// end runs to the given time, stops what the service does by itself, and lets calls end. It fails the
// test if calls are left over, or in flight at a replica.
func (f *fleet) end(t tester, at time.Duration) {
	t.Helper()
	f.w.At(at, f.run.Stop)
	if blocked := f.w.Run(sim.Forever); blocked != 0 || len(f.records) != f.sent {
		t.Fatalf("%d of %d calls ended, %d processes left", len(f.records), f.sent, blocked)
	}
	for _, m := range f.run.Pool.Members() {
		same(t, "in flight at the end", m.InFlight(), 0)
	}
}

// failures returns when calls that did not succeed arrived.
func (f *fleet) failures() (at []time.Duration) {
	for _, r := range f.records {
		if r.Reply.Outcome != sim.OK {
			at = append(at, r.Arrived)
		}
	}
	return at
}

// reasons counts how calls ended: "ok", the reason, or the outcome.
func (f *fleet) reasons() map[string]int {
	counts := map[string]int{}
	for _, r := range f.records {
		switch {
		case r.Reply.Outcome == sim.OK:
			counts["ok"]++
		case r.Reply.Reason != "":
			counts[r.Reply.Reason]++
		default:
			counts[r.Reply.Outcome.String()]++
		}
	}
	return counts
}

// served is a service of queues with so many servers a replica and 100 ms a call.
func served(t tester, servers int, text string) *Service {
	t.Helper()
	s := readService(t, text)
	s.Model = Choice{"queue", &Queue{Servers: servers, Service: Drawn(sim.ConstantDuration(100 * ms)), Discipline: FIFO, Cancel: CancelFree}}
	return s
}
