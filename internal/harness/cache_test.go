package harness_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/montanaflynn/stats"

	"github.com/headroom-dev/headroom/internal/harness"
	"github.com/headroom-dev/headroom/report"
)

// What the catalogue and the source articles say of a cache, held against what a user gets: a scenario in
// YAML, run by Run, read from the result.

// perCall is the mean over the seeds of the attempts per call of a strategy in one phase, with four
// standard errors.
func perCall(t *testing.T, r *report.Result, strategyName string, phase int) (mean, band float64) {
	t.Helper()
	var values []float64
	for _, run := range strategy(t, r, strategyName).Runs {
		p := run.Phases[phase]
		values = append(values, float64(p.Attempts)/float64(p.Calls))
	}
	mean, _ = stats.Mean(values)
	sd, _ := stats.StandardDeviationSample(values)
	return mean, 4 * sd / math.Sqrt(float64(len(values)))
}

// zipfOf returns the shares of n keys.
func zipfOf(s float64, n int) []float64 {
	p, sum := make([]float64, n), 0.0
	for i := range p {
		p[i] = math.Pow(float64(i+1), -s)
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}

// cheRate is the hit rate of an LRU cache: t solves sum(1 - e^{-p_i t}) = size, and it is
// sum p_i (1 - e^{-p_i t}).
func cheRate(p []float64, size float64) float64 {
	filled := func(t float64) (keys, calls float64) {
		for _, pi := range p {
			keys -= math.Expm1(-pi * t)
			calls -= pi * math.Expm1(-pi*t)
		}
		return keys, calls
	}
	low, high := 0.0, 1e9
	for range 100 {
		mid := (low + high) / 2
		if keys, _ := filled(mid); keys < size {
			low = mid
		} else {
			high = mid
		}
	}
	_, calls := filled(low)
	return calls
}

// C15: an LRU cache of 100 or of 128 answers hits as Che says. His formula is an approximation: it was off
// by 0.0005 where its catalogue points were simulated.
func TestCacheOf128AnswersHitsAsCheSays(t *testing.T) {
	skipRaced(t)
	for _, row := range []struct {
		s          float64
		n, entries int
	}{{.9, 5000, 128}, {.9, 5000, 100}, {1.1, 20_000, 128}} {
		result := run(t, fmt.Sprintf(`
load: {phases: [{name: warm, rate: 2000/s, for: 5s}, {name: measured, rate: 2000/s, for: 15s}]}
requests: {keys: {zipf: {s: %g, n: %d}}}
service: {model: {queue: {servers: 1000, service: 1ms}}}
strategies: [cache: {entries: %d, ttl: 24h}]
`, row.s, row.n, row.entries), 10)
		missed, band := perCall(t, result, "cache", 1)
		want := cheRate(zipfOf(row.s, row.n), float64(row.entries))
		if got := 1 - missed; math.Abs(got-want) > band+.001 || band > .01 {
			t.Errorf("%+v: hit rate %.4f, want %.4f within %.4f", row, got, want, band)
		}
	}
}

// N8: from a hit rate of 40 % to one of 85 % the service is left with 0.15/0.60, a quarter of the load. A
// key asked at rate l, fetched in S, costs 1/(1 + l(T + S)) attempts a call; here l is 1/s for each key.
func TestCacheLeavesAQuarterOfTheLoad(t *testing.T) {
	result := run(t, `
load: {phases: [{name: warm, rate: 100/s, for: 20s}, {name: measured, rate: 100/s, for: 200s}]}
requests: {keys: {zipf: {s: 0, n: 100}}}
service: {model: {queue: {servers: 1000, service: 10ms}}}
strategies: [{name: before, cache: {ttl: 656667us}}, {name: after, cache: {ttl: 5656667us}}]
`, 10)
	var work []float64
	for name, want := range map[string]float64{"before": .60, "after": .15} {
		if got, band := perCall(t, result, name, 1); math.Abs(got-want) > band || band > .01 {
			t.Errorf("%s: %.4f attempts per call, want %.2f within %.4f", name, got, want, band)
		}
	}
	for _, name := range []string{"before", "after"} {
		work = append(work, phase(t, result, name, "measured").WorkS)
	}
	if ratio := work[1] / work[0]; math.Abs(ratio-.25) > .005 {
		t.Errorf("the service works %.4f of what it did before, want a quarter", ratio)
	}
}

// C17: a canned answer is degraded, whatever it replaces, and raises no success.
func TestCannedAnswersAreNoSuccess(t *testing.T) {
	const scenario = `
load: {phases: [{name: over, rate: 60/s, for: 30s}]}
requests: {patience: 2s}
service: {model: {queue: {servers: 2, limit: 20, service: {exp: {mean: 100ms}}}}}
strategies: [{name: bare, sync: {connections: warm}}, {name: canned, stack: [cache: {fallback: canned}, sync: {connections: warm}]}]
`
	result := run(t, scenario, 3)
	bare, canned := phase(t, result, "bare", "over"), phase(t, result, "canned", "over")
	if bare.Outcomes["ok"] != canned.Outcomes["ok"] || *bare.Success != *canned.Success || *bare.Success > .8 {
		t.Errorf("success %v without and %v with canned answers, want the same, of an overload", *bare.Success, *canned.Success)
	}
	if failed := canned.Calls - canned.Outcomes["ok"]; canned.Outcomes["degraded"] != failed || failed == 0 {
		t.Errorf("%v, want all %d failures degraded", canned.Outcomes, failed)
	}
	if got := strategy(t, result, "canned").Counts["hit_fallback"]; got != canned.Outcomes["degraded"] {
		t.Errorf("%d fallbacks counted, want %d", got, canned.Outcomes["degraded"])
	}
}

// C18: two levels. The result tells their hits apart, and with the misses they are the calls.
func TestLevelsOfCachesAddUp(t *testing.T) {
	result := run(t, `
load: {phases: [{name: only, rate: 200/s, for: 30s}]}
requests: {keys: {zipf: {s: 0.9, n: 2000}}}
service: {model: {queue: {servers: 1000, service: 50ms}}}
strategies: [{name: levels, stack: [cache: {entries: 20}, cache: {entries: 500}, pooled: {size: 1000}]}]
`, 2)
	s := strategy(t, result, "levels")
	n := s.Counts
	first, second := n["hit_fresh"]+n["hit_joined"], n["hit_fresh 2"]+n["hit_joined 2"]
	misses := n["miss 2"] - n["hit_joined 2"]
	if first+second+misses != s.Total.Calls || first < 1000 || second < 1000 {
		t.Errorf("%d hits, %d hits and %d misses for %d calls: %v", first, second, misses, s.Total.Calls, n)
	}
	if attempts := s.Total.Attempts["first"]; attempts != misses {
		t.Errorf("%d attempts, want one for each of %d misses", attempts, misses)
	}
}

// C20: answers known before the start. Where every answer is kept, an attempt is made for each key that was
// not warm and is asked at all: sum over those keys of 1 - e^{-p_i·calls}. The P50 falls only where the warm
// keys are more than half of the calls.
func TestWarmKeysSaveTheirShare(t *testing.T) {
	const keys, calls = 100_000, 2000.0
	p := zipfOf(1, keys)
	for _, row := range []struct {
		warm  int
		share float64 // of the calls that ask for a warm key
		p50   float64
	}{{0, 0, 20}, {100, .4290, 20}, {1000, .6191, 0}, {10_000, .8095, 0}} {
		result := run(t, fmt.Sprintf(`
load: {phases: [{name: only, rate: 100/s, for: 20s}]}
requests: {keys: {zipf: {s: 1, n: %d}}}
service: {model: {queue: {servers: 1000, service: 20ms}}}
strategies: [cache: {entries: %d, ttl: 24h, warm: %d}, {name: bare, sync: {connections: warm}}]
`, keys, keys, row.warm), 20)
		var asked, share float64
		for i, pi := range p {
			if i < row.warm {
				share += pi
			} else {
				asked -= math.Expm1(-pi * calls)
			}
		}
		if math.Abs(share-row.share) > 1e-4 {
			t.Errorf("%d warm keys have a share of %.4f, want %.4f", row.warm, share, row.share)
		}
		var attempts []float64
		for _, r := range strategy(t, result, "cache").Runs {
			attempts = append(attempts, float64(r.Phases[0].Attempts))
		}
		got, _ := stats.Mean(attempts)
		sd, _ := stats.StandardDeviationSample(attempts)
		band := 4 * sd / math.Sqrt(20)
		if math.Abs(got-asked) > band || band > .06*asked {
			t.Errorf("%d warm keys: %.1f attempts, want %.1f within %.1f", row.warm, got, asked, band)
		}
		// From some hundred on the other keys hardly repeat: attempts fall by the share and by nothing else.
		if others := (1 - share) * calls; got-band > others || row.warm > 100 && got+band < .85*others {
			t.Errorf("%d warm keys: %.1f attempts within %.1f, want about the %.1f calls that ask for others", row.warm, got, band, others)
		}
		if p50 := *phase(t, result, "cache", "only").P50MS; row.warm > 0 && math.Abs(p50-row.p50) > .1 {
			t.Errorf("%d warm keys: P50 %v ms, want %v", row.warm, p50, row.p50)
		}
	}
}

// A refresh is an attempt and no call: it is in the attempts by cause, in the amplification and in the
// work, and in no call's own row, whose answer had come before. It ends by itself when the load has.
func TestRefreshesAreMetered(t *testing.T) {
	const scenario = `
load: {phases: [{name: one, rate: 50/s, for: 10s}, {name: two, rate: 100/s, for: 10s}]}
requests: {keys: {zipf: {s: 0.5, n: 40}}, patience: 5s}
service: {model: {queue: {servers: 1000, service: 300ms}}}
strategies: [cache: {ttl: 500ms, stale: 10s}, {name: levels, stack: [cache: {ttl: 200ms}, cache: {ttl: 400ms, stale: 10s}]}]
`
	for _, name := range []string{"cache", "levels"} {
		var file bytes.Buffer
		result, err := harness.Run(t.Context(), read(t, scenario), harness.Options{Seeds: seeds(1), Only: []string{name}, Calls: &file})
		if err != nil {
			t.Fatal(err)
		}
		if err := report.Check(result); err != nil {
			t.Error(err)
		}
		s := strategy(t, result, name)
		refreshes := s.Total.Attempts["refresh"]
		if counted := s.Counts["refreshed"] + s.Counts["refreshed 2"]; counted != refreshes || refreshes < 200 {
			t.Errorf("%s: %d refreshes, %d counted by the cache", name, refreshes, counted)
		}
		attempts := refreshes + s.Total.Attempts["first"]
		if got := *s.Total.Amplification * float64(s.Total.Calls); math.Abs(got-float64(attempts)) > .5 {
			t.Errorf("%s: the amplification stands for %.1f attempts, want %d", name, got, attempts)
		}
		if want := .3 * float64(attempts); math.Abs(s.Total.WorkS-want) > 1e-6 || *s.Total.WastedWork != 0 {
			t.Errorf("%s: %.1f s of work, %.3f of it wasted, want %.1f s for %d attempts and none", name, s.Total.WorkS, *s.Total.WastedWork, want, attempts)
		}
		own, degraded := int64(0), int64(0)
		rows, err := csv.NewReader(&file).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows[1:] {
			n, _ := strconv.ParseInt(row[13], 10, 64)
			own += n
			if row[9] == "degraded" {
				degraded++
				if n != 0 || row[6] != "" {
					t.Errorf("%s: a call answered stale has %d attempts, sent at %q", name, n, row[6])
				}
			}
		}
		if own != s.Total.Attempts["first"] || degraded != s.Total.Outcomes["degraded"] || degraded == 0 {
			t.Errorf("%s: calls.csv has %d attempts and %d degraded calls, want %d and %d", name, own, degraded, s.Total.Attempts["first"], s.Total.Outcomes["degraded"])
		}
	}
}

// answering is a server that counts what it is asked.
func answering(t *testing.T) (url string, requests *atomic.Int64) {
	requests = new(atomic.Int64)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		_, _ = io.WriteString(w, "an answer")
	}))
	t.Cleanup(server.Close)
	return server.URL, requests
}

// cachedRun sends 40 calls for 5 keys to a server, and what vegeta would read of them nowhere.
func cachedRun(t *testing.T, url, cache string) *report.Result {
	t.Helper()
	live := harness.Live{URLs: []string{url}, Bin: io.Discard}
	endpoint, err := live.Prepare()
	if err != nil {
		t.Fatal(err)
	}
	defer endpoint.Close()
	result, err := harness.Run(t.Context(), read(t, fmt.Sprintf(`
load: {arrivals: uniform, phases: [{name: only, rate: 200/s, for: 200ms}]}
requests: {keys: {cycle: {n: 5}}, patience: 10s}
strategies: [cache: %s]
`, cache)), harness.Options{Seeds: seeds(1), Live: endpoint})
	if err != nil {
		t.Fatal(err)
	}
	if s := &result.Strategies[0]; s.Total.Outcomes["ok"]+s.Total.Outcomes["degraded"] != 40 {
		t.Errorf("%v, want 40 answers", s.Total.Outcomes)
	}
	return result
}

// C16: of two live runs the second starts with the first one's answers; what has expired is not served.
func TestCacheDirServesTheNextRun(t *testing.T) {
	url, requests := answering(t)
	dir := filepath.Join(t.TempDir(), "answers")
	cache := fmt.Sprintf("{ttl: 10m, dir: %q}", dir)
	cachedRun(t, url, cache)
	if got := requests.Swap(0); got != 5 {
		t.Errorf("the first run asked %d times, want once for each of 5 keys", got)
	}
	second := cachedRun(t, url, cache)
	if got := requests.Swap(0); got != 0 {
		t.Errorf("the second run asked %d times, want never", got)
	}
	if n := second.Strategies[0].Counts; n["hit_fresh"] != 40 || n["dir_read"] != 5 || n["dir_failed"] != 0 {
		t.Errorf("the second run counted %v, want 40 hits, 5 of them from files", n)
	}

	short := fmt.Sprintf("{ttl: 250ms, dir: %q}", filepath.Join(t.TempDir(), "short"))
	cachedRun(t, url, short)
	time.Sleep(300 * time.Millisecond)
	requests.Store(0)
	cachedRun(t, url, short)
	if got := requests.Load(); got < 5 {
		t.Errorf("after the ttl the service was asked %d times, want at least once for each of 5 keys", got)
	}
}

// Refreshes of a live run go on after their calls, and are counted like any attempt.
func TestRefreshesAreMeteredLive(t *testing.T) {
	url, requests := answering(t)
	result := cachedRun(t, url, "{ttl: 20ms, stale: 1m}")
	s := strategy(t, result, "cache")
	if err := report.Check(result); err != nil {
		t.Error(err)
	}
	if got := s.Total.Attempts["first"] + s.Total.Attempts["refresh"]; got != requests.Load() || s.Total.Attempts["refresh"] == 0 {
		t.Errorf("%v attempts, the server saw %d", s.Total.Attempts, requests.Load())
	}
}

// A run says which settings it does not honour.
func TestRunsWarnOfWhatACacheCannotHave(t *testing.T) {
	const scenario = `
load: {phases: [{name: only, rate: 10/s, for: 1s}]}
%s
service: {model: {queue: {servers: 10, service: 1ms}}}
strategies: [cache: {warm: 3, dir: %q}]
`
	dir := filepath.Join(t.TempDir(), "answers")
	warnings := strings.Join(run(t, fmt.Sprintf(scenario, "", dir), 1).Warnings, "\n")
	for _, want := range []string{"cache: cache: dir is ignored in virtual time", "cache: warm fills nothing"} {
		if !strings.Contains(warnings, want) {
			t.Errorf("warnings %q do not say %q", warnings, want)
		}
	}
	warnings = strings.Join(run(t, fmt.Sprintf(scenario, "requests: {keys: {cycle: {n: 5}}}", dir), 1).Warnings, "\n")
	if strings.Contains(warnings, "warm") {
		t.Errorf("warnings %q speak of warm, which is done", warnings)
	}
	url, _ := answering(t)
	if warnings := strings.Join(cachedRun(t, url, "{warm: 3}").Warnings, "\n"); !strings.Contains(warnings, "warm is ignored against a real target") {
		t.Errorf("warnings %q do not say that warm is ignored", warnings)
	}
}
