package harness

import (
	"fmt"
	"maps"
	"slices"

	"github.com/headroom-dev/headroom/report"
)

// samplesPerClass is how many raw errors of each class are kept for a person to read.
const samplesPerClass = 5

// A tally is what the attempts of one run add up to, beside the book. It is booked in the turn.
type tally struct {
	redact   *redactor
	attempts int64
	answered int64 // with a status
	moved    int64 // 3xx that count as ok: not followed
	retries  int64 // sent again by net/http itself
	reused   int64 // sent on a connection used before
	shakes   int64 // TLS handshakes
	counted  int64 // answers whose tokens the service counted
	guessed  int64 // answers whose tokens were counted by their events
	chunks   int64 // events with content
	together int64 // of these, those that came in one read with the one before
	classes  map[string]int
	samples  map[string][]string
}

func newTally(r *redactor) *tally {
	return &tally{redact: r, classes: map[string]int{}, samples: map[string][]string{}}
}

// attempt books one attempt; class is "" where it did not fail.
func (t *tally) attempt(a *attempt, seen traced, class string) {
	t.attempts++
	if a.status > 0 {
		t.answered++
	}
	if class == "" && a.status >= 300 && a.status < 400 {
		t.moved++
	}
	if seen.connections > 1 {
		t.retries += int64(seen.connections - 1)
	}
	t.reused += int64(seen.reused)
	t.shakes += int64(seen.handshakes)
	t.chunks += int64(a.answer.chunks)
	t.together += int64(a.answer.together)
	switch {
	case a.answer.used > 0:
		t.counted++
	case a.answer.chunks > 0:
		t.guessed++
	}
	if class == "" {
		return
	}
	t.classes[class]++
	if class == classCancelled || len(t.samples[class]) >= samplesPerClass {
		return
	}
	if text := t.sample(a); text != "" && !slices.Contains(t.samples[class], text) {
		t.samples[class] = append(t.samples[class], text)
	}
}

// sample is what is kept of a failure: the error, or the beginning of the answer's body.
func (t *tally) sample(a *attempt) string {
	if a.err != nil {
		return t.redact.text(a.err.Error(), a.status > 0)
	}
	return t.redact.text(string(a.kept), true)
}

// fill writes the tally, and what its connections counted, into a run's side.
func (t *tally) fill(side *report.Side, c *transports) {
	v := &side.Validity
	v.TransportRetries = t.retries
	if len(t.classes) > 0 {
		v.Errors = t.classes
	}
	for _, class := range slices.Sorted(maps.Keys(t.samples)) {
		for _, text := range t.samples[class] {
			v.Samples = append(v.Samples, class+": "+text)
		}
	}
	count := func(name string, n int64) {
		if n > 0 {
			if side.Counts == nil {
				side.Counts = map[string]int{}
			}
			side.Counts[name] += int(n)
		}
	}
	count("reused_connections", t.reused)
	count("tls_handshakes", t.shakes)
	count("name_lookups", c.lookups.Load())
	v.NewConnections = c.dials.Load()
	warn := func(format string, args ...any) { side.Warnings = append(side.Warnings, fmt.Sprintf(format, args...)) }
	share := func(n, of int64) float64 { return 100 * float64(n) / float64(of) }
	if t.moved > 0 {
		warn("%.3g %% of the attempts were answered by a redirect, which counts as ok and is not followed: give the final URL, or --expect-status 2xx", share(t.moved, t.attempts))
	}
	if t.retries > 0 {
		warn("net/http sent %d attempts again by itself, on another connection: amplification is too low by them", t.retries)
	}
	if t.guessed > 0 {
		warn("tokens of %.3g %% of the answers are counted by their events, of which each may hold several: the service gave no usage", share(t.guessed, t.guessed+t.counted))
	}
	if t.chunks > 0 && share(t.together, t.chunks) >= 1 {
		warn("%.3g %% of the token events came together with the one before: gaps between tokens are as coarse as that", share(t.together, t.chunks))
	}
	if t.attempts > 0 && t.answered == 0 {
		v.Problems = append(v.Problems, "target down: no attempt was answered")
	}
	for _, class := range []string{classNoFiles, classNoPorts} {
		if n := t.classes[class]; n > 0 {
			v.Problems = append(v.Problems, fmt.Sprintf("%d attempts failed with %s: the generator's own limit, not the target's", n, class))
		}
	}
}
