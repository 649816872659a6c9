package cli

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/headroom-dev/headroom/scenarios"
)

// A forecast is what a run will do, known before its first call.
type forecast struct {
	phases  []string // names
	calls   []int64  // of each phase, over the seeds
	exact   bool     // counted from the schedules; else expected from the rates
	seeds   int
	runs    int           // strategies x seeds
	length  time.Duration // of the load of one run
	closed  bool          // a closed loop follows, which takes as long as it takes
	highest float64       // calls per second: of the phases, or of a trace's busiest second
}

// mostCounted is the largest number of calls that is counted beforehand, about two seconds of work;
// above it the expectation is shown.
const mostCounted = 10_000_000

// forecast counts the calls of the schedules that the run will follow, or, for a virtual run and for a
// very large one, says what is expected.
func (r *run) forecast() (forecast, error) {
	s := r.plan.Scenario
	f := forecast{seeds: len(r.seeds), runs: len(r.seeds) * len(r.only), length: s.Length()}
	for _, span := range s.Spans() {
		f.phases = append(f.phases, span.Name)
		f.highest = max(f.highest, float64(span.Rate))
		f.closed = f.closed || span.Closed
	}
	f.calls = make([]int64, len(f.phases))
	if r.live == nil && !r.flags.dryRun && r.flags.maxCalls == 0 || s.Calls()*float64(f.seeds) > mostCounted {
		f.calls = f.calls[:1]
		f.calls[0] = int64(math.Round(s.Calls() * float64(f.seeds)))
		return f, nil
	}
	f.exact = true
	for _, seed := range r.seeds {
		if err := f.count(s, seed); err != nil {
			return f, err
		}
	}
	return f, nil
}

// count adds the schedule of one seed.
func (f *forecast) count(s *scenarios.Scenario, seed uint64) error {
	schedule, err := s.Schedule(seed)
	if err != nil {
		return err
	}
	trace := s.Load.Arrivals.Trace != nil
	second, inSecond := time.Duration(-1), 0
	for a, ok := schedule.Next(); ok; a, ok = schedule.Next() {
		f.calls[a.Phase]++
		if !trace {
			continue
		}
		if at := a.At / time.Second; at != second {
			second, inSecond = at, 0
		}
		inSecond++
		f.highest = max(f.highest, float64(inSecond))
	}
	return nil
}

// perStrategy is the number of calls that one strategy gets, over the seeds.
func (f *forecast) perStrategy() int64 {
	var sum int64
	for _, n := range f.calls {
		sum += n
	}
	return sum
}

// total is the number of calls of the whole run.
func (f *forecast) total() int64 { return f.perStrategy() * int64(f.runs/f.seeds) }

// about marks a number that is expected and not counted.
func (f *forecast) about() string {
	if f.exact {
		return ""
	}
	return "about "
}

// withinLimits refuses a run of more calls than --max-calls allows.
func (r *run) withinLimits(f forecast) error {
	total := f.total() + int64(r.flags.warmup*f.runs)
	switch most := r.flags.maxCalls; {
	case most < 0:
		return usage("--max-calls %d; allowed: 1 or more, 0 for no limit", most)
	case most > 0 && total > most:
		return usage("the run would make %s%s calls (%s x %s x %s%s calls), more than --max-calls %s", f.about(), grouped(total),
			strategiesCounted(len(r.only)), counted(f.seeds, "seed"), f.about(), grouped(f.perStrategy()/int64(f.seeds)), grouped(most))
	}
	return nil
}

// announce says on stderr what is about to happen, before anything does: of a live run how many calls
// go where.
func (r *run) announce(f forecast) {
	what := fmt.Sprintf("%s: %s x %s, %s%s calls", r.plan.Scenario.Name, strategiesCounted(len(r.only)), counted(f.seeds, "seed"), f.about(), grouped(f.total()))
	if r.live == nil {
		r.note(what + ", simulated")
		return
	}
	r.note(fmt.Sprintf("%s in %s%s, highest rate %s/s, to %s", what, f.duration(), f.openEnd(), rounded(f.highest), strings.Join(r.endpoint.Origins(), ", ")))
}

// duration is how long the load of a live run takes in all.
func (f *forecast) duration() string {
	return (f.length * time.Duration(f.runs)).Round(time.Millisecond).String()
}

// lasting writes a length of time without what is zero at its end: 1m and not 1m0s.
func lasting(d time.Duration) string {
	text := d.Round(time.Millisecond).String()
	if rest, ok := strings.CutSuffix(text, "m0s"); ok {
		text = rest + "m"
	}
	if rest, ok := strings.CutSuffix(text, "h0m"); ok {
		text = rest + "h"
	}
	return text
}

func (f *forecast) openEnd() string {
	if f.closed {
		return " and the closed loops"
	}
	return ""
}

// describe is what --dry-run prints.
func (r *run) describe(f forecast) string {
	var b strings.Builder
	line := func(what, format string, a ...any) { fmt.Fprintf(&b, "%-12s%s\n", what, fmt.Sprintf(format, a...)) }
	line("dry run", "nothing is sent and nothing is written")
	line("scenario", "%s", r.plan.Scenario.Name)
	if r.live == nil {
		line("target", "%s (the simulated service)", simulated)
	} else {
		for _, target := range r.endpoint.Targets() {
			line("target", "%s", target)
		}
	}
	line("strategies", "%s", strings.Join(r.only, ", "))
	line("seeds", "%s", seedRange(r.seeds))
	if f.exact {
		for i, name := range f.phases {
			line("calls", "%s in %s", grouped(f.calls[i]), name)
		}
	}
	line("calls", "%s%s for each strategy, %s%s in all", f.about(), grouped(f.perStrategy()), f.about(), grouped(f.total()))
	if r.flags.warmup > 0 {
		line("warm-up", "%s more that enter no figure", grouped(int64(r.flags.warmup*f.runs)))
	}
	if r.live == nil {
		line("duration", "%s of simulated time for each run", lasting(f.length))
	} else {
		line("duration", "%s for each run, %s in all%s", lasting(f.length), f.duration(), f.openEnd())
	}
	line("highest", "%s calls per second", rounded(f.highest))
	return b.String()
}

// seedRange writes the seeds, which follow each other: "1", "1 to 20".
func seedRange(seeds []uint64) string {
	if len(seeds) == 1 {
		return fmt.Sprint(seeds[0])
	}
	return fmt.Sprintf("%d to %d", seeds[0], seeds[len(seeds)-1])
}

func strategiesCounted(n int) string {
	if n == 1 {
		return "1 strategy"
	}
	return fmt.Sprintf("%d strategies", n)
}

// rounded writes a rate without needless digits.
func rounded(x float64) string {
	if x >= 100 || x == math.Trunc(x) {
		return grouped(int64(math.Round(x)))
	}
	return fmt.Sprintf("%.3g", x)
}
