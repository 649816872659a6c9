package conformance

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

// The official OpenAI client against `headroom serve`, the program itself on loopback: what it lists,
// completes, streams and how it tells refusals apart.

// program is the built headroom; "" until TestMain has built it.
var program string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "headroom-conformance-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "headroom.exe")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		panic(string(out))
	}
	return m.Run()
}

// served starts headroom serve on a scenario with these flags, and returns a client of it that does
// not try again by itself.
func served(t *testing.T, scenario string, flags ...string) openai.Client {
	t.Helper()
	url := listening(t, scenario, flags...)
	return openai.NewClient(option.WithBaseURL(url+"/v1"), option.WithAPIKey("sk-right"), option.WithMaxRetries(0))
}

// listening starts headroom serve and returns its address.
func listening(t *testing.T, scenario string, flags ...string) string {
	t.Helper()
	cmd := exec.Command(program, append([]string{"serve", "-", "--addr", "127.0.0.1:0", "--api-key", "sk-right"}, flags...)...)
	cmd.Stdin = strings.NewReader(scenario)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_, _ = io.Copy(io.Discard, out)
		if err := cmd.Wait(); err != nil {
			t.Errorf("headroom serve: %v", err)
		}
	})
	_, rest, _ := strings.Cut(line, "listening on ")
	url, _, _ := strings.Cut(rest, " ")
	return url
}

const quick = `
name: quick
load: {phases: [{name: steady, rate: 1/s, for: 1s}]}
service: {model: {llm: {max_seqs: 8}}}
strategies: [sync]
`

func hello(tokens int64) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{
		Model: "llama-3.1-8b", MaxTokens: openai.Int(tokens),
		Messages: []openai.ChatCompletionMessageParamUnion{openai.SystemMessage("Be brief."), openai.UserMessage("hello, how are you?")},
	}
}

func TestOpenAIListsModels(t *testing.T) {
	c := served(t, quick)
	page, err := c.Models.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(page.Data) != 1 || page.Data[0].ID != "llama-3.1-8b" || page.Data[0].Created == 0 {
		t.Errorf("got %+v", page.Data)
	}
	one, err := c.Models.Get(t.Context(), "llama-3.1-8b")
	if err != nil || one.ID != "llama-3.1-8b" {
		t.Errorf("got %+v, %v", one, err)
	}
}

func TestOpenAICompletes(t *testing.T) {
	c := served(t, quick)
	answer, err := c.Chat.Completions.New(t.Context(), hello(12))
	if err != nil {
		t.Fatal(err)
	}
	if len(answer.Choices) != 1 || answer.Choices[0].FinishReason != "length" || len(strings.Fields(answer.Choices[0].Message.Content)) != 12 {
		t.Errorf("got %+v", answer.Choices)
	}
	if u := answer.Usage; u.CompletionTokens != 12 || u.PromptTokens < 5 || u.TotalTokens != u.PromptTokens+12 {
		t.Errorf("got usage %+v", u)
	}
	text, err := c.Completions.New(t.Context(), openai.CompletionNewParams{
		Model: "llama-3.1-8b", MaxTokens: openai.Int(3), N: openai.Int(2),
		Prompt: openai.CompletionNewParamsPromptUnion{OfString: openai.String("one two")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(text.Choices) != 2 || text.Choices[1].Index != 1 || text.Choices[0].Text == text.Choices[1].Text || text.Usage.CompletionTokens != 6 {
		t.Errorf("got %+v, usage %+v", text.Choices, text.Usage)
	}
}

func TestOpenAIStreams(t *testing.T) {
	c := served(t, quick)
	ask := hello(10)
	ask.StreamOptions.IncludeUsage = openai.Bool(true)
	stream := c.Chat.Completions.NewStreaming(t.Context(), ask)
	defer stream.Close()
	all := openai.ChatCompletionAccumulator{}
	events := 0
	for stream.Next() {
		events++
		if !all.AddChunk(stream.Current()) {
			t.Fatalf("the client cannot join event %d: %+v", events, stream.Current())
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	if got := all.Choices[0]; len(strings.Fields(got.Message.Content)) != 10 || got.Message.Role != "assistant" || got.FinishReason != "length" {
		t.Errorf("got %+v", got)
	}
	if all.Usage.CompletionTokens != 10 || events < 5 {
		t.Errorf("got %d events, usage %+v", events, all.Usage)
	}
}

// jammed has one slot and no place to wait, so that the second call of two is refused.
const jammed = `
name: jammed
load: {phases: [{name: steady, rate: 1/s, for: 1s}]}
service: {model: {queue: {servers: 1, service: 2s, limit: 0}}}
strategies: [sync]
`

// refused returns the error of a call while another holds the only slot.
func refused(t *testing.T, c openai.Client) *openai.Error {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	began := make(chan struct{})
	go func() {
		defer close(began)
		_, _ = c.Chat.Completions.New(ctx, hello(1))
	}()
	defer func() { cancel(); <-began }()
	for range 50 {
		time.Sleep(20 * time.Millisecond)
		short, end := context.WithTimeout(t.Context(), 300*time.Millisecond)
		_, err := c.Chat.Completions.New(short, hello(1))
		end()
		var of *openai.Error
		if errors.As(err, &of) {
			return of
		}
	}
	t.Fatal("no call was refused")
	return nil
}

func TestOpenAISeesTypedErrors(t *testing.T) {
	t.Run("429 of DeepSeek's limit", func(t *testing.T) {
		scenario := strings.Replace(jammed, "limit: 0}}", "limit: 9}}, admission: {max_requests: 1, when_full: 429}", 1)
		got := refused(t, served(t, scenario, "--profile", "deepseek", "--model-name", "llama-3.1-8b"))
		if got.StatusCode != http.StatusTooManyRequests || got.Type != "rate_limit_error" || got.Response.Header.Get("Retry-After") != "" {
			t.Errorf("got %d, type %q, code %q, headers %v", got.StatusCode, got.Type, got.Code, got.Response.Header)
		}
	})
	t.Run("503 of OpenAI", func(t *testing.T) {
		got := refused(t, served(t, jammed, "--profile", "openai", "--model-name", "llama-3.1-8b"))
		if got.StatusCode != http.StatusServiceUnavailable || got.Code != "server_is_overloaded" || got.Type != "server_error" {
			t.Errorf("got %d, type %q, code %q", got.StatusCode, got.Type, got.Code)
		}
	})
	t.Run("503 of vLLM", func(t *testing.T) {
		got := refused(t, served(t, jammed, "--model-name", "llama-3.1-8b"))
		if got.StatusCode != http.StatusServiceUnavailable || got.Type != "Service Unavailable" || !strings.Contains(got.RawJSON(), `"code":503`) {
			t.Errorf("got %d, type %q, %s", got.StatusCode, got.Type, got.RawJSON())
		}
	})
	t.Run("401 and 404", func(t *testing.T) {
		c := served(t, quick, "--profile", "openai")
		var of *openai.Error
		if _, err := c.Chat.Completions.New(t.Context(), hello(1), option.WithAPIKey("sk-wrong")); !errors.As(err, &of) || of.StatusCode != http.StatusUnauthorized || of.Code != "invalid_api_key" {
			t.Errorf("got %v, want 401", err)
		}
		ask := hello(1)
		ask.Model = "gpt-9"
		if _, err := c.Chat.Completions.New(t.Context(), ask); !errors.As(err, &of) || of.StatusCode != http.StatusNotFound || of.Code != "model_not_found" {
			t.Errorf("got %v, want 404", err)
		}
	})
}
