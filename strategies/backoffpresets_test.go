package strategies

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/headroom-dev/headroom/sim"
)

// preset returns a backoff as a scenario would name it, with settings besides: "openai, tries: 9".
func preset(t testing.TB, text string) *Backoff {
	t.Helper()
	s, err := Parse([]byte("backoff: {preset: " + text + "}"))
	if err != nil {
		t.Fatal(err)
	}
	return s.(*Backoff)
}

// waits returns the waits of one call against a service that always says reply, over several seeds:
// the shortest and the longest of each, in seconds.
func waits(t *testing.T, b *Backoff, r sim.Request, reply sim.Reply) (least, most []float64) {
	t.Helper()
	for seed := range uint64(200) {
		w := sim.NewWorld(seed)
		var at []time.Duration
		stack := Fresh(b).Wrap(w, func(sim.Request) sim.Reply { at = append(at, w.Now()); return reply })
		w.Go(func() { stack(r) })
		w.Run(sim.Forever)
		for i := 1; i < len(at); i++ {
			s := (at[i] - at[i-1]).Seconds()
			if i > len(least) {
				least, most = append(least, s), append(most, s)
			}
			least[i-1], most[i-1] = min(least[i-1], s), max(most[i-1], s)
		}
	}
	return least, most
}

// The waits of every preset against a service that is busy for ever, from the libraries' sources: each
// stays inside of its interval and, over 200 calls, comes near both ends.
func TestPresetsWaitAsTheirLibrariesDo(t *testing.T) {
	type span struct{ low, high float64 }
	exactly := func(s ...float64) (all []span) {
		for _, one := range s {
			all = append(all, span{one, one})
		}
		return all
	}
	refused := sim.Reply{Outcome: sim.Refused, Status: 429}
	wished := func(reply sim.Reply, wish time.Duration) sim.Reply { reply.RetryAfter = wish; return reply }
	for _, row := range []struct {
		preset string
		reply  sim.Reply
		want   []span
	}{
		{"seed", busy, []span{{1, 1.1}, {2, 2.2}, {4, 4.4}, {8, 8.8}}},
		{"seed", wished(busy, 30*time.Second), []span{{1, 1.1}, {2, 2.2}, {4, 4.4}, {8, 8.8}}},
		{"seed, tries: 7", busy, []span{{1, 1.1}, {2, 2.2}, {4, 4.4}, {8, 8.8}, {16, 17.6}, {30, 33}}},
		{"openai", busy, []span{{.375, .5}, {.75, 1}}},
		{"openai, tries: 7", busy, []span{{.375, .5}, {.75, 1}, {1.5, 2}, {3, 4}, {6, 8}, {6, 8}}},
		{"openai", wished(busy, 100*time.Millisecond), exactly(.1, .1)}, // shorter than its own wait
		{"openai", wished(busy, 120*time.Second), exactly(120, 120)},
		{"openai", wished(busy, 121*time.Second), nil},
		{"anthropic", busy, []span{{.375, .5}, {.75, 1}}},
		{"anthropic", wished(busy, time.Hour), exactly(3600, 3600)},
		{"aws", busy, []span{{0, 2}, {0, 4}}},
		{"aws, tries: 7", busy, []span{{0, 2}, {0, 4}, {0, 8}, {0, 16}, {20, 20}, {20, 20}}},
		{"aws", wished(refused, time.Hour), []span{{0, 2}, {0, 4}}},
		{"aws-2026", busy, []span{{0, .05}, {0, .1}}},
		{"aws-2026", refused, []span{{0, 1}, {0, 2}}},
		{"aws-2026, tries: 12", refused, []span{{0, 1}, {0, 2}, {0, 4}, {0, 8}, {0, 16}, {0, 20}, {0, 20}, {0, 20}, {0, 20}, {0, 20}, {0, 20}}},
		{"aws-2026", wished(busy, 10*time.Millisecond), []span{{.01, .05}, {.01, .1}}},
		{"aws-2026", wished(busy, 2*time.Second), exactly(2, 2)},
		{"aws-2026", wished(busy, time.Minute), []span{{5, 5.05}, {5, 5.1}}},
		{"grpc", busy, []span{{.08, .12}, {.16, .24}, {.32, .48}}},
		{"grpc, tries: 5", busy, []span{{.08, .12}, {.16, .24}, {.32, .48}, {.64, .96}}},
		{"grpc", wished(busy, 7*time.Millisecond), exactly(.007, .007, .007)},
		{"retryablehttp", busy, exactly(1, 2, 4, 8)},
		{"retryablehttp, tries: 8", busy, exactly(1, 2, 4, 8, 16, 30, 30)},
		{"retryablehttp", wished(refused, time.Hour), exactly(3600, 3600, 3600, 3600)},
		{"retryablehttp", wished(busy, time.Millisecond), exactly(.001, .001, .001, .001)},
		{"retryablehttp", wished(sim.Reply{Outcome: sim.Error, Status: 502}, time.Hour), exactly(1, 2, 4, 8)},
		{"failsafe", busy, exactly(0, 0)},
		{"failsafe", wished(busy, 3*time.Second), exactly(3, 3)},
		{"failsafe, jitter: +-20%", wished(busy, 10*time.Second), []span{{8, 12}, {8, 12}}},
		{"polly", busy, exactly(2, 2, 2)},
		{"polly", wished(busy, time.Minute), exactly(2, 2, 2)},
		{"python-backoff", busy, []span{{0, 1}, {0, 2}, {0, 4}, {0, 8}}},
		{"urllib3", busy, exactly(0, 2, 4)},
		{"urllib3, tries: 10", busy, exactly(0, 2, 4, 8, 16, 32, 64, 120, 120)},
		{"urllib3", wished(busy, 10*time.Hour), exactly(6*3600, 6*3600, 6*3600)},
		{"urllib3", refused, nil}, // not among its statuses
		{"urllib3", wished(refused, time.Second), exactly(1, 1, 1)},
		{"urllib3", wished(sim.Reply{Outcome: sim.Error, Status: 413}, time.Second), exactly(1, 1, 1)},
	} {
		least, most := waits(t, preset(t, row.preset), sim.Request{Idempotent: true}, row.reply)
		name := fmt.Sprintf("%s, %v, wish %v", row.preset, row.reply.Status, row.reply.RetryAfter)
		if len(least) != len(row.want) {
			t.Errorf("%s: %d waits, want %d", name, len(least), len(row.want))
			continue
		}
		for i, want := range row.want {
			near := (want.high - want.low) / 10 // of 200 draws one is nearer, but once in 10^9
			if least[i] < want.low-1e-9 || most[i] > want.high+1e-9 || least[i] > want.low+near || most[i] < want.high-near {
				t.Errorf("%s: wait %d from %.4g to %.4g, want %g to %g", name, i, least[i], most[i], want.low, want.high)
			}
		}
	}
}

// The articles' loop: at most five attempts, and 15 to 16.5 s of waits in all.
func TestSeedWaitsFifteenSeconds(t *testing.T) {
	for seed := range uint64(300) {
		w := sim.NewWorld(seed)
		made := 0
		stack := preset(t, "seed").Wrap(w, func(sim.Request) sim.Reply { made++; return busy })
		w.Go(func() { stack(sim.Request{}) })
		w.Run(sim.Forever)
		if made != 5 || w.Now() < 15*time.Second || w.Now() > 16500*time.Millisecond {
			t.Fatalf("%d attempts in %v, want 5 in 15 to 16.5 s", made, w.Now())
		}
	}
}

// cenkalti has no number of tries: it goes on until the next wait would end after 15 minutes.
func TestCenkaltiGoesOnForFifteenMinutes(t *testing.T) {
	b := preset(t, "cenkalti, jitter: none")
	at, _, _, counted := attempts(t, b, year, busy)
	var want []time.Duration
	wait, now := .5, 0.0
	for now <= 900 {
		want = append(want, time.Duration(now*1e9))
		now += wait
		wait = min(60, wait*1.5)
	}
	for i := range want {
		want[i] = want[i].Round(time.Microsecond)
	}
	for i := range at {
		at[i] = at[i].Round(time.Microsecond)
	}
	if diff := cmp.Diff(want, at); diff != "" {
		t.Errorf("attempts (-want +got):\n%s", diff)
	}
	if counted["gave_up_tries"] != 1 {
		t.Errorf("counted %v", counted)
	}
	least, most := waits(t, preset(t, "cenkalti"), sim.Request{}, busy)
	for i, v := range []float64{.5, .75, 1.125, 1.6875} {
		if least[i] < .5*v || most[i] > 1.5*v || least[i] > .6*v || most[i] < 1.4*v {
			t.Errorf("wait %d from %g to %g, want %g +-50 %%", i, least[i], most[i], v)
		}
	}
}

// A wait that the service set restarts the own ones: in gRPC and cenkalti, but not elsewhere.
func TestPushbackRestartsTheWaits(t *testing.T) {
	pushed := busy
	pushed.RetryAfter = 5 * time.Second
	replies := []sim.Reply{busy, busy, pushed, busy, good}
	for _, row := range []struct {
		text string
		want []time.Duration // milliseconds, without jitter
	}{
		{"grpc, jitter: none, tries: 5", []time.Duration{0, 100, 300, 5300, 5400}},
		{"cenkalti, jitter: none", []time.Duration{0, 500, 1250, 6250, 6750}},
		{"openai, jitter: none, tries: 5", []time.Duration{0, 500, 1500, 6500, 10500}},
	} {
		at, _, _, _ := attempts(t, preset(t, row.text), year, replies...)
		for i := range at {
			at[i] /= time.Millisecond
		}
		if !slices.Equal(at, row.want) {
			t.Errorf("%s: attempts at %v ms, want %v", row.text, at, row.want)
		}
	}
}

// Which failures each preset makes again, by its library's source.
func TestPresetsRetryWhatTheirLibrariesDo(t *testing.T) {
	lost := sim.Reply{Outcome: sim.Error}
	late := sim.Reply{Outcome: sim.Timeout}
	of := func(status int) sim.Reply { return sim.Reply{Outcome: sim.OutcomeOf(status), Status: status} }
	told := of(503)
	told.Retry = sim.DoNot
	urged := of(400)
	urged.Retry = sim.Do
	for _, row := range []struct {
		preset string
		yes    []sim.Reply
		no     []sim.Reply
	}{
		{"seed", []sim.Reply{of(429), of(500), of(503), lost, late, told}, []sim.Reply{of(400), of(404), of(501), urged}},
		{"openai", []sim.Reply{of(408), of(409), of(429), of(500), of(501), of(529), lost, urged}, []sim.Reply{of(400), of(404), late, told}},
		{"anthropic", []sim.Reply{of(408), of(409), of(429), of(500), of(529), lost, late, urged}, []sim.Reply{of(400), of(422), told}},
		{"aws", []sim.Reply{of(429), of(500), of(502), of(503), of(504), lost, late, told}, []sim.Reply{of(400), of(408), of(501), urged}},
		{"aws-2026", []sim.Reply{of(429), of(500), of(503), lost, late}, []sim.Reply{of(400), of(501)}},
		{"grpc", []sim.Reply{of(429), of(502), of(503), of(504), lost}, []sim.Reply{of(500), of(404), late, told}},
		{"retryablehttp", []sim.Reply{of(429), of(500), of(503), of(599), lost, late, told}, []sim.Reply{of(408), of(501), of(404), urged}},
		{"cenkalti", []sim.Reply{of(429), of(503), lost, late}, []sim.Reply{of(400)}},
		{"failsafe", []sim.Reply{of(429), of(500), of(503), lost, late}, []sim.Reply{of(501), of(404)}},
		{"polly", []sim.Reply{of(429), of(503), lost, late}, []sim.Reply{of(400)}},
		{"python-backoff", []sim.Reply{of(503)}, []sim.Reply{of(500), of(429), of(502), of(404), lost}},
		{"urllib3", []sim.Reply{of(502), of(503), of(504), lost, late}, []sim.Reply{of(500), of(429), of(413)}},
	} {
		b := preset(t, row.preset)
		b.Budget = Budget{}
		for _, want := range []bool{true, false} {
			replies := row.yes
			if !want {
				replies = row.no
			}
			for _, reply := range replies {
				run(t, func(w *sim.World) {
					made := 0
					stack := Fresh(b).Wrap(w, func(sim.Request) sim.Reply {
						if made++; made > 1 {
							return good
						}
						return reply
					})
					final := stack(sim.Request{Idempotent: true})
					if again := made > 1; again != want || !want && final != reply {
						t.Errorf("%s: after %+v %d attempts, ended %v", row.preset, reply, made, final.Outcome)
					}
				})
			}
		}
	}
}

// urllib3 leaves a POST alone, and nothing retries what must not be asked twice.
func TestWhatMustNotBeAskedTwice(t *testing.T) {
	for _, row := range []struct {
		text    string
		request sim.Request
		want    int
	}{
		{"urllib3", sim.Request{}, 1},
		{"urllib3", sim.Request{Idempotent: true}, 4},
		{"urllib3, only_idempotent: false", sim.Request{}, 4},
		{"seed", sim.Request{}, 5},
		{"seed", sim.Request{Once: true}, 1},
		{"seed", sim.Request{Once: true, Idempotent: true}, 1},
	} {
		run(t, func(w *sim.World) {
			b, made := preset(t, row.text), 0
			b.Wrap(w, func(sim.Request) sim.Reply { made++; return busy })(row.request)
			if made != row.want {
				t.Errorf("%s, %+v: %d attempts, want %d", row.text, row.request, made, row.want)
			}
			if once := counts(b)["gave_up_once"]; once == 1 != (row.want == 1) {
				t.Errorf("%s, %+v: gave_up_once %d", row.text, row.request, once)
			}
		})
	}
}

// A wave of a constant wait returns as a wave; jitter spreads it. (The articles' fixed interval.)
func TestConstantWaitsComeInWaves(t *testing.T) {
	for _, row := range []struct {
		text string
		most int // attempts of the fullest 10 ms after the first second
	}{
		{"backoff: {factor: 1, jitter: none, tries: 4}", 100},
		{"backoff: {factor: 1, jitter: full, tries: 4}", 20},
	} {
		s, err := Parse([]byte(row.text))
		if err != nil {
			t.Fatal(err)
		}
		w := sim.NewWorld(3)
		bins := map[time.Duration]int{}
		stack := s.Wrap(w, func(sim.Request) sim.Reply { bins[w.Now()/(10*time.Millisecond)]++; return busy })
		for call := range 100 {
			w.Go(func() { stack(sim.Request{Call: call}) })
		}
		w.Run(sim.Forever)
		fullest := 0
		for at, n := range bins {
			if at > 0 {
				fullest = max(fullest, n)
			}
		}
		if row.most == 100 && fullest != 100 || row.most < 100 && fullest > row.most {
			t.Errorf("%s: the fullest 10 ms hold %d of 100 retries", row.text, fullest)
		}
	}
}

func TestPresetsAreListedOnceAndUsable(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range PresetsOf(NewBackoff()) {
		b := p.New().(*Backoff)
		if b.Preset != p.Name || seen[p.Name] || p.About == "" || p.Source == "" {
			t.Errorf("preset %q: %+v", p.Name, p)
		}
		if err := b.Validate(); err != nil {
			t.Errorf("preset %s: %v", p.Name, err)
		}
		seen[p.Name] = true
	}
	if len(seen) != 12 {
		t.Errorf("%d presets, want 12", len(seen))
	}
	for text, want := range map[string]string{
		"preset: opnai":                              "openai",
		"preset: grpc, tries: 6":                     "1 to 5",
		"tries: 0":                                   "1 to 1000",
		"preset: cenkalti, elapsed: 0s":              "1 to 1000",
		"preset: cenkalti, base: 0s":                 "1ms or more",
		"retry_on: [99]":                             "a status such as 429",
		"retry_on: [5x]":                             "a status such as 429",
		"retry_after: sometimes":                     "obey, exact",
		"retry_after: clamp":                         "above 0s",
		"advice: maybe":                              "obey, ignore",
		"clients: 0":                                 "1 to 1000000",
		"preset: urllib3, only_idempotent: sometime": "true, false",
	} {
		if _, err := Parse([]byte("backoff: {" + text + "}")); err == nil {
			t.Errorf("%s was taken", text)
		} else if !contains(err.Error(), want) {
			t.Errorf("%s: got %q, want %q in it", text, err, want)
		}
	}
}
