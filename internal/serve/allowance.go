package serve

import (
	"net/http"
	"strconv"
	"time"

	"github.com/headroom-dev/headroom/sim/backend"
)

// headers sets what the provider sends with every answer: a name for the request, and what is left of
// the limits per time. A limit that does not exist has no headers, as at the providers.
func (o *out) headers() {
	h := o.w.Header()
	switch o.server.profile.Form {
	case backend.AnthropicForm:
		h["request-id"] = []string{"req_" + o.id}
	case backend.OpenAIForm:
		h["x-request-id"] = []string{"req_" + o.id}
	}
	left := o.limits.Load()
	if left == nil {
		return
	}
	now := time.Now()
	for _, one := range []struct {
		name string
		left backend.Allowance
	}{{"requests", left.Requests}, {"tokens", left.Tokens}} {
		if one.left.Limit > 0 {
			o.server.tell(h, one.name, one.left, now)
		}
	}
}

// tell writes one limit in the words of the profile. They are written in lower case, as the providers
// send them over HTTP/2; a map entry keeps Go from changing that.
func (s *Server) tell(h http.Header, name string, left backend.Allowance, now time.Time) {
	limit, remaining := strconv.Itoa(left.Limit), strconv.Itoa(left.Remaining)
	reset := s.clock.real(left.Reset)
	switch s.profile.Limits {
	case backend.OpenAILimitHeaders:
		h["x-ratelimit-limit-"+name] = []string{limit}
		h["x-ratelimit-remaining-"+name] = []string{remaining}
		h["x-ratelimit-reset-"+name] = []string{shortReset(reset)}
	case backend.AnthropicLimitHeaders:
		h["anthropic-ratelimit-"+name+"-limit"] = []string{limit}
		h["anthropic-ratelimit-"+name+"-remaining"] = []string{remaining}
		h["anthropic-ratelimit-"+name+"-reset"] = []string{now.Add(reset).UTC().Format(time.RFC3339)}
	}
}

// shortReset writes a time as OpenAI does: 12ms, 1.5s, 6m0s.
func shortReset(d time.Duration) string {
	if d > time.Millisecond {
		d = d.Round(time.Millisecond)
	}
	return d.String()
}
