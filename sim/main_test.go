package sim_test

import (
	"runtime"
	"testing"

	"go.uber.org/goleak"
)

// TestMain sees to it that no test leaves a goroutine or a coroutine behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// noneLeft runs f and demands that it leaves no more goroutines than it found. Coroutines count as
// goroutines, and a World runs on the goroutine that calls it, so nothing of it ends later. (One that
// an earlier test started may still be ending, so there may be fewer.)
func noneLeft(t *testing.T, f func()) {
	t.Helper()
	before := runtime.NumGoroutine()
	f()
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("goroutines after the run: got %d, want the %d before it", after, before)
	}
}

// panicOf returns what f panics with, nil if it does not.
func panicOf(f func()) (value any) {
	defer func() { value = recover() }()
	f()
	return nil
}
