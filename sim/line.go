package sim

// A line is who waits in turn, first come first served. Each place holds the Signal its owner waits
// on, so that waiting costs one allocation.
type line[T any] struct {
	chain  Chain[*place[T]]
	length int
}

type place[T any] struct {
	link   Link[*place[T]]
	line   *line[T]
	served Signal
	item   T
}

func (l *line[T]) join(p *place[T]) {
	p.link.Of, p.line = p, l
	l.chain.Join(&p.link)
	l.length++
}

// leave takes a place out of its line; one that has been served is left alone.
func (p *place[T]) leave() {
	if p.link.Joined() {
		p.link.Leave()
		p.line.length--
	}
}

// first returns the place of who has waited longest; nil if nobody waits.
func (l *line[T]) first() *place[T] {
	if link := l.chain.First(); link != nil {
		return link.Of
	}
	return nil
}

// serve lets the first in the line go and returns its place; nil if nobody waits.
func (l *line[T]) serve() *place[T] {
	p := l.first()
	if p == nil {
		return nil
	}
	p.leave()
	p.served.Fire()
	return p
}
