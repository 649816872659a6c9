//go:build !windows

package harness

import "syscall"

// The system's errors behind the classes.
var (
	noFiles     = []syscall.Errno{syscall.EMFILE, syscall.ENFILE}
	noPorts     = []syscall.Errno{syscall.EADDRNOTAVAIL, syscall.EADDRINUSE}
	connRefused = []syscall.Errno{syscall.ECONNREFUSED}
	connReset   = []syscall.Errno{syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNABORTED}
)
