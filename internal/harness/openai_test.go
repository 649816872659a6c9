package harness

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/headroom-dev/headroom/scenarios"
	"github.com/headroom-dev/headroom/sim"
)

var testTime = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// sentCompletion is a request as a server decodes it.
type sentCompletion struct {
	Model    string
	Messages []struct{ Role, Content string }
	Prompt   string
	Max      int  `json:"max_tokens"`
	Ignore   bool `json:"ignore_eos"`
	Stream   bool
	Options  struct {
		Usage bool `json:"include_usage"`
	} `json:"stream_options"`
	User string
}

func TestCompletionURLs(t *testing.T) {
	for url, want := range map[string]string{
		"http://h":                      "http://h/v1/chat/completions",
		"http://h/":                     "http://h/v1/chat/completions",
		"http://h/v1":                   "http://h/v1/chat/completions",
		"http://h/v1/":                  "http://h/v1/chat/completions",
		"http://h/proxy":                "http://h/proxy/v1/chat/completions",
		"http://h/v1/chat/completions":  "http://h/v1/chat/completions",
		"http://h/v1/completions":       "http://h/v1/completions",
		"http://h/openai/v1?version=3":  "http://h/openai/v1/chat/completions",
		"https://h:8443/v1/completions": "https://h:8443/v1/completions",
	} {
		e := prepare(t, Live{URLs: []string{url}, API: "openai", Model: "m"})
		if got := e.targets[0].urls[0]; got != want {
			t.Errorf("%s: got %s, want %s", url, got, want)
		}
		if got, want := e.targets[0].requests[0].URL.RawQuery, strings.TrimPrefix(url[strings.Index(url+"?", "?"):], "?"); got != want {
			t.Errorf("%s: got query %q, want %q: it belongs to the address", url, got, want)
		}
	}
	if e := prepare(t, Live{URLs: []string{"http://h/x"}}); e.made != nil {
		t.Error("a plain URL was taken for one of completions")
	}
	if e := prepare(t, Live{URLs: []string{"http://h/v1/completions"}}); e.made == nil || e.made.chat || e.targets[0].requests[0].Method != http.MethodPost {
		t.Error("a URL that ends in /completions was not taken for one of bare completions")
	}
	if e := prepare(t, Live{URLs: []string{"http://h/v1/completions"}, Body: []byte("{}")}); e.made != nil {
		t.Error("a body of the user's was replaced")
	}
}

func TestCompletionBodySaysWhatTheArrivalSays(t *testing.T) {
	r := sim.Request{Key: 7, User: 42, Prompt: 512, Output: 99}
	for _, c := range []completions{{model: []byte(`"m \"x\""`), chat: true}, {model: []byte(`"m \"x\""`)}} {
		var got sentCompletion
		if err := json.Unmarshal(c.body(r), &got); err != nil {
			t.Fatalf("%s: %v", c.body(r), err)
		}
		text := got.Prompt
		if c.chat {
			if len(got.Messages) != 1 || got.Messages[0].Role != "user" {
				t.Fatalf("got messages %v, want one of the user's", got.Messages)
			}
			text = got.Messages[0].Content
		}
		if len(text) != 512*bytesPerToken {
			t.Errorf("got %d bytes of prompt, want %d: four for each token", len(text), 512*bytesPerToken)
		}
		got.Messages, got.Prompt = nil, ""
		want := sentCompletion{Model: `m "x"`, Max: 99, Ignore: true, Stream: true, User: "42"}
		want.Options.Usage = true
		if diff := cmp.Diff(got, want); diff != "" {
			t.Errorf("(-got +want):\n%s", diff)
		}
	}
	none := completions{chat: true}
	if got := string(none.body(sim.Request{})); strings.Contains(got, "model") || !strings.Contains(got, `"max_tokens":1`) {
		t.Errorf("got %s, want no model and at least one token", got)
	}
}

func TestEqualKeysAskTheSame(t *testing.T) {
	text := func(r sim.Request) string { return string(appendPrompt(nil, r, r.Prompt*bytesPerToken)) }
	a, again, longer, other := text(sim.Request{Key: 1, Prompt: 50}), text(sim.Request{Key: 1, Prompt: 50, User: 9}), text(sim.Request{Key: 1, Prompt: 60}), text(sim.Request{Key: 2, Prompt: 50})
	if a != again || !strings.HasPrefix(longer, a) {
		t.Error("one key and length must make one text, a longer one begins with it")
	}
	if a[:8] == other[:8] {
		t.Errorf("keys 1 and 2 begin alike: %q", a[:8])
	}
	seen := map[string]uint64{}
	for key := range uint64(100_000) {
		word := string(appendText(nil, key, 16))
		if before, ok := seen[word]; ok {
			t.Fatalf("keys %d and %d make one text", before, key)
		}
		seen[word] = key
	}
	// Prompts with a common prefix share its text, block by block of 16 tokens, and no more.
	x := text(sim.Request{Key: 1, Prompt: 100, Prefix: []uint64{10, 11, 12}})
	y := text(sim.Request{Key: 2, Prompt: 100, Prefix: []uint64{10, 11, 13}})
	if x[:128] != y[:128] || x[128:136] == y[128:136] || len(x) != 400 {
		t.Errorf("prefixes 10 11 12 and 10 11 13: got\n%q\n%q", x, y)
	}
	if got := text(sim.Request{Prompt: 20, Prefix: []uint64{10, 11, 12}}); len(got) != 80 || !strings.HasPrefix(x, got) {
		t.Errorf("a prompt shorter than its blocks: got %d bytes", len(got))
	}
}

// talking is a server of completions that sends events, the same pause before each.
func talking(t *testing.T, pause time.Duration, events ...string) *counting {
	return countingServer(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		for _, event := range events {
			tick := time.NewTimer(pause)
			<-tick.C
			_, _ = io.WriteString(w, event)
			w.(http.Flusher).Flush()
		}
	})
}

func says(content string) string {
	return fmt.Sprintf("data: {\"choices\":[{\"delta\":{\"content\":%q}}]}\n\n", content)
}

const (
	role   = "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n"
	finish = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
	usage  = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":7}}\n\n"
	done   = "data: [DONE]\n\n"
)

func TestStreamsAreReadToTheirEnd(t *testing.T) {
	const pause = 20 * time.Millisecond
	for _, row := range []struct {
		name    string
		events  []string
		outcome sim.Outcome
		reason  string
		tokens  int
		first   time.Duration // at least, from the sending; 0: no token came
		warning string
	}{
		{"usage counts", []string{role, says("a"), says("b"), finish, usage, done}, sim.OK, "", 7, 2 * pause, ""},
		{"events count where there is no usage", []string{says("a"), says("b"), says("c"), done}, sim.OK, "", 3, pause, "counted by their events"},
		{"no token at all", []string{role, finish, done}, sim.OK, "", 0, 0, ""},
		{"a usage of null", []string{"data: {\"choices\":[{\"text\":\"a\"}],\"usage\":null}\n\n", done}, sim.OK, "", 1, pause, "counted by their events"},
		{"tools are content", []string{"data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0}]}}]}\n\n", usage, done}, sim.OK, "", 7, pause, ""},
		{"events in one read", []string{says("a") + says("b") + says("c") + usage + done}, sim.OK, "", 7, pause, "came together"},
		{"a line cut across reads", []string{says("a")[:20], says("a")[20:] + done}, sim.OK, "", 1, 2 * pause, "counted by their events"},
		{"no end", []string{says("a"), usage}, sim.Error, classStream, 7, pause, ""},
		{"ended inside an event", []string{says("a"), done, "data: {\"choi"}, sim.Error, classStream, 1, pause, "counted by their events"},
		{"an error inside a 200", []string{says("a"), "data: {\"error\":{\"message\":\"out of memory\"}}\n\n", done}, sim.Error, classStream, 1, pause, "counted by their events"},
		{"an event that is no JSON", []string{"data: hello\n\n", done}, sim.Error, classStream, 0, 0, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			server := talking(t, pause, row.events...)
			side, records := asked(t, Live{URLs: []string{server.URL}, API: "openai", Model: "m"}, plainly{}, 1, 5*time.Second)
			r := records[0]
			if r.Outcome != row.outcome || r.Reason != row.reason || r.Tokens != row.tokens {
				t.Errorf("got %v %q with %d tokens, want %v %q with %d (%q)", r.Outcome, r.Reason, r.Tokens, row.outcome, row.reason, row.tokens, side.Validity.Samples)
			}
			if row.first == 0 {
				if r.First != 0 {
					t.Errorf("got a first token at %v, want none", r.First)
				}
			} else if got := r.First - r.Sent; got < row.first || r.First > r.Done {
				t.Errorf("got the first token %v after the sending, %v before the end; want at least %v, and before it", got, r.Done-r.First, row.first)
			}
			if got := strings.Join(side.Warnings, "; "); !strings.Contains(got, row.warning) || (row.warning == "" && got != "") {
				t.Errorf("got warnings %q, want %q", got, row.warning)
			}
		})
	}
}

// What breaks a stream stands though its last bytes come together with its end.
func TestStreamThatBreaksWithItsLastBytes(t *testing.T) {
	for _, text := range []string{
		says("a") + "data: {\"error\":{\"message\":\"out of memory\"}}\n\n",
		says("a") + "data: hello\n\n" + done,
		says("a"),
	} {
		a := &attempt{stream: true, events: true, status: http.StatusOK, most: keptAnswer, body: io.NopCloser(iotest.DataErrReader(strings.NewReader(text)))}
		for a.read(make([]byte, 4096)) {
		}
		if !errors.Is(a.err, errStream) {
			t.Errorf("%q: got %v, want a broken stream", text, a.err)
		}
	}
}

func TestPlainAnswersGiveTheirUsage(t *testing.T) {
	for _, row := range []struct {
		name, body string
		outcome    sim.Outcome
		tokens     int
	}{
		{"usage", `{"choices":[{"message":{"content":"a"}}],"usage":{"completion_tokens":12}}`, sim.OK, 12},
		{"an error", `{"error":{"message":"no"}}`, sim.Error, 0},
		{"no JSON", `hello`, sim.Error, 0},
		{"JSON that is no completion", `{"status":"up"}`, sim.Error, 0},
		{"too long to keep", strings.Repeat(" ", keptAnswer) + `{"usage":{"completion_tokens":12}}`, sim.OK, 0},
	} {
		server := countingServer(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, row.body)
		})
		_, records := asked(t, Live{URLs: []string{server.URL}, API: "openai", Model: "m"}, plainly{}, 1, 5*time.Second)
		if r := records[0]; r.Outcome != row.outcome || r.Tokens != row.tokens {
			t.Errorf("%s: got %v with %d tokens, want %v with %d", row.name, r.Outcome, r.Tokens, row.outcome, row.tokens)
		}
	}
}

func TestCompletionRequestsSayTheirClassAndPatience(t *testing.T) {
	type told struct{ Auth, Kind, Priority, User, Prompt, Custom string }
	got, left := make(chan told, 1), make(chan int, 1)
	server := countingServer(t, func(w http.ResponseWriter, r *http.Request) {
		h := r.Header
		got <- told{h.Get("Authorization"), h.Get("Content-Type"), h.Get("X-Priority"), h.Get("X-User"), h.Get("X-Headroom-Prompt-Tokens"), h.Get("X-Custom")}
		ms, _ := strconv.Atoi(h.Get("X-Request-Timeout-Ms"))
		left <- ms
	})
	e := prepare(t, Live{URLs: []string{server.URL}, API: "openai", Model: "m", APIKey: "key", Header: http.Header{"X-Custom": {"c"}}})
	run, _ := liveRun(plainly{}, []scenarios.Arrival{{Request: sim.Request{User: 5, Priority: 1, Prompt: 33}}}, 10*time.Second)
	run.Priorities = []string{"high", "low"}
	if _, err := Wall(t.Context(), t.Context(), e, run); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(<-got, told{"Bearer key", "application/json", "low", "5", "33", "c"}); diff != "" {
		t.Errorf("headers (-got +want):\n%s", diff)
	}
	if ms := <-left; ms < 5000 || ms > 10_000 {
		t.Errorf("got %d ms of patience left, want a little below 10,000", ms)
	}
}

// listening notes the tokens it is told of.
type listening struct {
	tokens *[]int
	times  *[]time.Duration
}

func (l listening) Wrap(env sim.Env, next sim.Handler) sim.Handler {
	return func(r sim.Request) sim.Reply {
		r.Token = func(n int) {
			*l.tokens = append(*l.tokens, n)
			*l.times = append(*l.times, env.Now())
		}
		return next(r)
	}
}

func TestTokensAreToldInTheTurn(t *testing.T) {
	const pause = 20 * time.Millisecond
	server := talking(t, pause, role, says("a"), says("b"), says("c"), done)
	var tokens []int
	var times []time.Duration
	_, records := asked(t, Live{URLs: []string{server.URL}, API: "openai", Model: "m"}, listening{&tokens, &times}, 1, 5*time.Second)
	if diff := cmp.Diff(tokens, []int{0, 1, 2}); diff != "" {
		t.Fatalf("tokens (-got +want):\n%s", diff)
	}
	if r := records[0]; times[0] < r.First || times[0] > r.First+pause || times[2] > r.Done {
		t.Errorf("told at %v of tokens, the first of which came at %v and the last byte at %v", times, r.First, r.Done)
	}
}

func TestGapsBetweenTokensAreBooked(t *testing.T) {
	const pause = 20 * time.Millisecond
	server := talking(t, pause, says("a"), says("b"), says("c"), done)
	var gaps []time.Duration
	var cost sim.Cost
	cost.Gap = func(d time.Duration, n int64) { gaps = append(gaps, d) }
	_, _ = asked(t, Live{URLs: []string{server.URL}, API: "openai", Model: "m"}, costing{&cost}, 1, 5*time.Second)
	if len(gaps) != 2 || gaps[0] < pause/2 || gaps[1] < pause/2 {
		t.Errorf("got gaps %v, want two of about %v", gaps, pause)
	}
	if cost.Work < 4*pause || cost.Wasted != 0 {
		t.Errorf("got %v of work, %v wasted; want at least %v and none", cost.Work, cost.Wasted, 4*pause)
	}
}

// costing books into a cost of its own.
type costing struct{ cost *sim.Cost }

func (c costing) Wrap(_ sim.Env, next sim.Handler) sim.Handler {
	return func(r sim.Request) sim.Reply {
		r.Cost = c.cost
		return next(r)
	}
}

func TestWastedWorkIsThatOfAttemptsNobodyWaitedFor(t *testing.T) {
	address := rawServer(t, afterRequest(untilClosed))
	var cost sim.Cost
	_, _ = asked(t, Live{URLs: []string{"http://" + address}}, costing{&cost}, 1, 50*time.Millisecond)
	if cost.Wasted != cost.Work || cost.Work < 40*time.Millisecond {
		t.Errorf("got %v of work, %v wasted; want all of it, about 50 ms", cost.Work, cost.Wasted)
	}
}
