package harness

import (
	"fmt"
	"math"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/headroom-dev/headroom/report"
)

// The limits of a generator that measures the target and not itself. Beyond one of them a run is no
// measurement.
const (
	leastSent  = 0.99                  // of the planned calls (nighthawk demands the same)
	mostLagP50 = 10 * time.Millisecond // (inference-perf's limit)
	mostLagP99 = 10 * time.Millisecond // or a twentieth of the tightest latency limit
	mostCPU    = 0.80                  // of all cores: beyond it calls wait for the generator
	mostDrift  = 0.01                  // between the wall clock and the monotonic one (MLPerf's limit)
	// fewestLags is how many calls a phase needs before its own lag is judged: the P99 of fewer is
	// but the worst one.
	fewestLags = 100
)

// A pulse watches this process during a run: its CPU, pauses, goroutines and clocks.
type pulse struct {
	began      time.Time
	cpu        time.Duration
	gc         time.Duration
	throttled  time.Duration
	goroutines int
	stop       chan struct{}
	stopped    sync.WaitGroup
}

// goroutineLook is the time between two looks at the number of goroutines.
const goroutineLook = 100 * time.Millisecond

func startPulse() *pulse {
	p := &pulse{began: time.Now(), cpu: cpuTime(), gc: gcPauses(), throttled: throttledTime(), goroutines: runtime.NumGoroutine(), stop: make(chan struct{})}
	p.stopped.Go(func() {
		look := time.NewTicker(goroutineLook)
		defer look.Stop()
		for {
			select {
			case <-look.C:
				p.goroutines = max(p.goroutines, runtime.NumGoroutine())
			case <-p.stop:
				return
			}
		}
	})
	return p
}

func gcPauses() time.Duration {
	var s debug.GCStats
	debug.ReadGCStats(&s)
	return s.PauseTotal
}

// end writes what was seen into v, and which limits it broke.
func (p *pulse) end(v *report.Validity, warn func(string, ...any)) {
	close(p.stop)
	p.stopped.Wait()
	now := time.Now()
	took := now.Sub(p.began)
	cpu := cpuTime() - p.cpu
	v.CPUSeconds = cpu.Seconds()
	v.GCPauseMS = milliseconds(gcPauses() - p.gc)
	v.PeakGoroutines = p.goroutines
	if took <= 0 {
		return
	}
	v.CPUShare = cpu.Seconds() / took.Seconds() / float64(runtime.GOMAXPROCS(0))
	if v.CPUShare > mostCPU {
		v.Problems = append(v.Problems, fmt.Sprintf("the generator used %.0f %% of its %d cores, limit %.0f %%: use fewer calls per second or more cores", 100*v.CPUShare, runtime.GOMAXPROCS(0), 100*mostCPU))
	}
	if wall := now.Round(0).Sub(p.began.Round(0)); wasSet(wall, took) { // Round(0) drops the monotonic reading
		v.Problems = append(v.Problems, fmt.Sprintf("the wall clock moved by %v while %v passed: it was set during the run", wall.Round(time.Millisecond), took.Round(time.Millisecond)))
	}
	if throttled := throttledTime() - p.throttled; throttled > took/100 {
		warn("the system held this process back for %v of %v (CPU limit of its cgroup): lag is not the target's", throttled.Round(time.Millisecond), took.Round(time.Millisecond))
	}
}

// wasSet reports whether the wall clock was set in a time that took so long on the monotonic one. A
// second is the least that is judged: below it the two readings' distance counts.
func wasSet(wall, took time.Duration) bool {
	return took > time.Second && math.Abs(wall.Seconds()/took.Seconds()-1) > mostDrift
}

// lags are the start lags of a run, in all and by phase: a spike of ten seconds drowns in a run of
// a hundred.
type lags struct {
	phases []string
	all    *hdrhistogram.Histogram
	max    time.Duration
	by     []*hdrhistogram.Histogram // nil until a call of the phase has started
}

func newLags(phases []string) *lags {
	return &lags{phases: phases, all: newLag(), by: make([]*hdrhistogram.Histogram, len(phases))}
}

func newLag() *hdrhistogram.Histogram { return hdrhistogram.New(1, 600_000_000, 3) } // microseconds

func (l *lags) add(phase int, lag time.Duration) {
	if l.by[phase] == nil {
		l.by[phase] = newLag()
	}
	l.max = max(l.max, lag)
	us := min(max(lag.Microseconds(), 0), 600_000_000)
	_ = l.all.RecordValue(us) // within its bounds by the line above
	_ = l.by[phase].RecordValue(us)
}

// quantile returns the value of rank ceil(q n) of h.
func quantile(h *hdrhistogram.Histogram, q float64) time.Duration {
	return time.Duration(h.ValueAtQuantile(100*q)) * time.Microsecond
}

// fill writes the lags into v, and which limits they broke; tightest is the shortest latency limit of
// the objective, 0 without one.
func (l *lags) fill(v *report.Validity, tightest time.Duration) {
	if l.all.TotalCount() == 0 {
		return
	}
	put := func(d time.Duration) *float64 { ms := milliseconds(d); return &ms }
	v.StartLagP50MS, v.StartLagP99MS, v.StartLagMaxMS = put(quantile(l.all, 0.50)), put(quantile(l.all, 0.99)), put(l.max)
	limit := max(mostLagP99, tightest/20)
	judge := func(where string, h *hdrhistogram.Histogram) {
		if p50 := quantile(h, 0.50); p50 >= mostLagP50 {
			v.Problems = append(v.Problems, fmt.Sprintf("start lag P50%s %v, limit %v: use fewer calls per second or more cores", where, p50, mostLagP50))
		} else if p99 := quantile(h, 0.99); p99 >= limit {
			v.Problems = append(v.Problems, fmt.Sprintf("start lag P99%s %v, limit %v: use fewer calls per second or more cores", where, p99, limit))
		}
	}
	before := len(v.Problems)
	for i, h := range l.by {
		if h != nil && h.TotalCount() >= fewestLags {
			judge(" in phase "+l.phases[i], h)
		}
	}
	if len(v.Problems) == before {
		judge("", l.all)
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
