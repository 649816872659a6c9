package cli

import (
	"bytes"
	"cmp"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/headroom-dev/headroom/internal/harness"
)

// envOpenAIKey is where OpenAI's own clients look for the key, after ours.
const envOpenAIKey = "OPENAI_API_KEY"

// simulated is the target that is no URL: the service inside this program.
const simulated = "sim"

// liveFlags mean nothing to the simulated service.
var liveFlags = []string{
	"header", "method", "body", "api", "model", "timeout", "expect-status", "insecure", "http1",
	"cacert", "cert", "key", "proxy", "resolve", "max-workers", "warmup",
}

// chooseTarget decides between the simulated service and a real one.
func (r *run) chooseTarget() error {
	f := r.flags
	urls := slices.DeleteFunc(slices.Clone(f.targets), func(t string) bool { return t == simulated })
	switch {
	case len(urls) > 0 && len(urls) < len(f.targets):
		return usage("--target sim and --target URL exclude each other: sim is the simulated service")
	case len(urls) == 0 && (f.targetsFile == "" || len(f.targets) > 0):
		return r.refuseLiveFlags()
	}
	var err error
	r.live, err = r.liveSettings(urls)
	return err
}

// prepareLive checks everything about a real target that can be checked without the network.
func (r *run) prepareLive() error {
	if r.live == nil {
		return nil
	}
	if !r.flags.dryRun {
		r.live.Bin = r.dir.file("vegeta.bin")
	}
	var err error
	if r.endpoint, err = r.live.Prepare(); err != nil {
		return usage("%w", err)
	}
	return r.requireRates()
}

// refuseLiveFlags refuses what the simulated service would silently ignore. A variable of the
// environment may stand there for other runs.
func (r *run) refuseLiveFlags() error {
	for _, name := range append(liveFlags, "targets") {
		if r.cmd.Flags().Changed(name) && !r.fromVariable[name] {
			return usage("--%s needs --target URL: the simulated service sends nothing", name)
		}
	}
	return nil
}

// requireRates demands that who sends to a machine of somebody's says how much: the rates of the
// default scenario are not a thing to run into.
func (r *run) requireRates() error {
	f := r.flags
	if r.named || f.rate != "" || len(f.stages) > 0 || f.trace != "" || r.endpoint.Loopback() {
		return nil
	}
	why := strings.Join(r.endpoint.Targets(), ", ") + " is not this machine"
	if f.proxy != "" {
		why = r.origin("proxy", "") + " may lead to any machine"
	}
	return usage("%s: say how much to send, by --rate R --duration D, --stage D@R,... or --trace FILE, or name a scenario", why)
}

// liveSettings turns flags into the settings of the live driver.
func (r *run) liveSettings(urls []string) (*harness.Live, error) {
	f := r.flags
	live := &harness.Live{
		URLs: urls, Method: strings.ToUpper(f.method), Targets: f.targetsFile, Input: bytes.NewReader(r.input),
		Insecure: f.insecure, HTTP1: f.http1, CACert: f.caCert, Cert: f.cert, Key: f.key, Proxy: f.proxy, Resolve: f.resolve,
		API: f.api, Model: f.model, MaxWorkers: f.maxWorkers, Warmup: f.warmup,
	}
	var err error
	if live.Header, err = parseHeaders(f.headers); err != nil {
		return nil, err
	}
	if live.Body, err = r.readBody(); err != nil {
		return nil, err
	}
	if f.expect != "" {
		if live.ExpectStatus, err = harness.ParseStatusSet(f.expect); err != nil {
			return nil, usage("%s: %w", r.origin("expect-status", ""), err)
		}
	}
	if f.timeout != "" {
		d, err := time.ParseDuration(f.timeout)
		if err != nil || d <= 0 {
			return nil, usage("%s; allowed: a positive duration, as 500ms or 2s", r.origin("timeout", f.timeout))
		}
		live.Timeout = d
	}
	switch f.api {
	case "":
		if f.model != "" {
			return nil, usage("--model needs --api openai")
		}
	case "openai":
		if f.model == "" {
			return nil, usage("--api openai needs --model NAME")
		}
		// Only where the user asked for this API: a key must not go to any other target by itself.
		if live.APIKey = cmp.Or(r.variable(envAPIKey), r.variable(envOpenAIKey)); live.APIKey == "" {
			r.note(fmt.Sprintf("note: neither %s nor %s is set: requests carry no key", envAPIKey, envOpenAIKey))
		}
	default:
		return nil, usage("--api %q; allowed: openai", f.api)
	}
	return live, nil
}

// parseHeaders reads "Name: value" lines. The message holds the name at most: the value may be a
// secret.
func parseHeaders(lines []string) (http.Header, error) {
	header := make(http.Header)
	for i, line := range lines {
		name, value, ok := strings.Cut(line, ":")
		name = strings.TrimSpace(name)
		if !ok || !isToken(name) {
			return nil, usage("header %d is not of the form 'Name: value' (its text is not shown: it may be a secret)", i+1)
		}
		value = strings.TrimSpace(value)
		if strings.ContainsAny(value, "\r\n\x00") {
			return nil, usage("header %s: a value of one line is allowed", name)
		}
		header.Add(name, value)
	}
	return header, nil
}

// isToken says whether a word may be the name of a header (RFC 9110, 5.6.2).
func isToken(name string) bool {
	for _, c := range name {
		if c <= ' ' || c >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, c) {
			return false
		}
	}
	return name != ""
}

// mostBody bounds what --body may hold.
const mostBody = 64 << 20

// readBody returns what --body says: its text, or the contents of @file.
func (r *run) readBody() ([]byte, error) {
	name, ok := strings.CutPrefix(r.flags.body, "@")
	switch {
	case r.flags.body == "":
		return nil, nil
	case !ok:
		return []byte(r.flags.body), nil
	case name == "-":
		return r.input, nil
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, usage("reading --body: %w", err)
	}
	if info.Size() > mostBody || info.IsDir() {
		return nil, usage("reading --body: %s; allowed: a file of at most 64 MiB", name)
	}
	body, err := os.ReadFile(name)
	if err != nil {
		return nil, usage("reading --body: %w", err)
	}
	return body, nil
}
