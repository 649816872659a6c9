package backend

import (
	"net/http"
	"time"
)

// overloaded529 is Anthropic's status of an overload.
const overloaded529 = 529

// keepAliveEvery is how often keep-alives are sent: no provider documents its interval.
const keepAliveEvery = 10 * time.Second

// Profiles lists the profiles there are, in the order in which they are shown. The first is the default.
var Profiles = []Profile{vllmProfile, deepseekProfile, deepseek2025Profile, openAIProfile, anthropicProfile, tritonProfile}

// vLLM has no limit unless one is set (--max-num-queued-reqs and its like, from 0.29), and then 503. A
// limit per time is that of a gateway before it, which answers 429.
var vllmProfile = func() Profile {
	busy := Refusal{http.StatusServiceUnavailable, "Service Unavailable", "", "The server is overloaded. Please try again later."} // text not documented
	rate := Refusal{http.StatusTooManyRequests, "Too Many Requests", "", "Rate limit exceeded."}                                   // text not documented
	return Profile{
		Name: "vllm", About: "vLLM's own server: no limits unless set, then 503",
		Form: VLLMForm, RateLimit: rate, TokenLimit: rate, Crowded: busy, Overload: busy, Late: busy,
		TooLong:    Refusal{http.StatusBadRequest, "BadRequestError", "", "The request is longer than the model's context. Please reduce the length of the input prompt."},
		RetryAfter: true, StreamAlive: ": keep-alive\n\n", // sent only with an interval, as --sse-keep-alive-interval
	}
}()

// DeepSeek limits concurrency by load and answers 429 at once; who is let in is kept alive by comments
// or empty lines, and cut off if inference has not begun in 10 minutes. No Retry-After, no x-ratelimit.
var deepseekProfile = Profile{
	Name: "deepseek", About: "DeepSeek today: 429 over a limit of concurrency, keep-alives while waiting, no Retry-After",
	Form:       OpenAIForm,
	RateLimit:  Refusal{http.StatusTooManyRequests, "rate_limit_error", "rate_limit_exceeded", "Rate limit reached"}, // body not documented
	TokenLimit: Refusal{http.StatusTooManyRequests, "rate_limit_error", "rate_limit_exceeded", "Rate limit reached"},
	Crowded:    Refusal{http.StatusTooManyRequests, "rate_limit_error", "rate_limit_exceeded", "Concurrency limit reached"},
	Overload:   Refusal{http.StatusServiceUnavailable, "service_unavailable_error", "", "Server overloaded"},
	Late:       Refusal{http.StatusServiceUnavailable, "service_unavailable_error", "", "Server overloaded"},
	TooLong:    Refusal{http.StatusBadRequest, "invalid_request_error", "invalid_request_error", "This request exceeds the model's maximum context length."},

	StreamAlive: ": keep-alive\n\n", PlainAlive: "\n", KeepAlive: keepAliveEvery, Begin: 10 * time.Minute,
}

// In 2025 DeepSeek had no limit and closed what had not completed in 30 minutes.
var deepseek2025Profile = func() Profile {
	p := deepseekProfile
	p.Name, p.About = "deepseek-2025", "DeepSeek in 2025: never 429, keep-alives while waiting, closed after 30 minutes"
	p.RateLimit, p.TokenLimit, p.Crowded = p.Overload, p.Overload, p.Overload
	p.Begin, p.Complete = 0, 30*time.Minute
	return p
}()

// OpenAI refuses over its limits per time by 429, with what is left of them in every answer.
var openAIProfile = Profile{
	Name: "openai", About: "OpenAI: 429 over limits of requests and tokens, x-ratelimit headers, Retry-After",
	Form:       OpenAIForm,
	RateLimit:  Refusal{http.StatusTooManyRequests, "requests", "rate_limit_exceeded", "Rate limit reached on requests per min (RPM)."},
	TokenLimit: Refusal{http.StatusTooManyRequests, "tokens", "rate_limit_exceeded", "Rate limit reached on tokens per min (TPM)."},
	Crowded:    Refusal{http.StatusTooManyRequests, "requests", "rate_limit_exceeded", "Rate limit reached on concurrent requests."},
	Overload:   Refusal{http.StatusServiceUnavailable, "server_error", "server_is_overloaded", "The server is currently overloaded. Please try again later."}, // body unverified
	Late:       Refusal{http.StatusServiceUnavailable, "server_error", "server_is_overloaded", "The server is currently overloaded. Please try again later."},
	TooLong:    Refusal{http.StatusBadRequest, "invalid_request_error", "context_length_exceeded", "This model's maximum context length was exceeded. Please reduce the length of the messages."},
	RetryAfter: true, Limits: OpenAILimitHeaders,
}

// Anthropic tells limits (429) from overload (529). While a stream waits it sends pings, so that an
// overload may come as an error event behind a status of 200.
var anthropicProfile = Profile{
	Name: "anthropic", About: "Anthropic: 429 over limits, 529 when overloaded, retry-after and anthropic-ratelimit headers",
	Form:       AnthropicForm,
	RateLimit:  Refusal{http.StatusTooManyRequests, "rate_limit_error", "", "This request would exceed your account's rate limit. Please try again later."},
	TokenLimit: Refusal{http.StatusTooManyRequests, "rate_limit_error", "", "Number of request tokens has exceeded your per-minute rate limit."},
	Crowded:    Refusal{http.StatusTooManyRequests, "rate_limit_error", "", "Number of concurrent connections has exceeded your rate limit."},
	Overload:   Refusal{overloaded529, "overloaded_error", "", "Overloaded"},
	Late:       Refusal{overloaded529, "overloaded_error", "", "Overloaded"},
	TooLong:    Refusal{http.StatusBadRequest, "invalid_request_error", "", "prompt is too long"},
	RetryAfter: true, Limits: AnthropicLimitHeaders,
	StreamAlive: "event: ping\ndata: {\"type\": \"ping\"}\n\n", KeepAlive: keepAliveEvery,
}

// Triton maps UNAVAILABLE to 503, be the queue full or the wait in it too long.
var tritonProfile = func() Profile {
	full := Refusal{http.StatusServiceUnavailable, "", "", "Exceeds maximum queue size"}
	return Profile{
		Name: "triton", About: "Triton: 503 when the queue is full or the wait in it too long",
		Form: TritonForm, RateLimit: full, TokenLimit: full, Crowded: full, Overload: full,
		Late:       Refusal{http.StatusServiceUnavailable, "", "", "Request timeout expired"},
		TooLong:    Refusal{http.StatusBadRequest, "", "", "request exceeds the model's maximum sequence length"},
		RetryAfter: true,
	}
}()
