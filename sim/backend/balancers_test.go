package backend

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// members returns replicas of the given weights, with IDs in order.
func members(weights ...int) []*Member {
	all := make([]*Member, len(weights))
	for i, weight := range weights {
		all[i] = &Member{ID: i, Weight: weight}
	}
	return all
}

// equals returns n replicas of weight 1.
func equals(n int) []*Member { return members(slices.Repeat([]int{1}, n)...) }

// TestWeightedOrder: the smooth order. 5, 1, 1 is the example of nginx's commit message ("Upstream:
// smooth weighted round-robin balancing", 2012).
func TestWeightedOrder(t *testing.T) {
	for _, row := range []struct {
		weights []int
		want    string
	}{
		{[]int{5, 1, 1}, "aabacaa"},
		{[]int{3, 2}, "ababa"},
		{[]int{1, 1, 1}, "abcabc"},
		{[]int{7}, "aaa"},
	} {
		all, b, got := members(row.weights...), &Weighted{}, ""
		for range row.want {
			got += string(rune('a' + b.Pick(sim.Request{}, all)))
		}
		same(t, "order", got, row.want)
	}
}

// TestWeightedAfterFailures: a failure takes weight/max_fails off the effective weight, and each pick
// gives one back, as in ngx_http_upstream_free_round_robin_peer.
func TestWeightedAfterFailures(t *testing.T) {
	all, b := members(4, 2), &Weighted{}
	all[0].share.lower(4, 1)
	var got []int
	for range 8 {
		got = append(got, b.Pick(sim.Request{}, all))
	}
	// Effective weights of the first: 0 1 2 3 4 4 4 4; the second keeps 2. By hand:
	// current (0,2)b (1,2)b->(1,-1) (3,1)a->(-1,1) (2,3)b->(2,-2) (6,0)a->(0,0) (4,2)a (2,4)b (6,0)a.
	same(t, "picks", got, []int{1, 1, 0, 1, 0, 0, 1, 0})
	same(t, "what is off at the end", all[0].share.lowered, 0)
}

// TestLeastConnPicks: the fewest calls in flight for the weight, and among equals the smooth rule.
func TestLeastConnPicks(t *testing.T) {
	pick := func(all []*Member, n int) (got []int) {
		b := &LeastConn{}
		for range n {
			i := b.Pick(sim.Request{}, all)
			all[i].inflight++
			got = append(got, i)
		}
		return got
	}
	all := equals(4)
	for i, n := range []int{2, 1, 1, 5} {
		all[i].inflight = n
	}
	same(t, "picks", pick(all, 3), []int{1, 2, 2})
	same(t, "weights 3 and 1 from idle", pick(members(3, 1), 8), []int{0, 1, 0, 0, 0, 1, 0, 0})
	idle, b, got := equals(3), &LeastConn{}, []int(nil)
	for range 6 {
		got = append(got, b.Pick(sim.Request{}, idle))
	}
	same(t, "picks among idle replicas", got, []int{0, 1, 2, 0, 1, 2})
}

// TestP2CMeanField holds the mean time in a system of many servers to its limit (Mitzenmacher 2001):
// the sum over i >= 1 of rho^(2^i - 2). A random pick would take 1/(1 - rho).
func TestP2CMeanField(t *testing.T) {
	for _, row := range []struct{ rho, want float64 }{{0.5, 1.2657}, {0.8, 1.9474}} {
		sum := 0.0
		for i := 1.0; i < 20; i++ {
			sum += math.Pow(row.rho, math.Pow(2, i)-2)
		}
		near(t, "the formula", sum, row.want, 0.0001)
		const n, calls = 200, 120_000
		s := &Service{Model: Choice{"queue", &Queue{Servers: 1, Service: Drawn(sim.ExponentialDuration(time.Second)), Discipline: FIFO, Cancel: CancelFree}},
			Replicas: n, Balance: Balancing{Name: "p2c"}}
		total, counted := 0.0, 0
		for _, r := range (traffic{seed: 1, calls: calls, rate: row.rho * n}).carry(t, func(env sim.Env) sim.Handler { return s.Start(env).Handle }) {
			if r.Call > calls/6 && r.Call < calls*9/10 {
				total += r.stay().Seconds()
				counted++
			}
		}
		near(t, "mean time", total/float64(counted), row.want, 0.02)
	}
}

// assigned returns whose each user is, and the share of the replica that has most.
func assigned(b Balancer, all []*Member, users int) (owner []int, hottest float64) {
	owner, counts := make([]int, users), map[int]int{}
	for user := range users {
		id := all[b.Pick(sim.Request{User: uint64(user)}, all)].ID
		owner[user] = id
		counts[id]++
		hottest = max(hottest, float64(counts[id])/float64(users))
	}
	return owner, hottest
}

func movedFrom(before, after []int) (share float64, to map[int]bool) {
	to = map[int]bool{}
	for i := range before {
		if before[i] != after[i] {
			share += 1 / float64(len(before))
			to[after[i]] = true
		}
	}
	return share, to
}

// hashing are the balancers that hash, and how far from 1/n a share of theirs may lie: rendezvous is
// as even as 40,000 draws (4 standard errors are 6 %), the gaps between 160 points a replica are not
// (standard deviation about 1/sqrt(160) = 8 %, and four of them allowed).
var hashing = []struct {
	name string
	make func() Balancer
	even float64
}{
	{"hash", func() Balancer { return &Hash{Hashing: Hashing{By: ByUser}} }, 0.06},
	{"consistent", func() Balancer { return &Consistent{by: ByUser} }, 0.32},
}

// TestHashingMovesFew: from 8 to 9 replicas a ninth of the users move, all of them to the new one;
// modulo would move eight ninths. When a replica is lost, only its own users move.
func TestHashingMovesFew(t *testing.T) {
	const users = 40_000
	moved := 0
	for user := range 72 {
		if user%8 != user%9 {
			moved++
		}
	}
	near(t, "moved by modulo", float64(moved)/72, 8.0/9, 0)
	for _, kind := range hashing {
		t.Run(kind.name, func(t *testing.T) {
			b, all := kind.make(), equals(9)
			before, hottest := assigned(b, all[:8], users)
			near(t, "the hottest replica's share", hottest, 1.0/8, kind.even)
			after, _ := assigned(b, all, users)
			share, to := movedFrom(before, after)
			near(t, "moved from 8 to 9", share, 1.0/9, kind.even)
			same(t, "moved to", to, map[int]bool{8: true})
			lost, _ := assigned(b, slices.Delete(slices.Clone(all), 3, 4), users)
			for user := range lost {
				if after[user] != 3 && lost[user] != after[user] {
					t.Fatalf("user %d moved from %d to %d when 3 was lost", user, after[user], lost[user])
				}
			}
			again, _ := assigned(kind.make(), all, users)
			same(t, "users of another process", again[:100], after[:100])
		})
	}
}

// TestHashingByWeight: users are spread by weight.
func TestHashingByWeight(t *testing.T) {
	for _, kind := range hashing {
		owner, _ := assigned(kind.make(), members(1, 2, 1), 40_000)
		of := 0
		for _, id := range owner {
			if id == 1 {
				of++
			}
		}
		near(t, kind.name+": the share of weight 2 of 4", float64(of)/40_000, 0.5, kind.even)
	}
}

// TestHashOfWhat: the user, the key, or the first 256 tokens of the prompt.
func TestHashOfWhat(t *testing.T) {
	long := make([]uint64, 40)
	for i := range long {
		long[i] = uint64(i)*77 + 1
	}
	other := slices.Clone(long)
	other[16]++
	for _, row := range []struct {
		by   string
		a, b sim.Request
		same bool
	}{
		{ByUser, sim.Request{User: 1, Key: 1}, sim.Request{User: 1, Key: 2}, true},
		{ByUser, sim.Request{User: 1}, sim.Request{User: 2}, false},
		{ByKey, sim.Request{User: 1, Key: 7}, sim.Request{User: 2, Key: 7}, true},
		{ByKey, sim.Request{Key: 7}, sim.Request{Key: 8}, false},
		{ByPrefix, sim.Request{Prefix: long}, sim.Request{Prefix: other}, true},
		{ByPrefix, sim.Request{Prefix: long}, sim.Request{Prefix: other[17:]}, false},
		{ByPrefix, sim.Request{Key: 5}, sim.Request{Key: 5, User: 3}, true},
	} {
		for _, b := range []Balancer{&Hash{Hashing: Hashing{By: row.by}}, &Consistent{by: row.by}} {
			all := equals(1000)
			same(t, row.by, b.Pick(row.a, all) == b.Pick(row.b, all), row.same)
		}
	}
}

// TestHashBound: a user who asks all the time fills his replica up to the bound, never above, and goes
// back to it when it has room again.
func TestHashBound(t *testing.T) {
	all, b := equals(4), &Hash{Hashing: Hashing{By: ByUser, Bound: 1.25}}
	home := b.Pick(sim.Request{User: 9}, all)
	for call := range 400 {
		i := b.Pick(sim.Request{User: 9}, all)
		all[i].inflight++
		if most := int(math.Ceil(1.25 * float64(call+1) / 4)); all[i].inflight > most {
			t.Fatalf("call %d: got %d in flight, want at most %d", call, all[i].inflight, most)
		}
	}
	same(t, "at home", all[home].inflight, 125)
	all[home].inflight = 0
	same(t, "home again", b.Pick(sim.Request{User: 9}, all), home)
}

// TestRoundRobinTail: with mixed lengths the P99 is worse than that of least connections.
func TestRoundRobinTail(t *testing.T) {
	p99 := func(balance string) time.Duration {
		_, records := picks(t, balance, 5, 5000)
		slices.SortFunc(records, func(a, b record) int { return int(a.stay() - b.stay()) })
		return records[4949].stay()
	}
	if turns, least := p99("round-robin"), p99("least-conn"); !(least < turns) {
		t.Errorf("got a P99 of %v with least-conn and %v with round-robin", least, turns)
	}
}

// TestHottestReplica: under Zipf's law one user has a share of the calls that no hash can spread; the
// bound can, as soon as calls are in flight.
func TestHottestReplica(t *testing.T) {
	hottest := func(balance string) float64 {
		s := served(t, 100, "replicas: 8\nbalance: "+balance)
		var run Running
		users := sim.NewStream(1, "users")
		traffic{seed: 1, calls: 20_000, rate: 2000, request: func(i int) sim.Request {
			user := uint64(users.For(i, 0).IntN(1000))
			if i%2 == 0 {
				user = 1 // half of the calls
			}
			return sim.Request{User: user}
		}}.carry(t, func(env sim.Env) sim.Handler { run = s.Start(env); return run.Handle })
		gauge, ok := find(run.Gauges, func(g sim.Gauge) bool { return g.Name == "hottest replica" })
		if !ok {
			t.Fatal("no such gauge")
		}
		return gauge.Read()
	}
	near(t, "share without a bound", hottest("hash"), 0.5+0.5/8, 0.05)
	near(t, "share with a bound of 1.25", hottest("{hash: {bound: 1.25}}"), 1.25/8, 0.05)
}
