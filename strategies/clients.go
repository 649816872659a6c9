package strategies

// maxClients bounds how many clients a scenario may split its callers into.
const maxClients = 1_000_000

// perClient is state of which each client process has its own: a budget, a breaker, a limit. Callers
// are split over the clients by a hash of who they are, so a caller always meets the same one. How
// many there are changes results: small clients each with a bucket of their own hardly ever empty it
// (Brooker 2022).
type perClient[T any] struct{ states []T }

// newPerClient makes the state of n clients, at least 1, in their order.
func newPerClient[T any](n int, state func(client int) T) perClient[T] {
	p := perClient[T]{states: make([]T, n)}
	for i := range p.states {
		p.states[i] = state(i)
	}
	return p
}

// of returns the state of the client that a user belongs to.
func (p perClient[T]) of(user uint64) T {
	if len(p.states) == 1 {
		return p.states[0]
	}
	return p.states[mix(user)%uint64(len(p.states))]
}

// mix is the finaliser of MurmurHash3 (fmix64, Appleby): neighbouring users spread evenly, in every
// process alike.
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}
