package serve

import (
	"testing"

	"go.uber.org/goleak"
)

// No server may leave a goroutine behind: neither a call nor a connection.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
