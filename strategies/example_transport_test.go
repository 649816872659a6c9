package strategies_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"time"

	"github.com/headroom-dev/headroom/strategies"
)

// A service is busy at first. The client tries again, its body with it, and the caller sees one answer; who
// asks the same after that has it from the cache.
func ExampleTransport() {
	var requests atomic.Int32
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1) < 3 {
			w.Header().Set("Retry-After-Ms", "5")
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		question, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "an answer to %s", question)
	}))
	defer service.Close()

	strategy, err := strategies.Parse([]byte("[cache, {backoff: {tries: 4, base: 1ms}}, {pooled: {size: 16}}]"))
	if err != nil {
		fmt.Println(err)
		return
	}
	transport := strategies.Transport(strategy, nil, strategies.TransportOptions{Patience: time.Minute, RepeatPOST: true})
	client := &http.Client{Transport: transport}
	defer client.CloseIdleConnections()

	for range 2 {
		response, err := client.Post(service.URL, "text/plain", strings.NewReader("a question"))
		if err != nil {
			fmt.Println(err)
			return
		}
		answer, _ := io.ReadAll(response.Body)
		response.Body.Close()
		fmt.Println(response.StatusCode, string(answer))
	}
	transport.(strategies.Counting).Counts(func(name string, n int64) {
		if n > 0 {
			fmt.Println(name, n)
		}
	})
	// Output:
	// 200 an answer to a question
	// 200 an answer to a question
	// calls 2
	// attempts 3
	// calls_ok 2
	// hit_fresh 1
	// miss 1
	// retried 2
}
