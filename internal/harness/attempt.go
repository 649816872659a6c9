package harness

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/headroom-dev/headroom/sim"
	"github.com/headroom-dev/headroom/strategies"
)

// An attempt is one request on its way, and what came back.
type attempt struct {
	sent     time.Duration // on the run's clock
	began    time.Time     // the same moment
	method   string
	url      string // without secrets
	bytesOut int64
	stream   bool // the answer may be a stream of tokens
	trace    attemptTrace

	at      stage
	status  int       // 0: no answer
	head    sim.Reply // what the head of a failure says
	bytesIn int64
	answer  completion
	events  bool   // the answer is a stream of events
	most    int    // how much of the body is kept
	kept    []byte // its beginning
	body    io.ReadCloser
	err     error // of the transport, of reading, or of what a stream said
}

// How much of a body is kept, in bytes: of a failure, to show a few of them; of an answer that is no
// stream, to read its count of tokens. All else is counted only.
const (
	keptFailure = 8 << 10
	keptAnswer  = 1 << 20
)

type buffer [32 << 10]byte

// buffers are what bodies are read into.
var buffers = sync.Pool{New: func() any { return new(buffer) }}

// exchange sends the request and reads the answer to its last byte.
func (a *attempt) exchange(via *http.Transport, request *http.Request) {
	if !a.open(via, request) {
		return
	}
	buffer := buffers.Get().(*buffer)
	defer buffers.Put(buffer)
	for a.read(buffer[:]) {
	}
	a.close()
}

// open sends the request and reads the head of the answer, and reports whether there is one. No
// http.Client stands between: it would follow redirects and set limits of its own.
func (a *attempt) open(via *http.Transport, request *http.Request) bool {
	a.at = asking
	response, err := via.RoundTrip(request)
	if err != nil {
		a.err = err
		return false
	}
	a.at, a.status, a.body = reading, response.StatusCode, response.Body
	if a.status >= 300 {
		a.head = strategies.ReadHead(a.status, response.Header, time.Now())
		a.most = keptFailure
	} else if a.stream {
		a.events = strings.HasPrefix(strings.ToLower(response.Header.Get("Content-Type")), "text/event-stream")
		a.most = keptAnswer
	}
	return true
}

// read reads some of the body and reports whether more may come.
func (a *attempt) read(buffer []byte) bool {
	n, err := a.body.Read(buffer)
	a.bytesIn += int64(n)
	if a.events && a.err == nil && n > 0 {
		a.err = a.answer.read(buffer[:n], time.Now())
	} else if !a.events && len(a.kept) < a.most {
		a.kept = append(a.kept, buffer[:min(n, a.most-len(a.kept))]...)
	}
	switch {
	case err == io.EOF:
		switch {
		case a.err != nil: // what broke the stream stands, though its last bytes came with its end
		case a.events:
			a.err = a.answer.end()
		case a.stream && a.status < 300 && a.bytesIn <= keptAnswer:
			a.err = a.answer.plain(a.kept)
		}
		return false
	case err != nil:
		a.err = err
		return false
	}
	return a.err == nil // a stream that broke its rules is not read on
}

func (a *attempt) close() { a.body.Close() }

// statusClass returns the class of an answer whose status is no success.
func statusClass(status int) string { return "status-" + strconv.Itoa(status) }
