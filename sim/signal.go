package sim

// A Signal is an event that happens at most once. The zero Signal is ready to use; a nil one never
// fires. Like all that belongs to an Env it is used in the turn only.
type Signal struct {
	fired     bool
	waiters   Chain[sleeper]   // processes in Await; each owns two places, because Await takes two signals
	followers Chain[*follower] // children and calls
	self      follower         // this signal among its parent's followers
}

// Fire lets the event happen: it wakes who waits, then fires the children and makes the calls, each
// in the order they came. Firing again does nothing.
func (s *Signal) Fire() {
	if s.fired {
		return
	}
	s.fired = true
	s.leave()
	for w := s.waiters.First(); w != nil; w = s.waiters.First() {
		w.Of.wake() // takes w off the chain
	}
	for place := s.followers.First(); place != nil; place = s.followers.First() {
		f := place.Of
		place.Leave()
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
	s.follow(&child.self)
	return child
}

// leave takes a child off its parent's list, so that a long-lived parent does not collect the
// children of calls that are over.
func (s *Signal) leave() { s.self.place.Leave() }

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
	s.follow(one)
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
	// wake ends the wait: it takes the process off every chain and makes its turn due.
	wake()
}

// A follower is a child of a signal, or a call to make when it fires.
type follower struct {
	place Link[*follower]
	child *Signal
	call  func()
}

// follow puts f among the followers of s.
func (s *Signal) follow(f *follower) {
	f.place.Of = f
	s.followers.Join(&f.place)
}

func (f *follower) stop(uint64) bool {
	joined := f.place.Joined()
	f.place.Leave()
	return joined
}
