package cli

import (
	"bufio"
	"context"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// listening runs headroom serve as a process of its own on a free port, and returns its URL.
func listening(t *testing.T, args ...string) (cmd *exec.Cmd, url string, stderr *strings.Builder) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	cmd = exec.CommandContext(ctx, os.Args[0], append([]string{"serve"}, args...)...)
	cmd.Env = append(os.Environ(), selfVariable+"=1")
	stderr = new(strings.Builder)
	cmd.Stderr = stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	rest, ok := strings.CutPrefix(line, "listening on ")
	if err != nil || !ok {
		t.Fatalf("got %q, %v\n%s", line, err, stderr)
	}
	url, _, _ = strings.Cut(rest, " ")
	return cmd, url, stderr
}

// A signal is the normal end of serve: with nobody inside it is immediate, and its exit code is 0.
func TestServeEndsBySignal(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no SIGTERM")
	}
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		cmd, url, stderr := listening(t, "--addr", "127.0.0.1:0", "--api-key", "sk-verysecret")
		response, err := http.Get(url + "/health")
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if err := cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		if code := ended(t, cmd); code != exitFine || response.StatusCode != http.StatusOK {
			t.Errorf("%v: got exit code %d, health %d\n%s", signal, code, response.StatusCode, stderr)
		}
		if text := stderr.String(); strings.Contains(text, "verysecret") || !strings.Contains(text, "calls inside have 10s") {
			t.Errorf("%v: got\n%s", signal, text)
		}
	}
}

// A second signal cuts off who is still inside.
func TestServeCutsOff(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no SIGTERM")
	}
	cmd, url, stderr := listening(t, "--addr", "127.0.0.1:0", "--drain", "1h", "--set", "service={model: {queue: {service: 1h}}}")
	broken := make(chan error, 1)
	go func() {
		response, err := http.Post(url+"/v1/completions", "application/json", strings.NewReader(`{"prompt":"x"}`))
		if err == nil {
			response.Body.Close()
		}
		broken <- err
	}()
	for inside := false; !inside; time.Sleep(10 * time.Millisecond) {
		inside = strings.Contains(page(t, url+"/metrics"), `vllm:num_requests_running{engine="0",model_name="spike-100-1000"} 1`)
	}
	for range 2 {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond) // two of them at once are one to the system
	}
	if code := ended(t, cmd); code != exitFine {
		t.Errorf("got exit code %d\n%s", code, stderr)
	}
	if err := <-broken; err == nil {
		t.Error("the call inside was answered")
	}
}

func page(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var all strings.Builder
	if _, err := bufio.NewReader(response.Body).WriteTo(&all); err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// Who can be reached by others is told so.
func TestServeWarnsOfStrangers(t *testing.T) {
	cmd, _, stderr := listening(t, "--addr", ":0")
	_ = cmd.Process.Kill()
	_ = ended(t, cmd)
	if !strings.Contains(stderr.String(), "can be reached from other machines, without encryption") {
		t.Errorf("got\n%s", stderr)
	}
}
