package harness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/headroom-dev/headroom/sim"
)

const patienceOfTests = 300 * time.Millisecond

func TestAMisbehavingServerIsCountedByClass(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	for _, row := range []struct {
		name    string
		server  func(*net.TCPConn)
		outcome sim.Outcome
		reason  string
		class   string
	}{
		{"resets the connection", afterRequest(func(c *net.TCPConn) { _ = c.SetLinger(0) }), sim.Error, classReset, classReset},
		{"closes without an answer", afterRequest(func(*net.TCPConn) {}), sim.Error, classClosed, classClosed},
		{"closes in the middle of the head", saying("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n"), sim.Error, classClosed, classClosed},
		{"answers garbage", saying("\x00\x01garbage, and more of it\r\n\r\n"), sim.Error, classProtocol, classProtocol},
		{"answers in another protocol", saying("SSH-2.0-OpenSSH_9.6\r\n"), sim.Error, classProtocol, classProtocol},
		{"breaks its chunks", saying("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), sim.Error, classProtocol, classProtocol},
		{"cuts the body", saying("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this"), sim.Error, classBodyCut, classBodyCut},
		{"stalls before its answer", afterRequest(untilClosed), sim.Timeout, "", classCancelled},
		{"stalls in the body", afterRequest(func(c *net.TCPConn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")
			untilClosed(c)
		}), sim.Timeout, "", classCancelled},
		{"answers byte by byte", afterRequest(func(c *net.TCPConn) {
			tick := time.NewTicker(5 * time.Millisecond)
			defer tick.Stop()
			for _, b := range []byte("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("x", 100_000)) {
				<-tick.C
				if _, err := c.Write([]byte{b}); err != nil {
					return
				}
			}
		}), sim.Timeout, "", classCancelled},
		{"streams for ever", afterRequest(func(c *net.TCPConn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
			chunk := []byte("1000\r\n" + strings.Repeat("x", 0x1000) + "\r\n")
			tick := time.NewTicker(time.Millisecond)
			defer tick.Stop()
			for range tick.C {
				if _, err := c.Write(chunk); err != nil {
					return
				}
			}
		}), sim.Timeout, "", classCancelled},
		{"says it is busy", saying("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"), sim.Busy, "status-503", "status-503"},
		{"says it is overloaded", saying("HTTP/1.1 529 Overloaded\r\nContent-Length: 0\r\n\r\n"), sim.Busy, "status-529", "status-529"},
		{"refuses", saying("HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n"), sim.Refused, "status-429", "status-429"},
		{"fails", saying("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 4\r\n\r\noops"), sim.Error, "status-500", "status-500"},
		{"is busy and cuts even that", saying("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 10\r\n\r\nno"), sim.Busy, "status-503", "status-503"},
		{"is not there", nil, sim.Error, classRefused, classRefused},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			address := closed.Addr().String()
			if row.server != nil {
				address = rawServer(t, row.server)
			}
			began := time.Now()
			// POST, for net/http sends a GET that was reset once more by itself.
			side, records := asked(t, Live{URLs: []string{"http://" + address}, Method: http.MethodPost}, plainly{}, 3, patienceOfTests)
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("the run took %v: it must end with the last patience", took)
			}
			for _, r := range records {
				if r.Outcome != row.outcome || r.Reason != row.reason {
					t.Errorf("call %d: got %v %q, want %v %q (samples %q)", r.Call, r.Outcome, r.Reason, row.outcome, row.reason, side.Validity.Samples)
				}
			}
			if diff := cmp.Diff(side.Validity.Errors, map[string]int{row.class: 3}); diff != "" {
				t.Errorf("errors by class (-got +want):\n%s", diff)
			}
			for _, sample := range side.Validity.Samples {
				if strings.Contains(sample, "127.0.0.1") {
					t.Errorf("sample %q holds an address", sample)
				}
			}
			down := len(side.Validity.Problems) > 0 && strings.Contains(fmt.Sprint(side.Validity.Problems), "target down")
			if noAnswer := records[0].Status == 0; noAnswer != down {
				t.Errorf("got problems %q: a target that answers nothing is down, and no other", side.Validity.Problems)
			}
		})
	}
}

func TestStatusAndWishesReachTheStrategy(t *testing.T) {
	server := countingServer(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.Header().Set("X-Should-Retry", "false")
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	var got sim.Reply
	_, _ = asked(t, Live{URLs: []string{server.URL}}, watching{&got}, 1, time.Second)
	want := sim.Reply{Outcome: sim.Busy, Reason: "status-503", Status: 503, RetryAfter: 7 * time.Second, Retry: sim.DoNot}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("reply (-got +want):\n%s", diff)
	}
}

// watching keeps the last reply.
type watching struct{ last *sim.Reply }

func (s watching) Wrap(_ sim.Env, next sim.Handler) sim.Handler {
	return func(r sim.Request) sim.Reply {
		*s.last = next(r)
		return *s.last
	}
}

func TestExpectStatusDecidesWhatIsOK(t *testing.T) {
	for _, row := range []struct {
		expect  string
		status  int
		outcome sim.Outcome
	}{
		{"", 200, sim.OK},
		{"", 204, sim.OK},
		{"", 302, sim.OK},
		{"", 404, sim.Error},
		{"404", 404, sim.OK},
		{"404", 200, sim.Error},
		{"2xx", 302, sim.Error},
		{"200", 503, sim.Busy},
		{"503", 503, sim.OK},
	} {
		var set StatusSet
		if row.expect != "" {
			var err error
			if set, err = ParseStatusSet(row.expect); err != nil {
				t.Fatal(err)
			}
		}
		server := countingServer(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(row.status)
		})
		side, records := asked(t, Live{URLs: []string{server.URL}, ExpectStatus: set}, plainly{}, 1, time.Second)
		if got := records[0].Outcome; got != row.outcome {
			t.Errorf("%d where %q is expected: got %v, want %v", row.status, row.expect, got, row.outcome)
		}
		if got := server.requests.Load(); got != 1 {
			t.Errorf("%d: the server saw %d requests, want 1: redirects are not followed", row.status, got)
		}
		if warned := len(side.Warnings) > 0; warned != (row.status == 302 && row.outcome == sim.OK) {
			t.Errorf("%d where %q is expected: got warnings %q", row.status, row.expect, side.Warnings)
		}
	}
}

func TestFreshAndWarmConnections(t *testing.T) {
	fresh, warm := countingServer(t, okay), countingServer(t, okay)
	side, _ := asked(t, Live{URLs: []string{fresh.URL}}, freshly{}, 10, time.Second)
	if got, said := fresh.connections.Load(), side.Validity.NewConnections; got != 10 || said != 10 {
		t.Errorf("fresh: the server saw %d connections, the run says %d, want 10", got, said)
	}
	side, _ = asked(t, Live{URLs: []string{warm.URL}}, plainly{}, 10, time.Second)
	if got, said := warm.connections.Load(), side.Validity.NewConnections; got != said || got > 3 {
		t.Errorf("warm: the server saw %d connections, the run says %d, want a few at most", got, said)
	}
}

func TestHiddenRetriesOfTheTransportAreCounted(t *testing.T) {
	// The server answers one request on each connection and drops the second without a word; net/http
	// then sends a GET again, on a new connection.
	address := rawServer(t, func(c *net.TCPConn) {
		saying("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")(c)
		afterRequest(func(*net.TCPConn) {})(c)
	})
	e := prepare(t, Live{URLs: []string{"http://" + address}})
	run, records := liveRun(plainly{}, evenly(stretch{20, 500 * time.Millisecond}), time.Second)
	side, err := Wall(t.Context(), context.Background(), e, run)
	if err != nil {
		t.Fatal(err)
	}
	check(t, side, *records)
	if got := outcomes(*records); got[sim.OK] != 10 {
		t.Fatalf("got outcomes %v and %q, want all 10 ok", got, side.Validity.Samples)
	}
	if got := side.Validity.TransportRetries; got != 9 {
		t.Errorf("got %d transport retries, want 9: every call but the first", got)
	}
	if got := fmt.Sprint(side.Warnings); !strings.Contains(got, "amplification is too low") {
		t.Errorf("got warnings %s, want one of the hidden retries", got)
	}
}

func TestTimeoutLimitsAnAttempt(t *testing.T) {
	address := rawServer(t, afterRequest(untilClosed))
	began := time.Now()
	_, records := asked(t, Live{URLs: []string{"http://" + address}, Timeout: 50 * time.Millisecond}, plainly{}, 2, time.Hour)
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("took %v, want about 60 ms", took)
	}
	if got := outcomes(records); got[sim.Timeout] != 2 {
		t.Errorf("got outcomes %v, want two timeouts", got)
	}
}

func TestRequestIsWhatTheFlagsSay(t *testing.T) {
	type request struct{ Method, Path, Body, Host, Auth, Custom, Agent string }
	seen := make(chan request, 8)
	server := countingServer(t, func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		seen <- request{r.Method, r.URL.RequestURI(), string(body), r.Host, r.Header.Get("Authorization"), r.Header.Get("X-Custom"), r.UserAgent()}
	})
	host := strings.TrimPrefix(server.URL, "http://")
	for _, row := range []struct {
		name string
		live Live
		want request
	}{
		{"a URL alone", Live{URLs: []string{server.URL + "/x?y=z"}}, request{"GET", "/x?y=z", "", host, "", "", "headroom"}},
		{"a body makes it a POST", Live{URLs: []string{server.URL}, Body: []byte("hello")}, request{"POST", "/", "hello", host, "", "", "headroom"}},
		{"method and headers", Live{URLs: []string{server.URL}, Method: "PUT", Body: []byte("b"),
			Header: http.Header{"X-Custom": {"yes"}, "Host": {"api.example"}, "User-Agent": {"me"}, "Authorization": {"Bearer t"}}},
			request{"PUT", "/", "b", "api.example", "Bearer t", "yes", "me"}},
		{"a user in the URL", Live{URLs: []string{"http://me:secret@" + host}}, request{"GET", "/", "", host, "Basic bWU6c2VjcmV0", "", "headroom"}},
		{"an API key", Live{URLs: []string{server.URL}, APIKey: "k"}, request{"GET", "/", "", host, "Bearer k", "", "headroom"}},
	} {
		_, _ = asked(t, row.live, plainly{}, 1, time.Second)
		if diff := cmp.Diff(<-seen, row.want); diff != "" {
			t.Errorf("%s (-got +want):\n%s", row.name, diff)
		}
	}
}

func TestTargetsAreTakenInTurn(t *testing.T) {
	var a, b, other atomic.Int64
	server := countingServer(t, func(_ http.ResponseWriter, r *http.Request) {
		switch r.Method + r.URL.Path {
		case "GET/a":
			a.Add(1)
		case "POST/b":
			b.Add(1)
		default:
			other.Add(1)
		}
	})
	e := prepare(t, Live{URLs: []string{server.URL}, Targets: "-", Input: strings.NewReader("GET /a\n\nPOST " + server.URL + "/b?token=t\n\nGET /a\n")})
	run, records := liveRun(plainly{}, evenly(stretch{100, 90 * time.Millisecond}), time.Second)
	if _, err := Wall(t.Context(), context.Background(), e, run); err != nil {
		t.Fatal(err)
	}
	if a.Load() != 6 || b.Load() != 3 || other.Load() != 0 || len(*records) != 9 {
		t.Errorf("got %d to /a, %d to /b, %d elsewhere; want 6, 3, 0", a.Load(), b.Load(), other.Load())
	}
	if diff := cmp.Diff(e.Targets(), []string{"GET " + server.URL + "/a", "POST " + server.URL + "/b", "GET " + server.URL + "/a"}); diff != "" {
		t.Errorf("targets (-got +want):\n%s", diff)
	}
	if got := e.TargetOf(4); got != 1 {
		t.Errorf("call 4 asks for target %d, want 1", got)
	}
}

func TestSeveralURLsShareTheCalls(t *testing.T) {
	first, second := countingServer(t, okay), countingServer(t, okay)
	l := Live{URLs: []string{first.URL, second.URL}}
	asked(t, l, plainly{}, 10, time.Second)
	if a, b := first.requests.Load(), second.requests.Load(); a != 5 || b != 5 {
		t.Errorf("got %d and %d, want 5 each", a, b)
	}
	asked(t, l, always(2), 10, time.Second)
	if a, b := first.requests.Load(), second.requests.Load(); a != 5 || b != 15 {
		t.Errorf("got %d and %d, want 5 and 15: the strategy chose the second", a, b)
	}
	failing := countingServer(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	_, records := asked(t, Live{URLs: []string{failing.URL, second.URL}}, &stubbornly{tries: 2}, 10, time.Second)
	if got := outcomes(records); got[sim.OK] != 10 {
		t.Errorf("got outcomes %v, want all ok: a second try goes to the next URL", got)
	}
}

// always sends to one of the endpoints.
type always int

func (n always) Wrap(_ sim.Env, next sim.Handler) sim.Handler {
	return func(r sim.Request) sim.Reply {
		r.Via.Endpoint = int(n)
		return next(r)
	}
}

func TestCancelledAttemptsLeaveTheirConnections(t *testing.T) {
	left := make(chan struct{}, 1)
	server := countingServer(t, func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		left <- struct{}{}
	})
	_, records := asked(t, Live{URLs: []string{server.URL}}, plainly{}, 1, 50*time.Millisecond)
	<-left // or the test's time limit says that the server never heard of it
	if got := outcomes(records); got[sim.Timeout] != 1 {
		t.Errorf("got outcomes %v, want a timeout", got)
	}
}

func TestSecondSignalCutsSockets(t *testing.T) {
	asking := make(chan struct{}, 10)
	address := rawServer(t, afterRequest(func(c *net.TCPConn) {
		asking <- struct{}{}
		untilClosed(c)
	}))
	e := prepare(t, Live{URLs: []string{"http://" + address}})
	run, records := liveRun(plainly{}, evenly(stretch{1000, 10 * time.Millisecond}, stretch{1, time.Hour}), 2*time.Hour)
	send, stop := context.WithCancel(t.Context())
	hard, cut := context.WithCancel(t.Context())
	go func() {
		for range 11 {
			<-asking // ten of the first phase, and the first of the second
		}
		stop()
		cut()
	}()
	side, err := Wall(send, hard, e, run)
	if err != nil {
		t.Fatal(err)
	}
	check(t, side, *records)
	if v := side.Validity; len(*records) != 0 || v.Cut != 11 || v.Planned != 3610 || v.Sent != 11 {
		t.Errorf("got %d records and %+v, want 11 calls cut, none recorded, of 3610 planned", len(*records), v)
	}
}

func TestWarmupEntersNoFigure(t *testing.T) {
	server := countingServer(t, okay)
	side, records := asked(t, Live{URLs: []string{server.URL}, Warmup: 20}, plainly{}, 5, time.Second)
	if got := server.requests.Load(); got != 25 {
		t.Errorf("the server saw %d requests, want 20 for warmth and 5 that count", got)
	}
	if v := side.Validity; len(records) != 5 || v.Sent != 5 || v.NewConnections >= server.connections.Load() {
		t.Errorf("got %d records, %d sent, %d new connections; want 5, 5 and none but late dials of the warmup's", len(records), v.Sent, v.NewConnections)
	}
}

func TestHTTP2OverTLSAndWithout(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", r.Proto)
		if r.ProtoMajor == 1 {
			w.WriteHeader(http.StatusTeapot)
		}
	}))
	server.EnableHTTP2 = true
	server.Config.ErrorLog = quiet
	server.StartTLS()
	defer server.Close()
	for _, row := range []struct {
		name   string
		live   Live
		status int
		class  string
	}{
		{"insecure", Live{Insecure: true}, 200, ""},
		{"insecure over HTTP/1", Live{Insecure: true, HTTP1: true}, http.StatusTeapot, "status-418"},
		{"the server's own authority", Live{CACert: writePEM(t, server)}, 200, ""},
		{"nobody to trust", Live{}, 0, classTLS},
	} {
		row.live.URLs = []string{server.URL}
		side, records := asked(t, row.live, plainly{}, 2, 5*time.Second)
		if got := records[1].Status; got != row.status || records[1].Reason != row.class {
			t.Errorf("%s: got status %d, reason %q, want %d, %q (%q)", row.name, got, records[1].Reason, row.status, row.class, side.Validity.Samples)
		}
	}
}

func TestWritesFail(t *testing.T) {
	server := countingServer(t, okay)
	l := Live{URLs: []string{server.URL}, Bin: brokenDisk{}}
	e, err := l.Prepare()
	if err != nil {
		t.Fatal(err)
	}
	run, records := liveRun(plainly{}, evenly(stretch{100, 50 * time.Millisecond}), time.Second)
	_, err = Wall(t.Context(), context.Background(), e, run)
	if err == nil || !strings.Contains(err.Error(), "writing vegeta.bin: disk is full") || len(*records) != 5 {
		t.Errorf("got error %v and %d records, want the failed write and all 5", err, len(*records))
	}
	if err := e.Close(); err == nil {
		t.Error("Close forgot the failed write")
	}
}

type brokenDisk struct{}

func (brokenDisk) Write([]byte) (int, error) { return 0, errors.New("disk is full") }
