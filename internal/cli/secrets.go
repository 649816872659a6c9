package cli

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/headroom-dev/headroom/internal/harness"
)

// secrets are words of the command line and the environment that no output may show: the values of
// headers, the words of a body, the user parts and queries of URLs, API keys. Longest first, so that
// a part never spoils the whole. Every message is built without them; scrub is the second lock, for
// errors of libraries that quote what they were given.
type secrets []string

// Words shorter than these are no secrets worth the harm of striking them out of every message.
const (
	leastWord    = 6 // of headers and bodies
	leastURLPart = 4 // of user parts and queries
)

// anyURL finds URLs within a text: from the scheme to the first blank, quote or bracket.
var anyURL = regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://[^\s"'<>]+`)

// scrub returns text without secrets.
func (s secrets) scrub(text string) string {
	for _, word := range s {
		text = strings.ReplaceAll(text, word, "REDACTED")
	}
	return anyURL.ReplaceAllStringFunc(text, func(found string) string {
		u := strings.TrimRight(found, ":;,.)]") // what ends a sentence is no part of the URL
		return harness.RedactURL(u) + found[len(u):]
	})
}

// findSecrets gathers the secrets before anything is parsed, so that they are known even where
// parsing fails.
func findSecrets(args, environ []string) secrets {
	found := make(map[string]bool)
	for i, arg := range args {
		for _, u := range anyURL.FindAllString(arg, -1) {
			addURLParts(found, u)
		}
		if value, ok := secretValue(args, i); ok {
			addWords(found, value)
		}
	}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		switch name {
		case envAPIKey, envOpenAIKey, variableOf("header"), variableOf("body"):
			for line := range strings.SplitSeq(value, "\n") {
				addWords(found, line)
			}
		case variableOf("target"), variableOf("proxy"):
			for line := range strings.SplitSeq(value, "\n") {
				addURLParts(found, line)
			}
		}
	}
	var words secrets
	for word := range found {
		words = append(words, word)
	}
	slices.SortFunc(words, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	return words
}

// secretValue returns the value that argument i gives to -H, --header, --body or --api-key, in any spelling.
func secretValue(args []string, i int) (string, bool) {
	arg := args[i]
	for _, long := range []string{"--header", "--body", "--api-key", "-header", "-body", "-api-key"} {
		if arg == long && i+1 < len(args) {
			return args[i+1], true
		}
		if value, ok := strings.CutPrefix(arg, long+"="); ok {
			return value, true
		}
	}
	if strings.HasPrefix(arg, "-") && !strings.HasPrefix(arg, "--") {
		if _, value, ok := strings.Cut(arg, "H"); ok {
			if value == "" && i+1 < len(args) {
				return args[i+1], true
			}
			return value, true
		}
	}
	return "", false
}

// plainWords stand in many headers and hide nothing.
var plainWords = []string{"Authorization", "Bearer", "Content-Type", "Accept", "application/json", "text/plain"}

// addWords adds a value of a header or a body, whole and word by word.
func addWords(found map[string]bool, value string) {
	words := strings.FieldsFunc(value, func(c rune) bool { return strings.ContainsRune(" \t\r\n\"'{}[](),;:=&<>", c) })
	_, after, _ := strings.Cut(value, ":") // of a header: what stands behind its name
	for _, word := range append(words, value, strings.TrimSpace(after)) {
		if len(word) >= leastWord && !slices.Contains(plainWords, word) {
			found[word] = true
		}
	}
}

// addURLParts adds the user part and the query of a URL, whole and value by value, as they are
// written and as they are meant.
func addURLParts(found map[string]bool, text string) {
	add := func(words ...string) {
		for _, word := range words {
			if len(word) >= leastURLPart {
				found[word] = true
			}
		}
	}
	_, rest, _ := strings.Cut(text, "://")
	rest, _, _ = strings.Cut(rest, "#")
	rest, query, _ := strings.Cut(rest, "?")
	authority, _, _ := strings.Cut(rest, "/")
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		user, password, _ := strings.Cut(authority[:at], ":")
		add(authority[:at], user, password, unescaped(user), unescaped(password))
	}
	add(query)
	for pair := range strings.SplitSeq(query, "&") {
		_, value, ok := strings.Cut(pair, "=")
		if !ok {
			value = pair
		}
		add(value, unescaped(value))
	}
}

func unescaped(text string) string {
	if plain, err := url.QueryUnescape(text); err == nil {
		return plain
	}
	return text
}
