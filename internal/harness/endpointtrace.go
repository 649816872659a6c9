package harness

import (
	"crypto/tls"
	"net/http/httptrace"
	"sync"
)

// An attemptTrace follows one attempt through net/http. Its hooks run on other goroutines, and after
// the attempt too, because a dial that was begun goes on for the next user of the connection: hence
// the mutex, and the flag that ends all booking.
type attemptTrace struct {
	mu     sync.Mutex
	closed bool
	seen   traced
}

// traced is what an attempt met on its way.
type traced struct {
	connections int // connections it was given; above one, net/http sent it again by itself
	reused      int // of these, those used before
	handshakes  int // TLS handshakes done
}

// hooks returns the trace to put into the attempt's context. Look-ups and dials are counted where we
// dial: hooks for them would cost each attempt a second context, and most attempts dial nothing.
func (t *attemptTrace) hooks(scheme string) *httptrace.ClientTrace {
	hooks := &httptrace.ClientTrace{GotConn: t.gotConn}
	if scheme == "https" {
		hooks.TLSHandshakeDone = t.tlsDone
	}
	return hooks
}

func (t *attemptTrace) gotConn(info httptrace.GotConnInfo) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	t.seen.connections++
	if info.Reused {
		// A dial that this attempt began went to another: what it cost is not this attempt's.
		t.seen.reused++
		t.seen.handshakes = 0
	}
}

func (t *attemptTrace) tlsDone(_ tls.ConnectionState, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err == nil && !t.closed {
		t.seen.handshakes++
	}
}

// close ends the booking and returns what was seen.
func (t *attemptTrace) close() traced {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	return t.seen
}
