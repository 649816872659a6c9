package harness

import (
	"bufio"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/headroom-dev/headroom/report"
	"github.com/headroom-dev/headroom/sim"
)

// rawServer listens on loopback and gives each connection to handle, which may do what no HTTP server
// would. It returns its address.
func rawServer(t testing.TB, handle func(*net.TCPConn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var open sync.WaitGroup
	var mu sync.Mutex
	conns := map[net.Conn]bool{}
	open.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns[conn] = true
			mu.Unlock()
			open.Go(func() {
				defer conn.Close()
				handle(conn.(*net.TCPConn))
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for conn := range conns {
			conn.Close()
		}
		mu.Unlock()
		open.Wait()
	})
	return l.Addr().String()
}

// afterRequest reads one request and then does what it is given.
func afterRequest(then func(*net.TCPConn)) func(*net.TCPConn) {
	return func(conn *net.TCPConn) {
		if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
			then(conn)
		}
	}
}

// saying writes a text after a request, and closes.
func saying(text string) func(*net.TCPConn) {
	return afterRequest(func(conn *net.TCPConn) { _, _ = conn.Write([]byte(text)) })
}

// untilClosed waits until the peer has gone.
func untilClosed(conn *net.TCPConn) {
	_, _ = conn.Read(make([]byte, 1))
}

// counting is an HTTP server that counts requests and connections.
type counting struct {
	*httptest.Server
	requests, connections atomic.Int64
}

func countingServer(t testing.TB, handle http.HandlerFunc) *counting {
	t.Helper()
	c := &counting{}
	c.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.requests.Add(1)
		handle(w, r)
	}))
	c.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			c.connections.Add(1)
		}
	}
	c.Start()
	t.Cleanup(c.Close)
	return c
}

func okay(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) }

// asked sends n calls, 10 ms apart, and returns what came of them.
func asked(t *testing.T, l Live, s interface {
	Wrap(sim.Env, sim.Handler) sim.Handler
}, n int, patience time.Duration) (report.Side, []report.Record) {
	t.Helper()
	e := prepare(t, l)
	run, records := liveRun(s, evenly(stretch{100, time.Duration(n) * 10 * time.Millisecond}), patience)
	run.Priorities = []string{"high", "low"}
	side, err := Wall(t.Context(), t.Context(), e, run)
	if err != nil {
		t.Fatal(err)
	}
	check(t, side, *records)
	if len(*records) != n {
		t.Fatalf("got %d records, want %d", len(*records), n)
	}
	return side, *records
}
