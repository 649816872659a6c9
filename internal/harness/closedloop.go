package harness

import (
	"sync"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"

	"github.com/headroom-dev/headroom/scenarios"
)

// A loopResult is one call of the closed-loop phase that has ended.
type loopResult struct {
	note          note
	started, done time.Time
}

// loop starts the closed-loop phase: a fixed number of callers, each of whom asks again when its last
// call has ended. It has no intended times and no vegeta; its waiting is hidden, and reports say so.
// It returns nil where there is no such phase.
func (d *driver) loop() <-chan loopResult {
	if d.plan.loop == 0 {
		return nil
	}
	results := make(chan loopResult)
	go func() {
		defer close(results)
		if !d.loopBegins() {
			return
		}
		var (
			callers sync.WaitGroup
			mu      sync.Mutex // of the source
		)
		next := func() (scenarios.Arrival, bool) {
			mu.Lock()
			defer mu.Unlock()
			if d.send.Err() != nil {
				return scenarios.Arrival{}, false
			}
			return d.source.Next()
		}
		for range min(max(1, d.run.Concurrency), d.plan.loop) {
			callers.Go(func() { d.caller(next, results) })
		}
		callers.Wait()
	}()
	return results
}

// loopBegins waits for the beginning of the phase, and reports whether it comes: the phase is the
// last, so by then the pacer has pulled all arrivals before it.
func (d *driver) loopBegins() bool {
	select {
	case <-d.paced:
	case <-d.send.Done():
		return false
	}
	wait := time.NewTimer(d.plan.loopAt - time.Since(d.began))
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-d.send.Done():
		return false
	}
	select {
	case <-d.pulled:
		return true
	case <-d.send.Done():
		return false
	}
}

// caller asks, call after call.
func (d *driver) caller(next func() (scenarios.Arrival, bool), results chan<- loopResult) {
	for a, ok := next(); ok; a, ok = next() {
		started := time.Now()
		a.At = started.Sub(d.began)
		n := note{arrival: a}
		d.carry(&n)
		results <- loopResult{note: n, started: started, done: time.Now()}
	}
}

// loopCall records a call of the closed-loop phase. Its numbers in vegeta.bin follow those of the
// open phases, in the order in which calls ended.
func (d *driver) loopCall(l loopResult) {
	d.ended(&l.note, l.done.Sub(d.began))
	d.file(&vegeta.Result{Seq: uint64(len(d.plan.at)) + d.loops, Timestamp: l.started, Latency: l.done.Sub(l.started)}, &l.note)
	d.loops++
}
