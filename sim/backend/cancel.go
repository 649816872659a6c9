package backend

import "github.com/headroom-dev/headroom/sim"

// Cancel says what becomes of a call's work when its caller goes. In every case the caller itself
// returns at once.
type Cancel string

const (
	// CancelFree is a service that notices: the call leaves its queue at once, and its server or slot
	// is free at once (queue) or at the next step boundary (llm).
	CancelFree Cancel = "free"
	// CancelQueued is a service that notices only while the call waits: what runs, runs to its end.
	CancelQueued Cancel = "queued"
	// CancelZombie is a service that never notices, such as one behind a proxy that hides the
	// disconnect: the work is done in its turn and the answer dropped.
	CancelZombie Cancel = "zombie"
)

// leavesQueue reports whether a waiting call leaves when its caller goes.
func (c Cancel) leavesQueue() bool { return c != CancelZombie }

// stopsRunning reports whether a running call ends when its caller goes.
func (c Cancel) stopsRunning() bool { return c == CancelFree }

// check notes a word that is none of the three. Empty is CancelFree.
func (c Cancel) check(f *sim.Faults) {
	switch c {
	case CancelFree, CancelQueued, CancelZombie:
	default:
		f.Add("cancel", string(c), "free, queued, zombie")
	}
}
