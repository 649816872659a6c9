package harness

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/headroom-dev/headroom/report"
	"github.com/headroom-dev/headroom/scenarios"
	"github.com/headroom-dev/headroom/sim"
)

// config is what the figures of a plan are counted by.
func (p *Plan) config(live *Endpoint) report.Config {
	s := p.Scenario
	c := report.Config{Objective: objective(s.Objective)}
	for _, span := range s.Spans() {
		c.Phases = append(c.Phases, report.PhaseInfo{
			Name: span.Name, FromS: span.From.Seconds(), ToS: span.To.Seconds(), RateQP: float64(span.Rate),
			RampS: span.Ramp.Seconds(), Closed: span.Closed, IsPeak: span.Peak,
			Recorded: s.Load.Arrivals.Trace != nil,
		})
	}
	for _, class := range s.Requests.Priority {
		c.Priorities = append(c.Priorities, class.Name)
	}
	if live != nil {
		c.Targets = live.Targets()
	}
	return c
}

// objective translates a scenario's objective; nil if it has none.
func objective(o scenarios.Objective) *report.Objective {
	if o.IsZero() {
		return nil
	}
	limit := func(d time.Duration) *float64 {
		if d == 0 {
			return nil
		}
		ms := milliseconds(d)
		return &ms
	}
	r := &report.Objective{P50MS: limit(o.P50), P95MS: limit(o.P95), P99MS: limit(o.P99), TTFTP99MS: limit(o.TTFTP99), TPOTP99MS: limit(o.TPOTP99)}
	if o.Success != 0 {
		share := float64(o.Success)
		r.Success = &share
	}
	return r
}

// tightest is the shortest time limit of an objective; 0 if there is none.
func tightest(o *report.Objective) time.Duration {
	if o == nil {
		return 0
	}
	least := math.Inf(1)
	for _, limit := range []*float64{o.P50MS, o.P95MS, o.P99MS, o.TTFTP99MS, o.TPOTP99MS} {
		if limit != nil {
			least = min(least, *limit)
		}
	}
	if math.IsInf(least, 1) {
		return 0
	}
	return time.Duration(least * float64(time.Millisecond))
}

// given is all of a result that is known before the first call.
func (p *Plan) given(o Options, contenders []Contender) (report.Result, error) {
	effective, err := p.EffectiveJSON()
	if err != nil {
		return report.Result{}, fmt.Errorf("writing the effective scenario: %w", err)
	}
	traffic, err := scenarios.EffectiveJSON(p.Scenario.Traffic())
	if err != nil {
		return report.Result{}, fmt.Errorf("writing the traffic: %w", err)
	}
	r := report.Result{
		Scenario:       json.RawMessage(effective),
		ScenarioSHA256: hash(effective),
		TrafficSHA256:  hash(fmt.Appendf(traffic, "\nstreams %d\n", sim.StreamScheme)),
		Name:           p.Scenario.Name,
		Target:         "sim",
		Command:        o.Command,
		Versions:       versions(o.Version),
		Warnings:       p.Warnings,
	}
	if o.Live != nil {
		r.Measured, r.Target = true, strings.Join(o.Live.Origins(), ", ")
	}
	if o.Live == nil {
		r.Warnings = append(slices.Clone(r.Warnings), p.unverified()...)
	}
	r.Warnings = append(slices.Clone(r.Warnings), p.unhonoured(contenders, o.Live != nil)...)
	if own := p.Scenario.Requests.Patience; own > 0 {
		s := own.Seconds()
		r.PatienceS = &s
	}
	return r, nil
}

// unverified warns of what the simulated service has that nobody compared with measurements.
func (p *Plan) unverified() []string {
	model, ok := p.Service.Model.Model.(interface{ Unverified() []string })
	if !ok {
		return nil
	}
	what := model.Unverified()
	if len(what) == 0 {
		return nil
	}
	return []string{"the times of the simulated service are not verified by measurements for: " + strings.Join(what, ", ")}
}

func hash(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// decisive are the modules whose code decides figures: whoever reproduces a run needs the same.
var decisive = map[string]bool{
	"github.com/HdrHistogram/hdrhistogram-go": true, "github.com/hashicorp/golang-lru/v2": true,
	"github.com/montanaflynn/stats": true, "github.com/tsenart/vegeta/v12": true, "gonum.org/v1/gonum": true,
}

func versions(own string) report.Versions {
	v := report.Versions{Headroom: own, Go: runtime.Version(), Streams: sim.StreamScheme, Modules: map[string]string{}}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if decisive[m.Path] {
				v.Modules[m.Path] = m.Version
			}
		}
	}
	return v
}

// gapCalls is how many calls of a schedule gapCV looks at: more would cost a long run a twentieth of
// its time.
const gapCalls = 100_000

// gapCV is the coefficient of variation of the gaps between the first calls of one schedule, in its
// open phases: 1 for a steady Poisson stream, more for bursts and for changes of rate. Nil below 2
// gaps.
func gapCV(s *scenarios.Scenario, seed uint64) (*float64, error) {
	schedule, err := s.Schedule(seed)
	if err != nil {
		return nil, err
	}
	closed := closedPhase(s)
	var n, sum, squares float64
	last := time.Duration(-1)
	for a, ok := schedule.Next(); ok && a.Phase != closed && n < gapCalls; a, ok = schedule.Next() {
		if last >= 0 {
			gap := (a.At - last).Seconds()
			n, sum, squares = n+1, sum+gap, squares+gap*gap
		}
		last = a.At
	}
	if n < 2 || sum == 0 {
		return nil, nil
	}
	mean := sum / n
	cv := math.Sqrt(max(squares/n-mean*mean, 0)) / mean
	return &cv, nil
}
