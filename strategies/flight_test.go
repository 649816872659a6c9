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

// A slow service takes a second, and fails as often as told.
func slow(w *sim.World, failures int) (sim.Handler, *[]string) {
	var log []string
	return func(r sim.Request) sim.Reply {
		log = append(log, fmt.Sprintf("%v: call %d", w.Now(), r.Call))
		if !sim.Sleep(w, time.Second, r.Gone) {
			log = append(log, fmt.Sprintf("%v: gone", w.Now()))
			return sim.Reply{Outcome: sim.Timeout, Reason: "slow"}
		}
		if failures--; failures >= 0 {
			return busy
		}
		return good
	}, &log
}

// Calls 0, 1, 2 ask the same at 0, 100 and 200 ms, with these patiences.
func TestFlights(t *testing.T) {
	const ms = time.Millisecond
	for _, row := range []struct {
		name      string
		failures  int
		patiences [3]time.Duration
		log       []string
		want      []string
	}{
		{"one fetch answers all", 0, [3]time.Duration{year, year, year},
			[]string{"0s: call 0"},
			[]string{"0: ok \"\" at 1s", "1: ok \"\" at 1s", "2: ok \"\" at 1s"}},
		{"a leader who leaves takes nobody's answer away", 0, [3]time.Duration{500 * ms, year, year},
			[]string{"0s: call 0"},
			[]string{"0: timeout \"flight\" at 500ms", "1: ok \"\" at 1s", "2: ok \"\" at 1s"}},
		{"who joined keeps a patience of its own", 0, [3]time.Duration{year, 500 * ms, year},
			[]string{"0s: call 0"},
			[]string{"0: ok \"\" at 1s", "1: timeout \"flight\" at 600ms", "2: ok \"\" at 1s"}},
		{"the last to leave ends the fetch in that instant, and knows why", 0, [3]time.Duration{500 * ms, 100 * ms, 100 * ms},
			[]string{"0s: call 0", "500ms: gone"},
			[]string{"0: timeout \"slow\" at 500ms", "1: timeout \"flight\" at 200ms", "2: timeout \"flight\" at 300ms"}},
		{"one who joined may be the last", 0, [3]time.Duration{100 * ms, 500 * ms, 100 * ms},
			[]string{"0s: call 0", "600ms: gone"},
			[]string{"0: timeout \"flight\" at 100ms", "1: timeout \"flight\" at 600ms", "2: timeout \"flight\" at 300ms"}},
		{"a failure is the leader's, and the next one leads", 1, [3]time.Duration{year, year, year},
			[]string{"0s: call 0", "1s: call 1"},
			[]string{"0: busy \"queue-full\" at 1s", "1: ok \"\" at 2s", "2: ok \"\" at 2s"}},
		{"each in turn", 3, [3]time.Duration{year, year, year},
			[]string{"0s: call 0", "1s: call 1", "2s: call 2"},
			[]string{"0: busy \"queue-full\" at 1s", "1: busy \"queue-full\" at 2s", "2: busy \"queue-full\" at 3s"}},
		{"the next leads too when the leader has left before the failure", 1, [3]time.Duration{500 * ms, year, year},
			[]string{"0s: call 0", "1s: call 1"},
			[]string{"0: timeout \"flight\" at 500ms", "1: ok \"\" at 2s", "2: ok \"\" at 2s"}},
		{"and the one after it when that has left too", 1, [3]time.Duration{500 * ms, 600 * ms, year},
			[]string{"0s: call 0", "1s: call 2"},
			[]string{"0: timeout \"flight\" at 500ms", "1: timeout \"flight\" at 700ms", "2: ok \"\" at 2s"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := sim.NewWorld(1)
			c := NewCache()
			service, log := slow(w, row.failures)
			stack := c.Wrap(w, service)
			got := make([]string, 3)
			for call, patience := range row.patiences {
				w.At(time.Duration(call)*100*ms, func() {
					w.Go(func() {
						reply := sim.Within(w, patience, stack, sim.Request{Call: call, Key: 9})
						got[call] = fmt.Sprintf("%d: %v %q at %v", call, reply.Outcome, reply.Reason, w.Now())
					})
				})
			}
			if blocked := w.Run(sim.Forever); blocked != 0 {
				t.Errorf("%d processes left over, want 0", blocked)
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("calls ended otherwise (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(row.log, *log); diff != "" {
				t.Errorf("the service saw other attempts (-want +got):\n%s", diff)
			}
			if len(c.flights) != 0 {
				t.Errorf("%d flights left, want 0", len(c.flights))
			}
		})
	}
}

func TestFlightsGiveTokensToTheirLeaderOnly(t *testing.T) {
	w := sim.NewWorld(1)
	c := NewCache()
	stack := c.Wrap(w, func(r sim.Request) sim.Reply {
		first := w.Now()
		for n := range 4 {
			sim.Sleep(w, time.Second, nil)
			r.Token(n)
		}
		return sim.Reply{Outcome: sim.OK, First: first + time.Second, Tokens: 4}
	})
	read := make([][]int, 2)
	firsts := make([]time.Duration, 2)
	for call, patience := range []time.Duration{2500 * time.Millisecond, year} {
		w.At(time.Duration(call)*1500*time.Millisecond, func() {
			w.Go(func() {
				r := sim.Request{Call: call, Key: 1, Token: func(n int) { read[call] = append(read[call], n) }}
				firsts[call] = sim.Within(w, patience, stack, r).First
			})
		})
	}
	w.Run(sim.Forever)
	if diff := cmp.Diff([][]int{{0, 1}, nil}, read); diff != "" {
		t.Errorf("tokens read (-want +got): the leader's until it left, nobody else's:\n%s", diff)
	}
	if firsts[1] != 1500*time.Millisecond {
		t.Errorf("first token at %v for a call of 1.5s, want no earlier than the call", firsts[1])
	}
}

// Whatever the order of callers, failures and patiences: one fetch per key at a time, and each call
// ends at the first of a good landing after it came, its own failed fetch, and its patience.
func TestFlightsKeepTheirPromise(t *testing.T) {
	type fetch struct {
		call       int
		key        uint64
		start, end time.Duration
		ok         bool
	}
	rapid.Check(t, func(t *rapid.T) {
		type caller struct{ gap, patience, key int }
		callers := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) caller {
			return caller{rapid.IntRange(1, 20).Draw(t, "gap"), rapid.IntRange(1, 150).Draw(t, "patience"), rapid.IntRange(0, 2).Draw(t, "key")}
		}), 1, 40).Draw(t, "callers")
		fails := rapid.SliceOfN(rapid.Bool(), 100, 100).Draw(t, "fails")

		w := sim.NewWorld(1)
		c := NewCache()
		c.TTL = 0
		var fetches []*fetch
		under := make(map[uint64]int)
		stack := c.Wrap(w, func(r sim.Request) sim.Reply {
			one := &fetch{call: r.Call, key: r.Key, start: w.Now()}
			fetches = append(fetches, one)
			if under[r.Key]++; under[r.Key] > 1 {
				t.Fatalf("%d fetches of key %d at once", under[r.Key], r.Key)
			}
			done := sim.Sleep(w, 37*time.Microsecond, r.Gone)
			under[r.Key]--
			one.end, one.ok = w.Now(), done && !fails[r.Call]
			if one.ok {
				return good
			}
			return busy
		})
		type ended struct {
			arrived, limit, at time.Duration
			reply              sim.Reply
		}
		ends := make([]ended, len(callers))
		var at time.Duration
		for i, one := range callers {
			at += time.Duration(one.gap)*time.Microsecond + 1 // no two of one instant
			patience := time.Duration(one.patience)*time.Microsecond + 211
			ends[i] = ended{arrived: at, limit: at + patience}
			w.At(at, func() {
				w.Go(func() {
					reply := sim.Within(w, patience, stack, sim.Request{Call: i, Key: uint64(one.key)})
					ends[i].at, ends[i].reply = w.Now(), reply
				})
			})
		}
		if blocked := w.Run(sim.Forever); blocked != 0 || len(c.flights) != 0 {
			t.Fatalf("%d processes and %d flights left over, want none", blocked, len(c.flights))
		}
		for i, e := range ends {
			want, outcome := e.limit, sim.Timeout
			for _, f := range fetches {
				own := f.call == i && !f.ok && f.end < e.limit
				landed := f.ok && f.key == uint64(callers[i].key) && f.end >= e.arrived && f.start < e.limit
				if (own || landed) && f.end < want {
					want, outcome = f.end, map[bool]sim.Outcome{true: sim.OK, false: sim.Busy}[f.ok]
				}
			}
			if e.at != want || e.reply.Outcome != outcome {
				t.Fatalf("call %d of [%v, %v) ended %v at %v, want %v at %v", i, e.arrived, e.limit, e.reply.Outcome, e.at, outcome, want)
			}
		}
		if !slices.IsSortedFunc(fetches, func(a, b *fetch) int { return int(a.start - b.start) }) {
			t.Fatal("fetches out of order")
		}
	})
}
