package harness

import (
	"net"
	"net/http"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// serverEnv names the variable that makes this test binary a server, for benchmarks that must not
// count the server's CPU: it prints its address and answers until its input ends.
const serverEnv = "HEADROOM_TEST_SERVER"

// No run may leave a goroutine behind: neither a worker of vegeta's, nor a connection, nor a dial.
func TestMain(m *testing.M) {
	if os.Getenv(serverEnv) != "" {
		os.Exit(serveForParent())
	}
	goleak.VerifyTestMain(m)
}

func serveForParent() int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 1
	}
	os.Stdout.WriteString(l.Addr().String() + "\n")
	go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte("ok"))
	}))
	_, _ = os.Stdin.Read(make([]byte, 1)) // until the parent is gone
	return 0
}
