package strategies

import (
	stdcmp "cmp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/headroom-dev/headroom/scenarios"
	"github.com/headroom-dev/headroom/sim"
	"pgregory.net/rapid"
)

// A step is what happens to a budget, and what it must say: s sends a first attempt, S the retry that was
// granted, + - x ends it (well, in a way that is tried again, for good), ? asks and is granted, ! asks and
// is refused, t asks after a timeout and 4 after a 429, both granted, o ends the call, u takes a grant
// back, and a digit lets so many seconds pass.
func walk(t *testing.T, name string, b budget, steps string) {
	t.Helper()
	now, n := time.Duration(0), 0
	var cost int64
	for i, step := range steps {
		ask := func(failed sim.Reply) bool {
			c, ok := b.may(now, n+1, failed)
			if ok {
				cost, n = c, n+1
			}
			return ok
		}
		end := func(how finish) { b.ended(now, n, cost, how); cost = 0 }
		bad := false
		switch step {
		case 's':
			n = 0
			b.sent(now, 0)
		case 'S':
			b.sent(now, n)
		case '+':
			end(endedOK)
		case '-':
			end(endedRetryable)
		case 'x':
			end(endedOtherwise)
		case 'u':
			end(endedUnsent)
		case 'o':
			b.over(now)
		case '?':
			bad = !ask(busy)
		case '!':
			bad = ask(busy)
		case 't':
			bad = !ask(sim.Reply{Outcome: sim.Timeout})
		case '4':
			bad = !ask(sim.Reply{Outcome: sim.Refused, Status: 429})
		case ' ':
		default:
			now += time.Duration(step-'0') * time.Second
		}
		if bad {
			t.Errorf("%s: step %d of %q says otherwise", name, i, steps)
			return
		}
	}
}

func TestBudgetRulesStepByStep(t *testing.T) {
	for _, row := range []struct {
		name  string
		rule  BudgetRule
		steps string
	}{
		// 2 tokens and more than 1 needed: one retry, then a deposit of 0.5 makes the second possible.
		{"brooker", &BrookerBudget{Ratio: .5, Cap: 2}, "s-?S- ! s-?S- !"},
		{"brooker does not fill above its cap", &BrookerBudget{Ratio: .5, Cap: 2}, "s+s+s+s+ s-?S-!"},
		// 12 tokens: 5 for a retry, all back and one besides when it succeeds.
		{"aws", &AWSBudget{Cap: 12, Gain: 1, Cost: 5, Timeout: 10}, "s-?S+ s-?S-?S-! s+s+s+s-?S-!"},
		{"aws after a timeout", &AWSBudget{Cap: 12, Gain: 1, Cost: 5, Timeout: 10}, "s-tS-! s+s+s+s-?"},
		{"aws-2026: a retry that succeeds brings only its cost back", &AWS2026Budget{Cap: 28, Gain: 1, Cost: 14, Throttled: 5}, "s-?S- s-?S+ s-?S- !"},
		{"aws-2026 after a 429", &AWS2026Budget{Cap: 28, Gain: 1, Cost: 14, Throttled: 5}, "s-?S- s-4S-4S- !"},
		// 4 tokens: the first failure leaves 3, the second 2, which is not more than half.
		{"grpc", &GRPCBudget{Max: 4, Ratio: .5}, "s-?S-! s+ s-! s+s+s+ s-! s+s+s+ s-?"},
		{"grpc counts last failures too", &GRPCBudget{Max: 4, Ratio: .5}, "s-s-s-s-s-s- s+s+s+s+ ! s+ ?"},
		{"grpc does not count what would fail again the same", &GRPCBudget{Max: 4, Ratio: .5}, "sxsxsx?"},
		// Nothing in reserve: five calls pay for one retry, for a second.
		{"finagle", &FinagleBudget{TTL: time.Second, Share: .2}, "s+s+s+s+! s-?S-! s+s+s+s+s+ 1 !"},
		{"finagle's reserve", &FinagleBudget{TTL: time.Second, Reserve: 2, Share: .2}, "s-?S-?S-! 1 ?S-?S-!"},
		// Two at least; half of the attempts under way above that.
		{"envoy", &EnvoyBudget{Share: .5, Min: 2}, "s-??! ssssss ?!"},
		{"envoy counts a granted retry until it ends", &EnvoyBudget{Share: .5, Min: 1}, "s-?!S!-?S+o s-?"},
		{"envoy has a grant given back", &EnvoyBudget{Share: .5, Min: 1}, "s-?!u?"},
		{"failsafe may be one above its share", &FailsafeBudget{Share: .5}, "s-??!"},
		{"failsafe counts calls through their waits", &FailsafeBudget{Share: .5}, "s-??!s?!"},
		{"retry-breaker", &RetryBreakerBudget{Rate: .5}, "s-! s-! s+s+ ? S-! s+s+ ?"},
		{"sre: three tries", &SREBudget{Tries: 3, Ratio: 1000, Window: time.Minute}, "s-?S-?S-!"},
		{"sre: a retry for ten calls", &SREBudget{Tries: 3, Ratio: .1, Window: time.Minute}, "s+s+s+s+s+s+s+s+s+! s-?S-! 9999999 !"},
		{"sre in flight", &SREBudget{Ratio: 1000, Window: time.Minute, InFlight: 1}, "s-?S!+?"},
	} {
		walk(t, row.name, row.rule.budget(), row.steps)
	}
}

func TestBudgetIsReadAndWritten(t *testing.T) {
	for _, row := range []struct {
		yaml  string
		want  Budget
		shown string // how it is written; "" is as it was
	}{
		{"off", Budget{}, `"off"`}, // YAML 1.1 would read a bare off as false
		{"grpc", Budget{NewGRPCBudget()}, ""},
		{"aws-2026", Budget{NewAWS2026Budget()}, ""},
		{"{grpc: {}}", Budget{NewGRPCBudget()}, "grpc"},
		{"{brooker: {ratio: 0.1, cap: 5}}", Budget{NewBrookerBudget()}, "brooker"},
		{"{brooker: {cap: 50}}", Budget{&BrookerBudget{Ratio: .1, Cap: 50}}, "{brooker: {ratio: 0.1, cap: 50}}"},
		{"{envoy: {share: 5%}}", Budget{&EnvoyBudget{Share: .05, Min: 3}}, "{envoy: {share: 5%, min: 3}}"},
		{"{sre: {window: 10s, in_flight: 8}}", Budget{&SREBudget{3, .1, 10 * time.Second, 8}}, "{sre: {tries: 3, ratio: 0.1, window: 10s, in_flight: 8}}"},
	} {
		s, err := Parse([]byte("backoff: {budget: " + row.yaml + "}"))
		if err != nil {
			t.Errorf("%s: %v", row.yaml, err)
			continue
		}
		b := s.(*Backoff).Budget
		if diff := cmp.Diff(row.want, b); diff != "" {
			t.Errorf("%s (-want +got):\n%s", row.yaml, diff)
		}
		text, err := scenarios.EffectiveYAML(struct {
			Budget Budget `yaml:"budget"`
		}{b})
		if err != nil {
			t.Fatal(err)
		}
		if shown := "budget: " + stdcmp.Or(row.shown, row.yaml) + "\n"; string(text) != shown {
			t.Errorf("%s is written as %q, want %q", row.yaml, text, shown)
		}
		again, err := Parse(append([]byte("backoff:\n  "), indent(text)...))
		if err != nil {
			t.Errorf("%s, written as %q: %v", row.yaml, text, err)
			continue
		}
		if diff := cmp.Diff(b, again.(*Backoff).Budget); diff != "" {
			t.Errorf("%s, written and read again:\n%s", row.yaml, diff)
		}
	}
}

func indent(text []byte) []byte {
	var out []byte
	for _, c := range text {
		out = append(out, c)
		if c == '\n' {
			out = append(out, "  "...)
		}
	}
	return out
}

func TestBudgetFaults(t *testing.T) {
	for yaml, want := range map[string]string{
		"fast":                       `unknown budget "fast"`,
		"{fast: {}}":                 "one of off, brooker",
		"{grpc: {}, aws: {}}":        "one of off, brooker",
		"{off: {}}":                  "one of off, brooker",
		"3":                          "one of off, brooker",
		"{grpc: {max: 0}}":           "above 0, at most 1000",
		"{grpc: {min: 1}}":           `unknown field "min"`,
		"{brooker: {cap: 1}}":        "above 1",
		"{aws: {cost: 0}}":           "above 0",
		"{aws-2026: {throttled: 0}}": "above 0",
		"{finagle: {ttl: 100ms}}":    "1s to 60s",
		"{envoy: {share: 120%}}":     "0% to 100%",
		"{envoy: {min: -1}}":         "0 to 1000000",
		"{sre: {window: 0s}}":        "1s or more",
	} {
		if _, err := Parse([]byte("backoff: {budget: " + yaml + "}")); err == nil {
			t.Errorf("%s was taken", yaml)
		} else if !contains(err.Error(), want) {
			t.Errorf("%s: got %q, want %q in it", yaml, err, want)
		}
	}
}

// A bucket holds between nothing and its cap, whatever comes in whatever order, and counters of what is
// under way come back to zero.
func TestBudgetsStayInTheirBounds(t *testing.T) {
	for _, entry := range BudgetRules {
		t.Run(entry.Name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				type try struct {
					n    int
					cost int64
				}
				b, now := entry.New().budget(), time.Duration(0)
				var out, waiting []try // under way; granted and not yet sent
				check := func() {
					level, cap := int64(0), int64(0)
					switch b := b.(type) {
					case *brookerState:
						level, cap = b.level, b.cap
					case *quota:
						level, cap = b.level, b.cap
					case *grpcState:
						level, cap = b.level, b.cap
					case *envoyState:
						level, cap = int64(b.retries), int64(b.active+len(waiting)+3)
					case *failsafeState:
						level, cap = int64(b.retries), int64(b.calls+b.retries)
					case *sreState:
						level, cap = b.retries.sum(now), b.calls.sum(now)
					}
					if level < 0 || level > cap {
						t.Fatalf("%d of %d", level, cap)
					}
				}
				for range rapid.IntRange(1, 400).Draw(t, "steps") {
					now += time.Duration(rapid.IntRange(0, 500).Draw(t, "ms")) * time.Millisecond
					switch act := rapid.IntRange(0, 3).Draw(t, "act"); {
					case act == 0 || len(out)+len(waiting) == 0:
						b.sent(now, 0)
						out = append(out, try{})
					case act == 1 && len(waiting) > 0:
						b.sent(now, waiting[0].n)
						out, waiting = append(out, waiting[0]), waiting[1:]
					case act == 2 && len(waiting) > 0:
						b.ended(now, waiting[0].n, waiting[0].cost, endedUnsent)
						b.over(now)
						waiting = waiting[1:]
					case len(out) > 0:
						one := out[0]
						out = out[1:]
						how := finish(rapid.IntRange(int(endedOK), int(endedOtherwise)).Draw(t, "how"))
						b.ended(now, one.n, one.cost, how)
						if how == endedRetryable {
							if cost, ok := b.may(now, one.n+1, busy); ok {
								waiting = append(waiting, try{one.n + 1, cost})
								break
							}
						}
						b.over(now)
					}
					check()
				}
			})
		})
	}
}
func contains(s, part string) bool { return strings.Contains(s, part) }
