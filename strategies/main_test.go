package strategies

import (
	"testing"

	"go.uber.org/goleak"
)

// Idle coroutines of a World that was not run to its end are leaks too.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
