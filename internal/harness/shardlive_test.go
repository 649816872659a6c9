package harness

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/headroom-dev/headroom/scenarios"
	"github.com/headroom-dev/headroom/sim"
	"github.com/headroom-dev/headroom/strategies"
)

// Against several targets the strategy learns how many there are, and each user meets one of them.
func TestShardOverTargets(t *testing.T) {
	met := make(chan [2]string, 100)
	server := func(name string) *counting {
		return countingServer(t, func(_ http.ResponseWriter, r *http.Request) { met <- [2]string{r.Header.Get("X-User"), name} })
	}
	first, second := server("first"), server("second")
	e := prepare(t, Live{URLs: []string{first.URL + "/v1/completions", second.URL + "/v1/completions"}})
	var arrivals []scenarios.Arrival
	for call := range 60 {
		arrivals = append(arrivals, scenarios.Arrival{At: time.Duration(call) * 2 * time.Millisecond, Request: sim.Request{Call: call, User: uint64(call % 10)}})
	}
	shard := &strategies.Shard{By: "user", Algorithm: "rendezvous"}
	run, records := liveRun(strategies.Stack(strategies.NewPooled(), shard), arrivals, 5*time.Second)
	if _, err := Wall(t.Context(), t.Context(), e, run); err != nil {
		t.Fatal(err)
	}
	close(met)
	where, calls := map[string]string{}, map[string]int{}
	for one := range met {
		if at, known := where[one[0]]; known && at != one[1] {
			t.Errorf("user %s met both targets", one[0])
		}
		where[one[0]] = one[1]
		calls[one[1]]++
	}
	if len(*records) != 60 || len(where) != 10 || calls["first"] == 0 || calls["second"] == 0 || calls["first"]+calls["second"] != 60 {
		t.Errorf("got %d records, users at %v, calls %v; want 60 of ten users at both", len(*records), where, calls)
	}
	hottest := max(calls["first"], calls["second"])
	if got := shard.Gauges()[0].Read(); got != float64(hottest)/60 {
		t.Errorf("hottest endpoint %v, want %d of 60", got, hottest)
	}
}

// A strategy is told of the URLs of --target, and of one place where each target has a URL of its own.
func TestChoices(t *testing.T) {
	for _, row := range []struct {
		urls    []string
		targets string
		want    int
	}{
		{nil, "GET http://a/\n\nGET http://b/\n", 1},
		{[]string{"http://a", "http://b", "http://c"}, "", 3},
		{[]string{"http://a", "http://b"}, "GET /x\n\nGET http://c/\n", 2},
	} {
		l := Live{URLs: row.urls}
		if row.targets != "" {
			l.Targets, l.Input = "-", strings.NewReader(row.targets)
		}
		if got := prepare(t, l).choices(); got != row.want {
			t.Errorf("%q %q: %d, want %d", row.urls, row.targets, got, row.want)
		}
	}
}
