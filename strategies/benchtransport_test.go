package strategies

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
)

// What a Transport costs per call over base alone, without a network: base answers at once.
func benchmarkTransport(b *testing.B, wrap func(base http.RoundTripper) http.RoundTripper, method, body string) {
	base := roundTripper(func(req *http.Request) (*http.Response, error) {
		if req.Body != nil {
			_, _ = io.Copy(io.Discard, req.Body)
			req.Body.Close()
		}
		return newAnswer(200, "an answer", "Content-Type", "application/json"), nil
	})
	rt := wrap(base)
	text := []byte(body)
	b.ReportAllocs()
	for b.Loop() {
		req, err := http.NewRequestWithContext(b.Context(), method, "http://service/v1/chat", bytes.NewReader(text))
		if err != nil {
			b.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer x")
		response, err := rt.RoundTrip(req)
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, response.Body)
		response.Body.Close()
	}
}

func overStrategy(b *testing.B, yaml string) func(http.RoundTripper) http.RoundTripper {
	return func(base http.RoundTripper) http.RoundTripper {
		return Transport(parseOne(b, yaml), base, TransportOptions{RepeatPOST: true})
	}
}

func overNothing(base http.RoundTripper) http.RoundTripper { return base }

// chatBody is a request of 2 kB, as one to a language model.
var chatBody = `{"model":"small","temperature":0.7,"messages":[{"role":"user","content":"` + strings.Repeat("some words ", 180) + `"}]}`

func BenchmarkTransportBaseAloneGET(b *testing.B) { benchmarkTransport(b, overNothing, "GET", "") }
func BenchmarkTransportGET(b *testing.B) {
	benchmarkTransport(b, overStrategy(b, "sync: {connections: warm}"), "GET", "")
}
func BenchmarkTransportCachedGET(b *testing.B) {
	benchmarkTransport(b, overStrategy(b, "cache"), "GET", "")
}
func BenchmarkTransportBaseAlonePOST(b *testing.B) {
	benchmarkTransport(b, overNothing, "POST", chatBody)
}
func BenchmarkTransportPOST(b *testing.B) {
	benchmarkTransport(b, overStrategy(b, "[backoff, pooled]"), "POST", chatBody)
}

// A call without retries costs two copies of its request, a goroutine and a key: more would be noticed by
// who sends thousands a second.
func TestATransportAllocatesLittle(t *testing.T) {
	if raced {
		t.Skip("the race detector allocates")
	}
	req := newRequest(t, "GET", "http://service/v1/chat", "", "Authorization", "Bearer x")
	base := roundTripper(func(*http.Request) (*http.Response, error) { return newAnswer(200, "an answer"), nil })
	ask := func(rt http.RoundTripper) float64 {
		return testing.AllocsPerRun(200, func() {
			if response, err := rt.RoundTrip(req); err != nil {
				t.Fatal(err)
			} else {
				response.Body.Close()
			}
		})
	}
	alone, through := ask(base), ask(Transport(parseOne(t, "sync: {connections: warm}"), base, TransportOptions{}))
	if through-alone > 50 {
		t.Errorf("%v allocations for a call, %v without the transport", through, alone)
	}
}
