package sim

// A Chain is members in the order in which they joined it. It runs through a Link in each member, so
// joining allocates nothing, and leaving costs the same among ten thousand. The zero Chain is empty
// and ready to use; it must not be copied.
type Chain[T any] struct{ first, last *Link[T] }

// A Link is a member's place. It is in at most one Chain at a time; the zero Link is in none.
type Link[T any] struct {
	Of         T // the member
	chain      *Chain[T]
	prev, next *Link[T]
}

// First returns the place of the member that joined first; nil in an empty Chain.
func (c *Chain[T]) First() *Link[T] { return c.first }

// Last returns the place of the member that joined last; nil in an empty Chain.
func (c *Chain[T]) Last() *Link[T] { return c.last }

// Next returns the place after this one; nil at the end.
func (l *Link[T]) Next() *Link[T] { return l.next }

// Joined reports whether the place is in a Chain.
func (l *Link[T]) Joined() bool { return l.chain != nil }

// Join puts a place that is in no Chain at the end.
func (c *Chain[T]) Join(l *Link[T]) {
	l.chain, l.prev = c, c.last
	if c.last == nil {
		c.first = l
	} else {
		c.last.next = l
	}
	c.last = l
}

// Leave takes the place out of its Chain; one that is in none is left alone.
func (l *Link[T]) Leave() {
	c := l.chain
	if c == nil {
		return
	}
	if l.prev == nil {
		c.first = l.next
	} else {
		l.prev.next = l.next
	}
	if l.next == nil {
		c.last = l.prev
	} else {
		l.next.prev = l.prev
	}
	l.chain, l.prev, l.next = nil, nil, nil
}
