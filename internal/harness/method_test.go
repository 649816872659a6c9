package harness

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/headroom-dev/headroom/strategies"
)

// A client that repeats only what may be asked twice looks at the method of the target, whatever the
// scenario says, and at the key that makes a POST harmless.
func TestMethodOfTheTargetDecidesWhatIsRepeated(t *testing.T) {
	var got atomic.Int64
	server := countingServer(t, func(w http.ResponseWriter, _ *http.Request) {
		got.Add(1)
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	for _, row := range []struct {
		live Live
		want int64
	}{
		{Live{}, 3},
		{Live{Method: http.MethodPost}, 1},
		{Live{Method: http.MethodPut}, 3},
		{Live{Method: http.MethodPost, Header: http.Header{"Idempotency-Key": {"k"}}}, 3},
	} {
		got.Store(0)
		backoff := strategies.NewBackoff()
		backoff.Tries, backoff.Base, backoff.OnlyIdempotent = 3, time.Millisecond, true
		row.live.URLs = []string{server.URL}
		asked(t, row.live, backoff, 1, 5*time.Second)
		if got.Load() != row.want {
			t.Errorf("%s %v: %d attempts, want %d", row.live.Method, row.live.Header, got.Load(), row.want)
		}
	}
}
