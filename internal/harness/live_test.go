package harness

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var quiet = log.New(io.Discard, "", 0)

func writePEM(t *testing.T, server *httptest.Server) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestPrepareSaysWhatIsAllowed(t *testing.T) {
	const base = "http://127.0.0.1:1"
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		live Live
		want string
	}{
		{Live{}, "nothing to send to: --target URL"},
		{Live{URLs: []string{"localhost:8080"}}, `allowed: http://host[:port][/path]`},
		{Live{URLs: []string{"ftp://host/"}}, `target "ftp://host/": scheme "ftp"`},
		{Live{URLs: []string{"http:///path"}}, "no host"},
		{Live{URLs: []string{"http://me:pass word@host/%zz"}}, "not a URL"},
		{Live{URLs: []string{base}, Timeout: -1}, "timeout -1ns; allowed: a positive duration"},
		{Live{URLs: []string{base}, MaxWorkers: -1}, "max workers -1; allowed: 1 or more"},
		{Live{URLs: []string{base}, Warmup: -1}, "warmup -1; allowed: 0 or more"},
		{Live{URLs: []string{base}, Proxy: "::"}, `proxy`},
		{Live{URLs: []string{base}, Proxy: "gopher://h:1"}, `scheme "gopher"; allowed: http://host:port`},
		{Live{URLs: []string{base}, Resolve: []string{"host:80"}}, `resolve "host:80"; allowed: host:port:address`},
		{Live{URLs: []string{base}, Resolve: []string{"host:80:name"}}, "allowed: host:port:address"},
		{Live{URLs: []string{base}, Cert: "c.pem"}, "--cert and --key come together"},
		{Live{URLs: []string{base}, Cert: "c.pem", Key: "k.pem"}, "reading the client's certificate"},
		{Live{URLs: []string{base}, CACert: "nowhere.pem"}, "reading the authorities of --cacert"},
		{Live{URLs: []string{base}, CACert: empty}, "no certificate in it; allowed: a PEM file"},
		{Live{URLs: []string{base}, API: "soap"}, `unknown api "soap" (have openai)`},
		{Live{URLs: []string{base}, API: "openai"}, "--api openai needs --model NAME"},
		{Live{URLs: []string{base}, API: "openai", Model: "m", Body: []byte("x")}, "leave --targets and --body out"},
		{Live{URLs: []string{base}, Targets: "nowhere.txt"}, "reading targets: open nowhere.txt"},
		{Live{URLs: []string{base}, Targets: "-"}, "reading targets: standard input: no target in it"},
		{Live{URLs: []string{base}, Method: "GE T"}, "request GE T"},
	} {
		_, err := row.live.Prepare()
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%+v:\n got %v\nwant ... %s", row.live, err, row.want)
		}
		if err != nil && strings.Contains(err.Error(), "pass word") {
			t.Errorf("the error tells the password: %v", err)
		}
	}
}

func TestReachSendsNoRequest(t *testing.T) {
	server := countingServer(t, okay)
	e := prepare(t, Live{URLs: []string{server.URL}})
	if err := e.Reach(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := server.requests.Load(); got != 0 {
		t.Errorf("the server saw %d requests, want none", got)
	}
}

func TestReachSaysWhatWasTried(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	nobody := l.Addr().String()
	plain := countingServer(t, okay)
	secure := httptest.NewUnstartedServer(http.HandlerFunc(okay))
	secure.Config.ErrorLog = quiet
	secure.StartTLS()
	defer secure.Close()
	for _, row := range []struct {
		live Live
		want string
	}{
		{Live{URLs: []string{"http://user:secret@" + nobody + "/path?token=t"}}, "target http://" + nobody + " cannot be reached: connecting to " + nobody + ": "},
		{Live{URLs: []string{"http://api.example:80"}, Resolve: []string{"api.example:80:127.0.0.1"}}, "connecting to 127.0.0.1:80 (by --resolve)"},
		{Live{URLs: []string{plain.URL}, Proxy: "http://" + nobody}, "connecting to the proxy " + nobody},
		{Live{URLs: []string{secure.URL}}, "TLS handshake with "},
		{Live{URLs: []string{plain.URL, "http://" + nobody}}, "target http://" + nobody},
	} {
		err := prepare(t, row.live).Reach(t.Context())
		if err == nil || !strings.Contains(err.Error(), row.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("got %v, want ... %s", err, row.want)
		}
	}
	for _, live := range []Live{
		{URLs: []string{secure.URL}, Insecure: true},
		{URLs: []string{secure.URL}, CACert: writePEM(t, secure), HTTP1: true},
		{URLs: []string{"http://anything.example:9/"}, Proxy: plain.URL},
	} {
		if err := prepare(t, live).Reach(t.Context()); err != nil {
			t.Errorf("%v: %v", live.URLs, err)
		}
	}
}

func TestResolveAndProxyAreUsed(t *testing.T) {
	server := countingServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Host != "api.example:8080" {
			w.WriteHeader(http.StatusTeapot)
		}
	})
	host, port, _ := net.SplitHostPort(strings.TrimPrefix(server.URL, "http://"))
	for _, live := range []Live{
		{URLs: []string{"http://api.example:8080"}, Proxy: server.URL},
		{URLs: []string{"http://api.example:" + port}, Header: http.Header{"Host": {"api.example:8080"}}, Resolve: []string{"api.example:" + port + ":" + host}},
	} {
		side, records := asked(t, live, plainly{}, 2, time.Second)
		if got := records[0].Status; got != 200 {
			t.Errorf("%+v: got status %d, %q; want 200", live, got, side.Validity.Samples)
		}
	}
}

func TestClientCertificate(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(okay))
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	server.Config.ErrorLog = quiet
	server.StartTLS()
	defer server.Close()
	_, records := asked(t, Live{URLs: []string{server.URL}, Insecure: true}, plainly{}, 1, time.Second)
	if got := records[0].Reason; got != classTLS {
		t.Errorf("without a certificate: got reason %q, want %q", got, classTLS)
	}
}

func TestLoopback(t *testing.T) {
	for _, row := range []struct {
		live Live
		want bool
	}{
		{Live{URLs: []string{"http://127.0.0.1:1", "http://localhost", "https://[::1]:3/x"}}, true},
		{Live{URLs: []string{"http://127.0.0.1:1", "http://10.0.0.1"}}, false},
		{Live{URLs: []string{"http://api.example"}}, false},
		{Live{URLs: []string{"http://api.example"}, Resolve: []string{"api.example:80:127.0.0.1"}}, true},
		{Live{URLs: []string{"http://127.0.0.1"}, Resolve: []string{"127.0.0.1:80:10.0.0.1"}}, false},
		{Live{URLs: []string{"http://127.0.0.1"}, Proxy: "http://127.0.0.1:3128"}, false},
		{Live{URLs: []string{"http://127.0.0.1"}, Targets: "-", Input: strings.NewReader("GET http://10.0.0.1/x\n")}, false},
	} {
		if got := prepare(t, row.live).Loopback(); got != row.want {
			t.Errorf("%v by %v: got %v, want %v", row.live.URLs, row.live.Resolve, got, row.want)
		}
	}
}

func TestExactlyThePlannedCallsAreSent(t *testing.T) {
	long := 500 * time.Millisecond
	if !testing.Short() {
		long = 5 * time.Second
	}
	t.Parallel()
	server := countingServer(t, okay)
	e := prepare(t, Live{URLs: []string{server.URL}})
	run, records := liveRun(plainly{}, evenly(stretch{50, long}, stretch{500, long}, stretch{50, long}), 10*time.Second)
	side, err := Wall(t.Context(), context.Background(), e, run)
	if err != nil {
		t.Fatal(err)
	}
	check(t, side, *records)
	want := int64(600 * long.Seconds())
	if got := server.requests.Load(); got != want || int64(len(*records)) != want {
		t.Errorf("the server saw %d requests, %d records; want %d", got, len(*records), want)
	}
	phases := map[int]int{}
	for _, r := range *records {
		phases[r.Phase]++
	}
	if phases[0] != phases[2] || phases[1] != 10*phases[0] {
		t.Errorf("got calls by phase %v, want 1 : 10 : 1", phases)
	}
	t.Logf("start lag P50 %.3f, P99 %.3f, max %.3f ms; CPU %.1f %%; %d connections", *side.Validity.StartLagP50MS, *side.Validity.StartLagP99MS, *side.Validity.StartLagMaxMS, 100*side.Validity.CPUShare, side.Validity.NewConnections)
}
