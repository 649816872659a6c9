package harness

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// The limits of making a connection. They bind below the limit of the attempt, so that a host that
// swallows packets is told apart from one that is slow.
const (
	dialLimit = 5 * time.Second
	tlsLimit  = 10 * time.Second
)

// transports are what one run sends through. Each run has its own: the second strategy must not
// inherit the connections that the first one paid for.
type transports struct {
	warm, fresh *http.Transport // kept connections; one for each attempt
	dialer      net.Dialer
	dials       atomic.Int64 // connections made
	lookups     atomic.Int64 // names looked up for them
	life        context.Context
	end         context.CancelFunc
}

// transports returns new ones; close ends them and every dial under way.
// maxHeader bounds the head of an answer: at net/http's own 10 MiB a service that never ends its
// headers takes that much for each call.
const maxHeader = 256 << 10

func (e *Endpoint) transports() *transports {
	t := &transports{dialer: net.Dialer{Timeout: dialLimit, KeepAlive: 30 * time.Second}}
	t.life, t.end = context.WithCancel(context.Background())
	t.warm, t.fresh = e.transport(t), e.transport(t)
	t.warm.TLSClientConfig.ClientSessionCache = tls.NewLRUClientSessionCache(0)
	t.fresh.DisableKeepAlives = true
	return t
}

func (t *transports) close() {
	t.end()
	t.warm.CloseIdleConnections()
	t.fresh.CloseIdleConnections()
}

func (e *Endpoint) transport(t *transports) *http.Transport {
	tr := &http.Transport{
		MaxResponseHeaderBytes: maxHeader,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			defer context.AfterFunc(t.life, cancel)()
			address = e.dialed(address)
			if host, _, _ := net.SplitHostPort(address); net.ParseIP(host) == nil {
				t.lookups.Add(1)
			}
			conn, err := t.dialer.DialContext(ctx, network, address)
			if err == nil {
				t.dials.Add(1)
			}
			return conn, err
		},
		TLSClientConfig:     e.tls.Clone(),
		TLSHandshakeTimeout: tlsLimit,
		// Two and a hundred, the defaults, throw connections away; a limit of connections would be a
		// hidden queue, and queueing is a strategy's business.
		MaxIdleConnsPerHost: 10_000,
		IdleConnTimeout:     90 * time.Second,
		// Otherwise Go asks for gzip by itself and unpacks: sizes and times would be of another answer.
		DisableCompression: true,
		ForceAttemptHTTP2:  !e.live.HTTP1,
	}
	if e.proxy != nil {
		tr.Proxy = http.ProxyURL(e.proxy)
	}
	if e.live.HTTP1 {
		tr.Protocols = new(http.Protocols)
		tr.Protocols.SetHTTP1(true)
		tr.TLSClientConfig.NextProtos = []string{"http/1.1"}
	}
	return tr
}

// Reach makes one connection to every host that is sent to, TLS included, and closes it: no request
// is sent, so that a target sees exactly the planned calls. The error says what was tried.
func (e *Endpoint) Reach(ctx context.Context) error {
	for _, origin := range e.origins {
		if err := e.reach(ctx, origin); err != nil {
			return err
		}
	}
	return nil
}

func (e *Endpoint) reach(ctx context.Context, origin *url.URL) error {
	address := hostPort(origin)
	tried := "connecting to " + e.dialed(address)
	dialed := e.dialed(address)
	if e.proxy != nil {
		dialed = hostPort(e.proxy)
		if e.proxy.Port() == "" && e.proxy.Scheme == "socks5" {
			dialed = net.JoinHostPort(e.proxy.Hostname(), "1080")
		}
		tried = "connecting to the proxy " + dialed
	} else if dialed != address {
		tried += " (by --resolve)"
	}
	fail := func(err error) error {
		return fmt.Errorf("target %s cannot be reached: %s: %s", origin, tried, e.cause(err))
	}
	dialer := net.Dialer{Timeout: dialLimit}
	conn, err := dialer.DialContext(ctx, "tcp", dialed)
	if err != nil {
		return fail(err)
	}
	defer conn.Close()
	if e.proxy != nil || origin.Scheme != "https" {
		return nil
	}
	tried = "TLS handshake with " + dialed
	config := e.tls.Clone()
	config.NextProtos = []string{"h2", "http/1.1"}
	if e.live.HTTP1 {
		config.NextProtos = config.NextProtos[1:]
	}
	if config.ServerName == "" {
		config.ServerName = origin.Hostname()
	}
	ctx, cancel := context.WithTimeout(ctx, tlsLimit)
	defer cancel()
	if err := tls.Client(conn, config).HandshakeContext(ctx); err != nil {
		return fail(err)
	}
	return nil
}

// cause is the end of an error's chain of words, without the address that was said already.
func (e *Endpoint) cause(err error) string {
	text := err.Error()
	if op, ok := err.(*net.OpError); ok {
		text = op.Err.Error()
		if op.Timeout() {
			text = fmt.Sprintf("no answer within %v", dialLimit)
		}
	}
	return strings.TrimPrefix(text, "connect: ")
}
