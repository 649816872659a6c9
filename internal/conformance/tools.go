//go:build tools

package conformance

import (
	_ "github.com/tsenart/vegeta/v12" // a command: imported only so that go.mod keeps what it is built from
)
