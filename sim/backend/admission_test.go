package backend

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/headroom-dev/headroom/sim"
)

// TestNothingConfiguredCostsNothing: then admission is not there.
func TestNothingConfiguredCostsNothing(t *testing.T) {
	w := sim.NewWorld(1)
	s := &Service{Model: tenSeconds(), Replicas: 1, Classes: []string{"high", "low"}, Admission: Admission{WhenFull: 429, RetryAfter: RetryAfter{Fixed: time.Second}}}
	pool := newPool(w, s)
	next := func(sim.Request) sim.Reply { return sim.Reply{} }
	if got := newAdmission(w, s, pool, next).handle; reflect.ValueOf(got).Pointer() != reflect.ValueOf(next).Pointer() {
		t.Error("got a handler around next, want next")
	}
}

// prompted is a queue that tells the prompt tokens inside, as an engine does of those it has not
// computed.
type prompted struct{ *Queue }

func (p prompted) Start(env sim.Env) Replica {
	replica, inside := p.Queue.Start(env), 0
	handle := replica.Handle
	replica.Handle = func(r sim.Request) sim.Reply {
		inside += r.Prompt
		defer func() { inside -= r.Prompt }()
		return handle(r)
	}
	replica.Prompts = func() int { return inside }
	return replica
}

// TestTokenLimit: calls of 400 prompt tokens pass until 1000 are inside already, as vLLM's
// --max-num-queued-tokens: the third brings them to 1200, the fourth is refused. Those that wait at
// the gateway count.
func TestTokenLimit(t *testing.T) {
	for _, row := range []struct {
		about     string
		admission Admission
		reasons   []string
	}{
		{"in the replicas", Admission{MaxTokens: 1000}, []string{"", "", "", "max-tokens", "max-tokens"}},
		{"at the gateway too", Admission{MaxTokens: 1000, Dispatch: Pull, MaxConcurrency: 1}, []string{"", "", "", "max-tokens", "max-tokens"}},
		{"in each replica", Admission{MaxTokens: 500, Per: PerReplica}, []string{"", "", "", "", "max-tokens"}},
		{"requests come before tokens", Admission{MaxTokens: 1000, MaxRequests: 3}, []string{"", "", "", "max-requests", "max-requests"}},
		{"tokens come before the queue", Admission{MaxTokens: 400, Queue: pointer(0)}, []string{"", "max-tokens", "max-tokens", "max-tokens", "max-tokens"}},
		{"when full, wait", Admission{MaxTokens: 1000, WhenFull: Wait}, []string{"", "", "", "", ""}},
	} {
		t.Run(row.about, func(t *testing.T) {
			s := &Service{Model: Choice{"queue", prompted{tenSeconds().Model.(*Queue)}}, Replicas: 2, Admission: row.admission}
			if err := s.Validate(); err != nil {
				t.Fatal(err)
			}
			w := sim.NewWorld(1)
			running := s.Start(w)
			reasons := make([]string, 5)
			for i := range reasons {
				w.At(time.Duration(i)*ms, func() {
					w.Go(func() { reasons[i] = running.Handle(sim.Request{Call: i, Prompt: 400}).Reason })
				})
			}
			w.Run(sim.Forever)
			same(t, "reasons", reasons, row.reasons)
		})
	}
}

// TestStatuses: a refusal has the status of when_full, else of the profile; the bucket's and those of
// calls that come too late have the profile's always.
func TestStatuses(t *testing.T) {
	for _, row := range []struct {
		profile            string
		full               WhenFull
		queue, rate, tardy int
	}{
		{"", 0, 503, 429, 503}, {"anthropic", 0, 529, 429, 529}, {"anthropic", 503, 503, 429, 529}, {"openai", 429, 429, 429, 503},
	} {
		s := &Service{Model: tenSeconds(), Replicas: 1, Profile: row.profile, Admission: Admission{WhenFull: row.full}}
		d := newDesk(sim.NewWorld(1), s, nil)
		for _, one := range []struct {
			reason string
			status int
		}{{ReasonQueueFull, row.queue}, {ReasonMaxTokens, row.queue}, {ReasonRateTokens, row.rate}, {ReasonTooLate, row.tardy}} {
			reply := d.refuse(one.reason)
			if reply.Status != one.status || reply.Outcome != sim.OutcomeOf(one.status) || reply.Reason != one.reason {
				t.Errorf("%+v: got %+v for %s", row, reply, one.reason)
			}
		}
	}
}

// TestRetryAfterDrain: one server of a second, kept busy, with three calls waiting. What it tells is
// the queue over the rate of the last ten seconds: at 3.75 s, 3 calls over 3/3.75 s; later, 3 over 1 a
// second.
func TestRetryAfterDrain(t *testing.T) {
	for _, row := range []struct {
		about     string
		admission Admission
	}{
		{"replicas that queue", Admission{Queue: pointer(3)}},
		{"a gateway that queues", Admission{Queue: pointer(3), Dispatch: Pull, MaxConcurrency: 1}},
		{"a pool", Admission{Pools: map[string]*ClassPool{"only": {MaxConcurrency: 1, Queue: pointer(3)}}}},
	} {
		t.Run(row.about, func(t *testing.T) {
			row.admission.RetryAfter.Drain = true
			s := &Service{Model: servers(1, sim.ConstantDuration(time.Second)), Replicas: 1, Classes: []string{"only"}, Admission: row.admission}
			w := sim.NewWorld(1)
			handle := s.Start(w).Handle
			call := func() { handle(sim.Request{}) }
			for range 4 {
				w.At(0, func() { w.Go(call) })
			}
			for i := range 60 {
				w.At(time.Duration(i)*time.Second+1500*ms, func() { w.Go(call) })
			}
			told := map[time.Duration]time.Duration{}
			for _, at := range []time.Duration{ms, 3750 * ms, 40_750 * ms} {
				w.At(at, func() { w.Go(func() { told[at] = handle(sim.Request{}).RetryAfter }) })
			}
			w.Run(sim.Forever)
			same(t, "before any answer", told[ms], time.Duration(0))
			same(t, "at 3.75 s", told[3750*ms], 3750*ms)
			near(t, "at 40.75 s", told[40_750*ms].Seconds(), 3, 0.01)
		})
	}
}

// TestRetryAfterFixed: a duration is told by refusals for want of room, where the provider tells any.
func TestRetryAfterFixed(t *testing.T) {
	for profile, want := range map[string]time.Duration{"vllm": 2 * time.Second, "deepseek": 0} {
		s := &Service{Model: tenSeconds(), Replicas: 1, Profile: profile, Admission: Admission{Queue: pointer(0), RetryAfter: RetryAfter{Fixed: 2 * time.Second}}}
		w := sim.NewWorld(1)
		handle := s.Start(w).Handle
		w.Go(func() { handle(sim.Request{}) })
		w.Go(func() { same(t, "told by "+profile, handle(sim.Request{}).RetryAfter, want) })
		w.Run(sim.Forever)
	}
}

// TestDeadlineDrop: one server of ten seconds; the first answer teaches it how long a service takes.
// Exactly those are dropped, when their turn comes, whose callers would have gone before the end. The
// class that it knows nothing of is served.
func TestDeadlineDrop(t *testing.T) {
	s := &Service{Model: tenSeconds(), Replicas: 1, Classes: []string{"high", "low"},
		Admission: Admission{DeadlineDrop: true, Dispatch: Pull, MaxConcurrency: 1}}
	w := sim.NewWorld(1)
	handle := s.Start(w).Handle
	type fate struct {
		outcome sim.Outcome
		reason  string
		at      time.Duration
	}
	calls := []struct {
		class    sim.Priority
		patience time.Duration
	}{
		{0, sim.Forever},      // served to 10 s
		{0, 25 * time.Second}, // 15 s are left at 10 s: served to 20 s
		{0, 25 * time.Second}, // 5 s are left at 20 s
		{0, 29 * time.Second}, // 9 s
		{0, 31 * time.Second}, // 11 s: served to 30 s
		{1, 35 * time.Second}, // 5 s are left at 30 s, but nothing is known of low
		{0, 50 * time.Second}, // served from 35 s, when that caller has gone
	}
	got := make([]fate, len(calls))
	for i, c := range calls {
		w.Go(func() {
			reply := sim.Within(w, c.patience, handle, sim.Request{Call: i, Priority: c.class})
			got[i] = fate{reply.Outcome, reply.Reason, w.Now()}
		})
	}
	w.Run(sim.Forever)
	same(t, "fates", slices.Equal(got, []fate{
		{sim.OK, "", 10 * time.Second}, {sim.OK, "", 20 * time.Second},
		{sim.Busy, ReasonTooLate, 20 * time.Second}, {sim.Busy, ReasonTooLate, 20 * time.Second},
		{sim.OK, "", 30 * time.Second}, {sim.Timeout, "", 35 * time.Second}, {sim.OK, "", 45 * time.Second},
	}), true)
	if t.Failed() {
		t.Log(got)
	}
}

// TestRefusedCounts: what admission says of its refusals is what the callers saw, in its own order.
func TestRefusedCounts(t *testing.T) {
	s := &Service{Model: servers(2, second), Replicas: 1, Admission: Admission{
		Bucket: &Bucket{Rate: 8, Burst: 4}, MaxRequests: 6, Queue: pointer(3), Dispatch: Pull, MaxConcurrency: 2, DeadlineDrop: true}}
	type refusal struct {
		reason string
		status int
		n      int64
	}
	var running Running
	seen := map[string]int64{}
	for _, r := range (traffic{seed: 3, calls: 2000, rate: 10, patience: 2 * time.Second}).carry(t, func(env sim.Env) sim.Handler {
		running = s.Start(env)
		return running.Handle
	}) {
		seen[r.Reply.Reason]++
	}
	var got, want []refusal
	running.Refused(func(reason string, status int, n int64) { got = append(got, refusal{reason, status, n}) })
	for _, one := range []refusal{{ReasonRateRequests, 429, 0}, {ReasonQueueFull, 503, 0}, {ReasonTooLate, 503, 0}} {
		one.n = seen[one.reason]
		want = append(want, one)
		if one.n == 0 {
			t.Errorf("no call was refused for %s", one.reason)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestAdmissionYAML reads all there is and writes it again.
func TestAdmissionYAML(t *testing.T) {
	const text = `
model: {queue: {servers: 4, service: 20ms}}
replicas: 2
admission:
  bucket: {rate: 100/s, burst: 200, tokens: 16000/s, tokens_burst: 50000, per: user, count_refused: true}
  max_requests: 300
  max_tokens: 90000
  queue: 256
  per: service
  when_full: wait
  retry_after: drain
  deadline_drop: true
  pools: {high: {max_concurrency: 50}, low: {max_concurrency: 10, queue: 5, borrow: true}}
  dispatch: pull
  max_concurrency: 64
priority: {age: 5s}
profile: openai
`
	read := func(text string) *Service {
		t.Helper()
		s := NewService()
		s.Classes = []string{"high", "low"}
		if err := yaml.Load([]byte(text), s, yaml.WithKnownFields()); err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(); err != nil {
			t.Fatal(err)
		}
		return s
	}
	got := read(text)
	want := Admission{
		Bucket:      &Bucket{Rate: 100, Burst: 200, Tokens: 16000, TokensBurst: 50000, Per: OneEach, CountRefused: true},
		MaxRequests: 300, MaxTokens: 90000, Queue: pointer(256), Per: PerService, WhenFull: Wait, RetryAfter: RetryAfter{Drain: true}, DeadlineDrop: true,
		Pools:    map[string]*ClassPool{"high": {MaxConcurrency: 50}, "low": {MaxConcurrency: 10, Queue: pointer(5), Borrow: true}},
		Dispatch: Pull, MaxConcurrency: 64,
	}
	same(t, "admission", got.Admission, want)
	same(t, "priority", *got.Priority, Priority{Age: 5 * time.Second})
	written, err := yaml.Dump(got)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "admission written and read again", read(string(written)).Admission, want)

	const plain = "model: {queue: {servers: 4, service: 20ms}}\n"
	same(t, "the default age", *read(plain + "priority: {}").Priority, Priority{Age: 10 * time.Second})
	same(t, "strict classes", *read(plain + "priority: {age: 0s}").Priority, Priority{})
	same(t, "a duration", read(plain+"admission: {retry_after: 1500ms}").Admission.RetryAfter, RetryAfter{Fixed: 1500 * ms})
	same(t, "nothing", read(plain+"admission: {retry_after: none}").Admission, Admission{})
}

// TestAdmissionFaults: what is wrong, and what is allowed.
func TestAdmissionFaults(t *testing.T) {
	s := &Service{Model: tenSeconds(), Replicas: 1, Profile: "gpt", Classes: []string{"text", "image"}, Priority: &Priority{Age: -1}, Admission: Admission{
		Bucket: &Bucket{Burst: 3, TokensBurst: 2, Per: "caller"}, MaxTokens: -1, Per: PerReplica, MaxConcurrency: 3, RetryAfter: RetryAfter{Fixed: -1},
		Pools: map[string]*ClassPool{"txt": {MaxConcurrency: 1}, "image": {Queue: pointer(-1)}, "text": nil}}}
	same(t, "faults", s.Validate(), error(sim.Faults{
		{Path: "profile", Found: "gpt", Allowed: names(Profiles, func(p Profile) string { return p.Name })},
		{Path: "admission.max_tokens", Found: "-1", Allowed: "1 or more; 0 is no limit"},
		{Path: "admission.retry_after", Found: "-1ns", Allowed: "none, drain, or a duration such as 2s"},
		{Path: "admission.bucket", Allowed: "rate (calls), tokens, or both, above 0"},
		{Path: "admission.bucket.burst", Found: "3", Allowed: "1 or more, beside a rate; 0 is one second of the rate"},
		{Path: "admission.bucket.tokens_burst", Found: "2", Allowed: "1 or more, beside tokens; 0 is as long as the burst of calls lasts"},
		{Path: "admission.bucket.per", Found: "caller", Allowed: "service, user"},
		{Path: "admission.pools.image.max_concurrency", Found: "0", Allowed: "1 or more"},
		{Path: "admission.pools.image.queue", Found: "-1", Allowed: "0 or more; without it there is no limit"},
		{Path: "admission.pools.text", Allowed: "a pool such as {max_concurrency: 50, queue: 100}"},
		{Path: "admission.pools.txt", Found: `unknown class "txt"`, Allowed: "text, image: the classes of requests.priority"},
		{Path: "admission.max_concurrency", Found: "3", Allowed: "only with dispatch: pull; the slots of a pool stand in its own max_concurrency"},
		{Path: "admission.per", Found: "replica", Allowed: "service, where the gateway keeps the queue (pull, priority, or when_full: wait)"},
		{Path: "priority.age", Found: "-1ns", Allowed: "0s (strict classes) to 8760h"},
	}))
	for _, row := range []struct{ text, want string }{
		{"admission: {when_full: full}", "503, 529, 429, wait"},
		{"admission: {retry_after: soon}", "none, drain, or a duration such as 2s"},
	} {
		err := yaml.Load([]byte(row.text), NewService(), yaml.WithKnownFields())
		var got sim.Faults
		if !asFaults(err, &got) || len(got) != 1 || got[0].Allowed != row.want {
			t.Errorf("%s: got %v, want what is allowed: %s", row.text, err, row.want)
		}
	}
	pull := &Service{Model: tenSeconds(), Replicas: 1, Admission: Admission{Dispatch: Pull, Pools: map[string]*ClassPool{"a": {MaxConcurrency: 1}}}}
	same(t, "faults", pull.Validate(), error(sim.Faults{
		{Path: "admission.pools.a", Found: `unknown class "a"`, Allowed: "the classes of requests.priority, of which there are none"},
		{Path: "admission.max_concurrency", Found: "0", Allowed: "with dispatch: pull the slots of each replica, 1 or more"},
	}))
}
