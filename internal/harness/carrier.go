package harness

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"

	"github.com/headroom-dev/headroom/scenarios"
	"github.com/headroom-dev/headroom/sim"
)

// placeholder is the URL that vegeta believes it attacks. Nothing is ever sent there: requests are
// chosen by their place in the schedule, for the order in which vegeta asks its targeter is not that
// order.
const placeholder = "http://headroom.invalid/"

// A note is one call under way: what it is, and how it ended.
type note struct {
	arrival scenarios.Arrival
	call    *call
	reply   sim.Reply
	cut     bool // cut off by a second interrupt: it enters no figure
}

// A sideTable holds the calls under way by their place among what vegeta sends. Response headers
// could not carry the notes: an error loses them.
type sideTable struct {
	mu    sync.Mutex
	notes map[uint64]*note
	free  []*note
}

// put files a new note.
func (t *sideTable) put(seq uint64, a scenarios.Arrival) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := new(note)
	if last := len(t.free) - 1; last >= 0 {
		n, t.free = t.free[last], t.free[:last]
	}
	n.arrival = a
	t.notes[seq] = n
}

// get returns the note of a call.
func (t *sideTable) get(seq uint64) *note {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.notes[seq]
}

// take returns the note of a call that has ended and forgets it there.
func (t *sideTable) take(seq uint64) note {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.notes[seq]
	delete(t.notes, seq)
	ended := *n
	*n = note{}
	t.free = append(t.free, n)
	return ended
}

// A carrier is the http.RoundTripper that vegeta sends with. It carries the call of that number
// through the strategy and answers when the whole call has ended, so vegeta's latency ends at the
// last byte.
type carrier struct {
	table *sideTable
	carry func(*note)
}

var _ http.RoundTripper = (*carrier)(nil)

// RoundTrip never passes the placeholder on, and never fails for a call that failed: its status then
// is 0, whose text is the outcome.
func (c *carrier) RoundTrip(request *http.Request) (*http.Response, error) {
	seq, err := strconv.ParseUint(request.Header.Get("X-Vegeta-Seq"), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("harness: request without its number: %w", err)
	}
	n := c.table.get(seq)
	if n == nil {
		return nil, fmt.Errorf("harness: no call %d in the schedule", seq)
	}
	c.carry(n)
	return &http.Response{Status: n.reply.Outcome.String(), StatusCode: n.reply.Status, Body: http.NoBody, Request: request}, nil
}
