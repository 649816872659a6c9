package cli

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/headroom-dev/headroom/report"
)

// started runs headroom as a process of its own in dir.
func started(t *testing.T, dir string, args ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), selfVariable+"=1")
	errOut := new(bytes.Buffer)
	cmd.Stderr = errOut
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, errOut
}

// ended waits for a process and returns its exit code.
func ended(t *testing.T, cmd *exec.Cmd) int {
	t.Helper()
	err := cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode()
}

// appears waits until a file of at least that size is there.
func appears(t *testing.T, path string, size int64) {
	t.Helper()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); <-look.C {
		if info, err := os.Stat(path); err == nil && info.Size() >= size {
			return
		}
	}
	t.Fatalf("%s did not appear", path)
}

func TestInterruptedLiveRunIsWritten(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no SIGTERM")
	}
	halfway := make(chan struct{})
	var requests atomic.Int64
	s := newTarget(t, func(http.ResponseWriter, *http.Request) {
		if requests.Add(1) == 60 {
			close(halfway)
		}
	})
	dir := t.TempDir()
	cmd, stderr := started(t, dir, "run", "--target", s.URL, "--rate", "100", "--duration", "60s", "--strategies", "pooled", "-o", "out")
	<-halfway
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := ended(t, cmd); code != exitInterrupted {
		t.Errorf("got exit code %d, want %d: %s", code, exitInterrupted, stderr)
	}
	r := readResult(t, filepath.Join(dir, "out"))
	if !r.Interrupted || r.ExitCode != exitInterrupted {
		t.Errorf("got interrupted %v, exit code %d in run.json", r.Interrupted, r.ExitCode)
	}
	if got := r.Strategies[0].Total.Outcomes["ok"]; got < 60 {
		t.Errorf("got %d calls, want at least the 60 that were answered", got)
	}
	if !strings.Contains(stderr.String(), "stopping") {
		t.Errorf("stderr does not say that it stops: %s", stderr)
	}
}

// TestInterruptBeforeTheFirstCallLeavesNothing sends so rarely that the interrupt comes first.
func TestInterruptBeforeTheFirstCallLeavesNothing(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no SIGTERM")
	}
	reached := make(chan struct{}, 10)
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed { // the connection that only looks whether somebody is there
			reached <- struct{}{}
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	dir := t.TempDir()
	cmd, stderr := started(t, dir, "run", "--target", s.URL, "--rate", "2/h", "--duration", "1h", "--set", "load.arrivals=uniform", "--strategies", "sync", "-o", "out")
	<-reached
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := ended(t, cmd); code != exitInterrupted {
		t.Errorf("got exit code %d, want %d: %s", code, exitInterrupted, stderr)
	}
	if !strings.Contains(stderr.String(), "nothing is written") {
		t.Errorf("got %q", stderr)
	}
	if _, err := os.Stat(filepath.Join(dir, "out")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a run without a call left a directory: %v", err)
	}
}

func TestNothingWasMeasured(t *testing.T) {
	tests := []struct {
		name   string
		result report.Result
		want   bool
	}{
		{"a virtual run stopped in its first seed", report.Result{Interrupted: true, Target: simulated}, true},
		{"a virtual run stopped in its second seed", report.Result{Interrupted: true, Target: simulated, Seeds: []uint64{1}}, false},
		{"a live run stopped before its first call", report.Result{Interrupted: true, Target: "http://h", Seeds: []uint64{1}}, true},
		{"a live run stopped after it", report.Result{Interrupted: true, Target: "http://h", Validity: report.Validity{Sent: 1}}, false},
		{"a live run of which a call has ended, and which still goes on", report.Result{Interrupted: true, Target: "http://h",
			Strategies: []report.Strategy{{}, {Total: report.Figures{Calls: 1}}}}, false},
		{"a run that was not stopped and sent nothing", report.Result{Target: "http://h"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := nothing(&tt.result); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestSecondInterruptCutsCallsOff(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no SIGTERM")
	}
	hanging := make(chan struct{})
	var requests atomic.Int64
	s := newTarget(t, func(_ http.ResponseWriter, r *http.Request) {
		if n := requests.Add(1); n > 20 {
			if n == 30 {
				close(hanging)
			}
			<-r.Context().Done()
		}
	})
	dir := t.TempDir()
	cmd, stderr := started(t, dir, "run", "--target", s.URL, "--rate", "100", "--duration", "60s", "--patience", "10m", "--strategies", "sync", "-o", "out")
	<-hanging
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	// What was measured is written before the calls still out are waited for.
	path := filepath.Join(dir, "out", "run.json")
	appears(t, path, 1)
	if r := readResult(t, filepath.Join(dir, "out")); !r.Interrupted {
		t.Error("the first run.json does not say that it was interrupted")
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := ended(t, cmd); code != exitInterrupted {
		t.Errorf("got exit code %d, want %d: %s", code, exitInterrupted, stderr)
	}
	if r := readResult(t, filepath.Join(dir, "out")); r.Validity.Cut == 0 {
		t.Error("the calls cut off were not counted")
	}
}

func TestInterruptedVirtualRunIsWritten(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no SIGTERM")
	}
	dir := t.TempDir()
	cmd, _ := started(t, dir, "run", "--seeds", "10000", "-o", "out", "--set", "load.phases.spike.for=1s", "--set", "load.phases.recovery.for=1s", "--set", "load.phases.before.for=1s", "--calls")
	// The file of the calls is made when the first of them are written.
	path := filepath.Join(dir, "out", "calls.csv.gz.part")
	appears(t, path, 100_000)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := ended(t, cmd); code != exitInterrupted {
		t.Errorf("got exit code %d, want %d", code, exitInterrupted)
	}
	r := readResult(t, filepath.Join(dir, "out"))
	if !r.Interrupted || len(r.Seeds) == 0 || len(r.Seeds) == 10000 {
		t.Errorf("got interrupted %v with %d seeds", r.Interrupted, len(r.Seeds))
	}
}
