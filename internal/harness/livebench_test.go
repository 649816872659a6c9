package harness

import (
	"bufio"
	"context"
	"flag"
	"io"
	"net/http"
	"os"
	"os/exec"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"

	"github.com/headroom-dev/headroom/report"
	"github.com/headroom-dev/headroom/scenarios"
	"github.com/headroom-dev/headroom/sim"
)

var (
	liveBench = flag.Bool("live-bench", false, "measure the live driver's CPU per request against vegeta's own attack")
	liveFor   = flag.Duration("live-bench-for", 4*time.Second, "how long each of the measured attacks lasts")
	liveTimes = flag.Int("live-bench-rounds", 5, "how many pairs of attacks are measured at each rate")
)

// TestLiveBench is a measurement, run by "make bench":
//
//	go test ./internal/harness -run TestLiveBench -live-bench -v
//
// It sends the same evenly spaced calls to a server in a process of its own, by vegeta's own attack
// and by the live driver in turn (ABBA), both writing their results, and compares the CPU time of
// this process by getrusage.
func TestLiveBench(t *testing.T) {
	if !*liveBench {
		t.Skip("a measurement: run it with -live-bench")
	}
	if os.Getenv("GOGC") == "" {
		// As the program runs, and for both sides: at Go's default of 100 the garbage of two clients
		// in one process is swept four times as often.
		defer debug.SetGCPercent(debug.SetGCPercent(400))
	}
	url := "http://" + startServer(t)
	for _, rate := range []int{1000, 5000} {
		var own, theirs, ratios []float64
		var side report.Side
		for round := range *liveTimes {
			a := func() { theirs = append(theirs, vegetaCPU(t, url, rate)) }
			b := func() {
				var cpu float64
				cpu, side = ownCPU(t, url, rate)
				own = append(own, cpu)
			}
			if round%2 == 1 {
				a, b = b, a
			}
			a()
			b()
			ratios = append(ratios, own[round]/theirs[round])
			t.Logf("%d/s: vegeta %.1f, headroom %.1f us of CPU per request; ratio %.3f; start lag P50 %.3f, P99 %.3f, max %.3f ms", rate, theirs[round], own[round], ratios[round],
				*side.Validity.StartLagP50MS, *side.Validity.StartLagP99MS, *side.Validity.StartLagMaxMS)
		}
		t.Logf("%d/s: medians: vegeta %.1f, headroom %.1f us of CPU per request; ratio %.3f", rate, median(theirs), median(own), median(ratios))
	}
}

func startServer(t testing.TB) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), serverEnv+"=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		_ = cmd.Wait()
	})
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(address)
}

// vegetaCPU returns microseconds of CPU per request of vegeta's own attack, set up as its command
// does it, its results encoded as its command encodes them.
func vegetaCPU(t *testing.T, url string, rate int) float64 {
	t.Helper()
	attacker := vegeta.NewAttacker()
	targeter := vegeta.NewStaticTargeter(vegeta.Target{Method: http.MethodGet, URL: url})
	encode := vegeta.NewEncoder(io.Discard)
	before, n := cpuTime(), 0
	for result := range attacker.Attack(targeter, vegeta.Rate{Freq: rate, Per: time.Second}, *liveFor, "bench") {
		if result.Code != http.StatusOK {
			t.Fatal(result.Error)
		}
		if err := encode(result); err != nil {
			t.Fatal(err)
		}
		n++
	}
	used := cpuTime() - before
	attacker.Stop()
	return float64(used.Microseconds()) / float64(n)
}

// ownCPU returns the same of the live driver, and what it says of its own health.
func ownCPU(t *testing.T, url string, rate int) (float64, report.Side) {
	t.Helper()
	e, err := (&Live{URLs: []string{url}, Bin: io.Discard}).Prepare()
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	run, _ := liveRun(plainly{}, nil, 30*time.Second)
	run.Schedule = func() (Source, error) { return &even{rate: rate, n: int(liveFor.Seconds() * float64(rate))}, nil }
	ok := 0
	run.Add = func(r report.Record) {
		if r.Outcome == sim.OK {
			ok++
		}
	}
	before := cpuTime()
	side, err := Wall(t.Context(), context.Background(), e, run)
	used := cpuTime() - before
	if err != nil {
		t.Fatal(err)
	}
	if v := side.Validity; int64(ok) != v.Planned {
		t.Fatalf("%d of %d calls ok: %v %v", ok, v.Planned, v.Errors, v.Samples)
	}
	return float64(used.Microseconds()) / float64(ok), side
}

// even yields calls in even steps.
type even struct{ rate, n, next int }

func (s *even) Next() (scenarios.Arrival, bool) {
	if s.next == s.n {
		return scenarios.Arrival{}, false
	}
	a := scenarios.Arrival{At: time.Duration(s.next) * time.Second / time.Duration(s.rate), Request: sim.Request{Call: s.next}}
	s.next++
	return a, true
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
