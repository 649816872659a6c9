package harness

import (
	"encoding/base64"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// redacted stands where a secret stood.
const redacted = "REDACTED"

// RedactURL returns a URL without its user part, its query and its fragment. What is no URL is cut
// the same way, by its characters.
func RedactURL(text string) string {
	if u, err := url.Parse(text); err == nil && u.Opaque == "" {
		u.User, u.RawQuery, u.ForceQuery, u.Fragment, u.RawFragment = nil, "", false, "", ""
		return u.String()
	}
	text, _, _ = strings.Cut(text, "?")
	text, _, _ = strings.Cut(text, "#")
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		return text[strings.LastIndexByte(text, '@')+1:]
	}
	host, path, slash := strings.Cut(rest, "/")
	host = host[strings.LastIndexByte(host, '@')+1:]
	if slash {
		path = "/" + path
	}
	return scheme + "://" + host + path
}

var (
	// anyURL finds URLs inside a longer text: from the scheme to the first blank, quote or bracket.
	anyURL = regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://[^\s"'<>]+`)
	// anyAddress finds what names a machine or a port of ours: IP addresses with or without a port,
	// names with one.
	anyAddress = regexp.MustCompile(`\[[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(?:%[0-9A-Za-z]+)?\](?::\d+)?|\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b|\b[A-Za-z0-9][A-Za-z0-9.-]*:\d{2,5}\b`)
)

// RedactText returns text with the given secrets, the user parts and queries of URLs and all
// addresses and ports taken out, so that equal failures read equal.
func RedactText(text string, secrets ...string) string {
	for _, secret := range secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, redacted)
		}
	}
	text = anyURL.ReplaceAllStringFunc(text, RedactURL)
	return anyAddress.ReplaceAllString(text, "ADDRESS")
}

// RedactArgs returns the arguments of a command line as they may be written to a file: the values of
// -H, --header, --body and --api-key, and the user part and the query of every URL, are replaced.
// It knows every spelling that pflag takes: "-H x", "-Hx", "-H=x", "-qH x", "--header x", "--header=x".
func RedactArgs(args []string) []string {
	out := make([]string, 0, len(args))
	hide := false // the next argument is the value of a secret flag
	for i, arg := range args {
		switch {
		case hide:
			out, hide = append(out, redacted), false
		case arg == "--":
			for _, rest := range args[i:] {
				out = append(out, redactURLs(rest))
			}
			return out
		default:
			shown, next := redactFlag(arg)
			out, hide = append(out, redactURLs(shown)), next
		}
	}
	return out
}

// redactFlag returns one argument without its secret value, and whether the next one is that value.
func redactFlag(arg string) (shown string, next bool) {
	if long, ok := strings.CutPrefix(arg, "--"); ok {
		name, _, hasValue := strings.Cut(long, "=")
		if !slices.Contains([]string{"header", "body", "api-key"}, name) {
			return arg, false
		}
		if hasValue {
			return "--" + name + "=" + redacted, false
		}
		return arg, true
	}
	if len(arg) < 2 || arg[0] != '-' {
		return arg, false
	}
	// A cluster of one-letter flags: those before H take no value, or H would be part of it. "-o" is
	// the one other that takes one.
	at := strings.IndexAny(arg, "Ho=")
	if at < 1 || arg[at] != 'H' {
		return arg, false
	}
	if at == len(arg)-1 {
		return arg, true
	}
	return arg[:at+1] + redacted, false
}

// redactURLs marks in every URL inside an argument that its user part or query was taken out.
func redactURLs(arg string) string {
	return anyURL.ReplaceAllStringFunc(arg, func(text string) string {
		bare := RedactURL(text)
		scheme, rest, _ := strings.Cut(bare, "://")
		_, given, _ := strings.Cut(text, "://")
		authority, _, _ := strings.Cut(given, "?")
		authority, _, _ = strings.Cut(authority, "/")
		if strings.Contains(authority, "@") {
			rest = redacted + "@" + rest
		}
		if strings.Contains(given, "?") {
			rest += "?" + redacted
		}
		return scheme + "://" + rest
	})
}

// A redactor knows the secrets of one Live: the values of its headers, the words of its bodies, the
// user parts and queries of its URLs. What servers send back may repeat any of them.
type redactor struct {
	secrets []string // longest first, so that a part never spoils the whole
	tooMany bool     // more secrets than can be looked for: texts of servers are not kept at all
}

// maxSecrets bounds what is looked for in every kept text; minSecret is the shortest word of a header
// or a body that counts as one: shorter ones would tear every text apart, and protect little.
const (
	maxSecrets = 2000
	minSecret  = 6
)

func newRedactor(e *Endpoint) *redactor {
	seen := map[string]bool{}
	add := func(words ...string) {
		for _, word := range words {
			if len(word) > 0 {
				seen[word] = true
			}
		}
	}
	words := func(text string) {
		for _, word := range strings.FieldsFunc(text, func(c rune) bool { return strings.ContainsRune(" \t\r\n\"'{}[](),;:=&<>", c) }) {
			if len(word) >= minSecret {
				add(word)
			}
			if len(seen) > maxSecrets {
				return
			}
		}
	}
	addURL := func(text string) {
		u, err := url.Parse(text)
		if err != nil {
			return
		}
		if u.User != nil {
			password, _ := u.User.Password()
			add(password, u.User.String(), base64.StdEncoding.EncodeToString([]byte(u.User.Username()+":"+password)))
			words(u.User.Username())
		}
		if u.RawQuery != "" {
			add(u.RawQuery)
			for _, values := range u.Query() {
				for _, value := range values {
					words(value)
					words(url.QueryEscape(value))
				}
			}
		}
	}
	for _, text := range append(slices.Clone(e.live.URLs), e.live.Proxy) {
		addURL(text)
	}
	add(e.live.APIKey)
	bodies := 0
	for _, t := range e.targets {
		for _, r := range t.requests {
			addURL(r.URL.String())
			for k, values := range r.Header {
				if harmlessHeaders[k] {
					continue
				}
				for _, value := range values {
					if len(value) >= minSecret {
						add(value)
					}
					words(value)
					if encoded, ok := strings.CutPrefix(value, "Basic "); ok {
						pair, _ := base64.StdEncoding.DecodeString(encoded)
						user, password, _ := strings.Cut(string(pair), ":")
						words(user)
						add(password)
					}
				}
			}
		}
		if bodies += len(t.body); bodies <= 1<<20 {
			words(string(t.body))
		}
		if len(seen) > maxSecrets || bodies > 1<<20 {
			return &redactor{tooMany: true}
		}
	}
	r := &redactor{}
	for secret := range seen {
		r.secrets = append(r.secrets, secret)
	}
	slices.SortFunc(r.secrets, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	return r
}

// harmlessHeaders hold no secrets; their words would only spoil the texts.
var harmlessHeaders = map[string]bool{"Content-Type": true, "Accept": true, "Accept-Encoding": true, "Accept-Language": true, "User-Agent": true, "Cache-Control": true, "Connection": true}

// text returns a text of the transport or of a server as it may be kept: at most 4 KiB of it, one
// line, valid UTF-8. It is empty where the secrets are too many to look for in what a server said.
func (r *redactor) text(text string, fromServer bool) string {
	if fromServer && r.tooMany {
		return ""
	}
	const most = 4 << 10
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "?")), " ")
	text = RedactText(text, r.secrets...)
	if len(text) > most {
		text = text[:most]
		for !utf8.ValidString(text) {
			text = text[:len(text)-1]
		}
	}
	return text
}
