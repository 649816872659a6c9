package backend

import (
	"crypto/sha256"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/headroom-dev/headroom/sim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// small returns a model of every kind, with four servers or slots, that carries about four calls of
// `typical` a second, under one word for cancelling.
func small(t *testing.T, name string, cancel Cancel) Model {
	t.Helper()
	switch name {
	case "queue":
		return &Queue{Servers: 4, Service: Drawn(second), Limit: pointer(20), Discipline: FIFO, Cancel: cancel}
	case "batch":
		m := NewBatching()
		m.MaxBatchSize, m.MaxQueueDelay, m.Instances, m.MaxQueueSize, m.Cancel = 2, 50*ms, 2, 20, cancel
		m.Time = &BatchTime{Base: 800 * ms, PerRequest: 100 * ms}
		if err := m.Validate(); err != nil {
			t.Fatal(err)
		}
		return m
	case "llm":
		m := NewLLM()
		m.MaxSeqs, m.Limit, m.Cancel = 4, pointer(20), cancel
		m.StepTime.Linear = &Linear{Base: 8 * ms, PerPrefillToken: 20 * time.Microsecond, PerSequence: 500 * time.Microsecond}
		if err := m.Validate(); err != nil {
			t.Fatal(err)
		}
		return m
	}
	t.Fatalf("no small model for %q: a new entry of All needs one", name)
	return nil
}

// typical is a call of about a second alone in a small llm.
func typical(call int) sim.Request {
	r := sim.NewStream(1, "typical").For(call, 0)
	return sim.Request{Prompt: 1 + r.IntN(800), Output: 1 + r.IntN(200)}
}

// eachModel runs a test for every model under every word for cancelling.
func eachModel(t *testing.T, test func(t *testing.T, m Model, cancel Cancel)) {
	for _, entry := range All {
		for _, cancel := range []Cancel{CancelFree, CancelQueued, CancelZombie} {
			t.Run(entry.Name+" "+string(cancel), func(t *testing.T) { test(t, small(t, entry.Name, cancel), cancel) })
		}
	}
}

// crowd is an overload of impatient callers.
func crowd(seed uint64) traffic {
	return traffic{seed: seed, calls: 400, rate: 8, patience: 3 * time.Second, request: typical}
}

// TestModelsReturnWhenTheirCallerGoes: in the very instant, whether the call waits or runs; and what
// its caller left behind frees its place in time.
func TestModelsReturnWhenTheirCallerGoes(t *testing.T) {
	eachModel(t, func(t *testing.T, m Model, cancel Cancel) {
		var replica Replica
		gone, waited := 0, 0
		tr := crowd(1)
		var env sim.Env
		records := tr.carry(t, func(e sim.Env) sim.Handler {
			env, replica = e, m.Start(e)
			return func(r sim.Request) sim.Reply {
				if replica.Free() == 0 {
					waited++
				}
				reply := replica.Handle(r)
				if r.Gone.Fired() {
					gone++
					if now := env.Now(); now != r.Deadline {
						t.Errorf("call %d returned at %v, its caller went at %v", r.Call, now, r.Deadline)
					}
				}
				return reply
			}
		})
		if gone < 20 || waited < 20 {
			t.Errorf("got %d callers gone and %d that waited, want a crowd", gone, waited)
		}
		for _, r := range records {
			if r.stay() > tr.patience {
				t.Errorf("call %d stayed for %v", r.Call, r.stay())
			}
		}
		same(t, "left inside", []int{replica.Waiting(), replica.Running(), replica.Free()}, []int{0, 0, 4})
	})
}

// TestModelsLoseNoSlot: after a crowd has gone, as many calls run at once as before.
func TestModelsLoseNoSlot(t *testing.T) {
	eachModel(t, func(t *testing.T, m Model, _ Cancel) {
		w := sim.NewWorld(2)
		replica := m.Start(w)
		tr := crowd(2)
		offer(w, tr.calls, tr.rate, tr.patience, replica.Handle, tr.request, nil)
		later := time.Hour
		for range 5 {
			w.At(later, func() { w.Go(func() { replica.Handle(sim.Request{Prompt: 10, Output: 100}) }) })
		}
		looked := false
		w.At(later+10*ms, func() { // in the second step of the llm
			looked = true
			same(t, "waiting, running, free", []int{replica.Waiting(), replica.Running(), replica.Free()}, []int{1, 4, 0})
		})
		if blocked := w.Run(sim.Forever); blocked != 0 || !looked {
			t.Errorf("got %d processes left over, looked %v; want 0, true", blocked, looked)
		}
	})
}

// TestModelsRepeat: the same seed gives the same replies at the same times, another seed others.
func TestModelsRepeat(t *testing.T) {
	eachModel(t, func(t *testing.T, m Model, _ Cancel) {
		hash := func(seed uint64) string {
			records := crowd(seed).carry(t, func(env sim.Env) sim.Handler { return m.Start(env).Handle })
			return fmt.Sprintf("%x", sha256.Sum256(fmt.Append(nil, records)))
		}
		first := hash(9)
		same(t, "runs of one seed", hash(9), first)
		if hash(10) == first {
			t.Error("runs of two seeds are equal")
		}
	})
}

// TestModelsBookTheirWork: no more work than the servers had time for, no more wasted than done; all
// of it useful where callers are patient.
func TestModelsBookTheirWork(t *testing.T) {
	eachModel(t, func(t *testing.T, m Model, cancel Cancel) {
		for _, patience := range []time.Duration{3 * time.Second, sim.Forever} {
			var cost sim.Cost
			end := time.Duration(0)
			tr := crowd(3)
			tr.patience = patience
			tr.request = func(call int) sim.Request {
				r := typical(call)
				r.Cost = &cost
				return r
			}
			w := sim.NewWorld(tr.seed)
			offer(w, tr.calls, tr.rate, tr.patience, m.Start(w).Handle, tr.request, func(int, time.Duration, sim.Reply) { end = w.Now() })
			w.Run(sim.Forever)
			end = max(end, w.Now()) // zombies end after their callers
			servers := time.Duration(4)
			if _, ok := m.(*LLM); ok {
				servers = 1 // the time of a step is shared by its sequences
			}
			if cost.Work <= 0 || cost.Work > servers*end || cost.Wasted > cost.Work {
				t.Errorf("patience %v: got %v of work, %v of it wasted, in %v", patience, cost.Work, cost.Wasted, end)
			}
			if impatient := patience != sim.Forever; (cost.Wasted > 0) != impatient {
				t.Errorf("patience %v: got %v wasted", patience, cost.Wasted)
			}
		}
	})
}

// TestModelsIgnoreCancellingWhereNobodyGoes: the word for cancelling then changes nothing.
func TestModelsIgnoreCancellingWhereNobodyGoes(t *testing.T) {
	for _, entry := range All {
		tr := crowd(5)
		tr.patience = sim.Forever
		var want []record
		for _, cancel := range []Cancel{CancelFree, CancelQueued, CancelZombie} {
			m := small(t, entry.Name, cancel)
			got := tr.carry(t, func(env sim.Env) sim.Handler { return m.Start(env).Handle })
			if want == nil {
				want = got
			}
			same(t, entry.Name+" "+string(cancel), got, want)
		}
	}
}

// TestModelsRunInBothTimes: World and Wall give the same records, to the nanosecond. Arrivals are
// random, so that nothing falls into one instant.
func TestModelsRunInBothTimes(t *testing.T) {
	eachModel(t, func(t *testing.T, m Model, _ Cancel) {
		network := &Network{DNS: ms, RTT: 3 * ms}
		carry := func(env sim.Env, records []record) {
			handle := network.Wrap(env, (&Service{Model: Choice{"", m}, Replicas: 2, Balance: Balancing{Name: "least-conn"}, Admission: Admission{Queue: pointer(12)}}).Start(env).Handle)
			at := time.Duration(0)
			for i := range records {
				r := sim.NewStream(7, "arrivals").For(i, 0)
				at += time.Duration(r.ExpFloat64() * float64(time.Second) / 16)
				patience := time.Duration(r.ExpFloat64() * float64(4*time.Second))
				arrived := at
				env.Go(func() {
					sim.Sleep(env, arrived, nil)
					request := typical(i)
					request.Call, request.Via.Fresh = i, i%2 == 0
					reply := sim.Within(env, patience, handle, request)
					records[i] = record{i, arrived, env.Now(), reply}
				})
			}
		}
		const calls = 300
		want, got := make([]record, calls), make([]record, calls)
		w := sim.NewWorld(11)
		w.Go(func() { carry(w, want) })
		w.Run(sim.Forever)
		synctest.Test(t, func(*testing.T) {
			wall := sim.NewWall(11)
			wall.Do(func() { carry(wall, got) })
			wall.Wait()
		})
		outcomes := map[sim.Outcome]int{}
		for _, r := range want {
			outcomes[r.Reply.Outcome]++
		}
		if outcomes[sim.OK] < 50 || outcomes[sim.Timeout] < 50 || outcomes[sim.Busy] < 5 {
			t.Errorf("got outcomes %v, want some of each kind", outcomes)
		}
		same(t, "records on Wall and in World", got, want)
	})
}
