package backend

import "time"

// An Allowance is what is left of a limit per time to one caller.
type Allowance struct {
	Limit     int           // of a full bucket
	Remaining int           // 0 or more
	Reset     time.Duration // until the bucket is full again
}

// Allowances are what a provider's headers tell: the zero Allowance of either is a limit that does not
// exist.
type Allowances struct{ Requests, Tokens Allowance }
