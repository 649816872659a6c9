package serve

import (
	"runtime"
	"sync"
)

// A mailman wakes the HTTP handlers of exchanges to which something has come. A step of an engine has
// something for hundreds of them; were they all woken in the turn, the events of the other engines would
// queue up behind their writes, and steps come tens of milliseconds late. So they are woken a few at a
// time, and in between the scheduler gets to what is due.
type mailman struct {
	lock    sync.Mutex
	waiting []*exchange   // each once
	bell    chan struct{} // holds at most one ring
	quit    chan struct{}
	gone    chan struct{}
}

// roundSize is how many are woken at once: their writes take a fraction of a millisecond.
const roundSize = 16

func newMailman() *mailman {
	m := &mailman{bell: make(chan struct{}, 1), quit: make(chan struct{}), gone: make(chan struct{})}
	go m.work()
	return m
}

// post has an exchange woken soon. It never waits longer than it takes to write down a pointer.
func (m *mailman) post(x *exchange) {
	if x.posted.Swap(true) {
		return // its handler will see this too
	}
	m.lock.Lock()
	m.waiting = append(m.waiting, x)
	m.lock.Unlock()
	select {
	case m.bell <- struct{}{}:
	default:
	}
}

func (m *mailman) work() {
	defer close(m.gone)
	var round []*exchange
	for {
		select {
		case <-m.bell:
		case <-m.quit:
			m.deliver(nil)
			return
		}
		round = m.deliver(round)
	}
}

// deliver wakes all who wait, and returns the list to be used again.
func (m *mailman) deliver(spare []*exchange) []*exchange {
	m.lock.Lock()
	round := m.waiting
	m.waiting = spare[:0]
	m.lock.Unlock()
	for i, x := range round {
		x.posted.Store(false) // before the wake: what comes from now on is posted again
		select {
		case x.wake <- struct{}{}:
		default:
		}
		if i%roundSize == roundSize-1 {
			runtime.Gosched()
		}
	}
	clear(round)
	return round
}

// stop ends the mailman after what has been posted.
func (m *mailman) stop() {
	close(m.quit)
	<-m.gone
}
