package serve

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"
)

const (
	headerTime = 10 * time.Second // to send the headers of a request in
	idleTime   = 2 * time.Minute  // of a connection between requests
	mostHeader = 64 << 10         // bytes
)

// Serve answers on a listener until ctx ends. Then it takes no more, gives the calls inside the time
// drain to end, cuts off who is left, and closes the service. A hard that ends cuts them off at once.
func (s *Server) Serve(ctx, hard context.Context, l net.Listener, drain time.Duration) error {
	h := &http.Server{Handler: s, ReadHeaderTimeout: headerTime, IdleTimeout: idleTime, MaxHeaderBytes: mostHeader}
	failed := make(chan error, 1)
	go func() { failed <- h.Serve(l) }()
	select {
	case err := <-failed:
		s.Close()
		return err
	case <-ctx.Done():
	}
	s.stopped.Store(true)
	wait, cancel := context.WithTimeout(hard, drain)
	err := h.Shutdown(wait)
	cancel()
	if err != nil {
		err = h.Close()
	}
	if served := <-failed; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	s.Close()
	return err
}
