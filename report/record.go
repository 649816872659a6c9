package report

import (
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// A Record is how one call went. All times are on the run's clock, from the run's beginning.
type Record struct {
	Call     int           // place in the schedule, from 0
	Phase    int           // index of the phase it was intended in
	Priority sim.Priority  // its class
	Attempts int           // attempts made, whatever their cause; 0 if none was
	FirstTry sim.Outcome   // how the first attempt ended; Outcome where there was none
	Outcome  sim.Outcome   // how the call ended
	Reason   string        // why it failed: one of a small set of words, or ""
	Status   int           // HTTP status of the answer; 0 without one
	Tokens   int           // output tokens received
	Intended time.Duration // when the call should have started: latency counts from here
	Sent     time.Duration // when its first attempt was sent; negative if none was
	First    time.Duration // when its first token came; 0 if none did
	Done     time.Duration // when its last byte came, or it failed
	Patience time.Duration // how long the scenario lets a caller wait; 0 is for ever
	Target   int           // live, with several requests: which of Config.Targets it was; else 0
}

// ResponseTime is what the caller saw: intended start to last byte.
func (r *Record) ResponseTime() time.Duration { return r.Done - r.Intended }

// ServiceTime is first send to last byte; 0 for a call that was never sent.
func (r *Record) ServiceTime() time.Duration {
	if r.Sent < 0 {
		return 0
	}
	return r.Done - r.Sent
}

// Waited is how long the client held the call back before its first attempt, or until it gave up.
func (r *Record) Waited() time.Duration {
	if r.Sent < 0 {
		return r.Done - r.Intended
	}
	return r.Sent - r.Intended
}

// A Side is what the records of a run do not hold.
type Side struct {
	Validity Validity       // the generator's own health
	Costs    []sim.Cost     // service work by phase
	Causes   []CauseCounts  // attempts by cause, by phase
	Counts   map[string]int // the strategies' decisions by name
	Gauges   []Gauge        // queues, replicas, ... sampled each second of the run
	Series   []SecondTotals // attempts sent in each second of the run, by time of sending
	Warnings []string       // what the reader must know to read the figures right
	Until    time.Duration  // when an interrupted run stopped offering calls; 0: it ran to its end
}

// CauseCounts counts the attempts of a phase by cause.
type CauseCounts [sim.NumCauses]int64

// SecondTotals counts what happened in one second of a run.
type SecondTotals struct {
	Attempts int64 // attempts sent
}

// A Gauge is a level sampled at each whole second of a run: waiting calls, running slots, replicas.
type Gauge struct {
	Name   string    `json:"name"`   // such as "service waiting", "client queue"
	Values []float64 `json:"values"` // one a second, from second 0
}

// Validity is the generator's own health: whether the run is a measurement at all. A virtual run
// is always on time, so its lags are null: there was nothing to measure.
type Validity struct {
	Planned       int64    `json:"planned"`
	Sent          int64    `json:"sent"`             // calls that entered the strategy
	Unsent        int64    `json:"unsent"`           // planned - sent
	Cut           int64    `json:"cut"`              // calls cut off by a second interrupt; in no figure
	Blocked       int64    `json:"blocked"`          // processes left over at the end of a virtual run: 0, or a defect
	StartLagP50MS *float64 `json:"start_lag_p50_ms"` // actual start - intended start
	StartLagP99MS *float64 `json:"start_lag_p99_ms"`
	StartLagMaxMS *float64 `json:"start_lag_max_ms"`

	CPUSeconds       float64        `json:"cpu_s,omitempty"`     // live: CPU of this process
	CPUShare         float64        `json:"cpu_share,omitempty"` // live: CPU of this process over all its cores, 0 to 1
	GCPauseMS        float64        `json:"gc_pause_ms,omitempty"`
	PeakGoroutines   int            `json:"peak_goroutines,omitempty"`
	NewConnections   int64          `json:"new_connections,omitempty"`
	TransportRetries int64          `json:"transport_retries,omitempty"` // attempts that net/http repeated by itself
	Errors           map[string]int `json:"errors,omitempty"`            // attempts by error class
	Samples          []string       `json:"samples,omitempty"`           // a few raw errors per class, addresses and secrets removed
	Problems         []string       `json:"problems,omitempty"`          // limits broken: the run is exit code 1, not a verdict
}
