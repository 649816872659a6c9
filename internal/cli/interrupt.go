package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// interrupts returns two contexts. The first interrupt (SIGINT or SIGTERM) ends send: no new call
// starts, what was measured is written, calls still out may end. The second ends hard: they are cut
// off. stop gives the signals back to the system.
func interrupts(first func()) (send, hard context.Context, stop func()) {
	send, endSend := context.WithCancel(context.Background())
	hard, endHard := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		for n := 0; ; n++ {
			select {
			case <-done:
				return
			case <-signals:
			}
			switch n {
			case 0:
				first()
				endSend()
			case 1:
				endHard()
			}
		}
	}()
	return send, hard, func() {
		signal.Stop(signals)
		close(done)
		endSend()
		endHard()
	}
}
