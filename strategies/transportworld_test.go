package strategies

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/headroom-dev/headroom/sim"
)

// A script is a service whose answer to an attempt depends on call and attempt alone: the same in a World
// and behind a Transport.
type script struct{ draws *sim.Stream }

// A scriptLine is what happens to one attempt.
type scriptLine struct {
	after  time.Duration
	status int // 0: the connection is lost
	wish   time.Duration
	silent bool
}

func (s script) line(call, attempt int) scriptLine {
	random := s.draws.For(call, attempt)
	l := scriptLine{after: time.Duration(random.ExpFloat64() * float64(200*time.Millisecond))}
	switch u := random.Float64(); {
	case u < .45:
		l.status = 200
	case u < .6:
		l.status = 503
	case u < .7:
		l.status, l.wish = 429, time.Duration(100+random.IntN(400))*time.Millisecond
	case u < .8:
		l.status = 500
	case u < .85:
		l.status = 400
	case u < .92:
		l.status = 0
	default:
		l.silent = true
	}
	return l
}

// A heardCall is how one call went, seen from outside.
type heardCall struct {
	Call int
	Sent []time.Duration
	Done time.Duration
	End  string
}

// An askedFor is one call of the load: what, by whom, and when.
type askedFor struct {
	at        time.Duration
	key, user uint64
	class     sim.Priority
}

func scriptedLoad(calls int) []askedFor {
	draws, at := sim.NewStream(4, "load"), time.Duration(0)
	var all []askedFor
	for call := range calls {
		random := draws.For(call, 0)
		at += time.Duration(1 + random.ExpFloat64()*float64(10*time.Millisecond))
		all = append(all, askedFor{at, random.Uint64N(200), random.Uint64N(50), sim.Priority(random.IntN(3))})
	}
	return all
}

// inWorld plays the load in virtual time.
func inWorld(t *testing.T, s Strategy, load []askedFor, patience time.Duration) []heardCall {
	t.Helper()
	w, play := sim.NewWorld(9), script{sim.NewStream(6, "script")}
	all := make([]heardCall, len(load))
	attempts := make([]int, len(load))
	handle := s.Wrap(w, func(r sim.Request) sim.Reply {
		l := play.line(r.Call, attempts[r.Call])
		attempts[r.Call]++
		all[r.Call].Sent = append(all[r.Call].Sent, w.Now())
		wait := l.after
		if l.silent {
			wait = sim.Forever
		}
		switch {
		case !sim.Sleep(w, wait, r.Gone):
			return sim.Reply{Outcome: sim.Timeout}
		case l.status == 0:
			return sim.Reply{Outcome: sim.Error, Reason: "connection"}
		}
		reply := sim.Reply{Outcome: sim.OutcomeOf(l.status), Status: l.status, RetryAfter: l.wish}
		if reply.Outcome != sim.OK {
			reply.Reason = statusReason(l.status)
		}
		return reply
	})
	for call, asked := range load {
		w.At(asked.at, func() {
			w.Go(func() {
				r := sim.Request{Call: call, Key: asked.key, User: asked.user, Priority: asked.class, Idempotent: true, Gone: new(sim.Signal)}
				long := patience
				if p, ok := s.(Patient); ok {
					long = p.Patience(r, long)
				}
				reply := sim.Within(w, long, handle, r)
				all[call].Call, all[call].Done = call, w.Now()
				switch {
				case reply.Outcome == sim.Timeout || reply.Outcome == sim.Shed:
					all[call].End = reply.Outcome.String() + " " + reply.Reason
				case reply.Status == 0:
					all[call].End = reply.Reason
				default:
					all[call].End = strconv.Itoa(reply.Status)
				}
			})
		})
	}
	if blocked := w.Run(sim.Forever); blocked != 0 {
		t.Fatalf("%d processes left over", blocked)
	}
	return all
}

// throughTransport plays the same load through a Transport, in the time of a bubble.
func throughTransport(t *testing.T, s Strategy, load []askedFor, patience time.Duration) ([]heardCall, map[string]int64) {
	t.Helper()
	began, play := time.Now(), script{sim.NewStream(6, "script")}
	var lock sync.Mutex
	all := make([]heardCall, len(load))
	lost := errors.New("connection lost")
	rt := Transport(s, roundTripper(func(req *http.Request) (*http.Response, error) {
		call, _ := strconv.Atoi(req.Header.Get("X-Call"))
		lock.Lock()
		l := play.line(call, len(all[call].Sent))
		all[call].Sent = append(all[call].Sent, time.Since(began))
		lock.Unlock()
		wait := time.After(l.after)
		if l.silent {
			wait = nil
		}
		select {
		case <-req.Context().Done():
			return nil, req.Context().Err()
		case <-wait:
		}
		if l.status == 0 {
			return nil, lost
		}
		response := newAnswer(l.status, "answer")
		if l.wish > 0 {
			response.Header.Set("Retry-After-Ms", strconv.FormatInt(l.wish.Milliseconds(), 10))
		}
		return response, nil
	}), TransportOptions{Patience: patience, Seed: 9})
	var group sync.WaitGroup
	for call, asked := range load {
		group.Go(func() {
			time.Sleep(asked.at)
			req, err := http.NewRequestWithContext(context.Background(), "GET", fmt.Sprintf("http://service/%d", asked.key), nil)
			if err != nil {
				t.Error(err)
				return
			}
			req.Header.Set("X-Call", strconv.Itoa(call))
			req.Header.Set("X-User", strconv.FormatUint(asked.user, 10))
			req.Header.Set("X-Priority", defaultClasses[asked.class])
			response, err := rt.RoundTrip(req)
			all[call].Call, all[call].Done = call, time.Since(began)
			var ended *CallError
			switch {
			case errors.As(err, &ended):
				all[call].End = ended.Outcome.String() + " " + ended.Reason
			case err != nil:
				all[call].End = "connection"
			default:
				all[call].End = strconv.Itoa(response.StatusCode)
			}
		})
	}
	group.Wait()
	settleTransport(t, rt)
	counted := map[string]int64{}
	for name, n := range tallied(rt) {
		if !strings.HasPrefix(name, "calls") && name != "attempts" && name != "passed_by" {
			counted[name] = n
		}
	}
	return all, counted
}

// What was compared is what ships: the decisions of a strategy in a scenario and behind a Transport are the
// same, attempt by attempt, to the nanosecond.
func TestTransportDecidesAsInAWorld(t *testing.T) {
	load := scriptedLoad(1000)
	all := kinds()
	for _, kind := range All {
		for _, preset := range PresetsOf(kind.New()) {
			all = append(all, Entry{kind.Name + " " + preset.Name, "", preset.New})
		}
	}
	for _, yaml := range fastStacks {
		all = append(all, Entry{yaml, "", func() Strategy { return parseOne(t, yaml) }})
	}
	for _, kind := range all {
		if slices.Contains(unorderedKinds, kind.Name) {
			continue
		}
		t.Run(kind.Name, func(t *testing.T) {
			s := kind.New()
			want := inWorld(t, s, load, 3*time.Second)
			wantCounts := counts(s)
			synctest.Test(t, func(t *testing.T) {
				got, gotCounts := throughTransport(t, kind.New(), load, 3*time.Second)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("calls differ (-world +transport):\n%.2000s", diff)
				}
				// Bodies are counted by who sends them: the World here sends none.
				delete(wantCounts, "bodies")
				delete(gotCounts, "bodies")
				if diff := cmp.Diff(wantCounts, gotCounts); diff != "" {
					t.Errorf("decisions differ (-world +transport):\n%s", diff)
				}
			})
		})
	}
}

// unordered are strategies that leave two causes to one instant.
var unorderedKinds = []string{"stack queued"} // when a worker drops a call, the next in the queue and the next leader of its flight

// The waits of a backoff, in numbers: 100, 200, 400 ms from the ends of attempts, but for what the service
// asks for, which is lengthened by up to a tenth.
func TestTheWaitsOfATransport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent []time.Duration
		began := time.Now()
		rt := Transport(parseOne(t, "backoff: {tries: 5, base: 100ms, jitter: none}"), roundTripper(func(*http.Request) (*http.Response, error) {
			sent = append(sent, time.Since(began))
			time.Sleep(10 * time.Millisecond)
			switch len(sent) {
			case 1:
				return newAnswer(503, ""), nil
			case 2:
				return newAnswer(429, "", "Retry-After", "1.5"), nil
			case 3:
				return nil, errors.New("reset")
			case 4:
				return newAnswer(503, "", "Retry-After-Ms", "20"), nil // less than its own wait
			}
			return newAnswer(200, "ok"), nil
		}), TransportOptions{})
		response, err := rt.RoundTrip(newRequest(t, "GET", "http://service/", ""))
		if err != nil || response.StatusCode != 200 {
			t.Fatalf("got %v, %v", response, err)
		}
		var waits []time.Duration
		for i := range sent[1:] {
			waits = append(waits, sent[i+1]-sent[i]-10*time.Millisecond)
		}
		if wish := waits[1]; wish < 1500*time.Millisecond || wish > 1650*time.Millisecond {
			t.Errorf("the service's wish of 1.5 s became %v, want 1.5 to 1.65 s", wish)
		}
		waits[1] = 0
		if want := []time.Duration{100 * time.Millisecond, 0, 400 * time.Millisecond, 800 * time.Millisecond}; !slices.Equal(waits, want) {
			t.Errorf("waits %v, want %v", waits, want)
		}
	})
}

// A budget bounds the retries of all callers of a Transport together.
func TestABudgetBoundsATransport(t *testing.T) {
	const yaml = "backoff: {tries: 5, base: 1ms, budget: brooker}"
	s, err := Parse([]byte(yaml))
	if err != nil && strings.Contains(err.Error(), "unknown field") {
		t.Skip("backoff has no budget here")
	} else if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		rt := Transport(s, roundTripper(func(*http.Request) (*http.Response, error) { return newAnswer(503, ""), nil }), TransportOptions{})
		var group sync.WaitGroup
		for range 200 {
			group.Go(func() {
				if _, err := rt.RoundTrip(newRequest(t, "GET", "http://service/", "")); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		// A bucket of 5 that starts full, and a tenth for each call.
		if retried := tallied(rt)["retried"]; retried < 10 || retried > 25 {
			t.Errorf("%d retries for 200 calls, want at most 5 + 20", retried)
		}
	})
}
