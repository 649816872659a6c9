package harness

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
)

func TestClassify(t *testing.T) {
	dial := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	read := func(err error) error { return &net.OpError{Op: "read", Net: "tcp", Err: err} }
	for _, row := range []struct {
		name string
		err  error
		at   stage
		want string
	}{
		{"no such host", dial(&net.DNSError{Err: "no such host", Name: "x", IsNotFound: true}), connecting, classDNS},
		{"a name server that does not answer", dial(&net.DNSError{Err: "i/o timeout", IsTimeout: true}), connecting, classDNS},
		{"nobody listens", dial(os.NewSyscallError("connect", connRefused[0])), connecting, classRefused},
		{"a dial that took too long", dial(os.ErrDeadlineExceeded), connecting, classConnect},
		{"patience that ended in the dial", context.Canceled, connecting, classConnect},
		{"patience that ended after it", context.Canceled, asking, classCancelled},
		{"a limit that ended in the body", context.DeadlineExceeded, reading, classCancelled},
		{"no descriptor left", dial(os.NewSyscallError("socket", noFiles[0])), connecting, classNoFiles},
		{"no local port left", dial(os.NewSyscallError("connect", noPorts[0])), connecting, classNoPorts},
		{"reset while reading the head", read(os.NewSyscallError("read", connReset[0])), asking, classReset},
		{"reset in the body", read(os.NewSyscallError("read", connReset[0])), reading, classReset},
		{"closed before an answer", io.EOF, asking, classClosed},
		{"an idle connection closed", errors.New("http: server closed idle connection"), asking, classClosed},
		{"our own close", net.ErrClosed, asking, classClosed},
		{"a head cut short", fmt.Errorf("net/http: HTTP/1.x transport connection broken: %w", io.ErrUnexpectedEOF), asking, classClosed},
		{"a body cut short", io.ErrUnexpectedEOF, reading, classBodyCut},
		{"an unknown authority", &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, connecting, classTLS},
		{"plain HTTP on a TLS port", errors.New("http: server gave HTTP response to HTTPS client"), connecting, classTLS},
		{"a handshake that took too long", errors.New("net/http: TLS handshake timeout"), connecting, classTLS},
		{"an alert", fmt.Errorf("remote error: %w", tls.AlertError(40)), connecting, classTLS},
		{"no HTTP at all", errors.New(`net/http: HTTP/1.x transport connection broken: malformed HTTP response "x"`), asking, classProtocol},
		{"bad chunks", errors.New("invalid byte in chunk length"), reading, classProtocol},
		{"a stream that ended early", fmt.Errorf("%w: ended without [DONE]", errStream), reading, classStream},
		{"a line without end", errLongEvent, reading, classStream},
		{"something never seen", errors.New("the moon is full"), asking, classOther},
	} {
		if got := classify(row.err, row.at); got != row.want {
			t.Errorf("%s: got %s, want %s", row.name, got, row.want)
		}
	}
}
