package harness

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	vegeta "github.com/tsenart/vegeta/v12/lib"

	"github.com/headroom-dev/headroom/scenarios"
	"github.com/headroom-dev/headroom/sim"
)

// writtenBin runs two strategies over 40 open and 10 closed-loop calls against a server that is busy
// for every tenth request, and returns vegeta.bin and the server's URL.
func writtenBin(t *testing.T) (bin []byte, url string) {
	t.Helper()
	server := countingServer(t, okay)
	busy := server.Config.Handler
	server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if server.requests.Load()%10 == 9 {
			server.requests.Add(1)
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		busy.ServeHTTP(w, r)
	})
	var out bytes.Buffer
	l := Live{URLs: []string{server.URL + "/path?token=t"}, Body: []byte("12345"), Bin: &out}
	e, err := l.Prepare()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"test/one", "test/two"} {
		arrivals := evenly(stretch{200, 200 * time.Millisecond})
		for i := range 10 {
			arrivals = append(arrivals, scenarios.Arrival{At: 200 * time.Millisecond, Phase: 1, Request: sim.Request{Call: 40 + i}})
		}
		run, records := liveRun(plainly{}, arrivals, time.Second)
		run.Name, run.Closed, run.Concurrency = name, 1, 2
		side, err := Wall(t.Context(), context.Background(), e, run)
		if err != nil {
			t.Fatal(err)
		}
		check(t, side, *records)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), server.URL + "/path"
}

func TestVegetaReadsItsFile(t *testing.T) {
	bin, url := writtenBin(t)
	decode := vegeta.DecoderFor(bytes.NewReader(bin))
	if decode == nil {
		t.Fatal("vegeta does not know the format")
	}
	var metrics vegeta.Metrics
	seqs := map[string]map[uint64]bool{}
	codes := map[uint16]int{}
	for {
		var r vegeta.Result
		if err := decode(&r); err != nil {
			break
		}
		metrics.Add(&r)
		if seqs[r.Attack] == nil {
			seqs[r.Attack] = map[uint64]bool{}
		}
		seqs[r.Attack][r.Seq] = true
		codes[r.Code]++
		if r.Method != "POST" || r.URL != url || r.BytesOut != 5 || len(r.Body) != 0 || r.Latency <= 0 || r.Timestamp.IsZero() {
			t.Errorf("got %+v, want what was sent and not the placeholder", r)
		}
		if r.Code == 200 && (r.Error != "" || r.BytesIn != 2) || r.Code == 503 && r.Error != "503 Service Unavailable" {
			t.Errorf("got code %d, error %q, %d bytes in", r.Code, r.Error, r.BytesIn)
		}
	}
	metrics.Close()
	if metrics.Requests != 100 || metrics.StatusCodes["200"] != 90 || metrics.StatusCodes["503"] != 10 {
		t.Errorf("got %d requests, codes %v (%v); want 100, of which 10 busy", metrics.Requests, metrics.StatusCodes, codes)
	}
	if len(seqs) != 2 {
		t.Errorf("got attacks %v, want test/one and test/two", seqs)
	}
	for name, seen := range seqs {
		for k := range uint64(50) {
			if !seen[k] {
				t.Errorf("%s: no result with number %d: a hole", name, k)
			}
		}
	}
	if perCall := len(bin) / 100; perCall > 150 {
		t.Errorf("%d bytes a call, want some 100", perCall)
	}
}

func TestVegetasCommandReadsItsFile(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the vegeta command")
	}
	dir := t.TempDir()
	command := filepath.Join(dir, "vegeta")
	build := exec.Command("go", "build", "-o", command, "github.com/tsenart/vegeta/v12")
	build.Dir = filepath.Join("..", "conformance")
	if out, err := build.CombinedOutput(); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("building the vegeta command: %v\n%s", err, out)
		}
		t.Skipf("the vegeta command cannot be built without its modules: %v\n%s", err, out)
	}
	bin, _ := writtenBin(t)
	file := filepath.Join(dir, "vegeta.bin")
	if err := os.WriteFile(file, bin, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(command, "report", file).CombinedOutput()
	if err != nil {
		t.Fatalf("vegeta report: %v\n%s", err, out)
	}
	for _, want := range []string{"100, ", "90.00%", "200:90", "503:10", "503 Service Unavailable"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q in what vegeta reports:\n%s", want, out)
		}
	}
}

func TestResultsSayTheOutcome(t *testing.T) {
	e := prepare(t, Live{URLs: []string{"http://h/p"}})
	for _, row := range []struct {
		reply sim.Reply
		want  vegeta.Result
	}{
		{sim.Reply{Outcome: sim.OK, Status: 204, Payload: &wire{in: 1, out: 2, method: "PUT", url: "http://x/y"}}, vegeta.Result{Code: 204, BytesIn: 1, BytesOut: 2, Method: "PUT", URL: "http://x/y"}},
		{sim.Reply{Outcome: sim.OK}, vegeta.Result{Code: 200}},
		{sim.Reply{Outcome: sim.Degraded}, vegeta.Result{Error: "degraded"}},
		{sim.Reply{Outcome: sim.Busy, Status: 529, Reason: "status-529"}, vegeta.Result{Code: 529, Error: "529 "}},
		{sim.Reply{Outcome: sim.Error, Reason: "reset"}, vegeta.Result{Error: "error: reset"}},
		{sim.Reply{Outcome: sim.Error, Status: 200, Reason: "stream-error"}, vegeta.Result{Error: "error: stream-error"}},
		{sim.Reply{Outcome: sim.Timeout}, vegeta.Result{Error: "timeout"}},
		{sim.Reply{Outcome: sim.Shed, Reason: "full"}, vegeta.Result{Error: "shed: full"}},
		{sim.Reply{Outcome: sim.Unsent, Reason: "late"}, vegeta.Result{Error: "unsent: late"}},
	} {
		got := vegeta.Result{Method: "GET", URL: placeholder, Error: "x", Body: []byte("y")}
		fillResult(&got, "a/b", row.reply, &e.targets[0])
		row.want.Attack = "a/b"
		if row.want.URL == "" {
			row.want.Method, row.want.URL = "GET", "http://h/p"
		}
		if diff := cmp.Diff(got, row.want); diff != "" {
			t.Errorf("%s (-got +want):\n%s", fmt.Sprint(row.reply), diff)
		}
	}
}
