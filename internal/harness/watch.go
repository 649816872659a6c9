package harness

import (
	"sync"
	"time"
)

// watchEvery is how often a watcher is told how far a run has come.
const watchEvery = 100 * time.Millisecond

// A watch keeps count of how far a run has come.
type watch struct {
	step     int // calls of one run that are counted together: a lock for each would cost a virtual run a tenth
	mu       sync.Mutex
	tell     func(Progress)
	now      Progress
	expected float64 // calls in all
	told     time.Time
}

func newWatch(tell func(Progress), step, total int, callsPerRun float64) *watch {
	return &watch{step: step, tell: tell, now: Progress{Total: total}, expected: callsPerRun * float64(total)}
}

// counter returns what is called with each call of one run that ends, and what is called when the run
// has ended.
func (w *watch) counter(strategy string, seed uint64) (count, ended func()) {
	if w.tell == nil {
		return func() {}, func() {}
	}
	n := 0
	count = func() {
		if n++; n == w.step {
			w.count(strategy, seed, n)
			n = 0
		}
	}
	return count, func() { w.ended(strategy, seed, n) }
}

func (w *watch) count(strategy string, seed uint64, calls int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.add(strategy, seed, calls)
	if now := time.Now(); now.Sub(w.told) >= watchEvery {
		w.told = now
		w.report()
	}
}

// ended counts a run that has ended, and its calls that were not counted before.
func (w *watch) ended(strategy string, seed uint64, calls int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.add(strategy, seed, calls)
	w.now.Done++
	w.report()
}

func (w *watch) add(strategy string, seed uint64, calls int) {
	w.now.Calls += int64(calls)
	w.now.Strategy, w.now.Seed = strategy, seed
}

func (w *watch) report() {
	p := w.now
	p.Share = float64(p.Done) / float64(p.Total)
	if w.expected > 0 && p.Done < p.Total {
		p.Share = max(p.Share, min(float64(p.Calls)/w.expected, 0.999))
	}
	w.tell(p)
}
