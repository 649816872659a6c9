package serve

import (
	"context"
	"net"
	"os"
	"runtime/debug"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/headroom-dev/headroom/internal/harness"
)

// serverEnv names the variable that makes this test binary a server of the scenario it holds, for
// measurements that must not count the client's memory: it prints its address and answers until its
// input ends.
const serverEnv = "HEADROOM_TEST_SERVE"

// No server may leave a goroutine behind: neither a call nor a connection.
func TestMain(m *testing.M) {
	if text := os.Getenv(serverEnv); text != "" {
		os.Exit(serveForParent(text))
	}
	goleak.VerifyTestMain(m)
}

func serveForParent(text string) int {
	debug.SetGCPercent(400) // as the program runs
	p, err := harness.Read("measured", strings.NewReader(text))
	if err != nil {
		println(err.Error())
		return 1
	}
	s, err := New(Options{Plan: p, Seed: 1})
	if err != nil {
		println(err.Error())
		return 1
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		println(err.Error())
		return 1
	}
	os.Stdout.WriteString(l.Addr().String() + "\n")
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		_, _ = os.Stdin.Read(make([]byte, 1)) // until the parent is gone
		stop()
	}()
	if err := s.Serve(ctx, ctx, l, 0); err != nil {
		return 1
	}
	return 0
}
