package harness

import (
	"syscall"

	"golang.org/x/sys/windows"
)

// The system's errors behind the classes: those of Winsock, which package syscall has only in part.
var (
	noFiles     = []syscall.Errno{windows.WSAEMFILE, windows.WSAENOBUFS}
	noPorts     = []syscall.Errno{windows.WSAEADDRNOTAVAIL, windows.WSAEADDRINUSE}
	connRefused = []syscall.Errno{windows.WSAECONNREFUSED}
	connReset   = []syscall.Errno{windows.WSAECONNRESET, windows.WSAECONNABORTED, windows.WSAENETRESET}
)
