package harness

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// Live says what to send to a real endpoint and how. Its zero value sends nothing: it needs a URL, or
// targets with absolute ones.
type Live struct {
	URLs         []string      // --target: where to, http or https; a call takes the one its number falls on, unless its strategy picks
	Method       string        // --method; "" is GET, or POST where there is a body
	Header       http.Header   // -H: sent with every request; "Host" sets the request's host
	Body         []byte        // --body: sent with every request that has none of its own
	Targets      string        // --targets: a file of requests in vegeta's http or JSON format; "-" reads Input; "" is none
	Input        io.Reader     // what "-" reads; nil is empty
	ExpectStatus StatusSet     // --expect-status: what counts as ok; empty: 2xx and 3xx
	Timeout      time.Duration // --timeout: the longest one attempt may take; 0: the call's patience alone
	Insecure     bool          // --insecure: trust any certificate
	HTTP1        bool          // --http1: never HTTP/2
	CACert       string        // --cacert: PEM file of the only authorities to trust; "": the system's
	Cert, Key    string        // --cert, --key: PEM files of the client's own certificate; "": none
	Proxy        string        // --proxy: URL of a proxy; "": none, whatever the environment says
	Resolve      []string      // --resolve host:port:addr: connect to addr instead of looking host up
	API          string        // --api: "openai" sends completions made from the arrival; "": decided by the URL
	Model        string        // --model: what those completions ask for
	APIKey       string        // from the environment: sent as "Authorization: Bearer ..."; "": none
	MaxWorkers   int           // --max-workers: most calls at once; 0 is 20,000
	Warmup       int           // --warmup: calls sent before each run that enter no figure
	Bin          io.Writer     // where vegeta.bin goes; nil: nowhere
}

// maxWorkers is the ceiling of calls at once that no flag has raised: a waiting HTTP/1 call costs
// about 30 kB and three goroutines, so this is 600 MB.
const maxWorkers = 20_000

// An Endpoint is a Live that was found to be in order: what it takes to send a call. It serves any
// number of runs, one after the other; Close ends its files.
type Endpoint struct {
	live    Live
	targets []target          // call k asks for target k mod n
	origins []*url.URL        // scheme and host of everything that is sent to, in order of appearance
	made    *completions      // makes requests from arrivals; nil: targets say all
	tls     *tls.Config       // cloned by each transport
	proxy   *url.URL          // nil: none
	resolve map[string]string // "host:port" to the "addr:port" it stands for
	redact  *redactor
	bin     *vegetaBin // nil: none is written
}

// Prepare checks everything that can be checked without the network, reads the files it names, and
// returns what sends. Its errors are the user's: what was found, and what is allowed.
func (l *Live) Prepare() (*Endpoint, error) {
	e := &Endpoint{live: *l}
	if e.live.MaxWorkers == 0 {
		e.live.MaxWorkers = maxWorkers
	}
	switch {
	case l.MaxWorkers < 0:
		return nil, fmt.Errorf("max workers %d; allowed: 1 or more, 0 for %d", l.MaxWorkers, maxWorkers)
	case l.Warmup < 0:
		return nil, fmt.Errorf("warmup %d; allowed: 0 or more calls", l.Warmup)
	case l.Timeout < 0:
		return nil, fmt.Errorf("timeout %v; allowed: a positive duration, 0 for the patience alone", l.Timeout)
	}
	bases, err := parseBases(l.URLs)
	if err != nil {
		return nil, err
	}
	if e.proxy, err = parseProxy(l.Proxy); err != nil {
		return nil, err
	}
	if e.resolve, err = parseResolve(l.Resolve); err != nil {
		return nil, err
	}
	if e.tls, err = l.tlsConfig(); err != nil {
		return nil, err
	}
	if err := e.prepareRequests(bases); err != nil {
		return nil, err
	}
	e.redact = newRedactor(e)
	if l.Bin != nil {
		e.bin = newVegetaBin(l.Bin)
	}
	return e, nil
}

// Close writes what vegeta.bin still holds back, and returns the first error of writing it.
func (e *Endpoint) Close() error {
	if e.bin == nil {
		return nil
	}
	return e.bin.close()
}

// Targets names the requests that are sent, method and URL without secrets, in the order of the file.
func (e *Endpoint) Targets() []string {
	names := make([]string, len(e.targets))
	for i := range e.targets {
		names[i] = e.targets[i].name
	}
	return names
}

// Origins are the places that everything is sent to, as scheme and host, in order of appearance.
func (e *Endpoint) Origins() []string {
	list := make([]string, len(e.origins))
	for i, origin := range e.origins {
		list[i] = origin.Scheme + "://" + origin.Host
	}
	return list
}

// choices is how many places a call may be sent to, by Via.Endpoint: the URLs of --target. Targets with
// URLs of their own leave no choice.
func (e *Endpoint) choices() int {
	most := 0
	for i := range e.targets {
		most = max(most, len(e.targets[i].requests))
	}
	return most
}

// TargetOf returns the index in Targets of what a call asks for.
func (e *Endpoint) TargetOf(call int) int { return call % len(e.targets) }

// Loopback reports whether everything is sent to this machine alone: no proxy, and every host a
// loopback address or "localhost", directly or by --resolve.
func (e *Endpoint) Loopback() bool {
	if e.proxy != nil {
		return false
	}
	for _, origin := range e.origins {
		host, _, _ := net.SplitHostPort(e.dialed(hostPort(origin)))
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return false
		}
	}
	return true
}

// dialed returns the address that is connected to for "host:port".
func (e *Endpoint) dialed(address string) string {
	if instead, ok := e.resolve[address]; ok {
		return instead
	}
	return address
}

// parseBases reads the URLs of --target.
func parseBases(texts []string) ([]*url.URL, error) {
	bases := make([]*url.URL, len(texts))
	for i, text := range texts {
		u, err := url.Parse(text)
		if err == nil {
			err = checkURL(u)
		}
		if err != nil {
			return nil, fmt.Errorf("target %q: %w; allowed: http://host[:port][/path], or https in its place", RedactURL(text), withoutURL(err))
		}
		bases[i] = u
	}
	return bases, nil
}

// checkURL says why u cannot be sent to, or nil.
func checkURL(u *url.URL) error {
	switch {
	case u.Scheme == "":
		return errors.New("no scheme")
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("scheme %q", u.Scheme)
	case u.Hostname() == "":
		return errors.New("no host")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return fmt.Errorf("port %s, which is none of 1 to 65535", port)
		}
	}
	return nil
}

// withoutURL takes the text that url.Parse quotes out of its error: it may hold a password.
func withoutURL(err error) error {
	var of *url.Error
	if errors.As(err, &of) {
		return errors.New("not a URL")
	}
	return err
}

// hostPort returns the address a URL is connected at.
func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

func parseProxy(text string) (*url.URL, error) {
	if text == "" {
		return nil, nil
	}
	u, err := url.Parse(text)
	if err == nil && u.Hostname() == "" {
		err = errors.New("no host")
	}
	if err == nil && u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "socks5" {
		err = fmt.Errorf("scheme %q", u.Scheme)
	}
	if err != nil {
		return nil, fmt.Errorf("proxy %q: %w; allowed: http://host:port, https://host:port or socks5://host:port", RedactURL(text), withoutURL(err))
	}
	return u, nil
}

// parseResolve reads the entries of --resolve, of this form:
//
//	entry = host ":" port ":" addr   (addr an IP address, an IPv6 one in brackets or not)
func parseResolve(entries []string) (map[string]string, error) {
	all := make(map[string]string, len(entries))
	for _, entry := range entries {
		host, rest, ok := strings.Cut(entry, ":")
		port, addr, ok2 := strings.Cut(rest, ":")
		addr = strings.TrimSuffix(strings.TrimPrefix(addr, "["), "]")
		if _, err := net.LookupPort("tcp", port); !ok || !ok2 || host == "" || err != nil || net.ParseIP(addr) == nil {
			return nil, fmt.Errorf("resolve %q; allowed: host:port:address, such as api.example.com:443:127.0.0.1", entry)
		}
		all[net.JoinHostPort(host, port)] = net.JoinHostPort(addr, port)
	}
	return all, nil
}

// tlsConfig returns the configuration of TLS that every transport clones.
func (l *Live) tlsConfig() (*tls.Config, error) {
	config := &tls.Config{InsecureSkipVerify: l.Insecure} //nolint:gosec // the user asked for it by name
	if l.CACert != "" {
		pem, err := os.ReadFile(l.CACert)
		if err != nil {
			return nil, fmt.Errorf("reading the authorities of --cacert: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("reading the authorities of --cacert: %s: no certificate in it; allowed: a PEM file", l.CACert)
		}
	}
	if (l.Cert == "") != (l.Key == "") {
		return nil, errors.New("--cert and --key come together: the client's certificate and its private key, both PEM files")
	}
	if l.Cert != "" {
		own, err := tls.LoadX509KeyPair(l.Cert, l.Key)
		if err != nil {
			return nil, fmt.Errorf("reading the client's certificate: %w", err)
		}
		config.Certificates = []tls.Certificate{own}
	}
	return config, nil
}
