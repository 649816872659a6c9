package strategies

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A roundTripper is a base made of a function.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// newAnswer makes an answer. Headers are given as name, value, name, value.
func newAnswer(status int, body string, header ...string) *http.Response {
	response := &http.Response{StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{},
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}
	for i := 0; i < len(header); i += 2 {
		response.Header.Add(header[i], header[i+1])
	}
	return response
}

// newRequest makes a request, its body of unknown length and without a GetBody.
func newRequest(t testing.TB, method, url, body string, header ...string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, io.MultiReader(strings.NewReader(body)))
	if err != nil {
		t.Fatal(err)
	}
	if body == "" {
		req.Body = nil
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	return req
}

// parseOne reads a strategy of the tests.
func parseOne(t testing.TB, yaml string) Strategy {
	t.Helper()
	s, err := Parse([]byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// readAnswer returns the whole body of an answer and closes it.
func readAnswer(t testing.TB, response *http.Response) string {
	t.Helper()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Errorf("reading the answer: %v", err)
	}
	if err := response.Body.Close(); err != nil {
		t.Errorf("closing the answer: %v", err)
	}
	return string(text)
}

// tallied returns what a Transport counted.
func tallied(rt http.RoundTripper) map[string]int64 {
	all := make(map[string]int64)
	rt.(Counting).Counts(func(name string, n int64) { all[name] += n })
	return all
}

// settleTransport waits until everything that a Transport started has ended, and holds what must then be true: each
// call ended once, nothing is under way, nobody waits.
func settleTransport(t testing.TB, rt http.RoundTripper) {
	t.Helper()
	tr := rt.(*transport)
	tr.running.Wait()
	tr.wall.Wait()
	all := tallied(rt)
	var ended int64
	for name, n := range all {
		if strings.HasPrefix(name, "calls_") {
			ended += n
		}
	}
	if ended != all["calls"] {
		t.Errorf("%d calls, %d ended: %v", all["calls"], ended, all)
	}
	for _, gauge := range rt.(Gauged).Gauges() {
		if strings.HasPrefix(gauge.Name, "client") && gauge.Read() != 0 {
			t.Errorf("%s is %v when all is over, want 0", gauge.Name, gauge.Read())
		}
	}
}

// wantCounts compares some of what a Transport counted.
func wantCounts(t testing.TB, rt http.RoundTripper, want map[string]int64) {
	t.Helper()
	all, got := tallied(rt), map[string]int64{}
	for name := range want {
		got[name] = all[name]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
}

// A watchedBody is a body that knows what became of it.
type watchedBody struct {
	io.Reader
	lock   sync.Mutex
	closed int
}

func (b *watchedBody) Close() error {
	b.lock.Lock()
	defer b.lock.Unlock()
	b.closed++
	return nil
}

func (b *watchedBody) closes() int {
	b.lock.Lock()
	defer b.lock.Unlock()
	return b.closed
}

// A pipeNetwork is connections in memory, which a synctest bubble understands, with a real server of
// net/http at their other end.
type pipeNetwork struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipeNetwork() *pipeNetwork {
	return &pipeNetwork{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (n *pipeNetwork) Accept() (net.Conn, error) {
	select {
	case conn := <-n.conns:
		return conn, nil
	case <-n.closed:
		return nil, net.ErrClosed
	}
}

func (n *pipeNetwork) Close() error {
	n.once.Do(func() { close(n.closed) })
	return nil
}

func (n *pipeNetwork) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe:80" }

func (n *pipeNetwork) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case n.conns <- theirs:
		return ours, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-n.closed:
		return nil, errors.New("nobody listens")
	}
}

// quietLog takes what a server says of the connections that it was made to lose.
var quietLog = log.New(io.Discard, "", 0)

// servedByPipe serves a handler and returns a base that reaches it, and what ends both.
func servedByPipe(handler http.Handler) (base *http.Transport, end func()) {
	n := newPipeNetwork()
	server := &http.Server{Handler: handler, ErrorLog: quietLog}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(n) // always ErrServerClosed
	}()
	base = &http.Transport{DialContext: n.dial, MaxIdleConnsPerHost: 1000}
	return base, func() {
		base.CloseIdleConnections()
		_ = server.Close()
		<-served
	}
}
