package serve

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/headroom-dev/headroom/sim"
	"github.com/headroom-dev/headroom/sim/backend"
)

// refusing is a service that refuses for one reason, as the stages of the service section do.
func refusing(profile, reason string, after time.Duration) func(sim.Env, sim.Request) sim.Reply {
	for _, p := range backend.Profiles {
		if p.Name == profile {
			status := p.Status(reason)
			return func(sim.Env, sim.Request) sim.Reply {
				return sim.Reply{Outcome: sim.OutcomeOf(status), Status: status, Reason: reason, RetryAfter: after}
			}
		}
	}
	panic(profile)
}

// The fields here are the providers' own words, from their documentation or from answers quoted in
// public: DeepSeek's rate limit page and error codes, OpenAI's error codes and rate limits, Anthropic's
// errors page ("type": "error" around error.type and message, request_id), vLLM's ErrorResponse from
// 0.16 on, Triton's dynamic batcher. Ours are only those texts that profiles.go marks.
func TestRefusalsToTheByte(t *testing.T) {
	for _, row := range []struct {
		profile, reason string
		status          int
		body            string
		retryAfter      string // for a wish of 1500 ms
	}{
		{"deepseek", backend.ReasonMaxRequests, 429, `{"error":{"message":"Concurrency limit reached","type":"rate_limit_error","param":null,"code":"rate_limit_exceeded"}}`, ""},
		{"deepseek", backend.ReasonQueueFull, 503, `{"error":{"message":"Server overloaded","type":"service_unavailable_error","param":null,"code":null}}`, ""},
		{"deepseek-2025", backend.ReasonMaxRequests, 503, `{"error":{"message":"Server overloaded","type":"service_unavailable_error","param":null,"code":null}}`, ""},
		{"openai", backend.ReasonRateTokens, 429, `{"error":{"message":"Rate limit reached on tokens per min (TPM).","type":"tokens","param":null,"code":"rate_limit_exceeded"}}`, "2"},
		{"openai", backend.ReasonRateRequests, 429, `{"error":{"message":"Rate limit reached on requests per min (RPM).","type":"requests","param":null,"code":"rate_limit_exceeded"}}`, "2"},
		{"openai", backend.ReasonQueueFull, 503, `{"error":{"message":"The server is currently overloaded. Please try again later.","type":"server_error","param":null,"code":"server_is_overloaded"}}`, "2"},
		{"anthropic", backend.ReasonQueueFull, 529, `{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_*"}`, "2"},
		{"anthropic", backend.ReasonRateRequests, 429, `{"type":"error","error":{"type":"rate_limit_error","message":"This request would exceed your account's rate limit. Please try again later."},"request_id":"req_*"}`, "2"},
		{"vllm", backend.ReasonMaxRequests, 503, `{"error":{"message":"The server is overloaded. Please try again later.","type":"Service Unavailable","param":null,"code":503}}`, "2"},
		{"triton", backend.ReasonQueueFull, 503, `{"error":"Exceeds maximum queue size"}`, "2"},
		{"triton", backend.ReasonQueueTimeout, 503, `{"error":"Request timeout expired"}`, "2"},
	} {
		t.Run(row.profile+"/"+row.reason, func(t *testing.T) {
			_, url := start(t, Options{Plan: script(t, row.profile, refusing(row.profile, row.reason, 1500*time.Millisecond))})
			for _, stream := range []string{"false", "true"} { // before the first token a stream has a real status too
				got := post(t, url+"/v1/chat/completions", `{"stream":`+stream+`,"messages":[{"role":"user","content":"hi"}]}`)
				body := regexp.MustCompile(`req_[0-9a-f]+`).ReplaceAllString(got.body, "req_*")
				if got.status != row.status || body != row.body || got.header.Get("Content-Type") != "application/json" {
					t.Errorf("stream %s: got %d %s\n%s\nwant %d\n%s", stream, got.status, got.header.Get("Content-Type"), got.body, row.status, row.body)
				}
				if after := got.header.Get("Retry-After"); after != row.retryAfter {
					t.Errorf("got Retry-After %q, want %q", after, row.retryAfter)
				}
				for name := range got.header {
					if strings.Contains(strings.ToLower(name), "ratelimit") {
						t.Errorf("got header %s of a service without limits per time", name)
					}
				}
			}
		})
	}
}

// What is wrong with a request is told in the provider's form too.
func TestFaultsInTheProvidersForm(t *testing.T) {
	for _, row := range []struct {
		profile, body string
	}{
		{"openai", "{\"error\":{\"message\":\"The model `gpt-9` does not exist.\",\"type\":\"invalid_request_error\",\"param\":\"model\",\"code\":\"model_not_found\"}}"},
		{"vllm", "{\"error\":{\"message\":\"The model `gpt-9` does not exist.\",\"type\":\"NotFoundError\",\"param\":\"model\",\"code\":404}}"},
		{"anthropic", "{\"type\":\"error\",\"error\":{\"type\":\"not_found_error\",\"message\":\"The model `gpt-9` does not exist.\"},\"request_id\":\"req_*\"}"},
		{"triton", "{\"error\":\"The model `gpt-9` does not exist.\"}"},
	} {
		_, url := start(t, Options{Plan: script(t, row.profile, nil)})
		got := post(t, url+"/v1/completions", `{"model":"gpt-9","prompt":"x"}`)
		if body := regexp.MustCompile(`req_[0-9a-f]+`).ReplaceAllString(got.body, "req_*"); got.status != http.StatusNotFound || body != row.body {
			t.Errorf("%s: got %d\n%s\nwant 404\n%s", row.profile, got.status, got.body, row.body)
		}
	}
}

// allowances are those of a service with a bucket.
func TestLimitHeaders(t *testing.T) {
	left := backend.Allowances{
		Requests: backend.Allowance{Limit: 60, Remaining: 59, Reset: time.Second},
		Tokens:   backend.Allowance{Limit: 150000, Remaining: 149984, Reset: 6 * time.Minute},
	}
	for _, row := range []struct {
		profile string
		want    map[string]string
	}{
		{"openai", map[string]string{"X-Ratelimit-Limit-Requests": "60", "X-Ratelimit-Remaining-Requests": "59", "X-Ratelimit-Reset-Requests": "1s",
			"X-Ratelimit-Limit-Tokens": "150000", "X-Ratelimit-Remaining-Tokens": "149984", "X-Ratelimit-Reset-Tokens": "6m0s"}}, // OpenAI's own example
		{"anthropic", map[string]string{"Anthropic-Ratelimit-Requests-Limit": "60", "Anthropic-Ratelimit-Requests-Remaining": "59",
			"Anthropic-Ratelimit-Tokens-Limit": "150000", "Anthropic-Ratelimit-Tokens-Remaining": "149984"}},
		{"vllm", nil}, {"deepseek", nil},
	} {
		s, url := start(t, Options{Plan: script(t, row.profile, func(sim.Env, sim.Request) sim.Reply { return sim.Reply{Outcome: sim.OK, Status: 200, Tokens: 1} })})
		s.wall.Do(func() { s.running.Allowances = func(sim.Request) backend.Allowances { return left } })
		before := time.Now()
		got := post(t, url+"/v1/completions", `{"prompt":"x"}`)
		n := 0
		for name := range got.header {
			if strings.Contains(strings.ToLower(name), "ratelimit") {
				n++
			}
		}
		for name, want := range row.want {
			if got.header.Get(name) != want {
				t.Errorf("%s: %s is %q, want %q", row.profile, name, got.header.Get(name), want)
			}
		}
		if row.profile == "anthropic" {
			at, err := time.Parse(time.RFC3339, got.header.Get("anthropic-ratelimit-tokens-reset"))
			if d := at.Sub(before); err != nil || d < 6*time.Minute-2*time.Second || d > 6*time.Minute+2*time.Second {
				t.Errorf("anthropic: tokens reset in %v, %v; want in 6m", d, err)
			}
			n -= 2
		}
		if n != len(row.want) {
			t.Errorf("%s: got %d limit headers, want %d: %v", row.profile, n, len(row.want), got.header)
		}
	}
}

// A scenario's token bucket shows in the headers of answers and refusals alike: here 60 requests and
// 6,000 tokens a minute, of which a call costs one and 150 (its prompt and max_tokens).
func TestLimitHeadersOfABucket(t *testing.T) {
	_, url := start(t, Options{Plan: planned(t, "{model: {queue: {service: 1ms}}, admission: {bucket: {rate: 1/s, burst: 60, tokens: 100/s, tokens_burst: 300}}, profile: openai}")})
	ask := func() answer {
		return post(t, url+"/v1/completions", `{"prompt":"x","max_tokens":100,"ignore_eos":true}`, "X-Headroom-Prompt-Tokens: 50")
	}
	first := ask()
	if got := first.header.Get("x-ratelimit-limit-requests") + " " + first.header.Get("x-ratelimit-remaining-requests"); first.status != 200 || got != "60 59" {
		t.Errorf("got %d, requests %q, want 60 59", first.status, got)
	}
	var refused answer
	for range 5 {
		if refused = ask(); refused.status != 200 {
			break
		}
	}
	if refused.status != 429 || !strings.Contains(refused.body, `"type":"tokens"`) || refused.header.Get("Retry-After") == "" {
		t.Errorf("got %d %s %v, want 429 for want of tokens", refused.status, refused.body, refused.header)
	}
	if limit := refused.header.Get("x-ratelimit-limit-tokens"); limit != "300" {
		t.Errorf("got a limit of %q tokens, want 300", limit)
	}
}

func TestShortReset(t *testing.T) {
	for d, want := range map[time.Duration]string{12 * time.Millisecond: "12ms", 6 * time.Minute: "6m0s", 8640 * time.Millisecond: "8.64s", 1500*time.Millisecond + 7: "1.5s"} {
		if got := shortReset(d); got != want {
			t.Errorf("%v: got %q, want %q", d, got, want)
		}
	}
}

// waitThen answers after a while, by the service's clock.
func waitThen(d time.Duration, reply sim.Reply) func(sim.Env, sim.Request) sim.Reply {
	return func(env sim.Env, r sim.Request) sim.Reply {
		if !sim.Sleep(env, d, r.Gone) {
			return sim.Reply{Outcome: sim.Timeout}
		}
		return reply
	}
}

// Keep-alives come every ten simulated seconds while nothing else does; what comes after them cannot
// have a status of its own any more.
func TestKeepAlives(t *testing.T) {
	const comment, ping = ": keep-alive\n\n", "event: ping\ndata: {\"type\": \"ping\"}\n\n"
	ok := sim.Reply{Outcome: sim.OK, Status: 200, Tokens: 2}
	busy := sim.Reply{Outcome: sim.Busy, Status: 503, Reason: backend.ReasonQueueTimeout}
	overloaded := sim.Reply{Outcome: sim.Busy, Status: 529, Reason: backend.ReasonQueueTimeout}
	for _, row := range []struct {
		name, profile string
		stream        bool
		reply         sim.Reply
		begin, end    string
		alive         time.Duration
	}{
		{"DeepSeek streams comments", "deepseek", true, ok, comment + comment + `data: {"id":"chatcmpl-`, "data: [DONE]\n\n", 0},
		{"DeepSeek sends empty lines", "deepseek", false, ok, "\n\n" + `{"id":"chatcmpl-`, "}}}", 0},
		{"and an overload behind them has status 200", "deepseek", false, busy, "\n\n" + `{"error":{"message":"Server overloaded"`, "}}", 0},
		{"Anthropic pings, and an overload comes as an event", "anthropic", true, overloaded, ping + ping + "event: error\ndata: " + `{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_`, "\"}\n\n", 0},
		{"vLLM is silent", "vllm", true, ok, `data: {"id":"chatcmpl-`, "data: [DONE]\n\n", 0},
		{"unless asked to speak", "vllm", true, ok, comment + comment + `data: {"id"`, "data: [DONE]\n\n", 10 * time.Second},
		{"OpenAI is silent", "openai", true, ok, `data: {"id":"chatcmpl-`, "data: [DONE]\n\n", 0},
		{"keep-alives switched off", "deepseek", true, ok, `data: {"id":"chatcmpl-`, "data: [DONE]\n\n", -1},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			_, url := start(t, Options{Plan: script(t, row.profile, waitThen(25*time.Second, row.reply)), Speed: 50, KeepAlive: row.alive})
			body := `{"messages":[{"role":"user","content":"hi"}]}`
			if row.stream {
				body = `{"stream":true,` + body[1:]
			}
			got := post(t, url+"/v1/chat/completions", body)
			if got.status != 200 || !strings.HasPrefix(got.body, row.begin) || !strings.HasSuffix(got.body, row.end) {
				t.Errorf("got %d\n%s\nwant it to begin with\n%s\nand to end with\n%s", got.status, got.body, row.begin, row.end)
			}
		})
	}
}

// DeepSeek closes the connection where inference has not begun in ten minutes, and closed it in 2025
// where the answer was not complete in thirty; keep-alives do not count as a beginning.
func TestDeepSeekClosesConnections(t *testing.T) {
	for _, row := range []struct {
		profile string
		first   time.Duration // of the answer's two tokens
		last    time.Duration
		whole   bool
	}{
		{"deepseek", 5 * time.Minute, 40 * time.Minute, true},
		{"deepseek", 15 * time.Minute, 16 * time.Minute, false},
		{"deepseek-2025", 11 * time.Minute, 25 * time.Minute, true},
		{"deepseek-2025", 11 * time.Minute, 36 * time.Minute, false},
	} {
		answers := func(env sim.Env, r sim.Request) sim.Reply {
			for n, at := range []time.Duration{row.first, row.last - row.first} {
				if !sim.Sleep(env, at, r.Gone) {
					return sim.Reply{Outcome: sim.Timeout}
				}
				r.Token(n + 1)
			}
			return sim.Reply{Outcome: sim.OK, Status: 200, Tokens: 2}
		}
		_, url := start(t, Options{Plan: script(t, row.profile, answers), Speed: 3000})
		got, err := try(t.Context(), url+"/v1/completions", `{"prompt":"x","stream":true}`)
		if whole := err == nil && strings.HasSuffix(got.body, "[DONE]\n\n"); whole != row.whole {
			t.Errorf("%s, tokens at %v and %v: whole %v (%v), want %v", row.profile, row.first, row.last, whole, err, row.whole)
		}
	}
}
