package sim

// A line is who waits in turn, first come first served. Each place holds the Signal its owner waits
// on, so that waiting costs one allocation, and is doubly linked, so that leaving costs the same among ten thousand.
type line[T any] struct {
	first, last *place[T]
	length      int
}

type place[T any] struct {
	served     Signal
	item       T
	in         *line[T]
	prev, next *place[T]
}

func (l *line[T]) join(p *place[T]) {
	p.in, p.prev = l, l.last
	if l.last == nil {
		l.first = p
	} else {
		l.last.next = p
	}
	l.last = p
	l.length++
}

func (p *place[T]) leave() {
	l := p.in
	if l == nil {
		return
	}
	if p.prev == nil {
		l.first = p.next
	} else {
		p.prev.next = p.next
	}
	if p.next == nil {
		l.last = p.prev
	} else {
		p.next.prev = p.prev
	}
	p.in, p.prev, p.next = nil, nil, nil
	l.length--
}

// serve lets the first in the line go and returns its place; nil if nobody waits.
func (l *line[T]) serve() *place[T] {
	p := l.first
	if p == nil {
		return nil
	}
	p.leave()
	p.served.Fire()
	return p
}
