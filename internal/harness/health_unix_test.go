//go:build !windows

package harness

import (
	"testing"
	"time"
)

func TestThrottledIsReadFromTheCgroup(t *testing.T) {
	const stat = "usage_usec 100\nnr_periods 3\nnr_throttled 2\nthrottled_usec 1500\n"
	if got := parseThrottled(stat); got != 1500*time.Microsecond {
		t.Errorf("got %v, want 1.5 ms", got)
	}
	if got := parseThrottled("usage_usec 5\n"); got != 0 {
		t.Errorf("got %v without a limit, want 0", got)
	}
}
