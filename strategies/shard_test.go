package strategies

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/headroom-dev/headroom/sim"
	"pgregory.net/rapid"
)

// all pickers, as functions of a key and of how many endpoints there are.
var pickers = []struct {
	name  string
	pick  func(key uint64, n int) int
	moved func(n float64) float64 // the share of the keys that n -> n + 1 moves
}{
	{"modulo", func(key uint64, n int) int { return modulo(hashOne(key), n) }, func(n float64) float64 { return n / (n + 1) }},
	{"jump", func(key uint64, n int) int { return jump(hashOne(key), n) }, func(n float64) float64 { return 1 / (n + 1) }},
	{"rendezvous", func(key uint64, n int) int { return rendezvous(key, make([]int, n), math.MaxInt, -1) }, func(n float64) float64 { return 1 / (n + 1) }},
}

// The vectors of github.com/dgryski/go-jump, which come from the C++ code of the paper, and of another
// implementation, with more endpoints.
func TestJumpGivesTheReferenceVectors(t *testing.T) {
	for _, row := range []struct {
		key    uint64
		bucket []int // with 1 endpoint, 2, ...
	}{
		{0, []int{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
		{1, []int{0, 0, 0, 0, 0, 0, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 17, 17}},
		{0xdeadbeef, []int{0, 1, 2, 3, 3, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 16, 16, 16}},
		{0x0ddc0ffeebadf00d, []int{0, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 15, 15, 15, 15}},
	} {
		for i, want := range row.bucket {
			if got := jump(row.key, i+1); got != want {
				t.Errorf("key %#x, %d endpoints: %d, want %d", row.key, i+1, got, want)
			}
		}
	}
	for _, row := range []struct {
		key     uint64
		n, want int
	}{{42, 57, 43}, {0xDEAD10CC, 666, 361}, {256, 1024, 520}} {
		if got := jump(row.key, row.n); got != row.want {
			t.Errorf("key %#x, %d endpoints: %d, want %d", row.key, row.n, got, row.want)
		}
	}
}

// The hash is xxHash64 with seed 0 of 8 little-endian bytes for each number, worked out by another
// program from the specification: who changes it moves everybody's users.
func TestTheHashIsTheSameEverywhere(t *testing.T) {
	for _, row := range []struct {
		user, one, pair  uint64 // pair: with endpoint 3
		modulo, highest8 int    // of 8
	}{
		{0, 0x34c96acdcadb1bbb, 0x753985002e535dec, 3, 5},
		{1, 0x9f29cb17a2a49995, 0x9c2b5aef47d495cc, 5, 4},
		{42, 0xb556806fb6d14353, 0xe9466675c131e1a6, 3, 3},
		{math.MaxUint64, 0x85d136adb773c6c9, 0x42dde861f29224cf, 1, 6},
	} {
		if one, pair := hashOne(row.user), hashPair(row.user, 3); one != row.one || pair != row.pair {
			t.Errorf("user %d: %#x and %#x, want %#x and %#x", row.user, one, pair, row.one, row.pair)
		}
		if got := pickers[0].pick(row.user, 8); got != row.modulo {
			t.Errorf("user %d: modulo %d, want %d", row.user, got, row.modulo)
		}
		if got := pickers[2].pick(row.user, 8); got != row.highest8 {
			t.Errorf("user %d: rendezvous %d, want %d", row.user, got, row.highest8)
		}
	}
}

// One endpoint more moves n/(n+1) of the keys with modulo, 1/(n+1) with the others, and all are spread
// evenly, to four standard errors.
func TestOneEndpointMoreMoves(t *testing.T) {
	const keys = 20_000
	near := func(what string, n int, p float64) {
		t.Helper()
		if got, se := float64(n)/keys, math.Sqrt(p*(1-p)/keys); math.Abs(got-p) > 4*se {
			t.Errorf("%s: %.4f, want %.4f within %.4f", what, got, p, 4*se)
		}
	}
	for _, picker := range pickers {
		for _, n := range []int{2, 3, 8, 10, 31, 64} {
			moved, at := 0, make([]int, n)
			for key := range uint64(keys) {
				before := picker.pick(key, n)
				at[before]++
				if picker.pick(key, n+1) != before {
					moved++
				}
			}
			near(picker.name+" moved", moved, picker.moved(float64(n)))
			for i := range at {
				near(picker.name+" on one endpoint", at[i], 1/float64(n))
			}
		}
	}
}

// With jump and rendezvous a key moves only to the endpoint that came; rendezvous gives those of one that
// left to the rest and moves no other.
func TestKeysMoveOnlyToTheNewEndpoint(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key, n := rapid.Uint64().Draw(t, "key"), rapid.IntRange(1, 300).Draw(t, "n")
		for _, picker := range pickers {
			before, after := picker.pick(key, n), picker.pick(key, n+1)
			if before < 0 || before >= n {
				t.Fatalf("%s: endpoint %d of %d", picker.name, before, n)
			}
			if picker.name != "modulo" && after != before && after != n {
				t.Errorf("%s: from %d to %d as endpoint %d came", picker.name, before, after, n)
			}
		}
		left := rapid.IntRange(0, n).Draw(t, "left")
		before := rendezvous(key, make([]int, n+1), math.MaxInt, -1)
		after := rendezvous(key, make([]int, n+1), math.MaxInt, left)
		if left != before && after != before || after == left || after < 0 {
			t.Errorf("rendezvous: from %d to %d as endpoint %d of %d left", before, after, left, n+1)
		}
	})
}

// Whatever comes and goes, no endpoint gets a call that takes it above ceil(bound (total + 1)/n); and a
// user whose endpoint has room goes there.
func TestBoundedLoad(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := NewShard()
		s.Bound = rapid.SampledFrom([]float64{1, 1.05, 1.25, 2, 10}).Draw(t, "bound")
		n := rapid.IntRange(2, 20).Draw(t, "n")
		s.inFlight, s.sent = make([]int, n), make([]int64, n)
		var out []int
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			if len(out) > 0 && rapid.IntRange(0, 2).Draw(t, "ends") == 0 {
				i := rapid.IntRange(0, len(out)-1).Draw(t, "who")
				s.inFlight[out[i]]--
				s.total--
				out = slices.Delete(out, i, i+1)
				continue
			}
			user := rapid.Uint64Range(0, 5).Draw(t, "user")
			most := int(math.Ceil(s.Bound * float64(s.total+1) / float64(n)))
			home := rendezvous(user, make([]int, n), math.MaxInt, -1)
			at := s.pick(&sim.Request{User: user})
			if s.inFlight[at] >= most {
				t.Fatalf("endpoint %d has %d of at most %d in flight (%v) and got one more", at, s.inFlight[at], most, s.inFlight)
			}
			if s.inFlight[home] < most && at != home {
				t.Fatalf("user %d belongs to %d, which has room, and went to %d", user, home, at)
			}
			s.inFlight[at]++
			s.total++
			out = append(out, at)
		}
	})
}

// sharded carries calls, one after the other, and returns where each attempt went, from 1.
func sharded(t *testing.T, s *Shard, endpoints int, requests ...sim.Request) (at []int) {
	s.Endpoints(endpoints)
	run(t, func(w *sim.World) {
		handle := s.Wrap(w, func(r sim.Request) sim.Reply {
			at = append(at, r.Via.Endpoint)
			return good
		})
		for _, r := range requests {
			handle(r)
		}
	})
	return at
}

// By user the key does not matter, by key the user does not; and one user stays.
func TestShardBy(t *testing.T) {
	var same, others []sim.Request
	for i := range uint64(50) {
		same, others = append(same, sim.Request{User: 7, Key: i}), append(others, sim.Request{User: i, Key: 7})
	}
	for _, algorithm := range []string{"rendezvous", "modulo", "jump"} {
		for _, by := range []string{"user", "key"} {
			s := NewShard()
			s.By, s.Algorithm = by, algorithm
			fixed, spread := same, others
			if by == "key" {
				fixed, spread = others, same
			}
			if at := slices.Compact(sharded(t, s, 8, fixed...)); len(at) != 1 {
				t.Errorf("%s by %s: one %s met endpoints %v", algorithm, by, by, at)
			}
			at := sharded(t, s, 8, spread...)
			slices.Sort(at)
			if at := slices.Compact(at); len(at) < 7 || at[0] < 1 || at[len(at)-1] > 8 {
				t.Errorf("%s by %s: fifty went to %v, want (nearly) all of 1 to 8", algorithm, by, at)
			}
		}
	}
	if at := sharded(t, NewShard(), 0, same...); len(slices.Compact(at)) != 1 || at[0] != 1 {
		t.Errorf("nobody said how many there are: %v, want the first", at)
	}
}

// With failover a retry and a hedge copy go elsewhere, always to the same second choice; without it, and
// for a refresh, to where the first attempt went.
func TestShardFailover(t *testing.T) {
	for _, algorithm := range []string{"rendezvous", "modulo", "jump"} {
		for user := range uint64(20) {
			ask := func(failover bool, causes ...sim.Cause) []int {
				s := NewShard()
				s.Algorithm, s.Failover, s.Bound = algorithm, failover, 1
				var requests []sim.Request
				for _, cause := range causes {
					requests = append(requests, sim.Request{User: user, Cause: cause})
				}
				return sharded(t, s, 3, requests...)
			}
			at := ask(true, sim.First, sim.Retry, sim.Retry, sim.HedgeCopy, sim.Refresh)
			if at[1] == at[0] || at[2] != at[1] || at[3] != at[1] || at[4] != at[0] {
				t.Errorf("%s, user %d: %v, want the first, the second three times, the first", algorithm, user, at)
			}
			if second := rendezvous(user, make([]int, 3), math.MaxInt, at[0]-1) + 1; algorithm == "rendezvous" && at[1] != second {
				t.Errorf("user %d: the second choice is %d, want the second highest hash, %d", user, at[1], second)
			}
			if at := slices.Compact(ask(false, sim.First, sim.Retry, sim.HedgeCopy)); len(at) != 1 {
				t.Errorf("%s, user %d without failover: %v, want one", algorithm, user, at)
			}
		}
	}
	s := NewShard()
	s.Failover = true
	if at := sharded(t, s, 1, sim.Request{Cause: sim.Retry}); at[0] != 1 || counts(s)["shard_failover"] != 0 {
		t.Errorf("one endpoint: went to %v, counts %v; there is no second", at, counts(s))
	}
}

// A second choice is taken even if all others are full: the first has just failed.
func TestShardFailoverPastFullEndpoints(t *testing.T) {
	s := &Shard{By: "user", Bound: 1, Failover: true, inFlight: []int{5, 5}, total: 10, sent: make([]int64, 2)}
	for user := range uint64(10) {
		home := rendezvous(user, []int{0, 0}, math.MaxInt, -1)
		s.inFlight[home], s.inFlight[1-home] = 0, 10
		if at := s.pick(&sim.Request{User: user, Cause: sim.Retry}); at == home {
			t.Errorf("user %d: a retry went to where it failed", user)
		}
	}
}

// The first of N users under Zipf's law has 1/H(N, s) of the calls, which no hash can spread: its
// endpoint has them and its share of the others. A bound does, once calls are in flight.
func TestHotUsersHeatTheirEndpoint(t *testing.T) {
	const users, n, exponent = 1000, 8, 1.5
	p, user := zipf(users, exponent)
	h := 0.0
	for i := 1; i <= users; i++ {
		h += math.Pow(float64(i), -exponent)
	}
	hottest := func(algorithm string, bound float64, seed uint64) float64 {
		s := &Shard{By: "key", Algorithm: algorithm, Bound: bound}
		s.Endpoints(n)
		play(t, seed, s, mmc{servers: 1000, mean: time.Second, limit: -1}, load{calls: 4000, rate: steady(100), keys: user})
		return s.Gauges()[0].Read()
	}
	for _, picker := range pickers {
		at := make([]float64, n)
		for i := range p {
			at[picker.pick(uint64(i), n)] += p[i]
		}
		most := slices.Max(at)
		if math.Abs(p[0]-1/h) > 1e-12 || at[picker.pick(0, n)] != most {
			t.Fatalf("%s: the first user has %.3f and not 1/H = %.3f, or is not on the hottest of %v", picker.name, p[0], 1/h, at)
		}
		e := over(12, func(seed uint64) float64 { return hottest(picker.name, 0, seed) })
		e.holds(t, picker.name+": hottest endpoint", most)
		if e.mean < 1/h {
			t.Errorf("%s: the hottest endpoint has %.3f, less than its first user, 1/H = %.3f", picker.name, e.mean, 1/h)
		}
	}
	// Each of the 100 or so in flight counts, so the bound leaves 1.25/8 and a little for the first few.
	if got := hottest("rendezvous", 1.25, 1); got < 1.0/n || got > 1.25/n+.02 {
		t.Errorf("bound 1.25: the hottest endpoint has %.3f, want at most %.3f", got, 1.25/n)
	}
}

func TestShardFaults(t *testing.T) {
	for _, row := range []struct{ yaml, found, allowed string }{
		{"shard: {by: ip}", `by "ip"`, "user, key"},
		{"shard: {algorithm: ring}", `algorithm "ring"`, "rendezvous, modulo, jump"},
		{"shard: {bound: 0.5}", "bound 0.5", "1 to 1000, or 0 for no bound"},
		{"shard: {bound: -1}", "bound -1", "1 to 1000"},
		{"shard: {bound: 1001}", "bound 1001", "1 to 1000"},
	} {
		_, err := Parse([]byte(row.yaml))
		if err == nil || !strings.Contains(err.Error(), row.found) || !strings.Contains(err.Error(), row.allowed) {
			t.Errorf("%s: %v, want %q and %q", row.yaml, err, row.found, row.allowed)
		}
	}
}

func TestShardBoundOfNoNumberIsAFault(t *testing.T) {
	s := NewShard()
	if s.Bound = math.NaN(); s.Validate() == nil {
		t.Error("a bound of NaN was taken")
	}
}

// Picking costs no memory, whatever the algorithm.
func TestPickingAllocatesNothing(t *testing.T) {
	for _, algorithm := range []string{"rendezvous", "modulo", "jump"} {
		s := &Shard{By: "user", Algorithm: algorithm, Bound: 1.25, inFlight: make([]int, 8), sent: make([]int64, 8)}
		r := sim.Request{}
		if got := testing.AllocsPerRun(1000, func() { r.User++; s.pick(&r) }); got != 0 {
			t.Errorf("%s: %v allocations a pick, want 0", algorithm, got)
		}
	}
}
