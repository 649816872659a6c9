package harness

import (
	"encoding/json"
	"math/bits"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// completions makes requests for text from the arrivals of a schedule, as OpenAI's API and the
// servers that speak it (vLLM, headroom serve) take them: as many tokens as the arrival says, streamed.
type completions struct {
	model []byte // as JSON; nil: the field is left out
	chat  bool   // messages; otherwise a bare prompt
}

// completionsFor returns what makes the requests where neither a body nor targets are given and the
// flags or the URLs ask for completions; nil otherwise.
func completionsFor(l *Live, bases []*url.URL) *completions {
	if len(l.Body) > 0 || len(bases) == 0 {
		return nil
	}
	path := strings.TrimRight(bases[0].Path, "/")
	if l.API != "openai" && !strings.HasSuffix(path, "/completions") {
		return nil
	}
	c := &completions{chat: !strings.HasSuffix(path, "/completions") || strings.HasSuffix(path, "/chat/completions")}
	if l.Model != "" {
		c.model, _ = json.Marshal(l.Model) // a string always marshals
	}
	return c
}

// completionURLs appends the path of chat completions where a URL does not name completions already.
func completionURLs(bases []*url.URL) []*url.URL {
	full := make([]*url.URL, len(bases))
	for i, base := range bases {
		u := *base
		path := strings.TrimRight(u.Path, "/")
		switch {
		case strings.HasSuffix(path, "/completions"):
		case strings.HasSuffix(path, "/v1"):
			u.Path = path + "/chat/completions"
		default:
			u.Path = path + "/v1/chat/completions"
		}
		u.RawPath = ""
		full[i] = &u
	}
	return full
}

// bytesPerToken is how many bytes of our text stand for a token: the rule of thumb for English, by
// which headroom serve counts too. A real tokenizer differs; X-Headroom-Prompt-Tokens says what was meant.
const bytesPerToken = 4

// body returns the request for r's tokens. Requests with one key and length are equal, byte by byte.
func (c *completions) body(r sim.Request) []byte {
	size := max(1, r.Prompt) * bytesPerToken
	b := make([]byte, 0, size+256)
	b = append(b, '{')
	if c.model != nil {
		b = append(b, `"model":`...)
		b = append(b, c.model...)
		b = append(b, ',')
	}
	if c.chat {
		b = append(b, `"messages":[{"role":"user","content":"`...)
		b = appendPrompt(b, r, size)
		b = append(b, `"}]`...)
	} else {
		b = append(b, `"prompt":"`...)
		b = appendPrompt(b, r, size)
		b = append(b, '"')
	}
	b = append(b, `,"max_tokens":`...)
	b = strconv.AppendInt(b, int64(max(1, r.Output)), 10)
	b = append(b, `,"ignore_eos":true,"stream":true,"stream_options":{"include_usage":true},"user":"`...)
	b = strconv.AppendUint(b, r.User, 10)
	return append(b, `"}`...)
}

// header returns the shared headers with what the service is told of this call.
func (c *completions) header(shared http.Header, r sim.Request, now time.Duration, priorities []string) http.Header {
	h := make(http.Header, len(shared)+5)
	for k, values := range shared {
		h[k] = values
	}
	if int(r.Priority) < len(priorities) {
		h["X-Priority"] = []string{priorities[r.Priority]}
	}
	h["X-User"] = []string{strconv.FormatUint(r.User, 10)}
	h["X-Headroom-Prompt-Tokens"] = []string{strconv.Itoa(max(1, r.Prompt))}
	h["X-Headroom-Call"] = []string{identity(r)}
	if left := r.Remaining(now); left != sim.Forever {
		h["X-Request-Timeout-Ms"] = []string{strconv.FormatInt(max(1, left.Milliseconds()), 10)}
	}
	return h
}

// identity is the call's place in the schedule, its key and its size, by which headroom serve draws for
// it what the simulated service draws in virtual time. It means nothing to any other service.
func identity(r sim.Request) string {
	b := strconv.AppendInt([]byte("call="), int64(r.Call), 10)
	b = strconv.AppendInt(append(b, ", attempt="...), int64(r.Attempt), 10)
	b = strconv.AppendUint(append(b, ", key="...), r.Key, 10)
	if r.Work > 0 {
		b = strconv.AppendFloat(append(b, ", work="...), r.Work, 'g', -1, 64)
	}
	return string(b)
}

// blockBytes is the text of one named block of a prompt: 16 tokens, the block of a prefix cache.
const blockBytes = 16 * bytesPerToken

// appendPrompt appends size bytes of text: a block for each name in r.Prefix, the rest named by r.Key.
func appendPrompt(b []byte, r sim.Request, size int) []byte {
	end := len(b) + size
	for _, block := range r.Prefix {
		if len(b) == end {
			return b
		}
		b = appendText(b, block, min(blockBytes, end-len(b)))
	}
	return appendText(b, r.Key, end-len(b))
}

// appendText appends size bytes of lower-case words that name alone decides: two names differ from
// the first word on, and a longer text begins with the shorter one of its name.
func appendText(b []byte, name uint64, size int) []byte {
	for i := 0; size > 0; i++ {
		// splitmix64 (Steele, Lea, Flood 2014): each step is a bijection of its counter.
		z := name + uint64(i+1)*0x9e3779b97f4a7c15
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		z = bits.RotateLeft64(z^z>>31, 7)
		var word [8]byte // seven letters of sixteen and a space: 28 bits of z
		for j := range 7 {
			word[j] = 'a' + byte(z>>(4*j)&15)
		}
		word[7] = ' '
		b = append(b, word[:min(size, 8)]...)
		size -= 8
	}
	return b
}
