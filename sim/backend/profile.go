package backend

import (
	"net/http"
	"time"
)

// A Profile is how a provider says no, and what it sends while a caller waits. One table serves the
// simulated Reply (Status) and the HTTP front, which writes the rest of it.
//
// Sources: api-docs.deepseek.com (rate limit, error codes), platform.openai.com (rate limits, error
// codes), docs.claude.com (errors, rate limits), vLLM 0.16 to 0.29 (entrypoints/openai), Triton core
// (dynamic batcher) and its HTTP server. Texts marked so in profiles.go are not documented.
type Profile struct {
	Name, About string

	Form       ErrorForm
	RateLimit  Refusal // over a limit of requests per time
	TokenLimit Refusal // over a limit of tokens per time
	Crowded    Refusal // as many calls inside as may be: a limit of concurrency
	Overload   Refusal // the service is full
	Late       Refusal // it waited too long in the queue, or would
	TooLong    Refusal // prompt and output can never fit

	RetryAfter bool         // refusals may carry Retry-After
	Limits     LimitHeaders // what every answer says of the limits per time

	StreamAlive string        // sent every KeepAlive to a caller that streams, as it stands; "": nothing is
	PlainAlive  string        // the same to a caller that does not
	KeepAlive   time.Duration // from one to the next; 0: nothing is sent
	Begin       time.Duration // a call whose first token has not come by then is cut off; 0: never
	Complete    time.Duration // a call that has not ended by then is cut off; 0: never
}

// A Refusal is what an answer without a result says.
type Refusal struct {
	Status              int
	Type, Code, Message string // of the body; an empty Code is null, or the status where the form has numbers
}

// An ErrorForm is the shape of an error's body.
type ErrorForm uint8

// The forms.
const (
	OpenAIForm    ErrorForm = iota // {"error":{"message","type","param","code"}}, code a word or null
	VLLMForm                       // the same, code the status as a number
	AnthropicForm                  // {"type":"error","error":{"type","message"},"request_id"}
	TritonForm                     // {"error":"message"}
)

// LimitHeaders are the headers that tell what is left of limits per time.
type LimitHeaders uint8

// The sets of headers.
const (
	NoLimitHeaders        LimitHeaders = iota
	OpenAILimitHeaders                 // x-ratelimit-{limit,remaining,reset}-{requests,tokens}, reset as 6m0s
	AnthropicLimitHeaders              // anthropic-ratelimit-{requests,tokens}-{limit,remaining,reset}, reset in RFC 3339
)

// profileNamed returns the profile of that name; empty is the first.
func profileNamed(name string) (Profile, bool) {
	if name == "" {
		return Profiles[0], true
	}
	return find(Profiles, func(p Profile) bool { return p.Name == name })
}

// Answers returns the service's profile. The configuration must have passed Validate.
func (s *Service) Answers() Profile {
	p, ok := profileNamed(s.Profile)
	if !ok {
		panic("backend: Service.Answers before Validate")
	}
	return p
}

// Status returns the status of a refusal for that reason.
func (p Profile) Status(reason string) int { return p.Refusal(0, reason).Status }

// Refusal returns what a refusal for that reason says. A status other than 0 is one that the scenario
// chose (admission.when_full): the words are then those that the profile has for it.
func (p Profile) Refusal(status int, reason string) Refusal {
	own := p.forReason(reason)
	if status == 0 || status == own.Status {
		return own
	}
	for _, one := range []Refusal{p.Overload, p.RateLimit, p.Crowded, p.TooLong} {
		if one.Status == status {
			return one
		}
	}
	own.Status, own.Code = status, ""
	return own
}

func (p Profile) forReason(reason string) Refusal {
	switch reason {
	case ReasonRateRequests:
		return p.RateLimit
	case ReasonRateTokens:
		return p.TokenLimit
	case ReasonMaxRequests, ReasonPoolFull:
		return p.Crowded
	case ReasonTooLate, ReasonQueueTimeout:
		return p.Late
	case ReasonTooLong:
		return p.TooLong
	case ReasonConnectTime, ReasonReadTime:
		gateway := p.Overload
		gateway.Status, gateway.Message = http.StatusGatewayTimeout, "upstream request timeout"
		return gateway
	}
	return p.Overload
}
