package backend

// A roster is sequences in an order: a list that runs through the sequences themselves, so that
// joining allocates nothing and leaving costs the same wherever one stands. A sequence is in at most
// one roster at a time. Unlike a sim.Chain it is left from the back, too: there stands the sequence
// that gives way when memory runs out.
type roster struct {
	first, last *sequence
	length      int
}

// join puts s at the end.
func (r *roster) join(s *sequence) { r.insert(s, nil) }

// insert puts s before the sequence that is given; nil: at the end.
func (r *roster) insert(s, before *sequence) {
	s.next = before
	if before == nil {
		s.prev, r.last = r.last, s
	} else {
		s.prev, before.prev = before.prev, s
	}
	if s.prev == nil {
		r.first = s
	} else {
		s.prev.next = s
	}
	r.length++
}

// leave takes s out, which must be in r.
func (r *roster) leave(s *sequence) {
	if s.prev == nil {
		r.first = s.next
	} else {
		s.prev.next = s.next
	}
	if s.next == nil {
		r.last = s.prev
	} else {
		s.next.prev = s.prev
	}
	s.prev, s.next = nil, nil
	r.length--
}

// A waitList is the sequences that wait for a slot, in the order in which they get one: of arrival,
// or by class and within a class of arrival. Who was thrown out goes before all who came later.
type waitList struct {
	byClass bool
	classes []roster // by class; without classes the first holds all
	length  int
}

func (w *waitList) class(s *sequence) *roster {
	class := 0
	if w.byClass {
		class = int(s.priority)
	}
	for len(w.classes) <= class {
		w.classes = append(w.classes, roster{})
	}
	return &w.classes[class]
}

// join puts s behind those of its class, all of which came before it.
func (w *waitList) join(s *sequence) {
	w.class(s).join(s)
	w.length++
}

// rejoin puts back a sequence that had begun: to the front, and by class where its arrival puts it.
func (w *waitList) rejoin(s *sequence) {
	class := w.class(s)
	before := class.first
	for w.byClass && before != nil && before.arrival < s.arrival {
		before = before.next
	}
	class.insert(s, before)
	w.length++
}

func (w *waitList) leave(s *sequence) {
	w.class(s).leave(s)
	w.length--
}

// first returns who is next; nil if nobody waits.
func (w *waitList) first() *sequence {
	if w.length == 0 {
		return nil
	}
	for i := range w.classes {
		if s := w.classes[i].first; s != nil {
			return s
		}
	}
	return nil
}
