package harness

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"

	vegeta "github.com/tsenart/vegeta/v12/lib"

	"github.com/headroom-dev/headroom/sim"
)

// A vegetaBin writes vegeta.bin: vegeta's own results, in its gob encoding, of all runs in one stream,
// readable by "vegeta report". It encodes on a goroutine of its own and takes results by the batch:
// whoever reads an attack's results must be quick, or the attack slows down.
type vegetaBin struct {
	batches chan []vegeta.Result
	batch   []vegeta.Result
	flushed sync.WaitGroup // batches on their way
	ended   chan struct{}
	once    sync.Once
	mu      sync.Mutex
	err     error // the first
}

// binBatch is how many results travel together; binQueue is how many batches may wait for the disk
// before a run does: 64 thousand results, some 10 MB.
const (
	binBatch = 256
	binQueue = 256
)

func newVegetaBin(w io.Writer) *vegetaBin {
	b := &vegetaBin{batches: make(chan []vegeta.Result, binQueue), ended: make(chan struct{})}
	go b.write(w)
	return b
}

func (b *vegetaBin) write(w io.Writer) {
	defer close(b.ended)
	buffered := bufio.NewWriterSize(w, 64<<10)
	encode := vegeta.NewEncoder(buffered)
	for batch := range b.batches {
		for i := range batch {
			b.note(encode(&batch[i]))
		}
		b.note(buffered.Flush()) // a batch is whole on disk, whatever happens next
		b.flushed.Done()
	}
}

func (b *vegetaBin) note(err error) {
	if err == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.err = fmt.Errorf("writing vegeta.bin: %w", err)
	}
}

// add takes one result.
func (b *vegetaBin) add(r vegeta.Result) {
	if b.batch == nil {
		b.batch = make([]vegeta.Result, 0, binBatch)
	}
	if b.batch = append(b.batch, r); len(b.batch) == binBatch {
		b.send()
	}
}

func (b *vegetaBin) send() {
	if len(b.batch) == 0 {
		return
	}
	b.flushed.Add(1)
	b.batches <- b.batch
	b.batch = nil
}

// flush returns when all that was added is written, and the first error of writing.
func (b *vegetaBin) flush() error {
	b.send()
	b.flushed.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

// close flushes and ends the goroutine. It may be called again.
func (b *vegetaBin) close() error {
	err := b.flush()
	b.once.Do(func() { close(b.batches) })
	<-b.ended
	return err
}

// fillResult writes into a result of vegeta, which saw a placeholder, what happened in truth. Without
// an answer the code is 0 and the error says our outcome; an answer out of a cache has the code 200.
func fillResult(r *vegeta.Result, name string, reply sim.Reply, target *target) {
	r.Attack, r.Body, r.Headers = name, nil, nil
	r.Method, r.URL, r.BytesIn, r.BytesOut, r.Error = target.requests[0].Method, target.urls[0], 0, 0, ""
	if sent, ok := reply.Payload.(*wire); ok {
		r.Method, r.URL = sent.method, sent.url
		r.BytesIn, r.BytesOut = uint64(sent.in), uint64(sent.out)
	}
	r.Code = uint16(reply.Status)
	switch {
	case reply.Outcome == sim.OK:
		if r.Code == 0 {
			r.Code = http.StatusOK
		}
	case reply.Status >= 400:
		r.Error = strconv.Itoa(reply.Status) + " " + http.StatusText(reply.Status)
	case reply.Reason != "":
		r.Code, r.Error = 0, reply.Outcome.String()+": "+reply.Reason
	default:
		r.Code, r.Error = 0, reply.Outcome.String()
	}
}
