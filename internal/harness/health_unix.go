//go:build !windows

package harness

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// cpuTime returns the CPU time that this process has used, by getrusage.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// openFiles returns how many files this process may have open, 0 if unknown.
func openFiles() int {
	var l syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l) != nil || uint64(l.Cur) > 1<<30 {
		return 0
	}
	return int(l.Cur)
}

// throttledTime returns for how long the process's cgroup (version 2) was held back by its CPU limit;
// 0 where there is none.
func throttledTime() time.Duration {
	stat, err := os.ReadFile("/sys/fs/cgroup/cpu.stat")
	if err != nil {
		return 0
	}
	return parseThrottled(string(stat))
}

func parseThrottled(stat string) time.Duration {
	for line := range strings.Lines(stat) {
		if text, ok := strings.CutPrefix(line, "throttled_usec "); ok {
			us, _ := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
			return time.Duration(us) * time.Microsecond
		}
	}
	return 0
}
