package harness_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/montanaflynn/stats"

	"github.com/headroom-dev/headroom/internal/harness"
	"github.com/headroom-dev/headroom/internal/shareddata"
	"github.com/headroom-dev/headroom/report"
)

// The closed forms of queueing theory, held against what a user gets: a scenario in YAML, run by Run,
// read from the result. Each figure must lie within four standard errors of the textbook's, the
// error taken from the spread over 20 seeds. A first phase, not looked at, lets the queue fill.

func TestQueueOraclesFromTheSharedData(t *testing.T) {
	checkOracles(t, readOracles(t, shareddata.Path(t, "queue_oracles.json")))
}

// TestQueueOracles is the twin that always runs, on one entry of each kind.
func TestQueueOracles(t *testing.T) {
	checkOracles(t, oracles{
		MM1:     []mm1{{Lam: .5, L: 1, Lq: .5, W: 2, P50: 1.3862943611198906, P95: 5.991464547107982, P99: 9.210340371976184}},
		MMC:     []mmc{{C: 10, A: 8, Wq: .20459007539822177, W: 1.2045900753982217, Lq: 1.6367206031857742, WqP99: 1.855785216283418}},
		ErlangB: []erlangB{{C: 10, A: 10, B: .21458234310734736}},
		MMCK:    []mmck{{C: 10, K: 30, A: 12, PBlock: .16863724455188886, W: 2.534560194053424, Lq: 15.309314295950914}},
		MG1:     []mg1{{Name: "M/D/1 rho .8", Lam: .8, W: 3, Lq: 1.6}},
	})
}

type oracles struct {
	MM1     []mm1     `json:"mm1"`
	MMC     []mmc     `json:"mmc"`
	ErlangB []erlangB `json:"erlangB"`
	MMCK    []mmck    `json:"mmcK"`
	MG1     []mg1     `json:"mg1"`
}
type mm1 struct {
	Lam, L, Lq, W, P50, P95, P99 float64
}
type mmc struct {
	C        int     `json:"c"`
	ErlangC  float64 `json:"C"` // told apart from c by this field alone: the decoder minds case only where it can
	A, Wq, W float64
	Lq       float64
	WqP99    float64 `json:"Wq_p99"`
}
type erlangB struct {
	C    int
	A, B float64
}
type mmck struct {
	C, K             int
	A, PBlock, W, Lq float64
}
type mg1 struct {
	Name       string
	Lam, W, Lq float64
}

// laws are the service laws of the M/G/1 entries, in YAML. UNIT is the unit of time in
// milliseconds.
var laws = map[string]string{
	"M/D/1 rho .8": "UNITms",
	"M/D/1 rho .9": "UNITms",
	"Brooker bimodal exp(0.1)/exp(10) p=.001 rho .8": "{mix: [{weight: 0.999, exp: {mean: TENTHms}}, {weight: 0.001, exp: {mean: TENFOLDms}}]}",
	"lognormal med .2 p99 1 rho .7":                  "{lognormal: {median: FIFTHms, p99: UNITms}}",
}

func checkOracles(t *testing.T, o oracles) {
	if raced {
		t.Skip("forty million calls of one World after the other: nothing for the race detector, which would take an hour")
	}
	for _, q := range o.MM1 {
		t.Run(fmt.Sprintf("M/M/1 at %g", q.Lam), func(t *testing.T) {
			t.Parallel()
			r := queueRun(t, 1, -1, "{exp: {mean: UNITms}}", q.Lam, 100_000, "sync")
			r.mean("W", func(p *report.RunPhase) float64 { return *p.MeanMS / r.unit }, q.W)
			r.mean("P50 of W", func(p *report.RunPhase) float64 { return *p.P50MS / r.unit }, q.P50)
			r.mean("P95 of W", func(p *report.RunPhase) float64 { return *p.P95MS / r.unit }, q.P95)
			r.mean("P99 of W", func(p *report.RunPhase) float64 { return *p.P99MS / r.unit }, q.P99)
			r.gauge("Lq", "service waiting", q.Lq)
			r.gauge("servers busy", "service running", q.Lam)
		})
	}
	for _, q := range o.MMC {
		t.Run(fmt.Sprintf("M/M/%d at %g", q.C, q.A), func(t *testing.T) {
			t.Parallel()
			r := queueRun(t, q.C, -1, "{exp: {mean: UNITms}}", q.A, 60_000, "sync")
			r.mean("W", func(p *report.RunPhase) float64 { return *p.MeanMS / r.unit }, q.W)
			r.gauge("Lq", "service waiting", q.Lq)
			// The same queue, standing at the client: the pool's permits are the servers.
			p := queueRun(t, 1000, -1, "{exp: {mean: UNITms}}", q.A, 60_000, fmt.Sprintf("pooled: {size: %d, wait: 1h}", q.C))
			p.mean("W through a pool", func(row *report.RunPhase) float64 { return *row.MeanMS / p.unit }, q.W)
			p.mean("P99 of the wait", func(row *report.RunPhase) float64 { return *row.WaitP99MS / p.unit }, q.WqP99)
		})
	}
	for _, q := range o.ErlangB {
		t.Run(fmt.Sprintf("Erlang B with %d servers at %g", q.C, q.A), func(t *testing.T) {
			t.Parallel()
			r := queueRun(t, q.C, 0, "{exp: {mean: UNITms}}", q.A, 50_000, "sync")
			r.mean("blocking", blocked, q.B)
		})
	}
	for _, q := range o.MMCK {
		t.Run(fmt.Sprintf("M/M/%d/%d at %g", q.C, q.K, q.A), func(t *testing.T) {
			t.Parallel()
			r := queueRun(t, q.C, q.K-q.C, "{exp: {mean: UNITms}}", q.A, 60_000, "sync")
			r.mean("blocking", blocked, q.PBlock)
			r.mean("W", func(p *report.RunPhase) float64 { return *p.MeanMS / r.unit }, q.W)
			r.gauge("Lq", "service waiting", q.Lq)
		})
	}
	for _, q := range o.MG1 {
		t.Run(q.Name, func(t *testing.T) {
			t.Parallel()
			law, ok := laws[q.Name]
			if !ok {
				t.Fatalf("no service law is known for %q", q.Name)
			}
			r := queueRun(t, 1, -1, law, q.Lam, 150_000, "sync")
			r.mean("W", func(p *report.RunPhase) float64 { return *p.MeanMS / r.unit }, q.W)
			r.gauge("Lq", "service waiting", q.Lq)
		})
	}
}

func blocked(p *report.RunPhase) float64 { return float64(p.Outcomes["busy"]) / float64(p.Calls) }

// An oracleRun is the measured phase of a run of one strategy.
type oracleRun struct {
	t      *testing.T
	unit   float64 // milliseconds that stand for the closed forms' unit of time, a mean service time
	result *report.Result
}

// queueRun runs a queue of that many servers and waiting places (-1: no limit), offered lam calls per
// mean service time, through the public path, for about that many calls a seed.
func queueRun(t *testing.T, servers, limit int, law string, lam float64, calls float64, strategy string) oracleRun {
	t.Helper()
	unit := math.Ceil(max(10, 300*lam*1000/calls)) // so that the measured phase has 300 seconds, and gauges as many samples
	rate := lam * 1000 / unit
	law = strings.NewReplacer("TENTH", fmt.Sprint(unit/10), "TENFOLD", fmt.Sprint(unit*10), "FIFTH", fmt.Sprint(unit/5), "UNIT", fmt.Sprint(unit)).Replace(law)
	yaml := fmt.Sprintf(`
name: oracle
seeds: 20
load:
  phases:
    - {name: warm, rate: %[1]g/s, for: %[2]ds}
    - {name: measured, rate: %[1]g/s, for: %[3]ds}
service:
  model: {queue: {servers: %[4]d, service: %[5]s}}
strategies:
  - %[6]s
`, rate, int(math.Ceil(calls/10/rate)), int(math.Ceil(calls/rate)), servers, law, strategy)
	if limit >= 0 {
		yaml = strings.Replace(yaml, "{servers:", fmt.Sprintf("{limit: %d, servers:", limit), 1)
	}
	plan, err := harness.Read("oracle.yaml", strings.NewReader(yaml))
	if err != nil {
		t.Fatal(err)
	}
	result, err := harness.Run(t.Context(), plan, harness.Options{Seeds: seeds(20)})
	if err != nil {
		t.Fatal(err)
	}
	return oracleRun{t: t, unit: unit, result: result}
}

// mean checks the mean over the seeds of a figure of the measured phase.
func (r oracleRun) mean(what string, figure func(*report.RunPhase) float64, want float64) {
	r.t.Helper()
	var values []float64
	for i := range r.result.Strategies[0].Runs {
		values = append(values, figure(&r.result.Strategies[0].Runs[i].Phases[1]))
	}
	got, _ := stats.Mean(values)
	sd, _ := stats.StandardDeviationSample(values)
	r.near(what, got, want, 4*sd/math.Sqrt(float64(len(values))))
}

// gauge checks the mean of a gauge over the measured phase. The seeds are pooled in the result, so
// the error is taken from ten batches of seconds, as batch means are.
func (r oracleRun) gauge(what, name string, want float64) {
	r.t.Helper()
	series := r.result.Strategies[0].Series
	phase := r.result.Phases[1]
	for _, g := range series.Gauges {
		if g.Name != name {
			continue
		}
		from, to := int(phase.FromS/series.StepS), min(int(phase.ToS/series.StepS), len(g.Values))
		const batches = 10
		var means []float64
		for i := range batches {
			part := g.Values[from+i*(to-from)/batches : from+(i+1)*(to-from)/batches]
			m, err := stats.Mean(part)
			if err != nil {
				r.t.Fatalf("%s: no samples", what)
			}
			means = append(means, m)
		}
		got, _ := stats.Mean(means)
		sd, _ := stats.StandardDeviationSample(means)
		r.near(what, got, want, 4*sd/math.Sqrt(batches))
		return
	}
	r.t.Errorf("%s: the result has no gauge %q", what, name)
}

func (r oracleRun) near(what string, got, want, band float64) {
	r.t.Helper()
	if math.Abs(got-want) > band || math.IsNaN(got) {
		r.t.Errorf("%s is %.6g, want %.6g within %.3g", what, got, want, band)
	}
	if band > want/4 {
		r.t.Errorf("%s: the band %.3g around %.6g is too wide to show anything", what, band, want)
	}
}

func readOracles(t *testing.T, file string) oracles {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var o oracles
	if err := json.Unmarshal(text, &o); err != nil {
		t.Fatal(err)
	}
	if len(o.MM1) == 0 || len(o.MMC) == 0 || len(o.ErlangB) == 0 || len(o.MMCK) == 0 || len(o.MG1) == 0 {
		t.Fatalf("%s lacks a kind of oracle", file)
	}
	return o
}

func seeds(n int) []uint64 {
	list := make([]uint64, n)
	for i := range list {
		list[i] = uint64(i + 1)
	}
	return list
}
