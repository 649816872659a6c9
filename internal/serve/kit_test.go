package serve

import (
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/headroom-dev/headroom/internal/harness"
	"github.com/headroom-dev/headroom/sim"
	"github.com/headroom-dev/headroom/sim/backend"
)

func readPlan(t testing.TB, name, text string) *harness.Plan {
	t.Helper()
	p, err := harness.Read(name, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// planned is a plan with this service section.
func planned(t testing.TB, service string) *harness.Plan {
	t.Helper()
	return readPlan(t, "test", "load: {phases: [{name: steady, rate: 1/s, for: 1s}]}\nservice: "+service+"\nstrategies: [sync]\n")
}

// scripted is a model that answers as it is told.
type scripted struct {
	handle func(env sim.Env, r sim.Request) sim.Reply
}

// Start is of backend.Model.
func (m scripted) Start(env sim.Env) backend.Replica {
	none := func() int { return 0 }
	return backend.Replica{
		Handle:  func(r sim.Request) sim.Reply { return m.handle(env, r) },
		Waiting: none, Running: none, Prompts: none, Free: func() int { return math.MaxInt32 },
		Busy: func() time.Duration { return 0 }, Pace: func(float64) {}, Kill: func() {},
	}
}

// script is a plan whose service does that.
func script(t testing.TB, profile string, handle func(env sim.Env, r sim.Request) sim.Reply) *harness.Plan {
	t.Helper()
	p := planned(t, "{model: {queue: {service: 1s}}, profile: "+profile+"}")
	p.Service.Model.Model = scripted{handle}
	return p
}

// start serves until the test ends, and returns the server and its URL.
func start(t testing.TB, o Options) (*Server, string) {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s, listen(t, s)
}

// listen serves on loopback until the test ends, and returns the URL.
func listen(t testing.TB, s *Server) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, context.Background(), l, time.Second) }()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		stop()
		if err := <-done; err != nil {
			t.Errorf("serving: %v", err)
		}
	})
	return "http://" + l.Addr().String()
}

// An answer is what came of a request.
type answer struct {
	status int
	header http.Header
	body   string
}

// post asks for text and reads the whole answer.
func post(t testing.TB, url, body string, headers ...string) answer {
	t.Helper()
	a, err := try(t.Context(), url, body, headers...)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// try is post where the connection may break. Headers are "Name: value".
func try(ctx context.Context, url, body string, headers ...string) (a answer, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return a, err
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return a, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, string(text)}, err
}

func get(t testing.TB, url string) answer {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(text)}
}

// eventually waits until what is true after a moment on another goroutine is true.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for range 500 {
		if is() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("it never came true that %s", what)
}

// figure returns a series of the metrics page.
func figure(t testing.TB, url, series string) float64 {
	t.Helper()
	for line := range strings.SplitSeq(get(t, url+"/metrics").body, "\n") {
		if text, ok := strings.CutPrefix(line, series+" "); ok {
			var v float64
			if _, err := fmt.Sscan(text, &v); err != nil {
				t.Fatal(err)
			}
			return v
		}
	}
	t.Fatalf("no series %s", series)
	return 0
}
