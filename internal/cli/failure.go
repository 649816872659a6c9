package cli

import (
	"errors"
	"fmt"

	"github.com/headroom-dev/headroom/scenarios"
)

// The exit codes. A later `headroom gate` adds 3 (inconclusive) and 99 (a gate failed).
const (
	exitFine        = 0
	exitCannot      = 1   // could not measure: target down, generator late, a file that cannot be written
	exitUsage       = 2   // a mistake in the command line or the scenario
	exitInterrupted = 105 // what was measured has been written
)

// A failure is an error with an exit code of its own.
type failure struct {
	code int
	err  error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// usage returns an error of the user's: exit code 2.
func usage(format string, a ...any) error {
	return &failure{exitUsage, fmt.Errorf(format, a...)}
}

// asUsage makes an error the user's, whatever it is: exit code 2. Nil stays nil.
func asUsage(err error) error {
	if err == nil {
		return nil
	}
	return &failure{exitUsage, err}
}

// silent is a failure about which everything has been said already.
type silent int

func (s silent) Error() string { return fmt.Sprintf("exit code %d", int(s)) }

// exitCode is the one place where errors become exit codes. A fault of a scenario is the user's; an
// error that says nothing of itself prevented the measurement.
func exitCode(err error) int {
	var own *failure
	var quiet silent
	var scenario *scenarios.Error
	switch {
	case err == nil:
		return exitFine
	case errors.As(err, &own):
		return own.code
	case errors.As(err, &quiet):
		return int(quiet)
	case errors.As(err, &scenario):
		return exitUsage
	}
	return exitCannot
}

// panicked is the error that a panic becomes.
func panicked(value any, stack []byte) error {
	return fmt.Errorf("a defect of headroom, please report it: %v\n%s", value, stack)
}
