package strategies

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/headroom-dev/headroom/sim"
)

// repeatable are the methods that do no more when they are asked twice.
var repeatable = map[string]bool{"": true, "GET": true, "HEAD": true, "PUT": true, "DELETE": true, "OPTIONS": true}

// idempotent reports whether asking twice does no more than asking once.
func idempotent(req *http.Request) bool {
	return repeatable[req.Method] || req.Header.Get("Idempotency-Key") != "" || req.Header.Get("X-Idempotency-Key") != ""
}

// ownHeaders make an answer that others who ask for the same cannot use.
var ownHeaders = []string{"Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"}

// shareable reports whether equal requests may have one answer. A PUT may be repeated, but not left out
// because another did the same before.
func (o *TransportOptions) shareable(req *http.Request) bool {
	switch req.Method {
	case "", "GET", "HEAD":
	case "POST":
		if !o.RepeatPOST {
			return false
		}
	default:
		return false
	}
	for _, name := range ownHeaders {
		if req.Header.Get(name) != "" {
			return false
		}
	}
	control := strings.ToLower(req.Header.Get("Cache-Control"))
	return !strings.Contains(control, "no-store") && !strings.Contains(control, "no-cache")
}

// keyOf names what a request asks: the first 8 bytes of SHA-256 of method, address, what kinds of answer
// are accepted, and the canonical body. It holds nothing of who asks: answers that belong to a user want
// a cache that is private. It also reports whether the request asks for a stream.
func keyOf(req *http.Request, body []byte) (key uint64, stream bool) {
	stream = strings.Contains(strings.ToLower(req.Header.Get("Accept")), "text/event-stream")
	body, streams := canonical(req.Header.Get("Content-Type"), body)
	h := sha256.New()
	for _, part := range []string{
		req.Method, req.URL.Scheme, req.URL.Host, req.Host, req.URL.EscapedPath(), req.URL.RawQuery,
		req.Header.Get("Accept"), req.Header.Get("Accept-Language"), req.Header.Get("Accept-Encoding"), req.Header.Get("Content-Type"),
	} {
		io.WriteString(h, part)
		h.Write([]byte{0}) // so that no two lists of parts read the same
	}
	h.Write(body)
	var sum [sha256.Size]byte
	return binary.BigEndian.Uint64(h.Sum(sum[:0])), stream || streams
}

// canonical returns JSON with its keys sorted and without its spaces, and anything else as it is, and
// reports whether it says "stream": true, as requests to language models do.
func canonical(contentType string, body []byte) (text []byte, stream bool) {
	trimmed := bytes.TrimLeft(body, " \t\r\n")
	if len(trimmed) == 0 || trimmed[0] != '{' && trimmed[0] != '[' || !utf8.Valid(body) {
		return body, false
	}
	if contentType != "" && !strings.Contains(strings.ToLower(contentType), "json") {
		return body, false
	}
	var value any
	d := json.NewDecoder(bytes.NewReader(trimmed))
	d.UseNumber() // a float64 would make neighbours of large numbers equal
	if d.Decode(&value) != nil || d.InputOffset() != int64(len(bytes.TrimRight(trimmed, " \t\r\n"))) {
		return body, false
	}
	if object, ok := value.(map[string]any); ok {
		stream = object["stream"] == true
	}
	sorted, err := json.Marshal(value)
	if err != nil {
		return body, stream
	}
	return sorted, stream
}

// userOf reads the header X-User as headroom serve does: a decimal number as it is, another name by its
// FNV-1a hash, and nobody as 0.
func userOf(req *http.Request) uint64 {
	name := req.Header.Get("X-User")
	if name == "" {
		return 0
	}
	if n, err := strconv.ParseUint(name, 10, 64); err == nil {
		return n
	}
	h := uint64(14695981039346656037)
	for i := range len(name) {
		h = (h ^ uint64(name[i])) * 1099511628211
	}
	return h
}

// priorityOf reads the header X-Priority; who says nothing that is known is of the middle class.
func (o *TransportOptions) priorityOf(req *http.Request) sim.Priority {
	if word := req.Header.Get("X-Priority"); word != "" {
		for i, class := range o.Classes {
			if strings.EqualFold(word, class) {
				return sim.Priority(i)
			}
		}
	}
	return sim.Priority(len(o.Classes) / 2)
}
