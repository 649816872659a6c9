package backend

import (
	"testing"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// bucketed is a service with room for everybody behind a bucket.
func bucketed(b Bucket, classes ...string) *Service {
	s := &Service{Model: servers(100_000, sim.ConstantDuration(ms)), Replicas: 1, Classes: classes, Admission: Admission{Bucket: &b}}
	if len(classes) > 0 {
		s.Priority = &Priority{}
	}
	return s
}

// outcomes counts the replies by outcome.
func outcomes(records []record) (counts [sim.NumOutcomes]int) {
	for _, r := range records {
		counts[r.Reply.Outcome]++
	}
	return counts
}

// TestBucketRefusesTheRest is the articles' limit: of 1500 calls a second at a limit of 1000 a third is
// refused with 429, and none is busy.
func TestBucketRefusesTheRest(t *testing.T) {
	s := bucketed(Bucket{Rate: 1000, Burst: 100})
	counts := outcomes(traffic{seed: 1, calls: 90_000, rate: 1500}.carry(t, func(env sim.Env) sim.Handler { return s.Start(env).Handle }))
	near(t, "refused", float64(counts[sim.Refused]), 30_000, 0.02)
	same(t, "busy", counts[sim.Busy], 0)
	same(t, "ok and refused", counts[sim.OK]+counts[sim.Refused], 90_000)
}

// TestBucketOfOneIsErlangB: a bucket that holds one call is a server that a call keeps busy for 1/rate,
// with no place to wait. Poisson calls are refused with Erlang's B(1, a) = a/(1 + a).
func TestBucketOfOneIsErlangB(t *testing.T) {
	for _, row := range []struct{ load, refused float64 }{{1, .5}, {1.5, .6}, {.25, .2}} {
		var refused sample
		for seed := range uint64(10) {
			s := bucketed(Bucket{Rate: 10, Burst: 1})
			counts := outcomes(traffic{seed: seed, calls: 10_000, rate: 10 * row.load}.carry(t, func(env sim.Env) sim.Handler { return s.Start(env).Handle }))
			refused.add(float64(counts[sim.Refused]) / 10_000)
		}
		refused.within(t, "share refused", row.refused)
	}
}

// TestBucketKeepsImportantCalls: a plain bucket loses high calls as it loses all others; with priority
// what the rate carries is shared out from the top: 150 high and 600 medium of 1500 a second pass, low
// gets the 250 that are left of 1000.
func TestBucketKeepsImportantCalls(t *testing.T) {
	rates := []float64{150, 600, 750}
	passed := func(s *Service) (share [3]float64) {
		var n [3]float64
		request := mixed(1, rates...)
		for _, r := range (traffic{seed: 1, calls: 60_000, rate: 1500, request: request}).carry(t, func(env sim.Env) sim.Handler { return s.Start(env).Handle }) {
			class := request(r.Call).Priority
			n[class]++
			if r.Reply.Outcome == sim.OK {
				share[class]++
			} else {
				same(t, "reason", r.Reply.Reason, ReasonRateRequests)
			}
		}
		for i := range share {
			share[i] /= n[i]
		}
		return share
	}
	s := bucketed(Bucket{Rate: 1000, Burst: 90}, "high", "medium", "low")
	with := passed(s)
	s.Priority = nil
	without := passed(s)
	for class, want := range []float64{1, 1, 250. / 750} {
		near(t, "passed with priority", with[class], want, 0.02)
		near(t, "passed without", without[class], 1000./1500, 0.02)
	}
}

// TestBucketArithmetic follows one bucket by hand. Calls of 100 + 50 tokens at the given times meet a
// bucket of 4 calls at 1/s and 600 tokens at 100/s, unless a row says otherwise.
func TestBucketArithmetic(t *testing.T) {
	type step struct {
		at     time.Duration
		user   uint64
		prompt int
		want   string // reason; "" is ok
		wait   time.Duration
	}
	at := func(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
	for _, row := range []struct {
		about   string
		bucket  Bucket
		replies sim.Reply // of the service behind; zero is an answer in full
		steps   []step
		never   bool
	}{
		{"calls", Bucket{Rate: 1, Burst: 2}, sim.Reply{}, []step{
			{0, 0, 100, "", 0}, {at(.1), 0, 100, "", 0}, {at(.2), 0, 100, "rate-requests", at(.8)},
			{at(.999), 0, 100, "rate-requests", at(.001)}, {at(1), 0, 100, "", 0}}, false},
		{"tokens", Bucket{Rate: 1, Burst: 4, Tokens: 100, TokensBurst: 300}, sim.Reply{}, []step{
			{0, 0, 100, "", 0}, {0, 0, 100, "", 0}, {at(.5), 0, 100, "rate-tokens", at(1)}, {at(1.5), 0, 100, "", 0}}, false},
		{"the default burst of tokens lasts as long as that of calls", Bucket{Rate: 1, Burst: 3, Tokens: 100}, sim.Reply{}, []step{
			{0, 0, 250, "", 0}, {at(.5), 0, 0, "", 0}, {at(.5), 0, 0, "rate-tokens", at(.5)}}, false},
		{"users do not share", Bucket{Rate: 1, Burst: 1, Per: OneEach}, sim.Reply{}, []step{
			{0, 1, 100, "", 0}, {0, 2, 100, "", 0}, {at(.5), 1, 100, "rate-requests", at(.5)}, {at(.5), 3, 100, "", 0}, {at(5), 2, 100, "", 0}, {at(9), 2, 100, "", 0}, {at(9.5), 2, 100, "rate-requests", at(.5)}}, false},
		{"what was not generated is given back", Bucket{Tokens: 100, TokensBurst: 300}, sim.Reply{Outcome: sim.OK, Tokens: 10}, []step{
			{0, 0, 100, "", 0}, {0, 0, 100, "", 0}, {0, 0, 100, "rate-tokens", at(.7)}}, false}, // 300 - 2 (150 - 40) = 80
		{"a refusal behind the bucket costs nothing", Bucket{Rate: 1, Burst: 1}, sim.Reply{Outcome: sim.Busy}, []step{
			{0, 0, 100, "", 0}, {0, 0, 100, "", 0}, {0, 0, 100, "", 0}}, false},
		{"or its share", Bucket{Rate: 1, Burst: 2, CountRefused: true}, sim.Reply{Outcome: sim.Busy}, []step{
			{0, 0, 100, "", 0}, {0, 0, 100, "", 0}, {0, 0, 100, "rate-requests", at(1)}}, false},
		{"who keeps asking stays out", Bucket{Rate: 1, Burst: 1, CountRefused: true}, sim.Reply{}, []step{
			{0, 0, 100, "", 0}, {at(.9), 0, 100, "rate-requests", at(.1)}, {at(1.8), 0, 100, "rate-requests", at(.1)}, {at(2.8), 0, 100, "", 0}}, false},
		{"an error keeps the prompt's tokens", Bucket{Tokens: 100, TokensBurst: 300}, sim.Reply{Outcome: sim.Error}, []step{
			{0, 0, 100, "", 0}, {0, 0, 100, "", 0}, {0, 0, 100, "rate-tokens", at(.5)}}, false},
		{"a call larger than the bucket never passes", Bucket{Tokens: 100, TokensBurst: 300}, sim.Reply{}, []step{{0, 0, 300, "rate-tokens", 0}}, true},
	} {
		t.Run(row.about, func(t *testing.T) {
			s := bucketed(row.bucket)
			if err := s.Validate(); err != nil {
				t.Fatal(err)
			}
			w := sim.NewWorld(1)
			b := newBuckets(&row.bucket, newDesk(w, s, nil), false, func(r sim.Request) sim.Reply {
				if row.replies.Outcome == sim.Unsent {
					return answer(0, r.Output, 0)
				}
				return row.replies
			})
			for i, one := range row.steps {
				w.At(one.at, func() {
					w.Go(func() {
						reply := b.handle(sim.Request{Call: i, User: one.user, Prompt: one.prompt, Output: 50})
						got := reply.Reason
						if got != one.want || reply.RetryAfter != one.wait {
							t.Errorf("step %d: got %q and a wait of %v, want %q and %v", i, got, reply.RetryAfter, one.want, one.wait)
						}
						if one.want != "" && (reply.Status != 429 || (reply.Retry == sim.DoNot) != row.never) {
							t.Errorf("step %d: got status %d, advice %v", i, reply.Status, reply.Retry)
						}
					})
				})
			}
			w.Run(sim.Forever)
		})
	}
}

// TestBucketKeepsItsWord: a call that comes back when it was told to passes, if nobody came between.
func TestBucketKeepsItsWord(t *testing.T) {
	s := bucketed(Bucket{Rate: 7, Burst: 3, Tokens: 1001, TokensBurst: 900})
	w := sim.NewWorld(1)
	handle := s.Start(w).Handle
	told := 0
	w.Go(func() {
		for call := range 2000 {
			r := sim.Request{Call: call, Prompt: 1 + call*37%400, Output: 1 + call*101%300}
			reply := handle(r)
			if reply.RetryAfter > 0 {
				told++
				sim.Sleep(w, reply.RetryAfter, nil)
				reply = handle(r)
			}
			if reply.Outcome != sim.OK {
				t.Fatalf("call %d: got %v, %v", call, reply.Outcome, reply.RetryAfter)
			}
		}
	})
	w.Run(sim.Forever)
	if told < 1000 {
		t.Errorf("got %d calls that were told to wait, want most of 2000", told)
	}
	near(t, "tokens per second", 2000*(200.5+150.5)/w.Now().Seconds(), 1001, 0.05)
}

// TestBucketForgetsFullOnes: users whose buckets are full again take no memory.
func TestBucketForgetsFullOnes(t *testing.T) {
	s := bucketed(Bucket{Rate: 10, Burst: 20, Per: OneEach})
	w := sim.NewWorld(1)
	b := newBuckets(s.Admission.Bucket, newDesk(w, s, nil), false, func(r sim.Request) sim.Reply { return answer(0, 0, 0) })
	w.Go(func() {
		for user := range uint64(100_000) {
			b.handle(sim.Request{User: user})
			sim.Sleep(w, ms, nil)
		}
	})
	w.Run(sim.Forever)
	if got := len(b.users.now) + len(b.users.before); got > 4000 { // of two times 2 s
		t.Errorf("got %d users kept, want at most 4000", got)
	}
}

// TestAllowances is what headers tell of a bucket.
func TestAllowances(t *testing.T) {
	s := bucketed(Bucket{Rate: 10, Burst: 20, Tokens: 1000, Per: OneEach})
	w := sim.NewWorld(1)
	running := s.Start(w)
	w.Go(func() {
		running.Handle(sim.Request{User: 1, Prompt: 400, Output: 100})
		same(t, "left to who asked", running.Allowances(sim.Request{User: 1}), Allowances{
			Requests: Allowance{20, 19, 99 * ms}, Tokens: Allowance{2000, 1501, 499 * ms}})
		same(t, "left to another", running.Allowances(sim.Request{User: 2}), Allowances{
			Requests: Allowance{Limit: 20, Remaining: 20}, Tokens: Allowance{Limit: 2000, Remaining: 2000}})
	})
	w.Run(sim.Forever)
	if (&Service{Model: tenSeconds(), Replicas: 1}).Start(sim.NewWorld(1)).Allowances != nil {
		t.Error("got allowances without a bucket")
	}
}
