package serve

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	mostBody     = 16 << 20         // bytes of a request: four million tokens of text
	bodyTime     = 30 * time.Second // to send it in
	mostChoices  = 128              // of one request, as OpenAI's n
	mostOutput   = 1 << 20          // tokens of one answer
	mostPrompt   = 1 << 24          // tokens of X-Headroom-Prompt-Tokens
	plainOutput  = 128              // tokens of an answer where neither the scenario nor the request say
	promptHeader = "X-Headroom-Prompt-Tokens"
	callHeader   = "X-Headroom-Call"
)

// An ask is what one request asks for.
type ask struct {
	chat     bool
	stream   bool
	usage    bool // a last event with usage
	prompts  []prompt
	n        int // choices for each prompt
	most     int // max_tokens; 0: not said
	exact    bool
	user     uint64
	class    string
	patience time.Duration // 0: not said
	id       identity
	prompt   int // tokens of all prompts
}

// A body is the fields that are read of a request. All others are ignored.
type body struct {
	Model               string          `json:"model"`
	Messages            []message       `json:"messages"`
	Prompt              json.RawMessage `json:"prompt"`
	MaxTokens           *int            `json:"max_tokens"`
	MaxCompletionTokens *int            `json:"max_completion_tokens"`
	Stream              bool            `json:"stream"`
	StreamOptions       *struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`
	N         *int            `json:"n"`
	User      json.RawMessage `json:"user"`
	IgnoreEOS bool            `json:"ignore_eos"`
}

// ask reads a request. Its faults are the caller's.
func (s *Server) ask(w http.ResponseWriter, r *http.Request, chat bool) (*ask, *fault) {
	b, bad := readBody(w, r)
	if bad != nil {
		return nil, bad
	}
	if b.Model != "" && b.Model != s.model {
		return nil, noModel(b.Model)
	}
	a := &ask{chat: chat, stream: b.Stream, usage: b.StreamOptions != nil && b.StreamOptions.IncludeUsage, n: 1, exact: b.IgnoreEOS}
	var err error
	if chat {
		a.prompts, err = chatPrompt(b.Messages)
	} else {
		a.prompts, err = textPrompts(b.Prompt)
	}
	if err != nil {
		return nil, invalid("%v", err)
	}
	if bad := a.sizes(b, s.longest); bad != nil {
		return nil, bad
	}
	return a, s.headers(a, b, r.Header)
}

// readBody reads the JSON of a request, for a limited time and of a limited size.
func readBody(w http.ResponseWriter, r *http.Request) (*body, *fault) {
	c := http.NewResponseController(w)
	_ = c.SetReadDeadline(time.Now().Add(bodyTime)) // not supported: a test's recorder
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostBody))
	_ = c.SetReadDeadline(time.Time{}) // or it would end the wait for the answer
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		return nil, &fault{http.StatusRequestEntityTooLarge, fmt.Sprintf("the request has more than %d bytes", mostBody), "", ""}
	case err != nil:
		return nil, invalid("reading the request: %v", err)
	}
	b := &body{}
	if err := json.Unmarshal(raw, b); err != nil {
		return nil, invalid("the request is not valid JSON for this API: %v", err)
	}
	return b, nil
}

// sizes reads the numbers of a request.
func (a *ask) sizes(b *body, longest int) *fault {
	most := b.MaxTokens
	if b.MaxCompletionTokens != nil {
		most = b.MaxCompletionTokens
	}
	if most != nil {
		if *most < 1 || *most > mostOutput {
			return invalid("max_tokens must be 1 to %d, got %d.", mostOutput, *most)
		}
		a.most = *most
	}
	if b.N != nil {
		a.n = *b.N
	}
	if a.n < 1 || a.n*len(a.prompts) > mostChoices {
		return invalid("n must be 1 to %d choices in all, got %d for each of %d prompts.", mostChoices, a.n, len(a.prompts))
	}
	return nil
}

// headers reads what a request says beside its body.
func (s *Server) headers(a *ask, b *body, h http.Header) *fault {
	var err error
	if a.class = h.Get("X-Priority"); a.class != "" {
		if _, ok := s.classOf(a.class); !ok {
			return invalid("X-Priority is %q; allowed: %s", a.class, strings.Join(s.classes, ", "))
		}
	}
	a.user = userOf(b.User, h.Get("X-User"))
	if text := h.Get("X-Request-Timeout-Ms"); text != "" {
		ms, err := strconv.ParseInt(text, 10, 64)
		if err != nil || ms < 1 || ms > int64(time.Duration(1<<62)/time.Millisecond) {
			return invalid("X-Request-Timeout-Ms is %q; allowed: milliseconds, 1 or more", text)
		}
		a.patience = time.Duration(ms) * time.Millisecond
	}
	if text := h.Get(promptHeader); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > mostPrompt {
			return invalid("%s is %q; allowed: 1 to %d", promptHeader, text, mostPrompt)
		}
		for i := range a.prompts {
			a.prompts[i].tokens = n
		}
	}
	if a.id, err = parseIdentity(h.Get(callHeader)); err != nil {
		return invalid("%s: %v", callHeader, err)
	}
	for i := range a.prompts {
		a.prompt += a.prompts[i].tokens
		if s.longest > 0 && a.prompts[i].tokens+max(1, a.most) > s.longest {
			return tooLong(a.prompts[i].tokens, max(1, a.most), s.longest)
		}
	}
	return nil
}

// userOf returns who asks: the field user, else the header. Decimal numbers are taken as they are,
// for the load generator of this program, and other names by their hash.
func userOf(field json.RawMessage, header string) uint64 {
	name := header
	var text string
	if json.Unmarshal(field, &text) == nil && text != "" {
		name = text
	}
	if name == "" {
		return 0
	}
	if n, err := strconv.ParseUint(name, 10, 64); err == nil {
		return n
	}
	return hashText(name)
}

// An identity is a call's place in the schedule of a headroom run, so that what the service draws for
// it is what it draws in virtual time. The zero identity is a call of somebody else's.
type identity struct {
	given         bool
	call, attempt int
	key           uint64
	work          float64 // in mean service times; 0: drawn
}

// parseIdentity reads the header that harness sends:
//
//	identity = "call=" int ", attempt=" int ", key=" uint [ ", work=" float ]
func parseIdentity(text string) (identity, error) {
	id := identity{given: text != ""}
	if !id.given {
		return id, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		var err error
		switch name {
		case "call":
			id.call, err = number(value)
		case "attempt":
			id.attempt, err = number(value)
		case "key":
			id.key, err = strconv.ParseUint(value, 10, 64)
		case "work":
			if id.work, err = strconv.ParseFloat(value, 64); err == nil && !(id.work >= 0 && id.work < 1e9) {
				err = errors.New("out of range")
			}
		default:
			err = errors.New("unknown")
		}
		if err != nil {
			return id, fmt.Errorf("%q; allowed: call=3, attempt=0, key=17, work=1.5", part)
		}
	}
	return id, nil
}

// number reads a number of a call: below those that are given to calls without one.
func number(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err == nil && (n < 0 || n >= ownCalls) {
		err = errors.New("out of range")
	}
	return n, err
}
