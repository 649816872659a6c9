package sim_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/headroom-dev/headroom/sim"
	"pgregory.net/rapid"
)

// answerAfter is a service without a queue that keeps law 5: it returns the moment its caller goes.
func answerAfter(e sim.Env, d time.Duration, reply sim.Reply) sim.Handler {
	return func(r sim.Request) sim.Reply {
		if !sim.Sleep(e, d, r.Gone) {
			return sim.Reply{Outcome: sim.Error, Reason: "nobody waits"}
		}
		return reply
	}
}

func TestWithin(t *testing.T) {
	ok := sim.Reply{Outcome: sim.OK, Status: 200}
	busy := sim.Reply{Outcome: sim.Busy, Status: 503, Retry: sim.Do, RetryAfter: 7}
	const never = 0
	for _, row := range []struct {
		name     string
		limit    time.Duration
		goes     time.Duration // when the caller goes
		service  time.Duration
		reply    sim.Reply
		want     sim.Outcome
		took     time.Duration
		deadline time.Duration // what the request says of it before
		sees     time.Duration // and what next sees; -1: next is not asked
	}{
		{"an answer in time is the answer", 10, never, 5, ok, sim.OK, 5, 0, 10},
		{"a refusal in time is the refusal", 10, never, 5, busy, sim.Busy, 5, 0, 10},
		{"no answer in time is a timeout at the limit", 10, never, 50, ok, sim.Timeout, 10, 0, 10},
		{"the caller goes before the limit", 10, 3, 50, ok, sim.Timeout, 3, 0, 10},
		{"the caller goes behind the limit", 10, 12, 50, ok, sim.Timeout, 10, 0, 10},
		{"the caller goes behind the answer", 10, 8, 5, ok, sim.OK, 5, 0, 10},
		{"an earlier deadline stays", 10, never, 5, ok, sim.OK, 5, 8, 8},
		{"a later deadline comes nearer", 10, never, 5, ok, sim.OK, 5, 80, 10},
		{"a deadline does not end the wait by itself", 10, never, 9, ok, sim.OK, 9, 8, 8},
		{"without a limit next is asked as it is", sim.Forever, never, 50, ok, sim.OK, 50, 0, 0},
		{"a limit beyond the end of the clock is none", sim.Forever - 1, never, 50, ok, sim.OK, 50, 80, 80},
		{"without a limit the caller still may go", sim.Forever, 3, 50, ok, sim.Error, 3, 0, 0},
		{"with nothing left next is not asked", 0, never, 5, ok, sim.Timeout, 0, 0, -1},
		{"with less than nothing left next is not asked", -5, never, 5, ok, sim.Timeout, 0, 0, -1},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := sim.NewWorld(1)
			var gone sim.Signal
			if row.goes != never {
				w.At(1+row.goes, gone.Fire)
			}
			w.Go(func() {
				sim.Sleep(w, 1, nil) // so that a moment and a length of time are not the same
				request := sim.Request{Call: 381, Gone: &gone}
				if row.deadline > 0 {
					request.Deadline = 1 + row.deadline
				}
				sees := time.Duration(-1)
				got := sim.Within(w, row.limit, func(r sim.Request) sim.Reply {
					if sees = r.Deadline; sees > 0 {
						sees--
					}
					if r.Call != 381 {
						t.Errorf("next was asked for call %d, want 381", r.Call)
					}
					return answerAfter(w, row.service, row.reply)(r)
				}, request)
				if got.Outcome != row.want {
					t.Errorf("got %v, want %v", got.Outcome, row.want)
				}
				if got.Outcome == sim.Timeout && got.Retry != sim.Unsaid {
					t.Errorf("got advice %v with a timeout, want none", got.Retry)
				}
				if row.want == row.reply.Outcome {
					if diff := cmp.Diff(row.reply, got); diff != "" {
						t.Errorf("the reply was changed (-want +got):\n%s", diff)
					}
				}
				if got := w.Now() - 1; got != row.took {
					t.Errorf("it took %v, want %v", got, row.took)
				}
				if sees != row.sees {
					t.Errorf("next saw the deadline %d, want %d", sees, row.sees)
				}
			})
			if blocked := w.Run(sim.Forever); blocked != 0 {
				t.Errorf("got %d blocked, want 0", blocked)
			}
			if got, want := w.Now(), max(1+row.took, min(1+row.goes, 13)); row.limit != sim.Forever-1 && got != want {
				t.Errorf("the run ended at %d, want %d: the limit was not taken back", got, want)
			}
		})
	}
}

func TestWithinDoesNotAskForACallerWhoIsGone(t *testing.T) {
	w := sim.NewWorld(1)
	var gone sim.Signal
	gone.Fire()
	w.Go(func() {
		got := sim.Within(w, 10, func(sim.Request) sim.Reply {
			t.Error("next was asked")
			return sim.Reply{}
		}, sim.Request{Gone: &gone})
		if got.Outcome != sim.Timeout {
			t.Errorf("got %v, want timeout", got.Outcome)
		}
	})
	w.Run(sim.Forever)
}

// TestWithinAtTheLimit has the reply come in the very instant of the limit: an answer that is there is
// not thrown away, all else is a timeout.
func TestWithinAtTheLimit(t *testing.T) {
	for outcome := range sim.NumOutcomes {
		want := sim.Timeout
		if outcome == sim.OK || outcome == sim.Degraded {
			want = outcome
		}
		for order, wait := range map[string]func(w *sim.World, answered *sim.Signal){
			"an event scheduled before the limit": func(w *sim.World, answered *sim.Signal) { w.Await(sim.Forever, answered, nil) },
			"a wait begun behind it":              func(w *sim.World, answered *sim.Signal) { sim.Sleep(w, 10, nil) },
		} {
			w := sim.NewWorld(1)
			w.Go(func() {
				var answered sim.Signal
				w.At(10, answered.Fire) // scheduled before the limit
				got := sim.Within(w, 10, func(sim.Request) sim.Reply {
					wait(w, &answered)
					return sim.Reply{Outcome: outcome, Retry: sim.DoNot}
				}, sim.Request{})
				if got.Outcome != want || w.Now() != 10 {
					t.Errorf("%v by %s: got %v at %d, want %v at 10", outcome, order, got.Outcome, w.Now(), want)
				}
				if wantAdvice := map[bool]sim.Advice{true: sim.DoNot}[want != sim.Timeout]; got.Retry != wantAdvice {
					t.Errorf("%v by %s: got the advice %v, want %v: a timeout gives none", outcome, order, got.Retry, wantAdvice)
				}
			})
			w.Run(sim.Forever)
		}
	}
}

// TestNestedLimits: whatever limits stand round a service, in any order, the call ends at the least of
// them, with the deadline of the least of those outside each.
func TestNestedLimits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limits := rapid.SliceOfN(rapid.IntRange(1, 30), 1, 6).Draw(t, "limits")
		service := rapid.IntRange(1, 40).Draw(t, "service")
		goes := rapid.IntRange(1, 40).Draw(t, "goes")
		w := sim.NewWorld(1)
		var gone sim.Signal
		handler := answerAfter(w, time.Duration(service), sim.Reply{Outcome: sim.OK})
		least := 1 << 30
		for i := len(limits) - 1; i >= 0; i-- {
			limit, next := time.Duration(limits[i]), handler
			within := time.Duration(limits[0])
			for _, l := range limits[:i+1] {
				within = min(within, time.Duration(l))
			}
			handler = func(r sim.Request) sim.Reply {
				return sim.Within(w, limit, func(r sim.Request) sim.Reply {
					if r.Deadline != within {
						t.Errorf("deadline at depth %d: got %d, want %d", i, r.Deadline, within)
					}
					return next(r)
				}, r)
			}
			least = min(least, limits[i])
		}
		w.At(time.Duration(goes), gone.Fire)
		w.Go(func() {
			got := handler(sim.Request{Gone: &gone})
			want, at := sim.Timeout, min(least, goes, service)
			if service < min(least, goes) {
				want = sim.OK
			}
			if service == at && want != sim.OK {
				return // a tie: the service's own wait decides, by sequence
			}
			if got.Outcome != want || w.Now() != time.Duration(at) {
				t.Errorf("got %v at %d, want %v at %d", got.Outcome, w.Now(), want, at)
			}
		})
		if blocked := w.Run(sim.Forever); blocked != 0 {
			t.Errorf("got %d blocked, want 0", blocked)
		}
	})
}

// TestHedgingInTwelveLines is two attempts at once as the design writes them: one child of the caller's
// signal ends the loser, in the very instant in which the first answer is there.
func TestHedgingInTwelveLines(t *testing.T) {
	w := sim.NewWorld(1)
	ended := map[time.Duration]sim.Outcome{}
	service := func(r sim.Request) sim.Reply {
		reply := answerAfter(w, 10-3*time.Duration(r.Attempt), sim.Reply{Outcome: sim.OK, Tokens: 1 + r.Attempt})(r)
		ended[time.Duration(r.Attempt)] = reply.Outcome
		if w.Now() != 7 {
			t.Errorf("attempt %d ended at %d, want 7", r.Attempt, w.Now())
		}
		return reply
	}
	w.Go(func() {
		answers := sim.NewQueue[sim.Reply](w, 2)
		r := sim.Request{Gone: new(sim.Signal)}
		lost := r.Gone.Child()
		for n := range 2 {
			r := r
			r.Attempt, r.Gone = n, lost
			w.Go(func() { answers.Put(service(r), sim.Forever, nil) })
		}
		reply, _ := answers.Get(sim.Forever, r.Gone)
		lost.Fire()
		if reply.Tokens != 2 || w.Now() != 7 {
			t.Errorf("got the answer of attempt %d at %d, want 1 at 7", reply.Tokens-1, w.Now())
		}
		if r.Gone.Fired() {
			t.Error("the caller is gone with the loser")
		}
	})
	if blocked := w.Run(sim.Forever); blocked != 0 {
		t.Errorf("got %d blocked, want 0", blocked)
	}
	want := map[time.Duration]sim.Outcome{0: sim.Error, 1: sim.OK}
	if diff := cmp.Diff(want, ended); diff != "" {
		t.Errorf("how the attempts ended (-want +got):\n%s", diff)
	}
}
