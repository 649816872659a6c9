package serve

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var (
	streamBench   = flag.Bool("stream-bench", false, "measure serve with many streams at once")
	streamsAtOnce = flag.Int("stream-bench-streams", 2000, "how many streams are measured")
)

// decoding is a service whose every stream has ten tokens a second, spread over engines as a service of
// this size would be.
const decoding = `
name: decoding
load: {phases: [{name: steady, rate: 1/s, for: 1s}]}
service: {model: {llm: {max_seqs: %d, step_time: {linear: {base: 100ms, per_prefill_token: 0s, per_sequence: 0s}}}}, replicas: 8, balance: least-conn}
strategies: [sync]
`

// TestStreams is the twin of the measurement that always runs: every token of every stream comes, at
// the service's pace.
func TestStreams(t *testing.T) {
	const n, tokens = 100, 15
	_, url := start(t, Options{Plan: readPlan(t, "streams", fmt.Sprintf(decoding, 64))})
	got, took := hold(t, strings.TrimPrefix(url, "http://"), n, tokens)
	if got != n*tokens {
		t.Errorf("got %d tokens, want %d", got, n*tokens)
	}
	if least := (tokens - 1) * 100 * time.Millisecond; took < least || took > least+2*time.Second {
		t.Errorf("%d tokens of each stream took %v, want %v", tokens, took, least)
	}
}

// TestStreamBench is a measurement, run by hand:
//
//	go test ./internal/serve -run TestStreamBench -stream-bench -v
//
// It holds 2,000 streams of ten tokens a second against a server in a process of its own, on the same
// machine, and reports the server's peak memory, its CPU and how late its steps were.
func TestStreamBench(t *testing.T) {
	if !*streamBench {
		t.Skip("a measurement: run it with -stream-bench")
	}
	const tokens = 300
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serverEnv+"="+fmt.Sprintf(decoding, *streamsAtOnce))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	address = strings.TrimSpace(address)
	got, took := hold(t, address, *streamsAtOnce, tokens)
	page := get(t, "http://"+address+"/metrics").body
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
	in.Close()
	_ = cmd.Wait()
	if want := *streamsAtOnce * tokens; got != want {
		t.Errorf("got %d tokens, want %d", got, want)
	}
	t.Logf("%d streams, %d tokens in %v: %.0f a second; CPU of the server %v", *streamsAtOnce, got, took.Round(time.Millisecond), float64(got)/took.Seconds(), cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime())
	for line := range strings.SplitSeq(page, "\n") {
		if strings.HasPrefix(line, "headroom_step_lag_seconds_") {
			t.Log(line)
		}
	}
	t.Logf("99 %% of the steps were at most %v s late (want below 0.02)", lagQuantile(t, page, 0.99))
	if err == nil {
		t.Log(regexp.MustCompile(`VmHWM:.*`).FindString(string(status)), "(want below 1 GiB)")
	}
}

// lagQuantile returns the upper end of the bucket that holds a quantile.
func lagQuantile(t *testing.T, page string, q float64) string {
	t.Helper()
	total := 0.0
	var bounds []string
	var upTo []float64
	for _, m := range regexp.MustCompile(`headroom_step_lag_seconds_bucket\{le="([^"]*)"\} (\S+)`).FindAllStringSubmatch(page, -1) {
		n, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			t.Fatal(err)
		}
		bounds, upTo, total = append(bounds, m[1]), append(upTo, n), n
	}
	for i, n := range upTo {
		if n >= q*total {
			return bounds[i]
		}
	}
	return "?"
}

// hold opens so many streams, on plain connections so that the client costs little, and returns how
// many tokens came and how long it took.
func hold(t testing.TB, address string, streams, tokens int) (int, time.Duration) {
	t.Helper()
	body := fmt.Sprintf(`{"prompt":"x","stream":true,"ignore_eos":true,"max_tokens":%d}`, tokens)
	request := fmt.Sprintf("POST /v1/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	var came atomic.Int64
	var all sync.WaitGroup
	began := time.Now()
	for range streams {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			defer conn.Close()
			if _, err := conn.Write([]byte(request)); err != nil {
				t.Error(err)
				return
			}
			lines := bufio.NewReaderSize(conn, 4096)
			for {
				line, err := lines.ReadSlice('\n')
				if err != nil {
					return
				}
				if _, text, ok := bytes.Cut(line, []byte(`"text":"`)); ok {
					text, _, _ = bytes.Cut(text, []byte(`"`))
					came.Add(int64(len(text) / bytesPerToken)) // several tokens may share an event
				}
			}
		})
	}
	all.Wait()
	return int(came.Load()), time.Since(began)
}
