package strategies

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/headroom-dev/headroom/sim"
	"go.uber.org/goleak"
)

// flakyService is a service in every mood there is. What it says to the nth request of a caller depends on those
// two alone; what it answers, on the path.
type flakyService struct {
	unit time.Duration // of its waits
	lock sync.Mutex
	seen map[string]int // requests by caller
}

const streamedAnswer = "data: one\n\ndata: two\n\ndata: three\n\n"

// pathAnswer is the good answer to a path: 4 to 36 kB that belong to no other.
func pathAnswer(path string) string {
	return strings.Repeat("this is the answer to "+path+"; ", 150*(1+len(path)%9))
}

func (f *flakyService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	caller := r.Header.Get("X-Caller")
	f.lock.Lock()
	n := f.seen[caller]
	f.seen[caller]++
	f.lock.Unlock()
	draw := userOf(&http.Request{Header: http.Header{"X-User": {caller + "#" + fmt.Sprint(n)}}})
	switch mood := mix(draw) % 16; mood {
	case 0, 1, 2:
		w.Header().Set("Retry-After-Ms", "3")
		w.WriteHeader([]int{503, 429, 529}[mood])
		io.WriteString(w, "not now")
	case 3, 4:
		http.Error(w, "broken", 500)
	case 5: // a connection that is lost before an answer
		panic(http.ErrAbortHandler)
	case 6: // and on its way
		w.Header().Set("Content-Length", "100000")
		io.WriteString(w, "this is not")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	case 7: // silence
		<-r.Context().Done()
	case 8:
		w.Header().Set("Content-Type", "text/event-stream")
		for _, event := range strings.SplitAfter(streamedAnswer, "\n\n") {
			io.WriteString(w, event)
			w.(http.Flusher).Flush()
			f.wait(r, f.unit)
		}
	case 9, 10:
		f.wait(r, 4*f.unit)
		fallthrough
	default:
		io.WriteString(w, pathAnswer(r.URL.Path))
	}
}

func (f *flakyService) wait(r *http.Request, d time.Duration) {
	select {
	case <-time.After(d):
	case <-r.Context().Done():
	}
}

// A flood is many callers of a flaky service at once, half of whom ask the same as others, and a quarter of
// whom leave.
type flood struct {
	callers  int
	patience time.Duration
	margin   time.Duration // what the machine may take
	base     http.RoundTripper

	lock     sync.Mutex
	attempts map[string][]time.Time // when they were sent, by caller
}

// RoundTrip is base, watched.
func (f *flood) RoundTrip(req *http.Request) (*http.Response, error) {
	caller := req.Header.Get("X-Caller")
	f.lock.Lock()
	f.attempts[caller] = append(f.attempts[caller], time.Now())
	f.lock.Unlock()
	return f.base.RoundTrip(req)
}

// run sends all the calls through s and holds what is true of every strategy.
func (f *flood) run(t *testing.T, s Strategy) {
	f.attempts = map[string][]time.Time{}
	rt := Transport(s, f, TransportOptions{Patience: f.patience, Seed: 7})
	longest := f.patience
	if p, ok := s.(Patient); ok {
		longest = p.Patience(sim.Request{}, longest)
	}
	left := make([]time.Time, f.callers)
	var group sync.WaitGroup
	for i := range f.callers {
		group.Go(func() { left[i] = f.call(t, rt, i, longest) })
	}
	group.Wait()
	settleTransport(t, rt)
	all := tallied(rt)
	sent, most := 0, mostAttempts(s)
	for i, left := range left {
		times := f.attempts[fmt.Sprint(i)]
		sent += len(times)
		if left.IsZero() {
			continue // others may have waited for what it began
		}
		if len(times) > 0 && times[len(times)-1].After(left.Add(f.margin)) {
			t.Errorf("caller %d left, and a request went out %v later", i, times[len(times)-1].Sub(left))
		}
		if most > 0 && len(times) > most {
			t.Errorf("caller %d made %d attempts, want at most %d", i, len(times), most)
		}
	}
	if all["calls"] != int64(f.callers) || all["attempts"] != int64(sent) {
		t.Errorf("%d calls and %d attempts are counted, there were %d and %d", all["calls"], all["attempts"], f.callers, sent)
	}
	if all["calls_ok"] == 0 {
		t.Errorf("no call was answered: %v", all)
	}
}

// call is one caller. It returns after when nothing may be sent for it any more; zero for ever.
func (f *flood) call(t *testing.T, rt http.RoundTripper, i int, longest time.Duration) time.Time {
	random := sim.NewStream(3, "callers").For(i, 0)
	time.Sleep(time.Duration(random.Int64N(int64(f.patience / 10))))
	caller, path := fmt.Sprint(i), fmt.Sprintf("/own/%d", i)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	leaves := i%4 == 0
	left := time.Now().Add(longest) // its patience ends
	switch {
	case leaves:
		left = time.Now().Add(time.Duration(random.Int64N(int64(f.patience))))
		ctx, cancel = context.WithDeadline(ctx, left)
		defer cancel()
	case i%2 == 1:
		path = fmt.Sprintf("/shared/%d", i%10)
	}
	req, err := http.NewRequestWithContext(ctx, "GET", "http://service"+path, nil)
	if err != nil {
		t.Error(err)
		return left
	}
	req.Header.Set("X-Caller", caller)
	req.Header.Set("X-Priority", defaultClasses[i%3])
	began := time.Now()
	response, err := rt.RoundTrip(req)
	if err == nil {
		err = f.check(t, response, path)
	}
	if leaves && err != nil && !time.Now().Before(left) && !errors.Is(err, context.DeadlineExceeded) && !f.itsOwn(err) {
		t.Errorf("caller %d left and got %v, want its context's error", i, err)
	}
	if since, limit := time.Since(began), left.Sub(began); since > limit+f.margin {
		t.Errorf("caller %d was kept for %v, beyond %v", i, since, limit)
	}
	if strings.HasPrefix(path, "/shared") {
		return time.Time{}
	}
	return left
}

// itsOwn reports whether an error is what the service did last: a caller may get that in its last moment.
func (f *flood) itsOwn(err error) bool {
	var network net.Error
	var shed *CallError
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &network) || errors.As(err, &shed)
}

// check reads an answer, which must be whole and for this caller.
func (f *flood) check(t *testing.T, response *http.Response, path string) error {
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	switch stream := response.Header.Get("Content-Type") == "text/event-stream"; {
	case err != nil && !stream:
		t.Errorf("%s: an answer that was to be complete: %v", path, err)
	case err != nil:
		return err
	case stream && string(text) != streamedAnswer:
		t.Errorf("%s: the stream %q", path, text)
	case response.StatusCode == 200 && !stream && string(text) != pathAnswer(path):
		t.Errorf("%s: got another's answer or a part of its own: %.60q, %d bytes", path, text, len(text))
	}
	return nil
}

// mostAttempts is how many attempts a strategy may make for a call; 0 if nothing bounds them.
func mostAttempts(s Strategy) int {
	layers := []Strategy{s}
	if all, ok := s.(*stack); ok {
		layers = all.layers
	}
	most := 1
	for _, layer := range layers {
		v := reflect.Indirect(reflect.ValueOf(layer))
		if v.Kind() != reflect.Struct {
			continue
		}
		for _, name := range []string{"Tries", "Copies"} {
			if field := v.FieldByName(name); field.IsValid() && field.CanInt() {
				most *= int(field.Int())
			}
		}
	}
	return most
}

// fastStacks wait little, so that in a short real time much happens.
var fastStacks = []string{
	"backoff: {base: 2ms, cap: 20ms, jitter: full}",
	"[cache, {backoff: {base: 2ms}}, pooled: {size: 16}]",
	"[{async-queue: {workers: 8}}, {backoff: {base: 2ms, tries: 3}}]",
	"[{pooled: {size: 20, wait: 30ms}}, {backoff: {base: 2ms, tries: 2}}, {backoff: {base: 1ms, tries: 2}}]",
}

// TestTransportKeepsTheLaws sends 200 callers at once through every strategy to a server on loopback: all
// end in time, each with its own answer, nothing is sent for who has left, nothing is left over.
func TestTransportKeepsTheLaws(t *testing.T) {
	all := slices.Clone(All)
	for _, yaml := range fastStacks {
		all = append(all, Entry{yaml, "", func() Strategy { return parseOne(t, yaml) }})
	}
	for _, kind := range all {
		t.Run(kind.Name, func(t *testing.T) {
			before := goleak.IgnoreCurrent()
			server := httptest.NewUnstartedServer(&flakyService{unit: 2 * time.Millisecond, seen: map[string]int{}})
			server.Config.ErrorLog = quietLog
			server.Start()
			base := &http.Transport{MaxIdleConnsPerHost: 1000, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
			}}
			f := &flood{callers: 200, patience: 250 * time.Millisecond, margin: 500 * time.Millisecond, base: base}
			if raced {
				f.margin *= 4
			}
			f.run(t, kind.New())
			base.CloseIdleConnections()
			server.CloseClientConnections() // those on which it is silent
			server.Close()
			goleak.VerifyNone(t, before)
		})
	}
}

// TestTransportKeepsTheLawsExactly is the same in a bubble, where time is exact: nothing takes a moment
// longer than it may. Real times and presets, which wait for minutes, cost nothing there.
func TestTransportKeepsTheLawsExactly(t *testing.T) {
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
		t.Run(kind.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				base, end := servedByPipe(&flakyService{unit: 200 * time.Millisecond, seen: map[string]int{}})
				f := &flood{callers: 200, patience: 30 * time.Second, base: base}
				f.run(t, kind.New())
				end()
			})
		})
	}
}
