package report

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/headroom-dev/headroom/sim"
	"pgregory.net/rapid"
)

// anyRecord draws a record that a run could yield, in a scenario of these phases.
func anyRecord(phases []PhaseInfo) *rapid.Generator[Record] {
	return rapid.Custom(func(t *rapid.T) Record {
		phase := rapid.IntRange(0, len(phases)-1).Draw(t, "phase")
		from, to := seconds(phases[phase].FromS), seconds(phases[phase].ToS)
		r := Record{
			Phase: phase, Priority: sim.Priority(rapid.IntRange(0, 4).Draw(t, "class")),
			Attempts: rapid.IntRange(0, 5).Draw(t, "attempts"), Tokens: rapid.IntRange(0, 20).Draw(t, "tokens"),
			FirstTry: sim.Outcome(rapid.IntRange(0, int(sim.NumOutcomes)-1).Draw(t, "first")),
			Outcome:  sim.Outcome(rapid.IntRange(0, int(sim.NumOutcomes)-1).Draw(t, "outcome")),
			Reason:   rapid.SampledFrom([]string{"", "full", "open", "tries"}).Draw(t, "reason"),
			Intended: time.Duration(rapid.Int64Range(int64(from), int64(to)-1).Draw(t, "intended")),
			Patience: time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(t, "patience")),
			Target:   rapid.IntRange(0, 2).Draw(t, "target"),
		}
		r.Sent = -1
		if r.Attempts > 0 {
			r.Sent = r.Intended + time.Duration(rapid.Int64Range(0, int64(20*time.Second)).Draw(t, "wait"))
		}
		r.Done = max(r.Sent, r.Intended) + time.Duration(rapid.Int64Range(0, int64(700*time.Second)).Draw(t, "took"))
		if r.Outcome == sim.OK && rapid.Bool().Draw(t, "streamed") {
			r.First = r.Intended + (r.Done-r.Intended)/2
		}
		return r
	})
}

// counted is all that a Tally tells, in comparable form.
func counted(t *Tally) string {
	var out string
	for i := range t.phases {
		s := t.Summary(i)
		m := t.phases[i].measured()
		out += fmt.Sprintf("%+v\n%+v\n", s, m)
	}
	out += fmt.Sprintf("%v %+v\n%v\n", t.seconds.step, t.seconds.at, t.latency.step)
	for i, h := range t.latency.at {
		if h.count() > 0 {
			out += fmt.Sprintf("%d %+v\n", i, h.distribution())
		}
	}
	for i := range t.targets {
		out += fmt.Sprintf("%v %+v\n", t.targets[i].outcomes, t.targets[i].response.distribution())
	}
	return out
}

func TestTallyOfAUnionIsTheMergeOfTallies(t *testing.T) {
	c := spikeConfig(1)
	c.Targets = []string{"a", "b", "c"}
	rapid.Check(t, func(t *rapid.T) {
		records := rapid.SliceOfN(anyRecord(c.Phases), 0, 60).Draw(t, "records")
		whole, left, right := NewTally(c), NewTally(c), NewTally(c)
		for _, r := range records {
			whole.Add(r)
			part := left
			if rapid.Bool().Draw(t, "right") {
				part = right
			}
			part.Add(r)
		}
		left.Merge(right)
		whole.grow(len(left.phases[0].cells) / pairs)
		left.grow(len(whole.phases[0].cells) / pairs)
		if diff := cmp.Diff(counted(left), counted(whole)); diff != "" {
			t.Fatalf("merge of the parts (-) and whole (+) differ:\n%s", diff)
		}
		if err := left.Check(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestTallyDoesNotDependOnTheOrderOfRecords(t *testing.T) {
	c := spikeConfig(0.2)
	var records []Record
	singleServer(c, 3, 10*time.Millisecond, 5*time.Second, func(r Record) { records = append(records, r) })
	want, got := NewTally(c), NewTally(c)
	for _, r := range records {
		want.Add(r)
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(records), func(i, j int) { records[i], records[j] = records[j], records[i] })
	for _, r := range records {
		got.Add(r)
	}
	if diff := cmp.Diff(counted(got), counted(want)); diff != "" {
		t.Errorf("shuffled (-) and in order (+) differ:\n%s", diff)
	}
	if err := got.Check(); err != nil {
		t.Error(err)
	}
}

func TestResetTallyCountsAsANewOne(t *testing.T) {
	c := spikeConfig(0.2)
	c.Targets = []string{"a", "b"}
	used, fresh := NewTally(c), NewTally(c)
	singleServer(c, 1, 20*time.Millisecond, 9*time.Second, used.Add)
	used.Reset()
	for i := range used.phases {
		if s := used.Summary(i); s.Calls != 0 || s.times.n != 0 || s.Response != 0 {
			t.Errorf("phase %d after Reset: got %d calls and %d times, want none", i, s.Calls, s.times.n)
		}
	}
	singleServer(c, 2, 10*time.Millisecond, 5*time.Second, used.Add)
	singleServer(c, 2, 10*time.Millisecond, 5*time.Second, fresh.Add)
	if diff := cmp.Diff(counted(used), counted(fresh)); diff != "" {
		t.Errorf("used again (-) and new (+) differ:\n%s", diff)
	}
}

func TestTallyCountsWhatARecordSays(t *testing.T) {
	c := spikeConfig(1)
	ms := time.Millisecond
	at := 35 * time.Second
	rows := []struct {
		name                          string
		r                             Record
		good, firstOK, patience, wait int64 // calls; wait in ms
		delivered                     [3]int64
	}{
		{"an answer within all limits is good", Record{Phase: 1, Outcome: sim.OK, FirstTry: sim.OK, Attempts: 1, Sent: at + 5*ms, Done: at + 100*ms, Patience: time.Second},
			1, 1, 1, 5, [3]int64{0, 1, 0}},
		{"an answer at the limit is good", Record{Phase: 1, Outcome: sim.OK, FirstTry: sim.OK, Sent: at, Done: at + 2000*ms},
			1, 1, 1, 0, [3]int64{0, 1, 0}},
		{"an answer over the limit of P99 is ok, not good", Record{Phase: 1, Outcome: sim.OK, FirstTry: sim.Busy, Sent: at, Done: at + 2001*ms},
			0, 0, 1, 0, [3]int64{0, 1, 0}},
		{"an answer after the scenario's patience is ok all the same", Record{Phase: 1, Outcome: sim.OK, FirstTry: sim.OK, Sent: at + 900*ms, Done: at + 1100*ms, Patience: time.Second},
			1, 1, 0, 900, [3]int64{0, 1, 0}},
		{"an answer in the next phase is that phase's throughput", Record{Phase: 1, Outcome: sim.OK, FirstTry: sim.OK, Sent: at, Done: at + 6*time.Second},
			0, 1, 1, 0, [3]int64{0, 0, 1}},
		{"an answer after the load is nobody's throughput", Record{Phase: 1, Outcome: sim.OK, FirstTry: sim.OK, Sent: at, Done: at + 66*time.Second},
			0, 1, 1, 0, [3]int64{}},
		{"a call never sent waited until it gave up", Record{Phase: 1, Outcome: sim.Shed, FirstTry: sim.Shed, Sent: -1, Done: at + 70*ms},
			0, 0, 0, 70, [3]int64{}},
		{"a degraded answer is not ok", Record{Phase: 1, Outcome: sim.Degraded, FirstTry: sim.Busy, Attempts: 3, Sent: at, Done: at + 70*ms},
			0, 0, 0, 0, [3]int64{}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			tally := NewTally(c)
			row.r.Intended = at
			tally.Add(row.r)
			if err := tally.Check(); err != nil {
				t.Error(err)
			}
			s := tally.Summary(1)
			if s.Good != row.good || s.FirstOK != row.firstOK || s.AtPatience != row.patience {
				t.Errorf("good, first ok, within patience: got %d, %d, %d, want %d, %d, %d", s.Good, s.FirstOK, s.AtPatience, row.good, row.firstOK, row.patience)
			}
			if got := tally.phases[1].wait.sum; got != time.Duration(row.wait)*ms {
				t.Errorf("waited: got %v, want %d ms", got, row.wait)
			}
			for i, want := range row.delivered {
				if got := tally.phases[i].delivered; got != want {
					t.Errorf("answers during phase %d: got %d, want %d", i, got, want)
				}
			}
			if s.Attempts != int64(row.r.Attempts) || s.Outcomes[row.r.Outcome] != 1 || s.Calls != 1 {
				t.Errorf("got %d attempts, outcomes %v, %d calls", s.Attempts, s.Outcomes, s.Calls)
			}
		})
	}
}

func TestGoodNeedsEveryLimitThatTheObjectiveNames(t *testing.T) {
	ms := func(v float64) *float64 { return &v }
	rows := []struct {
		name      string
		objective *Objective
		took      time.Duration
		first     time.Duration // 0: not seen
		tokens    int
		want      bool
	}{
		{"without an objective every ok call is good", nil, time.Hour, 0, 0, true},
		{"success alone limits no time", &Objective{Success: ms(0.99)}, time.Hour, 0, 0, true},
		{"P99 is the limit of a call", &Objective{P50MS: ms(10), P95MS: ms(50), P99MS: ms(100)}, 100 * time.Millisecond, 0, 0, true},
		{"without P99, P95 is", &Objective{P50MS: ms(10), P95MS: ms(50)}, 51 * time.Millisecond, 0, 0, false},
		{"without both, P50 is", &Objective{P50MS: ms(10)}, 11 * time.Millisecond, 0, 0, false},
		{"a late first token is not good", &Objective{TTFTP99MS: ms(20)}, time.Second, 21 * time.Millisecond, 9, false},
		{"an unseen first token came with the last byte at the latest", &Objective{TTFTP99MS: ms(20)}, 20 * time.Millisecond, 0, 9, true},
		{"an unseen first token of a late answer is not known to be in time", &Objective{TTFTP99MS: ms(20)}, time.Second, 0, 9, false},
		{"slow tokens are not good", &Objective{TPOTP99MS: ms(10)}, time.Second, 20 * time.Millisecond, 3, false},
		{"one token has no time per token", &Objective{TPOTP99MS: ms(10)}, time.Second, 20 * time.Millisecond, 1, true},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			tally := NewTally(Config{Phases: []PhaseInfo{{ToS: 1}}, Objective: row.objective})
			r := Record{Outcome: sim.OK, FirstTry: sim.OK, Intended: time.Millisecond, Tokens: row.tokens}
			r.Done = r.Intended + row.took
			if row.first > 0 {
				r.First = r.Intended + row.first
			}
			tally.Add(r)
			if got := tally.Summary(0).Good == 1; got != row.want {
				t.Errorf("good: got %v, want %v", got, row.want)
			}
		})
	}
}

func TestAnAnswerFromTheCacheHasNoServiceTime(t *testing.T) {
	tally := NewTally(spikeConfig(1))
	tally.Add(Record{Outcome: sim.OK, FirstTry: sim.OK, Sent: -1, Done: time.Microsecond})
	if got := tally.phases[0].service.count(); got != 0 {
		t.Errorf("got %d service times, want none", got)
	}
	if err := tally.Check(); err != nil {
		t.Error(err)
	}
}

func TestReasonsStayBounded(t *testing.T) {
	tally := NewTally(spikeConfig(1))
	for i := range 1000 {
		tally.Add(Record{Outcome: sim.Error, Reason: fmt.Sprintf("invented %d", i%200), Done: time.Second})
	}
	reasons := tally.phases[0].reasons
	if len(reasons) != maxReasons+1 {
		t.Errorf("got %d reasons, want %d and other", len(reasons), maxReasons)
	}
	if got, want := total(reasons), int64(1000); got != want {
		t.Errorf("got %d counted, want %d", got, want)
	}
	many := make(map[string]int64)
	for i := range 200 {
		many[fmt.Sprintf("r%03d", i)] = int64(i + 1)
	}
	kept := commonest(many)
	if len(kept) != maxReasons+1 || total(kept) != total(many) || kept["r199"] != 200 || kept["r000"] != 0 {
		t.Errorf("commonest: got %d reasons, %d counted, r199 %d", len(kept), total(kept), kept["r199"])
	}
}

func TestCheckSeesALostCall(t *testing.T) {
	c := spikeConfig(0.1)
	breaks := map[string]func(*Tally){
		"a call without its second":        func(t *Tally) { t.seconds.at[3].outcomes[sim.OK]-- },
		"a call without its response time": func(t *Tally) { t.phases[0].response[sim.OK].n-- },
		"more good calls than ok ones":     func(t *Tally) { t.phases[1].good = 1 << 40 },
		"an answer too many":               func(t *Tally) { t.seconds.at[3].achieved++ },
		"a reason too many":                func(t *Tally) { t.phases[0].reasons["full"] += 1 << 40 },
	}
	for name, breaks := range breaks {
		tally := NewTally(c)
		singleServer(c, 1, 5*time.Millisecond, time.Second, tally.Add)
		if err := tally.Check(); err != nil {
			t.Fatal(err)
		}
		breaks(tally)
		if tally.Check() == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}

func TestAddAllocatesNothingOnceItHasSeenARun(t *testing.T) {
	c := spikeConfig(0.2)
	tally := NewTally(c)
	var records []Record
	singleServer(c, 1, 10*time.Millisecond, 5*time.Second, func(r Record) { records = append(records, r) })
	run := func() {
		for _, r := range records {
			tally.Add(r)
		}
	}
	run()
	if got := testing.AllocsPerRun(3, run); got > 0 {
		t.Errorf("got %v allocations for %d calls like those it has seen, want none", got, len(records))
	}
}

// TestMemoryFollowsTheSecondsNotTheCalls measures the Tally of a run of 22,222 s, the length of a
// run of 10 million calls at 450 a second. With one call for each 10 ms of it, its memory is already
// what it would be with all of them.
func TestMemoryFollowsTheSecondsNotTheCalls(t *testing.T) {
	c := Config{Phases: []PhaseInfo{{Name: "steady", ToS: 22222, IsPeak: true}}}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	tally := NewTally(c)
	for i := range 2_222_200 {
		at := time.Duration(i) * 10 * time.Millisecond
		tally.Add(Record{Outcome: sim.OK, FirstTry: sim.OK, Attempts: 1, Intended: at, Sent: at, Done: at + time.Duration(i%1000)*time.Millisecond})
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if got := int64(after.HeapAlloc) - int64(before.HeapAlloc); got > 20<<20 {
		t.Errorf("got %d MiB, want at most 20", got>>20)
	}
	if tally.seconds.step != time.Second || tally.latency.step != 2*time.Minute {
		t.Errorf("steps: got %v and %v, want 1 s and 2 m", tally.seconds.step, tally.latency.step)
	}
	if err := tally.Check(); err != nil {
		t.Error(err)
	}
	runtime.KeepAlive(tally)
}

func BenchmarkTallyAdd(b *testing.B) {
	c := spikeConfig(1)
	var records []Record
	singleServer(c, 1, 4*time.Millisecond, 5*time.Second, func(r Record) { records = append(records, r) })
	tally := NewTally(c)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		tally.Add(records[i])
		if i++; i == len(records) {
			i = 0
		}
	}
}

func BenchmarkSummary(b *testing.B) {
	c := spikeConfig(1)
	tally := NewTally(c)
	singleServer(c, 1, 4*time.Millisecond, 5*time.Second, tally.Add)
	b.ReportAllocs()
	for b.Loop() {
		for i := range c.Phases {
			tally.Summary(i)
		}
	}
}
