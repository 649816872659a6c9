package harness

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
)

// The classes of failed attempts, a closed set: a set of raw texts grows without bound, because they
// hold local ports. Beside them stand "status-NNN".
const (
	classDNS       = "dns"             // the host's name was not found
	classRefused   = "connect-refused" // nobody listens there
	classConnect   = "connect-timeout" // no connection in time
	classTLS       = "tls"             // the handshake failed
	classReset     = "reset"           // the peer reset the connection
	classClosed    = "closed"          // the peer closed the connection before an answer
	classBodyCut   = "body-cut"        // the answer ended before its end
	classStream    = "stream-error"    // a stream ended early or carried an error
	classProtocol  = "protocol"        // the answer was not HTTP
	classCancelled = "cancelled"       // nobody waited any more
	classNoFiles   = "no-files"        // this machine has no file descriptor left: the generator's fault
	classNoPorts   = "no-ports"        // this machine has no local port left: the generator's fault
	classOther     = "other"
)

// A stage is how far an attempt had come when it failed.
type stage uint8

const (
	connecting stage = iota // no connection yet
	asking                  // connected, no answer yet
	reading                 // the status has come, the body not to its end
)

// classify returns the class of a failure of the transport. Types and system errors decide first;
// where net/http has nothing but text, its text does.
func classify(err error, at stage) string {
	var (
		system syscall.Errno
		dns    *net.DNSError
		netErr net.Error
	)
	if errors.As(err, &system) {
		switch {
		case slices.Contains(noFiles, system):
			return classNoFiles
		case slices.Contains(noPorts, system):
			return classNoPorts
		case slices.Contains(connRefused, system):
			return classRefused
		case slices.Contains(connReset, system):
			return classReset
		}
	}
	timeout := errors.As(err, &netErr) && netErr.Timeout()
	switch {
	case errors.Is(err, errStream), errors.Is(err, errLongEvent):
		return classStream
	case errors.As(err, &dns):
		return classDNS
	case isTLS(err):
		return classTLS
	case at == connecting && (timeout || errors.Is(err, context.Canceled)):
		return classConnect
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return classCancelled
	case isProtocol(err):
		return classProtocol
	case at == reading && errors.Is(err, io.ErrUnexpectedEOF):
		return classBodyCut
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed), strings.Contains(err.Error(), "server closed"):
		return classClosed
	case timeout:
		return classConnect
	}
	return classOther
}

func isTLS(err error) bool {
	var (
		record    tls.RecordHeaderError
		alert     tls.AlertError
		verify    *tls.CertificateVerificationError
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
		invalid   x509.CertificateInvalidError
	)
	if errors.As(err, &record) || errors.As(err, &alert) || errors.As(err, &verify) ||
		errors.As(err, &authority) || errors.As(err, &hostname) || errors.As(err, &invalid) {
		return true
	}
	text := err.Error()
	return strings.HasPrefix(text, "tls:") || strings.Contains(text, ": tls:") || strings.Contains(text, "TLS handshake") ||
		strings.Contains(text, "HTTP response to HTTPS client")
}

// protocolTexts are what net/http says of an answer that is not HTTP: it has no types for these.
var protocolTexts = []string{"malformed", "http: ", "http2: ", "stream error: ", "connection error: ", "transfer encoding", "transfer-encoding", "chunked", "chunk ", "chunk length", "Content-Length", "invalid header"}

func isProtocol(err error) bool {
	if errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || strings.Contains(err.Error(), "server closed") {
		return false
	}
	return slices.ContainsFunc(protocolTexts, func(s string) bool { return strings.Contains(err.Error(), s) })
}
