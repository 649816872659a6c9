package serve

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/headroom-dev/headroom/sim"
	"github.com/headroom-dev/headroom/sim/backend"
)

// tokens is a service that yields this many tokens, one each step, and books its work.
func tokens(n int, step time.Duration) func(sim.Env, sim.Request) sim.Reply {
	return func(env sim.Env, r sim.Request) sim.Reply {
		began := env.Now()
		for i := range n {
			if !sim.Sleep(env, step, r.Gone) {
				r.Cost.Book(env.Now()-began, true)
				return sim.Reply{Outcome: sim.Timeout}
			}
			r.Token(i + 1)
		}
		r.Cost.Book(env.Now()-began, false)
		return sim.Reply{Outcome: sim.OK, Status: 200, Began: began, Tokens: n}
	}
}

// events reads a stream: the data of each event with when it came.
type event struct {
	at   time.Time
	data string
}

func stream(t *testing.T, url, body string) (all []event) {
	t.Helper()
	response, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if kind := response.Header.Get("Content-Type"); kind != "text/event-stream" {
		t.Errorf("got Content-Type %q", kind)
	}
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			all = append(all, event{time.Now(), data})
		}
	}
	return all
}

// A stream is as OpenAI documents it: the role with the first token, a reason at the end, the usage in
// an event of its own without choices, and [DONE]; and its tokens come at the simulated pace.
func TestStreamAndItsPace(t *testing.T) {
	const step = 40 * time.Millisecond
	_, url := start(t, Options{Plan: script(t, "vllm", tokens(20, step)), Model: "m"})
	began := time.Now()
	got := stream(t, url+"/v1/chat/completions", `{"stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"12345678"}]}`)
	if len(got) < 15+3 || len(got) > 20+3 { // several tokens may share an event where the machine is slow
		t.Fatalf("got %d events, want 23", len(got))
	}
	type chunk struct {
		Object  string
		Model   string
		Choices []struct {
			Delta  map[string]string
			Reason *string `json:"finish_reason"`
		}
		Usage *struct {
			Prompt  int            `json:"prompt_tokens"`
			Output  int            `json:"completion_tokens"`
			Details map[string]int `json:"prompt_tokens_details"`
		}
	}
	text := ""
	for i, e := range got[:len(got)-1] {
		var c chunk
		if err := json.Unmarshal([]byte(e.data), &c); err != nil || c.Object != "chat.completion.chunk" || c.Model != "m" {
			t.Fatalf("event %d: %s: %v", i, e.data, err)
		}
		switch last := len(got) - 2; {
		case i == last:
			if len(c.Choices) != 0 || c.Usage == nil || c.Usage.Prompt != 2 || c.Usage.Output != 20 || len(c.Usage.Details) != 1 {
				t.Errorf("the event before the end: got %s", e.data)
			}
		case i == last-1:
			if c.Choices[0].Reason == nil || *c.Choices[0].Reason != "stop" || len(c.Choices[0].Delta) != 0 {
				t.Errorf("the end of the choice: got %s", e.data)
			}
		default:
			if role := c.Choices[0].Delta["role"]; (role == "assistant") != (i == 0) || c.Choices[0].Delta["content"] == "" || c.Usage != nil {
				t.Errorf("event %d: got %s", i, e.data)
			}
			text += c.Choices[0].Delta["content"]
		}
	}
	if got[len(got)-1].data != "[DONE]" || len(strings.Fields(text)) != 20 || len(text) != 80 {
		t.Errorf("got %q, and %q at the end", text, got[len(got)-1].data)
	}
	if first := got[0].at.Sub(began); first < step || first > step+250*time.Millisecond {
		t.Errorf("the first token came after %v, want %v", first, step)
	}
	if took := got[len(got)-4].at.Sub(got[0].at); took < 19*step-250*time.Millisecond || took > 19*step+250*time.Millisecond {
		t.Errorf("the tokens took %v, want %v", took, 19*step)
	}
}

// The answer without a stream is the same text.
func TestPlainAnswerHasTheSameText(t *testing.T) {
	_, url := start(t, Options{Plan: script(t, "vllm", tokens(5, time.Millisecond))})
	got := post(t, url+"/v1/completions", `{"prompt":"x","n":2}`)
	var plain struct {
		Object  string
		Choices []struct{ Text string }
		Usage   map[string]any
	}
	if err := json.Unmarshal([]byte(got.body), &plain); err != nil {
		t.Fatalf("%v: %s", err, got.body)
	}
	streamed := []string{"", ""}
	for _, e := range stream(t, url+"/v1/completions", `{"prompt":"x","n":2,"stream":true}`) {
		var c struct {
			Choices []struct {
				Index int
				Text  string
			}
		}
		if json.Unmarshal([]byte(e.data), &c) == nil {
			streamed[c.Choices[0].Index] += c.Choices[0].Text
		}
	}
	if plain.Choices[0].Text != streamed[0] || plain.Choices[1].Text != streamed[1] || streamed[0] == streamed[1] || len(streamed[0]) != 20 {
		t.Errorf("got %q, and streamed %q", plain.Choices, streamed)
	}
	if plain.Object != "text_completion" || plain.Usage["completion_tokens"] != 10.0 || plain.Usage["prompt_tokens"] != 1.0 {
		t.Errorf("got %s", got.body)
	}
}

func TestChunksOfSeveralTokens(t *testing.T) {
	_, url := start(t, Options{Plan: script(t, "vllm", tokens(10, 5*time.Millisecond)), ChunkTokens: 4})
	n := 0
	for _, e := range stream(t, url+"/v1/completions", `{"prompt":"x","stream":true}`) {
		if strings.Contains(e.data, `"finish_reason":null`) {
			n++
		}
	}
	if n < 2 || n > 4 { // 1, 4, 4 and the last one; fewer where the machine is slow
		t.Errorf("ten tokens in chunks of four came in %d events", n)
	}
}

// A caller who leaves frees the slot, unless the service does not notice.
func TestDisconnect(t *testing.T) {
	for _, row := range []struct {
		cancel  string
		running float64
	}{{"free", 0}, {"zombie", 1}} {
		t.Run(row.cancel, func(t *testing.T) {
			_, url := start(t, Options{Plan: planned(t, "{model: {queue: {servers: 1, service: 1h, cancel: "+row.cancel+"}}}")})
			const running = `vllm:num_requests_running{engine="0",model_name="test"}`
			ctx, leave := context.WithCancel(t.Context())
			done := make(chan error)
			go func() {
				_, err := try(ctx, url+"/v1/completions", `{"prompt":"x"}`)
				done <- err
			}()
			eventually(t, "the call runs", func() bool { return figure(t, url, running) == 1 })
			leave()
			if err := <-done; err == nil {
				t.Fatal("the call was answered")
			}
			const aborted = `vllm:request_success_total{engine="0",finished_reason="abort",model_name="test"}`
			eventually(t, "the call has ended", func() bool { return figure(t, url, aborted) == 1 })
			if got := figure(t, url, running); got != row.running {
				t.Errorf("got %v running after the caller left, want %v", got, row.running)
			}
			eventually(t, "nginx would have noted 499", func() bool { return figure(t, url, `nginx_upstream_responses_total{status="4xx"}`) == 1 })
			if share := figure(t, url, "deepseek_error_rate"); share != 0 {
				t.Errorf("who leaves counts as the service's failure: %v", share)
			}
		})
	}
}

// A reader who takes nothing holds neither the turn nor its connection: the service goes on for others,
// and after the limit the reader is cut off.
func TestSlowReader(t *testing.T) {
	s, err := New(Options{Plan: script(t, "vllm", func(env sim.Env, r sim.Request) sim.Reply {
		for n := range 1 << 20 {
			r.Token(n + 1)
			if n%(1<<12) == 0 && !sim.Sleep(env, time.Millisecond, r.Gone) {
				return sim.Reply{Outcome: sim.Timeout}
			}
		}
		return sim.Reply{Outcome: sim.OK, Status: 200, Tokens: 1 << 20}
	})})
	if err != nil {
		t.Fatal(err)
	}
	s.writeTime = 300 * time.Millisecond
	url := listen(t, s)
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.(*net.TCPConn).SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	const body = `{"prompt":"x","stream":true}`
	fmt.Fprintf(conn, "POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	time.Sleep(100 * time.Millisecond)
	began := time.Now()
	if got := get(t, url+"/health"); got.status != 200 || time.Since(began) > 250*time.Millisecond { // takes the turn
		t.Errorf("beside a slow reader: got %d after %v", got.status, time.Since(began))
	}
	eventually(t, "the slow reader is cut off", func() bool { return figure(t, url, "nginx_server_requests_total") == 1 })
}

// A machine that dies with a call inside breaks the connection, before or within an answer.
func TestBrokenConnection(t *testing.T) {
	for _, n := range []int{0, 2} {
		_, url := start(t, Options{Plan: script(t, "vllm", func(env sim.Env, r sim.Request) sim.Reply {
			for i := range n {
				r.Token(i + 1)
			}
			sim.Sleep(env, 20*time.Millisecond, nil)
			return sim.Reply{Outcome: sim.Error, Reason: backend.ReasonReset}
		})})
		got, err := try(t.Context(), url+"/v1/completions", `{"prompt":"x","stream":true}`)
		if err == nil {
			t.Errorf("after %d tokens: got %d %s, want a broken connection", n, got.status, got.body)
		}
		for series, want := range map[string]float64{
			`headroom_refused_total{reason="reset",status="0"}`:                                1,
			`vllm:request_success_total{engine="0",finished_reason="error",model_name="test"}`: 1,
			`nginx_upstream_responses_total{status="5xx"}`:                                     1,
			`deepseek_error_rate`: 1,
		} {
			eventually(t, series+" is 1", func() bool { return figure(t, url, series) == want })
		}
	}
}

// One of several choices that is refused refuses the request, and the others leave.
func TestOneRefusedChoice(t *testing.T) {
	_, url := start(t, Options{Plan: planned(t, "{model: {queue: {servers: 2, limit: 0, service: 1h}}}")})
	got := post(t, url+"/v1/completions", `{"prompt":"x","n":3}`)
	if got.status != 503 {
		t.Errorf("got %d %s, want 503", got.status, got.body)
	}
	if running := figure(t, url, `vllm:num_requests_running{engine="0",model_name="test"}`); running != 0 {
		t.Errorf("%v choices still run", running)
	}
}

// At ten times the speed everything takes a tenth of the time, and is reported by the service's clock.
func TestSpeed(t *testing.T) {
	_, url := start(t, Options{Plan: script(t, "vllm", tokens(10, 200*time.Millisecond)), Speed: 10})
	began := time.Now()
	post(t, url+"/v1/completions", `{"prompt":"x"}`)
	if took := time.Since(began); took < 200*time.Millisecond || took > 400*time.Millisecond {
		t.Errorf("two simulated seconds at speed 10 took %v", took)
	}
	if sum := figure(t, url, `vllm:e2e_request_latency_seconds_sum{engine="0",model_name="test"}`); sum < 2 || sum > 4 {
		t.Errorf("got a latency of %v s by the service's clock, want 2", sum)
	}
}

// Stopped, a server ends the calls inside, takes no more, and cuts off who is not done in time.
func TestGracefulStop(t *testing.T) {
	for _, row := range []struct {
		last  time.Duration
		whole bool
	}{{300 * time.Millisecond, true}, {time.Hour, false}} {
		s, err := New(Options{Plan: script(t, "vllm", waitThen(row.last, sim.Reply{Outcome: sim.OK, Status: 200, Tokens: 1}))})
		if err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Serve(ctx, context.Background(), l, 600*time.Millisecond) }()
		url := "http://" + l.Addr().String()
		var inside sync.WaitGroup
		var callErr error
		inside.Go(func() { _, callErr = try(context.Background(), url+"/v1/completions", `{"prompt":"x"}`) })
		eventually(t, "the call is inside", func() bool { return s.callsInside() == 1 })
		stop()
		began := time.Now()
		if err := <-ended; err != nil {
			t.Errorf("stopping: %v", err)
		}
		if took := time.Since(began); took > 1500*time.Millisecond {
			t.Errorf("stopping took %v", took)
		}
		inside.Wait()
		if whole := callErr == nil; whole != row.whole {
			t.Errorf("a call of %v at a stop with 600 ms: %v, want it whole: %v", row.last, callErr, row.whole)
		}
		if _, err := net.Dial("tcp", l.Addr().String()); err == nil {
			t.Error("it still listens")
		}
		http.DefaultClient.CloseIdleConnections()
	}
}

func (s *Server) callsInside() (n int) {
	s.wall.Do(func() { n = s.inside })
	return n
}

func TestPages(t *testing.T) {
	p := planned(t, "{model: {llm: {max_model_len: 4096}}}")
	s, url := start(t, Options{Plan: p, APIKey: "sk-1", Version: "v9"})
	if got := get(t, url+"/health"); got.status != 200 || got.body != "" {
		t.Errorf("health: got %d %q", got.status, got.body)
	}
	if got := get(t, url+"/version"); got.body != `{"version":"v9"}`+"\n" {
		t.Errorf("version: got %q", got.body)
	}
	if got := get(t, url+"/"); got.status != 200 || !strings.Contains(got.body, "curl -N") || strings.Contains(got.body, "sk-1") {
		t.Errorf("index: got %d %q", got.status, got.body)
	}
	if got := get(t, url+"/v1/models"); got.status != 401 {
		t.Errorf("without the key: got %d", got.status)
	}
	if got := get(t, url+"/nowhere"); got.status != 404 {
		t.Errorf("an unknown page: got %d", got.status)
	}
	for _, header := range []string{"Authorization: Bearer sk-1", "X-Api-Key: sk-1"} {
		r, _ := http.NewRequest(http.MethodGet, url+"/v1/models", nil)
		name, value, _ := strings.Cut(header, ": ")
		r.Header.Set(name, value)
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if response.StatusCode != 200 || !strings.Contains(string(text), `"max_model_len":4096`) || !strings.Contains(string(text), `"id":"llama-3.1-8b"`) {
			t.Errorf("%s: got %d %s", name, response.StatusCode, text)
		}
	}
	s.stopped.Store(true)
	if got := get(t, url+"/health"); got.status != 503 {
		t.Errorf("health while stopping: got %d", got.status)
	}
	if got := post(t, url+"/v1/completions", `{"prompt":"x"}`, "X-Api-Key: sk-1"); got.status != 503 {
		t.Errorf("a call while stopping: got %d %s", got.status, got.body)
	}
}

// Headers that never end, or are too many, end the connection and nothing else.
func TestHeaderLimits(t *testing.T) {
	_, url := start(t, Options{Plan: planned(t, "{model: {queue: {service: 1ms}}}")})
	if got := post(t, url+"/v1/completions", `{"prompt":"x"}`, "X-Long: "+strings.Repeat("x", 2*mostHeader)); got.status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("got %d, want 431", got.status)
	}
}

// A prompt asked again finds all its full blocks of 16 tokens: of 500 tokens, 31 blocks, 496 tokens.
func TestPrefixCacheOverHTTP(t *testing.T) {
	_, url := start(t, Options{Plan: planned(t, "{model: {llm: {}}}")})
	body, err := json.Marshal(map[string]any{"max_tokens": 2, "messages": []map[string]string{{"role": "user", "content": strings.Repeat("word", 500)}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"cached_tokens":0}`, `"cached_tokens":496}`} {
		if got := post(t, url+"/v1/chat/completions", string(body)); !strings.Contains(got.body, want) {
			t.Errorf("got %s, want %s", got.body, want)
		}
	}
	const labels = `{engine="0",model_name="llama-3.1-8b"}`
	if hits, queries := figure(t, url, "vllm:prefix_cache_hits_total"+labels), figure(t, url, "vllm:prefix_cache_queries_total"+labels); hits != 496 || queries != 1000 {
		t.Errorf("got %v hits of %v tokens, want 496 of 1000", hits, queries)
	}
	if n := figure(t, url, "vllm:iteration_tokens_total_sum"+labels); n != 1000-496+2 { // prompts, and the second token of each
		t.Errorf("the steps computed %v tokens, want 506", n)
	}
}
