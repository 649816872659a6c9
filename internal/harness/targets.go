package harness

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/headroom-dev/headroom/scenarios"
	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// maxTargets is the most that a file of targets and the bodies it names may hold, in bytes.
const maxTargets = 64 << 20

// A target is one request as it is sent, apart from what the arrival decides.
type target struct {
	name     string          // method and URL without secrets
	requests []*http.Request // one for each base URL, one alone where the target names its own host; cloned, never sent
	urls     []string        // of each, without secrets
	safe     bool            // to ask twice, by its method or because it carries a key that makes it so
	body     []byte          // nil: none, or made from the arrival
}

// prepareRequests turns the flags and the file of targets into the list of what is sent.
func (e *Endpoint) prepareRequests(bases []*url.URL) error {
	l := &e.live
	plain := vegeta.Target{Method: l.Method, Body: l.Body}
	switch {
	case l.API != "" && l.API != "openai":
		return fmt.Errorf("unknown api %q (have openai)", l.API)
	case l.API == "openai" && (l.Targets != "" || len(l.Body) > 0):
		return errors.New("--api openai makes its requests from the schedule: leave --targets and --body out")
	case l.API == "openai" && l.Model == "":
		return errors.New("--api openai needs --model NAME")
	case l.Targets == "" && len(bases) == 0:
		return errors.New("nothing to send to: --target URL, or --targets FILE with absolute URLs")
	case l.Targets == "":
		if made := completionsFor(l, bases); made != nil {
			e.made = made
			plain.Method = http.MethodPost
			if l.API == "openai" {
				bases = completionURLs(bases)
			}
		}
		return e.addTarget(plain, bases)
	}
	listed, err := l.readTargets()
	if err != nil {
		return err
	}
	for i, one := range listed {
		if one.Body == nil {
			one.Body = l.Body
		}
		if err := e.addTarget(one, bases); err != nil {
			return fmt.Errorf("reading targets: %s: target %d: %w", l.Targets, i+1, err)
		}
	}
	return nil
}

// readTargets reads the file of targets.
func (l *Live) readTargets() ([]vegeta.Target, error) {
	if l.Targets == "-" {
		in := l.Input
		if in == nil {
			in = strings.NewReader("")
		}
		return readTargets("standard input", in)
	}
	file, err := os.Open(l.Targets)
	if err != nil {
		return nil, fmt.Errorf("reading targets: %w", err)
	}
	defer file.Close()
	return readTargets(l.Targets, file)
}

// readTargets reads all targets from r in vegeta's JSON format, one object a line, where its first
// character is "{", or else in its http format:
//
//	targets = { target blank-line }
//	target  = method " " URL newline { header ":" value newline } [ "@" file newline ]
//
// Lines that begin with # are comments. What vegeta's own readers drop in silence is an error here: a
// line above its scanner's 64 KiB, and a body that is not a regular file.
func readTargets(name string, r io.Reader) ([]vegeta.Target, error) {
	fail := func(format string, args ...any) error {
		return fmt.Errorf("reading targets: %s: "+format, append([]any{name}, args...)...)
	}
	data, err := io.ReadAll(io.LimitReader(r, maxTargets+1))
	if err != nil {
		return nil, fail("%w", err)
	}
	if len(data) > maxTargets {
		return nil, fail("larger than %d MiB", maxTargets>>20)
	}
	data = append(data, '\n') // vegeta's JSON reader loses a last line without one
	isJSON := bytes.HasPrefix(bytes.TrimSpace(data), []byte("{"))
	next := vegeta.NewJSONTargeter(bytes.NewReader(data), nil, nil)
	if !isJSON {
		if err := checkTargetLines(data); err != nil {
			return nil, fail("%w", err)
		}
		next = vegeta.NewHTTPTargeter(bytes.NewReader(data), nil, nil)
	}
	var targets []vegeta.Target
	for size := 0; ; {
		var one vegeta.Target
		err := next(&one)
		if errors.Is(err, vegeta.ErrNoTargets) {
			break
		}
		if err != nil {
			return nil, fail("target %d: %s; allowed: vegeta's formats, \"GET http://host/path\" with header lines and @bodyfile, or one JSON object a line", len(targets)+1, targetFault(err))
		}
		if size += len(one.Body); size > maxTargets {
			return nil, fail("target %d: all bodies together are larger than %d MiB", len(targets)+1, maxTargets>>20)
		}
		targets = append(targets, one)
	}
	if len(targets) == 0 {
		return nil, fail("no target in it")
	}
	return targets, nil
}

// targetFault says what is wrong with a target without the values it holds: a header or a URL that
// was not understood may be a secret.
func targetFault(err error) string {
	kind, _, quoted := strings.Cut(err.Error(), ":")
	if quoted && strings.HasPrefix(kind, "bad ") && kind != "bad body" {
		return kind
	}
	return err.Error()
}

// checkTargetLines finds the lines of an http-format file that vegeta would not survive.
func checkTargetLines(data []byte) error {
	lines := 0
	for line := range bytes.Lines(data) {
		lines++
		if len(line) >= bufio.MaxScanTokenSize {
			return fmt.Errorf("line %d: longer than 64 KiB; allowed: bodies in files of their own, by @file", lines)
		}
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] != '@' {
			continue
		}
		file := string(line[1:])
		info, err := os.Stat(file)
		switch {
		case err != nil:
			return fmt.Errorf("line %d: body: %w (relative names start at the working directory)", lines, err)
		case !info.Mode().IsRegular():
			return fmt.Errorf("line %d: body: %s is not a regular file", lines, file)
		case info.Size() > maxTargets:
			return fmt.Errorf("line %d: body: %s is larger than %d MiB", lines, file, maxTargets>>20)
		}
	}
	return nil
}

// addTarget appends the requests of one target: a path goes to every base, an absolute URL where it
// says.
func (e *Endpoint) addTarget(t vegeta.Target, bases []*url.URL) error {
	urls := bases
	if t.URL != "" {
		of, err := url.Parse(t.URL)
		if err != nil {
			return fmt.Errorf("URL: %w", withoutURL(err))
		}
		if of.Host == "" && of.Scheme == "" {
			if len(bases) == 0 {
				return fmt.Errorf("URL %s has no host; allowed: http://host/path, or a path together with --target", RedactURL(t.URL))
			}
			urls = make([]*url.URL, len(bases))
			for i, base := range bases {
				urls[i] = base.ResolveReference(of)
				urls[i].User = base.User
			}
		} else {
			if err := checkURL(of); err != nil {
				return fmt.Errorf("URL %s: %w", RedactURL(t.URL), err)
			}
			urls = []*url.URL{of}
		}
	}
	method := t.Method
	if method == "" {
		method = http.MethodGet
		if len(t.Body) > 0 {
			method = http.MethodPost
		}
	}
	one := target{name: method + " " + RedactURL(urls[0].String()), body: t.Body}
	for _, u := range urls {
		r, err := e.request(method, u, t.Header)
		if err != nil {
			return err
		}
		one.safe = scenarios.Idempotent(method) || r.Header.Get("Idempotency-Key") != ""
		one.requests = append(one.requests, r)
		one.urls = append(one.urls, RedactURL(r.URL.String()))
		e.addOrigin(r.URL)
	}
	e.targets = append(e.targets, one)
	return nil
}

// request returns a request whose headers are shared by all that are sent: nothing may write to them.
func (e *Endpoint) request(method string, u *url.URL, own http.Header) (*http.Request, error) {
	bare := *u
	bare.User = nil
	r, err := http.NewRequest(method, bare.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("request %s %s: %w", method, RedactURL(bare.String()), withoutURL(err))
	}
	for _, from := range []http.Header{e.live.Header, own} { // the target's own come last and win
		for k, values := range from {
			if strings.EqualFold(k, "Host") && len(values) > 0 {
				r.Host = values[0]
				continue
			}
			r.Header[k] = append([]string(nil), values...)
		}
	}
	set := func(k, v string) { // unless the user did
		if r.Header.Get(k) == "" {
			r.Header.Set(k, v)
		}
	}
	if u.User != nil {
		password, _ := u.User.Password()
		set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(u.User.Username()+":"+password)))
	}
	if e.live.APIKey != "" {
		set("Authorization", "Bearer "+e.live.APIKey)
	}
	if e.made != nil {
		set("Content-Type", "application/json")
	}
	set("User-Agent", "headroom")
	return r, nil
}

func (e *Endpoint) addOrigin(u *url.URL) {
	for _, known := range e.origins {
		if known.Scheme == u.Scheme && known.Host == u.Host {
			return
		}
	}
	e.origins = append(e.origins, &url.URL{Scheme: u.Scheme, Host: u.Host})
}
