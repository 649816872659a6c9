package backend

import "time"

// An outbox is what is on its way from an engine to its callers: answers, and tokens of who asked for
// every one. The way takes the same time for all, so they arrive in the order in which they left.
type outbox struct {
	parcels []parcel
	next    int // the first that has not arrived
	deliver func()
}

// A parcel is an answer, or one token.
type parcel struct {
	at    time.Duration
	s     *sequence
	life  int // of s when it was sent
	token int // 0: the answer
}

// send puts a parcel on its way at the boundary now.
func (e *engine) send(p parcel, now time.Duration) {
	if e.response == 0 {
		e.arrive(p)
		return
	}
	o := &e.outbox
	p.at = now + e.response
	if last := len(o.parcels); last == o.next || o.parcels[last-1].at != p.at {
		e.env.At(p.at, o.deliver)
	}
	o.parcels = append(o.parcels, p)
}

// deliver hands over all that has arrived by now.
func (e *engine) deliver() {
	o, now := &e.outbox, e.env.Now()
	for o.next < len(o.parcels) && o.parcels[o.next].at <= now {
		p := o.parcels[o.next]
		o.parcels[o.next].s = nil
		o.next++
		e.arrive(p)
	}
	if o.next == len(o.parcels) {
		o.parcels, o.next = o.parcels[:0], 0
	} else if o.next > 1024 && o.next > len(o.parcels)/2 {
		o.parcels = append(o.parcels[:0], o.parcels[o.next:]...)
		o.next = 0
	}
}

// arrive is a parcel at its caller, who may have gone.
func (e *engine) arrive(p parcel) {
	s := p.s
	switch {
	case p.life != s.life:
	case p.token > 0:
		if !s.gone {
			s.token(p.token)
		}
	default:
		e.book(s)
		if s.gone {
			e.recycle(s)
		} else {
			s.done.Fire()
		}
	}
}
