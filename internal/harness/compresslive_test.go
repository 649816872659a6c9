package harness

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"github.com/headroom-dev/headroom/sim"
	"github.com/headroom-dev/headroom/strategies"
)

// A decodingServer notes the bodies it gets, decoded as their header says, and how long they were.
type decodingServer struct {
	busy   int // answers 503 to the first so many
	mu     sync.Mutex
	bodies []string
	length int64
	fault  error
}

func (s *decodingServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	sent, err := io.ReadAll(r.Body)
	var body io.Reader = bytes.NewReader(sent)
	switch r.Header.Get("Content-Encoding") {
	case "br":
		body = brotli.NewReader(body)
	case "zstd":
		body, err = zstd.NewReader(body)
	case "gzip":
		body, err = gzip.NewReader(body)
	}
	var plain []byte
	if err == nil {
		plain, err = io.ReadAll(body)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bodies, s.length = append(s.bodies, r.Header.Get("Content-Encoding")+" "+string(plain)), s.length+int64(len(sent))
	if err != nil {
		s.fault = err
	}
	if len(s.bodies) <= s.busy {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

// Against a real endpoint the codec does its work: the server gets the body back, and the counts are
// what went over the line.
func TestCompressedBodiesArrive(t *testing.T) {
	long, short := strings.Repeat(`{"role":"user","content":"the same again"},`, 200), strings.Repeat("short ", 170)
	for _, row := range []struct {
		why, codec string
		body       string
		header     http.Header
		prefix     string // what stands before the body as the server has it
		packed     bool
	}{
		{"Brotli", "br", long, nil, "br ", true},
		{"zstd", "zstd", long, nil, "zstd ", true},
		{"gzip", "gzip", long, nil, "gzip ", true},
		{"below min", "br", short, nil, " ", false},
		{"nothing to gain", "br", "\x01\x8e\xf3\x19\xa2\x77\xd4\x60\xbb\x05\xe9\x3c", nil, " ", false},
		{"encoded by the user", "br", long, http.Header{"Content-Encoding": {"identity"}}, "identity ", false},
	} {
		t.Run(row.why, func(t *testing.T) {
			server := &decodingServer{busy: 5} // which are asked again, by the same body
			compress := strategies.NewCompress()
			compress.Codec = row.codec
			if row.why == "nothing to gain" {
				compress.Min = 1
			}
			l := Live{URLs: []string{countingServer(t, server.ServeHTTP).URL}, Body: []byte(row.body), Header: row.header}
			side, records := asked(t, l, strategies.Stack(&stubbornly{tries: 7}, compress), 20, 5*time.Second)
			if got := outcomes(records); got[sim.OK] != 20 || server.fault != nil {
				t.Fatalf("outcomes %v, %v", got, server.fault)
			}
			for _, got := range server.bodies {
				if got != row.prefix+row.body {
					t.Fatalf("the server got %.60q of %d bytes, want %.60q", got, len(got), row.prefix+row.body)
				}
			}
			const bodies = 20 + 5
			packed := 0
			if row.packed {
				packed = bodies
			}
			c := side.Counts
			if c["bodies"] != bodies || c["bodies_compressed"] != packed || c["bytes_plain"] != bodies*len(row.body) || int64(c["bytes_sent"]) != server.length {
				t.Errorf("counts %v; the server got %d bytes in %d bodies", c, server.length, len(server.bodies))
			}
			if row.packed == (server.length == int64(bodies*len(row.body))) {
				t.Errorf("%d bytes arrived of %d", server.length, bodies*len(row.body))
			}
		})
	}
}

// Requests that share a target's headers do not share the codec's.
func TestCompressLeavesTheTargetsHeadersAlone(t *testing.T) {
	server := &decodingServer{}
	e := prepare(t, Live{URLs: []string{countingServer(t, server.ServeHTTP).URL}, Body: bytes.Repeat([]byte("again "), 1000)})
	for _, s := range []strategies.Strategy{strategies.NewCompress(), strategies.NewPooled()} {
		run, _ := liveRun(s, evenly(stretch{100, 50 * time.Millisecond}), 5*time.Second)
		if _, err := Wall(t.Context(), t.Context(), e, run); err != nil {
			t.Fatal(err)
		}
	}
	for i, body := range server.bodies {
		if got, want := strings.HasPrefix(body, "br "), i < 5; got != want {
			t.Errorf("request %d came encoded: %v, want %v", i, got, want)
		}
	}
	if len(server.bodies) != 10 || server.fault != nil {
		t.Errorf("%d bodies, %v", len(server.bodies), server.fault)
	}
}

// An API that takes no encoded requests says 415, which is no reason to try again.
func TestRefusedEncodingIsNotRetried(t *testing.T) {
	server := countingServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Content-Encoding") != "" {
			w.WriteHeader(http.StatusUnsupportedMediaType)
		}
	})
	l := Live{URLs: []string{server.URL}, Body: bytes.Repeat([]byte("again "), 1000)}
	_, records := asked(t, l, strategies.Stack(&stubbornly{tries: 3}, strategies.NewCompress()), 5, 5*time.Second)
	if got := outcomes(records); got[sim.Error] != 5 || records[0].Reason != "status-415" || server.requests.Load() != 5 {
		t.Errorf("outcomes %v, %q after %d requests, want five errors of status-415 and no more requests", got, records[0].Reason, server.requests.Load())
	}
}
