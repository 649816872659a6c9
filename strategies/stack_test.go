package strategies

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/headroom-dev/headroom/sim"
)

// A layer notes when a call passes it.
type layer struct {
	name   string
	passed *[]string
}

func (l layer) Wrap(_ sim.Env, next sim.Handler) sim.Handler {
	return func(r sim.Request) sim.Reply {
		*l.passed = append(*l.passed, l.name)
		return next(r)
	}
}

func TestStackPutsTheFirstOutermost(t *testing.T) {
	var passed []string
	at := func(name string) Strategy { return layer{name, &passed} }
	w := sim.NewWorld(1)
	stack := Stack(at("a"), Stack(at("b"), at("c")), at("d")).Wrap(w, always(good))
	if got := stack(sim.Request{}); got != good {
		t.Errorf("reply %+v, want the service's own", got)
	}
	if diff := cmp.Diff([]string{"a", "b", "c", "d"}, passed); diff != "" {
		t.Errorf("layers passed (-want +got):\n%s", diff)
	}
}

// named notes which streams a strategy asks for.
type namedStreams struct {
	sim.Env
	names *[]string
}

func (n namedStreams) Rand(name string) *sim.Stream {
	*n.names = append(*n.names, name)
	return n.Env.Rand(name)
}

func TestStackGivesEachLayerOfAKindItsOwnStream(t *testing.T) {
	var names []string
	env := namedStreams{sim.NewWorld(1), &names}
	Stack(NewBackoff(), NewCache(), Stack(NewBackoff()), NewBackoff()).Wrap(env, always(good))
	slices.Sort(names)
	if diff := cmp.Diff([]string{"backoff", "backoff.2", "backoff.3", "cache"}, names); diff != "" {
		t.Errorf("streams (-want +got):\n%s", diff)
	}
}

func TestStackAsksItsLayers(t *testing.T) {
	w := sim.NewWorld(1)
	inner, outer := &Pooled{Size: 1}, &Pooled{Size: 2}
	queue := NewAsyncQueue()
	queue.Deadline = 2 * time.Minute
	s := Stack(outer, queue, inner)
	s.Wrap(w, always(good))
	inner.full, outer.full = 3, 4

	if got := s.(Patient).Patience(sim.Request{}, 30*time.Second); got != 2*time.Minute {
		t.Errorf("patience %v, want the queue's 2m", got)
	}
	if got := s.(Patient).Patience(sim.Request{}, 3*time.Minute); got != 3*time.Minute {
		t.Errorf("patience %v, want the scenario's 3m", got)
	}
	if got := s.(Patient).Patience(sim.Request{}, 0); got != 0 {
		t.Errorf("patience %v, want 0, for ever", got)
	}
	if got := counts(s); got["shed_full"] != 4 || got["shed_full 2"] != 3 {
		t.Errorf("shed_full counted %d and %d times, want 4 by the outer pool and 3 by the second", got["shed_full"], got["shed_full 2"])
	}
	var names []string
	for _, g := range s.(Gauged).Gauges() {
		names = append(names, g.Name)
	}
	want := []string{"client waiting", "client in flight", "client queue", "client in flight", "client waiting 2", "client in flight 2"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("gauges (-want +got):\n%s", diff)
	}
}

func TestFresh(t *testing.T) {
	b := NewBackoff()
	b.Tries = 2
	for _, row := range []struct {
		name string
		s    Strategy
	}{
		{"one strategy", b},
		{"a stack", Stack(NewCache(), b)},
	} {
		run(t, func(w *sim.World) {
			one, two := Fresh(row.s), Fresh(row.s)
			stack := one.Wrap(w, always(busy))
			two.Wrap(w, always(busy))
			stack(sim.Request{})
			if got := counts(one)["retried"]; got != 1 {
				t.Errorf("%s: the copy retried %d times, want once, as configured", row.name, got)
			}
			if got := counts(two)["retried"] + counts(row.s)["retried"]; got != 0 {
				t.Errorf("%s: %d retries counted elsewhere, want none: copies share nothing", row.name, got)
			}
		})
	}
	plain := layer{name: "no state"}
	if got := Fresh(plain); got != Strategy(plain) {
		t.Errorf("a plain value became %v", got)
	}
}

func TestAllAreInOrderAndValid(t *testing.T) {
	var names []string
	for _, entry := range All {
		names = append(names, entry.Name)
		if entry.About == "" || strings.HasSuffix(entry.About, ".") {
			t.Errorf("%s: about %q, want a phrase", entry.Name, entry.About)
		}
		if err := entry.New().(interface{ Validate() error }).Validate(); err != nil {
			t.Errorf("the defaults of %s are refused: %v", entry.Name, err)
		}
		if entry.New() == entry.New() {
			t.Errorf("%s: New returns the same value twice", entry.Name)
		}
	}
	if diff := cmp.Diff([]string{"sync", "pooled", "async-queue", "cache", "backoff"}, names); diff != "" {
		t.Errorf("kinds in report order (-want +got):\n%s", diff)
	}
}

func TestValidateNamesEveryFault(t *testing.T) {
	nan := func() float64 { var zero float64; return zero / zero }()
	for _, row := range []struct {
		name  string
		s     interface{ Validate() error }
		paths []string
	}{
		{"sync", &Sync{Timeout: -1, Connections: "luke-warm"}, []string{"timeout", "connections"}},
		{"pooled", &Pooled{Size: 0, Wait: -1}, []string{"size", "wait"}},
		{"a pool beyond all measure", &Pooled{Size: 1 << 40}, []string{"size"}},
		{"async-queue", &AsyncQueue{Size: -1, Deadline: -1, Order: "lifo", WhenFull: "drop-oldest"},
			[]string{"workers", "size", "deadline", "order", "when_full"}},
		{"a margin that drops all who waited", &AsyncQueue{Workers: 1, Deadline: time.Second, Order: "fifo", WhenFull: "reject", Margin: Margin{Fixed: time.Second}},
			[]string{"margin"}},
		{"cache", &Cache{TTL: -1, Jitter: 1.5, Stale: -1}, []string{"entries", "ttl", "jitter", "stale"}},
		{"a cache that keeps nothing", &Cache{Entries: 5, Stale: 1, Warm: 1, Dir: "here"}, []string{"stale", "warm", "dir"}},
		{"answers of nobody in particular", &Cache{Entries: 5, TTL: 1, Warm: 6, Private: true}, []string{"warm", "warm"}},
		{"backoff", &Backoff{Elapsed: -1, Base: -1, ThrottledBase: -1, Factor: .5, Cap: -1, Advice: "never", RetryAfter: "perhaps", RetryAfterMax: -1, Min: -1},
			[]string{"tries", "elapsed", "base", "throttled_base", "factor", "cap", "advice", "retry_after", "retry_after_max", "min", "clients"}},
		{"tries without limit", &Backoff{Tries: 1_000_000, Factor: nan, Advice: "obey", RetryAfter: "obey", Clients: 1}, []string{"tries", "factor"}},
	} {
		var faults sim.Faults
		if !errors.As(row.s.Validate(), &faults) {
			t.Errorf("%s: no faults, want %v", row.name, row.paths)
			continue
		}
		var paths []string
		for _, f := range faults {
			paths = append(paths, f.Path)
			if f.Found == "" || f.Allowed == "" {
				t.Errorf("%s: %+v does not say what was found and what is allowed", row.name, f)
			}
		}
		if diff := cmp.Diff(row.paths, paths); diff != "" {
			t.Errorf("%s: faults (-want +got):\n%s", row.name, diff)
		}
	}
}
