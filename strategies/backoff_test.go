package strategies

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/headroom-dev/headroom/sim"
	"pgregory.net/rapid"
)

// coin is a service whose attempts fail independently with probability f.
func coin(f float64) func(sim.Env) sim.Handler {
	return func(env sim.Env) sim.Handler {
		draws := env.Rand("coin")
		return func(r sim.Request) sim.Reply {
			if draws.For(r.Call, r.Attempt).Float64() < f {
				return busy
			}
			return good
		}
	}
}

// With N retries success is 1 - f^(N+1) and the load (1 - f^(N+1))/(1 - f).
func TestBackoffAgainstACoin(t *testing.T) {
	long(t)
	for _, row := range []struct {
		f             float64
		retries       int
		success, load float64
	}{
		{.5, 3, .9375, 1.875},
		{.2, 3, .9984, 1.248},
		{.5, 0, .5, 1},
		{.9, 4, 1 - .59049, (1 - .59049) / .1},
	} {
		b := NewBackoff()
		b.Tries = row.retries + 1
		var loads []float64
		success := over(12, func(seed uint64) float64 {
			w := sim.NewWorld(seed)
			var records []record
			drive(w, Fresh(b), coin(row.f)(w), load{calls: 5000, rate: steady(100)}, func(r record) { records = append(records, r) })
			if blocked := w.Run(sim.Forever); blocked != 0 {
				t.Fatalf("%d processes left over, want 0", blocked)
			}
			attempts := 0
			for _, r := range records {
				attempts += r.Attempts
				if r.Attempts > b.Tries {
					t.Fatalf("%d attempts of one call, want at most %d", r.Attempts, b.Tries)
				}
				if r.Causes[sim.First] != 1 || r.Causes[sim.Retry] != r.Attempts-1 {
					t.Fatalf("attempts by cause %v, want 1 first and %d retries", r.Causes, r.Attempts-1)
				}
			}
			loads = append(loads, float64(attempts)/float64(len(records)))
			return share(records, isOK)
		})
		name := fmt.Sprintf("f %g, %d retries", row.f, row.retries)
		success.holds(t, name+": success", row.success)
		if row.retries > 0 {
			values(loads).holds(t, name+": load", row.load)
		} else if got := values(loads); got.mean != row.load {
			t.Errorf("%s: load %g, want exactly %g", name, got.mean, row.load)
		}
	}
}

// attempts runs one call against replies that come in order, the last one for ever, and returns when
// each attempt was made, the final reply, when it came, and what was counted.
func attempts(t *testing.T, b *Backoff, patience time.Duration, replies ...sim.Reply) (at []time.Duration, final sim.Reply, done time.Duration, counted map[string]int64) {
	t.Helper()
	run(t, func(w *sim.World) {
		stack := b.Wrap(w, func(sim.Request) sim.Reply {
			at = append(at, w.Now())
			return replies[min(len(at), len(replies))-1]
		})
		final = sim.Within(w, patience, stack, sim.Request{Call: 7})
		done, counted = w.Now(), counts(b)
	})
	return at, final, done, counted
}

func TestBackoffStops(t *testing.T) {
	const s = time.Second
	plain := func(edit func(*Backoff)) *Backoff {
		b := NewBackoff()
		b.Jitter = Jitter{}
		if edit != nil {
			edit(b)
		}
		return b
	}
	after := func(d time.Duration) sim.Reply { r := busy; r.RetryAfter = d; return r }
	for _, row := range []struct {
		name     string
		b        *Backoff
		patience time.Duration
		replies  []sim.Reply
		at       []time.Duration
		outcome  sim.Outcome
		reason   string
		done     time.Duration
		counted  map[string]int64 // what is not zero
	}{
		{"an ok answer ends it", plain(nil), year, []sim.Reply{good},
			[]time.Duration{0}, sim.OK, "", 0, map[string]int64{}},
		{"the articles' waits are 1, 2, 4 and 8 s, and none after the last try", plain(nil), year, []sim.Reply{busy},
			[]time.Duration{0, 1 * s, 3 * s, 7 * s, 15 * s}, sim.Busy, "queue-full", 15 * s,
			map[string]int64{"retried": 4, "gave_up_tries": 1}},
		{"no base and no jitter retry at once", plain(func(b *Backoff) { b.Base, b.Tries = 0, 4 }), year, []sim.Reply{busy},
			[]time.Duration{0, 0, 0, 0}, sim.Busy, "queue-full", 0,
			map[string]int64{"retried": 3, "gave_up_tries": 1}},
		{"factor 1 waits the same each time", plain(func(b *Backoff) { b.Factor, b.Tries = 1, 4 }), year, []sim.Reply{busy},
			[]time.Duration{0, 1 * s, 2 * s, 3 * s}, sim.Busy, "queue-full", 3 * s,
			map[string]int64{"retried": 3, "gave_up_tries": 1}},
		{"a wait beyond the patience is not begun", plain(nil), 5 * s, []sim.Reply{busy},
			[]time.Duration{0, 1 * s, 3 * s}, sim.Busy, "queue-full", 3 * s,
			map[string]int64{"retried": 2, "gave_up_patience": 1}},
		{"nor one that would leave less than min", plain(func(b *Backoff) { b.Min = 3 * s }), 5 * s, []sim.Reply{busy},
			[]time.Duration{0, 1 * s}, sim.Busy, "queue-full", 1 * s,
			map[string]int64{"retried": 1, "gave_up_patience": 1}},
		{"min holds at its very limit", plain(func(b *Backoff) { b.Min = 2 * s }), 5 * s, []sim.Reply{busy},
			[]time.Duration{0, 1 * s, 3 * s}, sim.Busy, "queue-full", 3 * s,
			map[string]int64{"retried": 2, "gave_up_patience": 1}},
		{"an answer that would come again the same is not asked for again", plain(nil), year,
			[]sim.Reply{{Outcome: sim.Error, Status: 400, Reason: "too-long"}},
			[]time.Duration{0}, sim.Error, "too-long", 0, map[string]int64{}},
		{"a 500 is", plain(nil), year, []sim.Reply{{Outcome: sim.Error, Status: 500}, good},
			[]time.Duration{0, 1 * s}, sim.OK, "", 1 * s, map[string]int64{"retried": 1}},
		{"the reason is the last attempt's", plain(func(b *Backoff) { b.Tries = 2 }), year, []sim.Reply{busy, {Outcome: sim.Refused, Status: 429, Reason: "rate"}},
			[]time.Duration{0, 1 * s}, sim.Refused, "rate", 1 * s, map[string]int64{"retried": 1, "gave_up_tries": 1}},
		{"the service may say not to", plain(nil), year, []sim.Reply{{Outcome: sim.Busy, Status: 503, Retry: sim.DoNot}},
			[]time.Duration{0}, sim.Busy, "", 0, map[string]int64{"gave_up_told": 1}},
		{"or to, against the status", plain(nil), year, []sim.Reply{{Outcome: sim.Error, Status: 409, Retry: sim.Do}, good},
			[]time.Duration{0, 1 * s}, sim.OK, "", 1 * s, map[string]int64{"retried": 1}},
		{"what the client itself shed is not tried again", plain(nil), year, []sim.Reply{{Outcome: sim.Shed, Reason: "full"}},
			[]time.Duration{0}, sim.Shed, "full", 0, map[string]int64{}},
		{"a Retry-After shorter than the own wait changes nothing", plain(func(b *Backoff) { b.Tries = 2 }), year, []sim.Reply{after(s / 2)},
			[]time.Duration{0, 1 * s}, sim.Busy, "queue-full", 1 * s, map[string]int64{"retried": 1, "gave_up_tries": 1}},
		{"one longer than the patience is a no", plain(nil), 5 * s, []sim.Reply{after(6 * s)},
			[]time.Duration{0}, sim.Busy, "queue-full", 0, map[string]int64{"gave_up_told": 1}},
		{"one longer than its maximum too", plain(func(b *Backoff) { b.RetryAfterMax = 2 * s }), year, []sim.Reply{after(3 * s)},
			[]time.Duration{0}, sim.Busy, "queue-full", 0, map[string]int64{"gave_up_told": 1}},
		{"unless it is ignored", plain(func(b *Backoff) { b.RetryAfter, b.Tries = "ignore", 2 }), 5 * s, []sim.Reply{after(6 * s)},
			[]time.Duration{0, 1 * s}, sim.Busy, "queue-full", 1 * s, map[string]int64{"retried": 1, "gave_up_tries": 1}},
	} {
		t.Run(row.name, func(t *testing.T) {
			at, final, done, counted := attempts(t, row.b, row.patience, row.replies...)
			if diff := cmp.Diff(row.at, at); diff != "" {
				t.Errorf("attempts at other times (-want +got):\n%s", diff)
			}
			if final.Outcome != row.outcome || final.Reason != row.reason || done != row.done {
				t.Errorf("%v %q at %v, want %v %q at %v", final.Outcome, final.Reason, done, row.outcome, row.reason, row.done)
			}
			for name, n := range counted {
				if n != row.counted[name] {
					t.Errorf("counted %s %d times, want %d", name, n, row.counted[name])
				}
			}
		})
	}
}

func TestBackoffObeysRetryAfterWithSpread(t *testing.T) {
	reply := busy
	reply.RetryAfter = 10 * time.Second
	least, most := year, time.Duration(0)
	for seed := range uint64(200) {
		w := sim.NewWorld(seed)
		b := NewBackoff()
		b.Tries = 2
		var at time.Duration
		stack := b.Wrap(w, func(sim.Request) sim.Reply { at = w.Now(); return reply })
		w.Go(func() { stack(sim.Request{}) })
		w.Run(sim.Forever)
		least, most = min(least, at), max(most, at)
	}
	if least < 10*time.Second || least > 10100*time.Millisecond || most > 11*time.Second || most < 10900*time.Millisecond {
		t.Errorf("second attempts between %v and %v, want from 10 s to 11 s", least, most)
	}
}

func TestBackoffLeavesWithItsCaller(t *testing.T) {
	run(t, func(w *sim.World) {
		b := NewBackoff()
		stack := b.Wrap(w, always(busy))
		var gone sim.Signal
		w.At(1500*time.Millisecond, gone.Fire) // in the second wait
		reply := stack(sim.Request{Gone: &gone})
		if reply.Outcome != sim.Timeout || reply.Reason != "queue-full" || w.Now() != 1500*time.Millisecond {
			t.Errorf("%v %q at %v, want timeout \"queue-full\" at 1.5s", reply.Outcome, reply.Reason, w.Now())
		}
		if got := b.Gauges()[0].Read(); got != 0 {
			t.Errorf("%v still back off, want 0", got)
		}
		if got := counts(b)["gave_up_patience"]; got != 1 {
			t.Errorf("gave up by patience %d times, want 1", got)
		}
	})
}

func TestBackoffDoesNotRepeatAnAnswerThatHasBegun(t *testing.T) {
	for _, row := range []struct {
		name  string
		token func(int)
		first time.Duration
		want  int
	}{
		{"tokens were read", func(int) {}, time.Second, 1},
		{"nobody reads tokens", nil, time.Second, 5},
		{"none came", func(int) {}, 0, 5},
	} {
		run(t, func(w *sim.World) {
			made := 0
			stack := NewBackoff().Wrap(w, func(sim.Request) sim.Reply {
				made++
				return sim.Reply{Outcome: sim.Error, First: row.first, Reason: "reset"}
			})
			stack(sim.Request{Token: row.token})
			if made != row.want {
				t.Errorf("%s: %d attempts, want %d", row.name, made, row.want)
			}
		})
	}
}

// A retry more in one call changes no other call's draws, and no two calls draw the same.
func TestBackoffDrawsAreKeyedByCall(t *testing.T) {
	run(t, func(w *sim.World) {
		var at []time.Duration
		stack := NewBackoff().Wrap(w, func(r sim.Request) sim.Reply {
			if r.Cause == sim.Retry {
				at = append(at, w.Now())
				return good
			}
			return busy
		})
		for call := range 50 {
			w.Go(func() { stack(sim.Request{Call: call}) })
		}
		sim.Sleep(w, 2*time.Second, nil)
		if distinct := len(slices.Compact(at)); distinct != 50 {
			t.Errorf("50 calls that failed together came back at %d times, want 50", distinct)
		}
	})
	times := func(firstFails int) []time.Duration {
		w := sim.NewWorld(11)
		var at []time.Duration
		fails := 0
		stack := NewBackoff().Wrap(w, func(r sim.Request) sim.Reply {
			if r.Call == 1 {
				at = append(at, w.Now())
				return busy
			}
			if fails++; fails <= firstFails {
				return busy
			}
			return good
		})
		w.Go(func() { stack(sim.Request{Call: 0}) })
		w.Go(func() { stack(sim.Request{Call: 1}) })
		w.Run(sim.Forever)
		return at
	}
	if diff := cmp.Diff(times(0), times(4)); diff != "" {
		t.Errorf("call 1 waits otherwise when call 0 is retried:\n%s", diff)
	}
}

func TestBackoffNeverExceedsItsTries(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := NewBackoff()
		b.Tries = rapid.IntRange(1, 8).Draw(t, "tries")
		b.Base = time.Duration(rapid.IntRange(0, 3000).Draw(t, "base ms")) * time.Millisecond
		b.Jitter.Kind = JitterKind(rapid.IntRange(0, int(JitterAround)).Draw(t, "jitter"))
		b.Min = time.Duration(rapid.IntRange(0, 2000).Draw(t, "min ms")) * time.Millisecond
		patience := time.Duration(rapid.IntRange(1, 60_000).Draw(t, "patience ms")) * time.Millisecond
		outcomes := rapid.SliceOfN(rapid.SampledFrom([]sim.Reply{good, busy, {Outcome: sim.Error, Status: 400}, {Outcome: sim.Refused, RetryAfter: 2 * time.Second}}), 8, 8).Draw(t, "replies")
		w := sim.NewWorld(1)
		var at []time.Duration
		stack := b.Wrap(w, func(sim.Request) sim.Reply {
			at = append(at, w.Now())
			return outcomes[len(at)-1]
		})
		w.Go(func() { sim.Within(w, patience, stack, sim.Request{}) })
		if blocked := w.Run(sim.Forever); blocked != 0 {
			t.Fatalf("%d processes left over, want 0", blocked)
		}
		if len(at) > b.Tries {
			t.Fatalf("%d attempts, want at most %d", len(at), b.Tries)
		}
		if last := at[len(at)-1]; len(at) > 1 && patience-last < b.Min {
			t.Fatalf("an attempt at %v leaves %v, want at least %v", last, patience-last, b.Min)
		}
		if w.Now() > patience {
			t.Fatalf("the call ended at %v, beyond its patience of %v", w.Now(), patience)
		}
	})
}
