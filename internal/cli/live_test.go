package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/headroom-dev/headroom/report"
)

// A target is a small HTTP server on loopback that counts its requests.
type target struct {
	*httptest.Server
	requests atomic.Int64
}

func newTarget(t *testing.T, handle http.HandlerFunc) *target {
	t.Helper()
	s := new(target)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		if handle != nil {
			handle(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// closedAddress returns a loopback address at which nobody listens.
func closedAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func readResult(t *testing.T, dir string) *report.Result {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, "run.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := report.ReadJSON(f)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// stages is a spike that lasts a second and a half.
const stages = "500ms@40,500ms@200,500ms@40"

func TestLiveRunSendsThePlannedCalls(t *testing.T) {
	s := newTarget(t, nil)
	dir := filepath.Join(t.TempDir(), "out")
	code, stdout, stderr := called(t, nil, "run", "--target", s.URL, "--stage", stages, "--strategies", "sync,pooled", "-o", dir, "--format", "json")
	if code != exitFine && code != exitCannot { // a busy machine may make the generator late, which is said
		t.Fatalf("got exit code %d:\n%s", code, stderr)
	}
	r := readResult(t, dir)
	if got, want := r.Validity.Sent, r.Validity.Planned; got != want || want == 0 {
		t.Errorf("got %d calls sent, want the planned %d", got, want)
	}
	if got, want := s.requests.Load(), r.Validity.Planned; got != want {
		t.Errorf("the server got %d requests, want the planned %d", got, want)
	}
	if !r.Measured || r.Interrupted || r.Target != s.URL {
		t.Errorf("got measured %v, interrupted %v, target %q", r.Measured, r.Interrupted, r.Target)
	}
	first, _, _ := strings.Cut(stderr, "\n")
	want := fmt.Sprintf("headroom: spike-100-1000: 2 strategies x 1 seed, %s calls in 3s, highest rate 200/s, to %s", grouped(r.Validity.Planned), s.URL)
	if first != want {
		t.Errorf("first line of stderr:\ngot  %s\nwant %s", first, want)
	}
	if !json.Valid([]byte(stdout)) {
		t.Errorf("stdout is no JSON:\n%s", stdout)
	}
	if info, err := os.Stat(filepath.Join(dir, "vegeta.bin")); err != nil || info.Size() == 0 {
		t.Errorf("vegeta.bin: %v", err)
	}
	if parts, _ := filepath.Glob(filepath.Join(dir, "*.part")); len(parts) > 0 {
		t.Errorf("half-written files are left: %v", parts)
	}
}

func TestDryRunAndMaxCallsSendNothing(t *testing.T) {
	s := newTarget(t, nil)
	t.Chdir(t.TempDir())
	code, stdout, stderr := called(t, nil, "run", "--target", s.URL+"/x", "--stage", "1s@10", "--set", "load.arrivals=uniform", "--strategies", "sync,pooled", "--dry-run")
	want := strings.ReplaceAll(`dry run     nothing is sent and nothing is written
scenario    spike-100-1000
target      GET URL/x
strategies  sync, pooled
seeds       1
calls       10 in stage1
calls       10 for each strategy, 20 in all
duration    1s for each run, 2s in all
highest     10 calls per second
`, "URL", s.URL)
	if code != exitFine || stdout != want {
		t.Errorf("got exit code %d and\n%s%s\nwant 0 and\n%s", code, stdout, stderr, want)
	}
	args := []string{"run", "--target", s.URL, "--stage", "1s@10", "--set", "load.arrivals=uniform", "--strategies", "sync,pooled", "--dry-run", "--max-calls"}
	if code, _, stderr := called(t, nil, append(args, "19")...); code != exitUsage || !strings.Contains(stderr, "20 calls (2 strategies x 1 seed x 10 calls), more than --max-calls 19") {
		t.Errorf("got exit code %d: %s", code, stderr)
	}
	if code, _, stderr := called(t, nil, append(args, "20")...); code != exitFine {
		t.Errorf("got exit code %d: %s", code, stderr)
	}
	if n := s.requests.Load(); n != 0 {
		t.Errorf("the server got %d requests, want none", n)
	}
	if entries, _ := os.ReadDir("."); len(entries) != 0 {
		t.Errorf("something was written: %v", entries)
	}
}

func TestTargetOfSomebodyElseNeedsRates(t *testing.T) {
	t.Chdir(t.TempDir())
	tests := []struct {
		name string
		args string
		want int
	}{
		{"without rates it is refused", "--target http://192.0.2.1/", exitUsage},
		{"one of several is enough to refuse", "--target http://127.0.0.1:1/ --target http://192.0.2.1/", exitUsage},
		{"a rate spelt out is enough", "--target http://192.0.2.1/ --rate 1 --duration 1s", exitFine},
		{"so are stages", "--target http://192.0.2.1/ --stage 1s@1", exitFine},
		{"so is a scenario by name", "spike-100-1000 --target http://192.0.2.1/", exitFine},
		{"loopback needs nothing", "--target http://127.0.0.1:1/", exitFine},
		{"nor does localhost", "--target http://localhost:1/", exitFine},
		{"nor what is resolved to loopback", "--target http://api.example.com/ --resolve api.example.com:80:127.0.0.1", exitFine},
		{"a proxy may be anywhere", "--target http://127.0.0.1:1/ --proxy http://192.0.2.1:3128", exitUsage},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, _, stderr := called(t, nil, append([]string{"run", "--dry-run"}, strings.Fields(tt.args)...)...)
			if code != tt.want {
				t.Errorf("got exit code %d, want %d: %s", code, tt.want, stderr)
			}
			if tt.want == exitUsage && !strings.Contains(stderr, "say how much to send") {
				t.Errorf("got %q", stderr)
			}
			if proxied := strings.Contains(tt.args, "--proxy"); proxied != strings.Contains(stderr, "--proxy may lead to any machine") {
				t.Errorf("got %q", stderr)
			}
		})
	}
}

func TestUnreachableTargetLeavesNothing(t *testing.T) {
	t.Chdir(t.TempDir())
	address := closedAddress(t)
	code, stdout, stderr := called(t, nil, "run", "--target", "http://"+address, "--stage", "1s@10", "--calls")
	if code != exitCannot || stdout != "" {
		t.Errorf("got exit code %d and %q on stdout, want %d and nothing", code, stdout, exitCannot)
	}
	if !strings.Contains(stderr, address) || !strings.Contains(stderr, "refused") {
		t.Errorf("the message does not say what was tried: %s", stderr)
	}
	if entries, _ := os.ReadDir("."); len(entries) != 0 {
		t.Errorf("something was written: %v", entries)
	}
}

// Every secret of these tests holds this word.
const token = "S3CRET"

// secretArgs give a secret in every place that takes one.
func secretArgs(url string) []string {
	return []string{
		"-H", "Authorization: Bearer " + token + "-header", "--header=X-Key: " + token + "-long", "-HX-Other: " + token + "-joined",
		"--body", `{"password": "` + token + `-body"}`,
		"--target", strings.Replace(url, "http://", "http://user:"+token+"-password@", 1) + "/x?key=" + token + "-query",
	}
}

// holdsNone fails the test if a stream or a file under the working directory holds the secret.
func holdsNone(t *testing.T, streams ...string) {
	t.Helper()
	for _, text := range streams {
		if at := strings.Index(text, token); at >= 0 {
			t.Errorf("a stream holds a secret: %q", text[max(0, at-80):min(len(text), at+80)])
		}
	}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err == nil && bytes.Contains(text, []byte(token)) {
			t.Errorf("%s holds a secret", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestSecretsAppearNowhere(t *testing.T) {
	// The server says every secret it was told, in the answer and in a broken one.
	s := newTarget(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if n := strings.Count(string(body)+fmt.Sprint(r.Header)+r.URL.String(), token); n < 5 {
			http.Error(w, "secrets did not arrive", http.StatusTeapot)
			return
		}
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			fmt.Fprintf(conn, "garbage %s %s %v\r\n\r\n", r.URL, body, r.Header)
			conn.Close()
		}
	})
	dead := "http://" + closedAddress(t)
	live := []string{"run", "--stage", "200ms@50", "--strategies", "sync,pooled", "--calls"}
	tests := []struct {
		name string
		args []string
		want int
	}{
		{"a run whose answers repeat them", append(live, secretArgs(s.URL)...), -1},
		{"an unreachable target", append(live, secretArgs(dead)...), exitCannot},
		{"a dry run", append(append(live, "--dry-run"), secretArgs(s.URL)...), exitFine},
		{"a flag that does not exist", append(append(live, "--no-such"), secretArgs(s.URL)...), exitUsage},
		{"a flag with a slip in its name", append(live, "--headr", "X: "+token), exitUsage},
		{"a flag with a slip and a value", append(live, "--headr=X: "+token), exitUsage},
		{"a single dash", append(live, "-header="+token), exitUsage},
		{"a cluster of letters", append(live, "-zH"+token), exitUsage},
		{"a URL without a scheme", append(live, "--target", "user:"+token+"@host/"), exitUsage},
		{"a URL that is none", append(live, "--target", "http://user:"+token+"@host:port/"), exitUsage},
		{"a URL with a bad escape", append(live, "--target", "http://host/%zz?key="+token), exitUsage},
		{"a URL as a scenario", []string{"run", "http://user:" + token + "@host/?key=" + token}, exitUsage},
		{"a URL as a command", []string{"http://user:" + token + "@host/?key=" + token}, exitUsage},
		{"a header that is none", append(live, "--target", s.URL, "-H", token+"-nocolon"), exitUsage},
		{"a header of two lines", append(live, "--target", s.URL, "-H", "X: "+token+"\nY: z"), exitUsage},
		{"a proxy", append(append(live, "--proxy", "ftp://user:"+token+"@proxy:1"), secretArgs(s.URL)...), exitUsage},
		{"a live flag without a target", append(live, "-H", "X: "+token), exitUsage},
		{"a target and sim", append(append(live, "--target", "sim"), secretArgs(s.URL)...), exitUsage},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			code, stdout, stderr := called(t, nil, tt.args...)
			if tt.want >= 0 && code != tt.want {
				t.Errorf("got exit code %d, want %d: %s", code, tt.want, stderr)
			}
			holdsNone(t, stdout, stderr)
			if tt.want < 0 {
				results, _ := filepath.Glob("results/*")
				if len(results) != 1 {
					t.Fatalf("got runs %v, want one: %s", results, stderr)
				}
				r := readResult(t, results[0])
				if !strings.Contains(r.Command, "REDACTED") {
					t.Errorf("the command does not say that something was left out: %s", r.Command)
				}
				if n := r.Strategies[0].Total.Outcomes["error"]; n == 0 {
					t.Errorf("the broken answers were not counted: %v", r.Strategies[0].Total.Outcomes)
				}
			}
		})
	}
}

func TestSecretsOfTheEnvironment(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("HEADROOM_HEADER", "Authorization: Bearer "+token+"-one\nX-Two: "+token+"-two")
	t.Setenv("HEADROOM_TARGET", "http://user:"+token+"@"+closedAddress(t)+"/?k="+token)
	t.Setenv("OPENAI_API_KEY", token+"-openai")
	code, stdout, stderr := called(t, nil, "run", "--stage", "200ms@50", "--api", "openai", "--model", "m")
	if code != exitCannot {
		t.Errorf("got exit code %d: %s", code, stderr)
	}
	holdsNone(t, stdout, stderr)
}

func TestOpenAI(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("OPENAI_API_KEY", token+"-openai")
	var authorized atomic.Int64
	s := newTarget(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/chat/completions" {
			http.NotFound(w, r)
			return
		}
		if r.Header.Get("Authorization") == "Bearer "+token+"-openai" {
			authorized.Add(1)
		}
		w.Header().Set("Content-Type", "text/event-stream")
		for range 4 {
			fmt.Fprint(w, `data: {"choices":[{"delta":{"content":"word "}}]}`+"\n\n")
			w.(http.Flusher).Flush()
		}
		fmt.Fprint(w, `data: {"choices":[],"usage":{"completion_tokens":4}}`+"\n\ndata: [DONE]\n\n")
	})
	code, stdout, stderr := called(t, nil, "run", "--target", s.URL, "--api", "openai", "--model", "m", "--rate", "100", "--duration", "1s", "--strategies", "pooled", "-o", "out", "--format", "json")
	if code != exitFine && code != exitCannot {
		t.Fatalf("got exit code %d: %s", code, stderr)
	}
	r := readResult(t, "out")
	total := r.Strategies[0].Total
	if total.Outcomes["ok"] != total.Calls || total.TTFTP50MS == nil {
		t.Errorf("got outcomes %v of %d calls, P50 of the first token %v", total.Outcomes, total.Calls, total.TTFTP50MS)
	}
	if authorized.Load() != s.requests.Load() {
		t.Errorf("%d of %d requests carried the key", authorized.Load(), s.requests.Load())
	}
	holdsNone(t, stdout, stderr)
}
