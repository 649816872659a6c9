package sim

// A Signal is an event that happens at most once. The zero Signal is ready to use; a nil one never
// fires. Like all that belongs to an Env it is used in the turn only.
type Signal struct {
	fired     bool
	waiters   waiterList   // processes in Await
	followers followerList // children and calls
	self      follower     // this signal's place among its parent's followers
}

// Fire lets the event happen: it wakes who waits, then fires the children and makes the calls, each
// in the order they came. Firing again does nothing.
func (s *Signal) Fire() {
	if s.fired {
		return
	}
	s.fired = true
	s.leave()
	for w := s.waiters.first; w != nil; w = s.waiters.first {
		w.owner.wake() // takes w off the list
	}
	for f := s.followers.first; f != nil; f = s.followers.first {
		f.leave()
		if f.child != nil {
			f.child.Fire()
		} else {
			f.call()
		}
	}
}

// Fired reports whether the event has happened. A nil Signal never has.
func (s *Signal) Fired() bool { return s != nil && s.fired }

// Child returns a Signal that fires when s fires, or earlier by itself, and leaves s when it does.
// The child of a nil Signal stands alone.
func (s *Signal) Child() *Signal {
	child := new(Signal)
	if s == nil {
		return child
	}
	if s.fired {
		child.fired = true
		return child
	}
	child.self.child = child
	s.followers.add(&child.self)
	return child
}

// leave takes a child off its parent's list, so that a long-lived parent does not collect the
// children of calls that are over.
func (s *Signal) leave() {
	if s.self.list != nil {
		s.self.leave()
	}
}

// Then calls f, which must not block, when s fires; at once if it has. The Timer takes the call back.
func (s *Signal) Then(f func()) Timer {
	if s == nil {
		return Timer{}
	}
	if s.fired {
		f()
		return Timer{}
	}
	one := &follower{call: f}
	s.followers.add(one)
	return Timer{what: one}
}

// A Timer is a call to come, a value. The zero Timer has nothing to come.
type Timer struct {
	what       stopper
	generation uint64
}

type stopper interface{ stop(generation uint64) bool }

// Stop takes the call back and reports whether it was still to come.
func (t Timer) Stop() bool { return t.what != nil && t.what.stop(t.generation) }

// A sleeper is a process that waits in Await, of a World or of a Wall.
type sleeper interface {
	// wake ends the wait: it takes the process off every list and makes its turn due.
	wake()
}

// A waiter is a process's place in one signal's list. Each process owns two, because Await takes two
// signals; the list is doubly linked so that leaving costs the same among ten thousand.
type waiter struct {
	owner      sleeper
	list       *waiterList
	prev, next *waiter
}

type waiterList struct{ first, last *waiter }

func (l *waiterList) add(w *waiter) {
	w.list, w.prev, w.next = l, l.last, nil
	if l.last == nil {
		l.first = w
	} else {
		l.last.next = w
	}
	l.last = w
}

func (w *waiter) leave() {
	if w.list == nil {
		return
	}
	if w.prev == nil {
		w.list.first = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		w.list.last = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.list, w.prev, w.next = nil, nil, nil
}

// A follower is a child of a signal, or a call to make when it fires.
type follower struct {
	child      *Signal
	call       func()
	list       *followerList
	prev, next *follower
}

type followerList struct{ first, last *follower }

func (l *followerList) add(f *follower) {
	f.list, f.prev, f.next = l, l.last, nil
	if l.last == nil {
		l.first = f
	} else {
		l.last.next = f
	}
	l.last = f
}

func (f *follower) leave() {
	if f.prev == nil {
		f.list.first = f.next
	} else {
		f.prev.next = f.next
	}
	if f.next == nil {
		f.list.last = f.prev
	} else {
		f.next.prev = f.prev
	}
	f.list, f.prev, f.next = nil, nil, nil
}

func (f *follower) stop(uint64) bool {
	if f.list == nil {
		return false
	}
	f.leave()
	return true
}
