package serve

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/headroom-dev/headroom/sim"
)

// seen is a service that keeps what it is asked.
func seen(into *[]sim.Request) func(sim.Env, sim.Request) sim.Reply {
	return func(_ sim.Env, r sim.Request) sim.Reply {
		*into = append(*into, r)
		return sim.Reply{Outcome: sim.OK, Status: 200, Tokens: r.Output}
	}
}

func TestFaultsOfRequests(t *testing.T) {
	p := planned(t, "{model: {llm: {max_model_len: 100}}}")
	p.Scenario.Requests.Priority = append(p.Scenario.Requests.Priority, struct {
		Name  string
		Share sim.Share
	}{"high", 1})
	_, url := start(t, Options{Plan: p})
	for _, row := range []struct {
		path, body, header string
		status             int
		says               string
	}{
		{"/v1/completions", `{`, "", 400, "not valid JSON"},
		{"/v1/completions", `{"prompt":"x"} trailing`, "", 400, "not valid JSON"},
		{"/v1/completions", `{}`, "", 400, "prompt is missing"},
		{"/v1/completions", `{"prompt":{"a":1}}`, "", 400, "prompt is neither"},
		{"/v1/chat/completions", `{"messages":[]}`, "", 400, "messages is missing"},
		{"/v1/chat/completions", `{"messages":[{"role":"user","content":7}]}`, "", 400, "content is neither"},
		{"/v1/completions", `{"prompt":"x","max_tokens":0}`, "", 400, "max_tokens must be 1 to 1048576, got 0."},
		{"/v1/completions", `{"prompt":"x","n":129}`, "", 400, "n must be 1 to 128"},
		{"/v1/completions", `{"prompt":["x","y"],"n":100}`, "", 400, "for each of 2 prompts"},
		{"/v1/completions", `{"prompt":"x"}`, "X-Priority: urgent", 400, `X-Priority is \"urgent\"; allowed: high`},
		{"/v1/completions", `{"prompt":"x"}`, "X-Request-Timeout-Ms: soon", 400, "allowed: milliseconds"},
		{"/v1/completions", `{"prompt":"x"}`, "X-Headroom-Prompt-Tokens: -1", 400, "allowed: 1 to"},
		{"/v1/completions", `{"prompt":"x"}`, "X-Headroom-Call: call=x", 400, "allowed: call=3"},
		{"/v1/completions", `{"prompt":"x"}`, "X-Headroom-Call: call=1099511627776", 400, "allowed: call=3"},
		{"/v1/completions", `{"prompt":"x"}`, "X-Headroom-Call: work=NaN", 400, "allowed: call=3"},
		{"/v1/completions", `{"model":"other","prompt":"x"}`, "", 404, "The model `other` does not exist."},
		{"/v1/completions", `{"prompt":"x","max_tokens":100}`, "", 400, "You passed 1 input tokens and requested 100 output tokens. However, the model's context length is only 100 tokens"},
		{"/v1/embeddings", `{}`, "", 404, "Not Found"},
	} {
		var headers []string
		if row.header != "" {
			headers = append(headers, row.header)
		}
		got := post(t, url+row.path, row.body, headers...)
		if got.status != row.status || !strings.Contains(got.body, row.says) || !json.Valid([]byte(got.body)) {
			t.Errorf("%s %s %s: got %d %s, want %d with %q", row.path, row.body, row.header, got.status, got.body, row.status, row.says)
		}
	}
	if got := post(t, url+"/v1/completions", `{"prompt":"`+strings.Repeat("x", mostBody)+`"}`); got.status != 413 {
		t.Errorf("a body above the limit: got %d %.200s, want 413", got.status, got.body)
	}
}

// What a request says reaches the service as it was said.
func TestRequestsReachTheService(t *testing.T) {
	var all []sim.Request
	p := script(t, "vllm", seen(&all))
	p.Scenario.Requests = readPlan(t, "x", `
load: {phases: [{name: a, rate: 1/s, for: 1s}]}
requests: {priority: {high: 10%, low: 90%}, output: {lognormal: {mean: 40, p99: 120}}}
service: {model: {queue: {service: 1s}}}
strategies: [sync]`).Scenario.Requests
	s, url := start(t, Options{Plan: p, Seed: 3})
	ask := func(body string, headers ...string) sim.Request {
		t.Helper()
		if got := post(t, url+"/v1/completions", body, headers...); got.status != 200 {
			t.Fatalf("%s: got %d %s", body, got.status, got.body)
		}
		var last sim.Request
		s.wall.Do(func() { last = all[len(all)-1] })
		return last
	}

	r := ask(`{"prompt":"12345678901","max_tokens":1}`)
	if r.Prompt != 3 || r.Output != 1 || r.Call < ownCalls || r.Priority != 1 || r.Deadline != 0 || len(r.Prefix) != 0 {
		t.Errorf("a plain request: got %+v", r)
	}
	r = ask(`{"prompt":"x","max_tokens":7,"ignore_eos":true,"user":"42"}`, "X-Priority: HIGH", "X-Headroom-Prompt-Tokens: 500",
		"X-Request-Timeout-Ms: 1500", "X-Headroom-Call: call=381, attempt=2, key=18446744073709551615, work=0.1", "X-User: 9")
	if r.Prompt != 500 || r.Output != 7 || r.User != 42 || r.Priority != 0 || r.Call != 381 || r.Attempt != 2 || r.Key != 1<<64-1 || r.Work != 0.1 || len(r.Prefix) != 31 {
		t.Errorf("a request of headroom's own: got %+v with %d blocks", r, len(r.Prefix))
	}
	if left := r.Deadline.Milliseconds(); left < 1500 {
		t.Errorf("patience of 1500 ms ends at %v on the service's clock", r.Deadline)
	}
	if a, b := ask(`{"prompt":"x","user":"anna"}`), ask(`{"prompt":"x"}`, "X-User: anna"); a.User != b.User || a.User == 0 {
		t.Errorf("one user by field and by header: got %d and %d", a.User, b.User)
	}
	if got := ask(`{"prompt":[1,2,3,4,5]}`); got.Prompt != 5 {
		t.Errorf("five tokens: got a prompt of %d", got.Prompt)
	}

	// The length of an answer is drawn from the scenario's law by what is asked: the same each time, cut
	// by max_tokens, and as long as max_tokens where the end is to be ignored.
	sum, n := 0, 400
	for i := range n {
		body := fmt.Sprintf(`{"prompt":"question %d"}`, i)
		one := ask(body).Output
		sum += one
		if again := ask(body).Output; again != one {
			t.Fatalf("asked again the answer has %d tokens instead of %d", again, one)
		}
		if cut := ask(body[:len(body)-1] + `,"max_tokens":10}`).Output; cut != min(one, 10) {
			t.Fatalf("an answer of %d tokens with max_tokens 10: got %d", one, cut)
		}
	}
	if mean := float64(sum) / float64(n); mean < 36 || mean > 44 { // 4 standard errors: sigma is 20
		t.Errorf("answers have %.1f tokens in the mean, the law says 40", mean)
	}
}

// A conversation that goes on begins with the blocks it had, and one other letter at the front changes
// all of them.
func TestPrefixBlocks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringN(0, 400, -1).Draw(t, "text")
		more := rapid.StringN(1, 400, -1).Draw(t, "more")
		short, long := newPrompt(text), newPrompt(text+more)
		a, b := short.blocks(), long.blocks()
		if len(a) != short.tokens/16 || len(b) != long.tokens/16 {
			t.Fatalf("%d and %d tokens have %d and %d blocks", short.tokens, long.tokens, len(a), len(b))
		}
		whole := len(text) / 64 // blocks that lie in the shorter text
		if !slices.Equal(a[:min(whole, len(a))], b[:min(whole, len(a))]) {
			t.Fatalf("the longer text does not begin with the blocks of the shorter")
		}
		other := newPrompt("#" + text + more)
		for i, name := range other.blocks() {
			if slices.Contains(b, name) && "#"+text+more != text+more {
				t.Fatalf("block %d of another text has a name of this one", i)
			}
		}
	})
}

func TestConversationsShareTheirBeginning(t *testing.T) {
	turn := func(role, text string) message {
		content, _ := json.Marshal(text)
		return message{role, content}
	}
	talk := []message{turn("system", strings.Repeat("rules ", 50)), turn("user", strings.Repeat("hello ", 40))}
	first, err := chatPrompt(talk)
	if err != nil {
		t.Fatal(err)
	}
	second, err := chatPrompt(append(talk, turn("assistant", "hi"), turn("user", "and now?")))
	if err != nil {
		t.Fatal(err)
	}
	if a, b := first[0].blocks(), second[0].blocks(); len(a) < 8 || !slices.Equal(a, b[:len(a)]) {
		t.Errorf("got %d blocks, then %d that begin otherwise", len(a), len(b))
	}
	parts := message{"user", json.RawMessage(`[{"type":"text","text":"ab"},{"type":"image_url","image_url":{"url":"x"}},{"type":"text","text":"cd"}]`)}
	if got, err := chatPrompt([]message{parts}); err != nil || got[0].text != "abcd" {
		t.Errorf("parts: got %v, %v", got, err)
	}
}
