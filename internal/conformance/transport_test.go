package conformance

import (
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/headroom-dev/headroom/strategies"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

// OpenAI's client over strategies.Transport, against headroom serve: a client that does not know that
// somebody tries again for it.

// TestOpenAIOverTransport sends more calls at once than the service has room for. Bare, the client sees
// refusals; over a backoff it sees none, and streams come whole.
func TestOpenAIOverTransport(t *testing.T) {
	const narrow = `
name: narrow
load: {phases: [{name: steady, rate: 1/s, for: 1s}]}
service: {model: {queue: {servers: 2, service: 50ms, limit: 1}}}
strategies: [sync]
`
	server := served(t, narrow, "--model-name", "llama-3.1-8b")
	refused := func(c *openai.Client) (n int) {
		var group sync.WaitGroup
		var lock sync.Mutex
		for i := range 12 {
			group.Go(func() {
				var err error
				if i%2 == 0 {
					_, err = c.Chat.Completions.New(t.Context(), hello(3))
				} else {
					stream := c.Chat.Completions.NewStreaming(t.Context(), hello(3))
					for stream.Next() {
					}
					err = errors.Join(stream.Err(), stream.Close())
				}
				var of *openai.Error
				switch {
				case errors.As(err, &of) && of.StatusCode == http.StatusServiceUnavailable:
					lock.Lock()
					n++
					lock.Unlock()
				case err != nil:
					t.Errorf("call %d: %v", i, err)
				}
			})
		}
		group.Wait()
		return n
	}
	if n := refused(&server); n == 0 {
		t.Error("the bare client is never refused: the test does not test")
	}
	strategy, err := strategies.Parse([]byte("[{backoff: {tries: 20, base: 20ms, cap: 200ms}}, {pooled: {size: 8}}]"))
	if err != nil {
		t.Fatal(err)
	}
	transport := strategies.Transport(strategy, nil, strategies.TransportOptions{Patience: 30 * time.Second, RepeatPOST: true})
	client := &http.Client{Transport: transport}
	defer client.CloseIdleConnections()
	patient := openai.NewClient(append(server.Options, option.WithHTTPClient(client))...)
	if n := refused(&patient); n != 0 {
		t.Errorf("%d calls were refused over the transport, want none", n)
	}
	// Its context still ends a call.
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := patient.Chat.Completions.New(ctx, hello(3)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the context's error", err)
	}
}

// TestManualsProgram runs the program of the manual that uses OpenAI's client.
func TestManualsProgram(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "transport.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range strings.Split(string(page), "```go\n")[1:] {
		block, _, _ = strings.Cut(block, "```\n")
		if !strings.Contains(block, "openai-go") {
			continue
		}
		program, want, _ := strings.Cut(block, "// Output:\n")
		address := listening(t, quick)
		program = strings.NewReplacer("http://127.0.0.1:8080", address, "sk-example", "sk-right", `"small"`, `"llama-3.1-8b"`).Replace(program)
		file := filepath.Join(t.TempDir(), "main.go")
		if err := os.WriteFile(file, []byte(program), 0o666); err != nil {
			t.Fatal(err)
		}
		got, err := exec.Command("go", "run", file).CombinedOutput()
		if want = strings.ReplaceAll(want, "// ", ""); err != nil || string(got) != want {
			t.Errorf("%v: got\n%s\nwant\n%s", err, got, want)
		}
		return
	}
	t.Error("the manual has no such program any more")
}
