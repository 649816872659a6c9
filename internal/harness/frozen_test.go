package harness

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// The proof against coordinated omission: 200 calls a second for 4 s, a service of 10 ms that is
// frozen from 1 s to 2 s. By hand: 200 of the 800 calls take 1.010 s down to 15 ms, so the 760th of
// them in order takes 810 ms and the 792nd 970 ms. Counting from the actual send instead, ten workers
// would report a P95 of 10 ms.
var frozenLoad = []stretch{{200, 4 * time.Second}}

const (
	frozenService = 10 * time.Millisecond
	freezeFrom    = time.Second
	freezeTo      = 2 * time.Second
)

// frozenUntil returns when an answer is ready to a request that came at t.
func frozenUntil(t time.Duration) time.Duration {
	if t >= freezeFrom && t < freezeTo {
		t = freezeTo
	}
	return t + frozenService
}

func frozen(w *sim.Wall) sim.Handler {
	return func(r sim.Request) sim.Reply {
		if !sim.Sleep(w, frozenUntil(w.Now())-w.Now(), r.Gone) {
			return sim.Reply{Outcome: sim.Timeout}
		}
		return sim.Reply{Outcome: sim.OK, Status: http.StatusOK}
	}
}

func TestFrozenServerIsSeenWhateverTheWorkers(t *testing.T) {
	for _, row := range []struct {
		workers                  int
		serviceP95, serviceP99   time.Duration
		responseP95, responseP99 time.Duration
		lagP99                   time.Duration
	}{
		{0, 810 * time.Millisecond, 970 * time.Millisecond, 810 * time.Millisecond, 970 * time.Millisecond, 0},
		{10, 10 * time.Millisecond, 970 * time.Millisecond, 845 * time.Millisecond, 970 * time.Millisecond, 920 * time.Millisecond},
		{2, 10 * time.Millisecond, 10 * time.Millisecond, 1010 * time.Millisecond, 1010 * time.Millisecond, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			workers := row.workers
			if workers == 0 {
				workers = maxWorkers
			}
			run, records := liveRun(plainly{}, evenly(frozenLoad...), 30*time.Second)
			side := inBubble(t, t.Context(), context.Background(), run, workers, frozen)
			check(t, side, *records)
			if got := len(*records); got != 800 {
				t.Fatalf("%d workers: got %d records, want 800", row.workers, got)
			}
			for _, figure := range []struct {
				name      string
				got, want time.Duration
			}{
				{"service P95", rank(serviceTimes(*records), .95), row.serviceP95},
				{"service P99", rank(serviceTimes(*records), .99), row.serviceP99},
				{"response P95", rank(responseTimes(*records), .95), row.responseP95},
				{"response P99", rank(responseTimes(*records), .99), row.responseP99},
			} {
				if !near(figure.got, figure.want*99/100, figure.want*101/100) {
					t.Errorf("%d workers: %s %v, want %v within 1 %%", row.workers, figure.name, figure.got, figure.want)
				}
			}
			lag := time.Duration(*side.Validity.StartLagP99MS * float64(time.Millisecond))
			if row.lagP99 > 0 && !near(lag, row.lagP99*98/100, row.lagP99*102/100) {
				t.Errorf("%d workers: start lag P99 %v, want %v within 2 %%", row.workers, lag, row.lagP99)
			}
			if bound := row.workers > 0; bound != (len(side.Validity.Problems) > 0) {
				t.Errorf("%d workers: problems %q: a generator that is late must say so, and no other", row.workers, side.Validity.Problems)
			}
		})
	}
}

func TestFrozenServerOverSockets(t *testing.T) {
	if testing.Short() {
		t.Skip("two runs of five seconds on the real clock")
	}
	for _, row := range []struct {
		name    string
		workers int
		check   func(t *testing.T, serviceP95 time.Duration)
	}{
		{"unbounded", 0, func(*testing.T, time.Duration) {}},
		{"10 workers", 10, func(t *testing.T, serviceP95 time.Duration) {
			if serviceP95 >= 20*time.Millisecond {
				t.Errorf("service P95 %v, want below 20 ms: the omission that the response time must not have", serviceP95)
			}
		}},
	} {
		t.Run(row.name, func(t *testing.T) { // not in parallel: ten workers leave the server no slack
			var first sync.Once
			var began time.Time
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				first.Do(func() { began = time.Now() })
				now := time.Since(began)
				time.Sleep(frozenUntil(now) - now)
			}))
			defer server.Close()
			e := prepare(t, Live{URLs: []string{server.URL}, MaxWorkers: row.workers})
			run, records := liveRun(plainly{}, evenly(frozenLoad...), 30*time.Second)
			side, err := Wall(t.Context(), context.Background(), e, run)
			if err != nil {
				t.Fatal(err)
			}
			check(t, side, *records)
			p95, p99 := rank(responseTimes(*records), .95), rank(responseTimes(*records), .99)
			service := rank(serviceTimes(*records), .95)
			t.Logf("response P95 %v, P99 %v; service P95 %v; start lag P99 %.3g ms", p95, p99, service, *side.Validity.StartLagP99MS)
			if !near(p95, 800*time.Millisecond, 880*time.Millisecond) {
				t.Errorf("response P95 %v, want 800 to 880 ms", p95)
			}
			if !near(p99, 960*time.Millisecond, 1040*time.Millisecond) {
				t.Errorf("response P99 %v, want 960 to 1040 ms", p99)
			}
			row.check(t, service)
		})
	}
}

func prepare(t testing.TB, l Live) *Endpoint {
	t.Helper()
	e, err := l.Prepare()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}
