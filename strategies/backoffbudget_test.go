package strategies

import (
	"testing"
	"time"

	"github.com/headroom-dev/headroom/sim"
	"pgregory.net/rapid"
)

// A budget is asked before the wait, so that nobody waits for a no; failsafe-go asks after it.
func TestBudgetIsAskedBeforeTheWaitButByFailsafe(t *testing.T) {
	for _, row := range []struct {
		rule BudgetRule
		ends time.Duration
	}{
		{&EnvoyBudget{}, 0},
		{&BrookerBudget{Cap: 1.5, Ratio: 0}, 2 * time.Second}, // one retry, and a no at once
		{&FailsafeBudget{}, 6 * time.Second},                  // one retry, and a no after the second wait
	} {
		run(t, func(w *sim.World) {
			b := &Backoff{Tries: 4, Base: 2 * time.Second, Factor: 2, Budget: Budget{row.rule}, Clients: 1}
			stack := b.Wrap(w, always(busy))
			if _, ok := row.rule.(*FailsafeBudget); ok { // another call's retry is under way for ever
				w.Go(func() {
					state := b.budgets.of(0)
					state.sent(0, 0)
					sim.Sleep(w, 5*time.Second, nil)
					state.may(w.Now(), 1, busy)
				})
			}
			reply := stack(sim.Request{})
			if w.Now() != row.ends || reply != busy || counts(b)["gave_up_budget"] != 1 {
				t.Errorf("%T: %v at %v, gave_up_budget %d, want busy at %v and 1", row.rule, reply.Outcome, w.Now(), counts(b)["gave_up_budget"], row.ends)
			}
		})
	}
}

// A caller that leaves in its wait gives back what was granted, and a wait that is not begun takes nothing.
func TestBudgetOfThoseWhoLeave(t *testing.T) {
	run(t, func(w *sim.World) {
		b := &Backoff{Tries: 4, Base: 10 * time.Second, Factor: 2, Budget: Budget{&EnvoyBudget{Min: 1}}, Clients: 1}
		stack := b.Wrap(w, always(busy))
		state := b.budgets.of(0).(*envoyState)
		gone := new(sim.Signal)
		w.At(time.Second, func() {
			if state.retries != 1 || state.active != 0 {
				t.Errorf("in the wait %+v, want one retry granted and nothing under way", *state)
			}
			gone.Fire()
		})
		stack(sim.Request{Gone: gone})
		if state.retries != 0 || state.active != 0 {
			t.Errorf("after all %+v, want nothing", *state)
		}
		sim.Within(w, 5*time.Second, stack, sim.Request{Call: 1}) // its wait would outlast it
		if got := counts(b); state.retries != 0 || got["gave_up_patience"] != 2 || got["retried"] != 0 {
			t.Errorf("after a wait not begun %+v, %v", *state, got)
		}
	})
}

// Each client has a budget of its own.
func TestBudgetPerClient(t *testing.T) {
	for _, clients := range []int{1, 3, 40} {
		run(t, func(w *sim.World) {
			b := atOnce(2, &BrookerBudget{Cap: 2, Ratio: 0}, clients) // one retry each
			stack := b.Wrap(w, always(busy))
			for call, user := range members(clients) {
				stack(sim.Request{Call: 2 * call, User: user})
				stack(sim.Request{Call: 2*call + 1, User: user})
			}
			if got := counts(b); got["retried"] != int64(clients) || got["gave_up_budget"] != int64(clients) {
				t.Errorf("%d clients: %v", clients, got)
			}
		})
	}
}

// gRPC counts a failure that it is told not to repeat, and one that spends the last try.
func TestGRPCCountsFailuresThatAreNotRepeated(t *testing.T) {
	told := busy
	told.Retry = sim.DoNot
	for _, row := range []struct {
		reply sim.Reply
		level int64
	}{
		{busy, 6}, {told, 9}, {sim.Reply{Outcome: sim.Error, Status: 400, Retry: sim.DoNot}, 9}, {sim.Reply{Outcome: sim.Error, Status: 400}, 10}, {sim.Reply{Outcome: sim.Timeout}, 10}, {good, 10},
	} {
		run(t, func(w *sim.World) {
			b := preset(t, "grpc, budget: grpc, tries: 4")
			b.Wrap(w, always(row.reply))(sim.Request{})
			if got := b.budgets.of(0).(*grpcState).level / token; got != row.level {
				t.Errorf("after %+v %d tokens, want %d", row.reply, got, row.level)
			}
		})
	}
}

// Whatever the preset, the budget and the service: no more attempts than tries, nobody kept beyond its
// patience, every retry counted, and nothing left under way.
func TestBackoffKeepsItsBounds(t *testing.T) {
	presets, names := PresetsOf(NewBackoff()), []string{}
	for _, rule := range BudgetRules {
		names = append(names, rule.Name)
	}
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SampledFrom(presets).Draw(t, "preset").New().(*Backoff)
		b.Budget, _ = NewBudget(rapid.SampledFrom(append(names, "off")).Draw(t, "budget"))
		b.Clients = rapid.IntRange(1, 3).Draw(t, "clients")
		b.Min = time.Duration(rapid.IntRange(0, 2000).Draw(t, "min ms")) * time.Millisecond
		after := rapid.SampledFrom([]time.Duration{0, time.Second, time.Hour}).Draw(t, "wish")
		replies := rapid.SliceOfN(rapid.SampledFrom([]sim.Reply{good, {Outcome: sim.Busy, Status: 503, RetryAfter: after},
			{Outcome: sim.Error, Status: 400}, {Outcome: sim.Refused, Status: 429, RetryAfter: after}, {Outcome: sim.Error}}), 8, 8).Draw(t, "replies")
		w := sim.NewWorld(rapid.Uint64().Draw(t, "seed"))
		made, retries := map[int]int{}, 0
		stack := b.Wrap(w, func(r sim.Request) sim.Reply {
			made[r.Call]++
			if r.Cause == sim.Retry {
				retries++
			}
			sim.Sleep(w, 50*time.Millisecond, r.Gone)
			return replies[(r.Call+made[r.Call])%8]
		})
		calls := rapid.IntRange(1, 12).Draw(t, "calls")
		for call := range calls {
			patience := time.Duration(rapid.IntRange(1, 60_000).Draw(t, "patience ms")) * time.Millisecond
			start := time.Duration(call) * 30 * time.Millisecond
			w.At(start, func() {
				w.Go(func() {
					sim.Within(w, patience, stack, sim.Request{Call: call, User: uint64(call), Idempotent: true})
					if took := w.Now() - start; took > patience {
						t.Fatalf("call %d took %v of a patience of %v", call, took, patience)
					}
				})
			})
		}
		if blocked := w.Run(sim.Forever); blocked != 0 {
			t.Fatalf("%d processes left over", blocked)
		}
		for call, n := range made {
			if b.Tries > 0 && n > b.Tries {
				t.Fatalf("call %d made %d attempts of %d", call, n, b.Tries)
			}
		}
		if got := counts(b)["retried"]; got != int64(retries) {
			t.Fatalf("%d retries, counted %d", retries, got)
		}
		for _, state := range b.budgets.states {
			switch s := state.(type) {
			case *envoyState:
				if s.active != 0 || s.retries != 0 {
					t.Fatalf("left under way: %+v", *s)
				}
			case *failsafeState:
				if s.calls != 0 || s.retries != 0 {
					t.Fatalf("left under way: %+v", *s)
				}
			case *sreState:
				if s.inFlight != 0 {
					t.Fatalf("%d left in flight", s.inFlight)
				}
			}
		}
	})
}
