package backend

import "github.com/headroom-dev/headroom/sim"

// A line is who waits, in order of arrival, and how many they are.
type line[T any] struct {
	chain  sim.Chain[*T]
	length int
}

func (l *line[T]) join(place *sim.Link[*T], who *T) {
	place.Of = who
	l.chain.Join(place)
	l.length++
}

func (l *line[T]) leave(place *sim.Link[*T]) {
	place.Leave()
	l.length--
}

// first returns who waits longest; nil if nobody waits.
func (l *line[T]) first() *T {
	if place := l.chain.First(); place != nil {
		return place.Of
	}
	return nil
}
