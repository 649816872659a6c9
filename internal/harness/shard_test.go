package harness_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/headroom-dev/headroom/internal/harness"
	"github.com/headroom-dev/headroom/report"
	"github.com/headroom-dev/headroom/sim"
	"github.com/headroom-dev/headroom/strategies"
)

// A spy stands below a strategy and notes where attempts go and what comes back.
type spy struct {
	endpoints      map[uint64]map[int]bool // of each user
	keys           map[uint64]bool
	calls          int
	cached, prompt int // tokens
}

func (s *spy) Wrap(_ sim.Env, next sim.Handler) sim.Handler {
	s.endpoints, s.keys = make(map[uint64]map[int]bool), make(map[uint64]bool)
	return func(r sim.Request) sim.Reply {
		if s.endpoints[r.User] == nil {
			s.endpoints[r.User] = make(map[int]bool)
		}
		s.endpoints[r.User][r.Via.Endpoint] = true
		s.keys[r.Key] = true
		s.calls++
		reply := next(r)
		s.cached += reply.Cached
		s.prompt += r.Prompt
		return reply
	}
}

// spied runs the first strategy of a scenario with a spy below it.
func spied(t *testing.T, scenario string, seed uint64) (*spy, report.Side, []report.Record) {
	t.Helper()
	p, watch := read(t, scenario), &spy{}
	var records []report.Record
	side, err := harness.Virtual(t.Context(), p, strategies.Stack(p.Strategies[0].New(), watch), seed, func(r report.Record) { records = append(records, r) })
	if err != nil {
		t.Fatal(err)
	}
	return watch, side, records
}

// last returns the last value of a gauge.
func last(t *testing.T, side report.Side, name string) float64 {
	t.Helper()
	for _, g := range side.Gauges {
		if g.Name == name {
			return g.Values[len(g.Values)-1]
		}
	}
	t.Fatalf("no gauge %q", name)
	return 0
}

// One user meets one replica. A ninth replica moves 8/9 of the users with modulo, 1/9 with the others,
// and the share of the hottest replica is shown, as the service sees it too.
func TestShardByUser(t *testing.T) {
	for _, row := range []struct {
		shard string
		moved float64
	}{
		{"{by: user, algorithm: modulo}", 8.0 / 9}, {"{algorithm: jump}", 1.0 / 9}, {"{algorithm: rendezvous, bound: 0}", 1.0 / 9},
	} {
		carried := func(replicas int) map[uint64]int {
			watch, side, _ := spied(t, fmt.Sprintf(`
load: {phases: [{name: steady, rate: 1000/s, for: 20s}]}
requests: {users: 4000}
service: {model: {queue: {servers: 50, service: 20ms}}, replicas: %d, balance: hash}
strategies: [shard: %s]
`, replicas, row.shard), 1)
			at := make(map[uint64]int)
			for user, met := range watch.endpoints {
				if len(met) != 1 {
					t.Fatalf("%s: user %d met replicas %v of %d, want one", row.shard, user, met, replicas)
				}
				for endpoint := range met {
					at[user] = endpoint
				}
			}
			hottest := last(t, side, "hottest endpoint")
			if service := last(t, side, "hottest replica"); hottest != service {
				t.Errorf("%s: hottest endpoint %.4f for the client, %.4f for the service", row.shard, hottest, service)
			}
			// 20,000 calls of 4000 users: the share of a replica varies with the number of its users.
			if even := 1 / float64(replicas); hottest < even || hottest > even+4*math.Sqrt(even*(1-even)/4000)+.01 {
				t.Errorf("%s: the hottest of %d replicas has %.4f of the calls", row.shard, replicas, hottest)
			}
			return at
		}
		eight, nine := carried(8), carried(9)
		moved, both := 0.0, 0.0
		for user, at := range eight {
			if nine[user] == 0 {
				continue // made no call
			}
			both++
			if nine[user] != at {
				moved++
			}
		}
		if se := math.Sqrt(row.moved * (1 - row.moved) / both); math.Abs(moved/both-row.moved) > 4*se || both < 3500 {
			t.Errorf("%s: %.4f of %.0f users moved, want %.4f within %.4f", row.shard, moved/both, both, row.moved, 4*se)
		}
	}
}

// A replica that is down fails its users for as long, because a named replica is asked past the balancer
// and its checks; a retry meets it again, and with failover another.
func TestShardFailsOver(t *testing.T) {
	for _, row := range []struct {
		strategy   string
		least, top float64 // success while one of four replicas is down
	}{
		{"shard: {bound: 0}", .6, .85},
		{"stack: [{backoff: {tries: 2, base: 10ms}}, {shard: {bound: 0}}]", .6, .85},
		{"stack: [{backoff: {tries: 2, base: 10ms}}, {shard: {bound: 0, failover: true}}]", 1, 1},
		{"stack: [{backoff: {tries: 2, base: 10ms}}, {shard: {algorithm: modulo, failover: true}}]", 1, 1},
	} {
		result := run(t, fmt.Sprintf(`
load: {phases: [{name: before, rate: 100/s, for: 5s}, {name: down, rate: 100/s, for: 10s}]}
requests: {users: 400, patience: 5s}
service: {model: {queue: {servers: 50, service: 20ms}}, replicas: 4, balance: least-conn, fail: [{replica: 2, at: 5s, for: 30s}]}
strategies: [{name: one, %s}]
`, row.strategy), 2)
		if before := *phase(t, result, "one", "before").Success; before < .98 {
			t.Errorf("%s: success %.3f before the accident", row.strategy, before)
		}
		if down := *phase(t, result, "one", "down").Success; down < row.least || down > row.top {
			t.Errorf("%s: success %.3f with a replica down, want %.2f to %.2f", row.strategy, down, row.least, row.top)
		}
	}
}

// Calls for one key at one replica find their prompt in its prefix cache, all but the first: hits are 1 -
// keys/calls. In turn they meet each of the replicas cold.
func TestShardByKeyWarmsPrefixCaches(t *testing.T) {
	skipRaced(t)
	hits := func(strategy string) (found, bound float64) {
		watch, _, records := spied(t, fmt.Sprintf(`
load: {phases: [{name: steady, rate: 20/s, for: 60s}]}
requests: {prompt: 2000, output: 20, keys: {zipf: {s: 0.9, n: 600}}}
service: {model: {llm: {}}, replicas: 4}
strategies: [%s]
`, strategy), 1)
		for _, r := range records {
			if r.Outcome != sim.OK {
				t.Fatalf("%s: call %d ended %v", strategy, r.Call, r.Outcome)
			}
		}
		return float64(watch.cached) / float64(watch.prompt), 1 - float64(len(watch.keys))/float64(watch.calls)
	}
	turns, _ := hits("pooled")
	keyed, want := hits("shard: {by: key, bound: 0}")
	bounded, _ := hits("shard: {by: key}")
	if math.Abs(keyed-want) > .02 {
		t.Errorf("by key: %.3f, want 1 - keys/calls = %.3f", keyed, want)
	}
	t.Logf("prompt tokens found in prefix caches: round robin %.3f, shard by key %.3f, with a bound of 1.25 %.3f", turns, keyed, bounded)
	if keyed < turns+.15 || bounded <= turns || bounded > keyed {
		t.Errorf("round robin %.3f, by key %.3f, bounded %.3f: want the second far above the first, the third between", turns, keyed, bounded)
	}
}
