package report

import "encoding/json"

// Schema is the version of Result that this program writes.
const Schema = "headroom.result/1"

// A Result is run.json: everything a run found, as data. Times in milliseconds end in _ms, seconds in
// _s, shares are 0 to 1; null is "no data". Within one schema version fields are added, never changed.
type Result struct {
	Schema         string          `json:"schema"`
	Scenario       json.RawMessage `json:"scenario"` // the effective scenario
	ScenarioSHA256 string          `json:"scenario_sha256"`
	TrafficSHA256  string          `json:"traffic_sha256"` // of load, requests and the stream scheme: runs with the same can be paired
	Name           string          `json:"name"`           // the scenario's
	Target         string          `json:"target"`         // "sim", or the URL without user, password and query
	Measured       bool            `json:"measured"`       // false: simulated
	Seeds          []uint64        `json:"seeds"`          // the seeds that were completed
	Command        string          `json:"command"`        // reproduces the run; secrets removed
	Versions       Versions        `json:"versions"`
	Interrupted    bool            `json:"interrupted"`
	PatienceS      *float64        `json:"patience_s"` // the scenario's own; null: none
	Objective      *Objective      `json:"objective"`
	Priorities     []string        `json:"priorities"` // names of the classes, highest first
	Phases         []PhaseInfo     `json:"phases"`
	Offered        Offered         `json:"offered"`
	Validity       Validity        `json:"validity"` // of the whole run: the sum, the worst
	Finding        string          `json:"finding"`  // the run in one sentence
	Strategies     []Strategy      `json:"strategies"`
	Targets        []TargetResult  `json:"targets,omitempty"` // live, with several requests: a figure for each
	Gates          []GateResult    `json:"gates"`
	Verdict        *string         `json:"verdict"`
	ExitCode       int             `json:"exit_code"`
	Warnings       []string        `json:"warnings"`
}

// Versions say what wrote the result.
type Versions struct {
	Headroom string            `json:"headroom"`
	Go       string            `json:"go"`
	Streams  int               `json:"streams"` // version of the scheme of random streams
	Modules  map[string]string `json:"modules"` // those whose code decides figures
}

// An Objective is what the callers were promised. A null limit does not bind.
type Objective struct {
	Success   *float64 `json:"success,omitempty"` // least share of offered calls that are ok
	P50MS     *float64 `json:"p50_ms,omitempty"`
	P95MS     *float64 `json:"p95_ms,omitempty"`
	P99MS     *float64 `json:"p99_ms,omitempty"`
	TTFTP99MS *float64 `json:"ttft_p99_ms,omitempty"`
	TPOTP99MS *float64 `json:"tpot_p99_ms,omitempty"`
}

// A PhaseInfo is a stretch of the load.
type PhaseInfo struct {
	Name   string  `json:"name"`
	FromS  float64 `json:"from_s"`
	ToS    float64 `json:"to_s"`    // a closed-loop phase: when its last call ended
	RateQP float64 `json:"rate"`    // calls per second after any ramp; of a trace the mean; 0 for a closed loop
	RampS  float64 `json:"ramp_s"`  // seconds of ramp at its beginning
	Closed bool    `json:"closed"`  // closed loop: waiting is hidden
	IsPeak bool    `json:"is_peak"` // the phase with the highest rate: the spike

	Recorded bool `json:"recorded"` // replayed from a trace: no second need have had the rate
}

// Offered is the traffic that every strategy met, a mean over seeds.
type Offered struct {
	Calls    float64   `json:"calls"`
	PeakQPS  float64   `json:"peak_qps"`  // calls of the busiest second, the largest over the seeds
	PeakAtS  float64   `json:"peak_at_s"` // when that second began
	PerSec   []float64 `json:"per_second"`
	StepS    float64   `json:"step_s"` // width of one entry of per_second: 1, more for very long runs
	GapCV    *float64  `json:"gap_cv"` // coefficient of variation of the gaps between calls, first seed
	MeanRate float64   `json:"mean_qps"`
}

// A Strategy is what one strategy made of the traffic.
type Strategy struct {
	Name          string           `json:"name"`
	About         string           `json:"about"`      // its stack and parameters in one line
	PatienceS     *float64         `json:"patience_s"` // how long its callers were told to wait, at most; null: for ever
	Counts        map[string]int64 `json:"counts"`     // decisions over all seeds
	Phases        []Figures        `json:"phases"`
	Total         Figures          `json:"total"`
	RecoveryS     *float64         `json:"recovery_s"`     // median over seeds, 0 or more; null with recovered false: never, or not shown
	RecoveryCI    *Interval        `json:"recovery_ci_s"`  // of the median, by order statistics; null where its upper end is "never"
	Recovered     bool             `json:"recovered"`      // in at least half of the seeds
	RecoveryShown bool             `json:"recovery_shown"` // the load after the spike was long enough to show a recovery
	Against       *Paired          `json:"against_first"`
	Validity      Validity         `json:"validity"`
	Series        Series           `json:"series"`
	Runs          []Run            `json:"runs"` // a row for each seed
}

// Paired is the difference to the first strategy in the phase of highest rate, paired by seed.
type Paired struct {
	Phase     string    `json:"phase"`
	Success   float64   `json:"success"` // difference of the shares
	SuccessCI *Interval `json:"success_ci"`
	Better    int       `json:"better"` // seeds in which success was higher
	Of        int       `json:"of"`
	P99Ratio  *float64  `json:"p99_ratio"`
	P99CI     *Interval `json:"p99_ratio_ci"`
}

// An Interval is a two-sided 95 % interval.
type Interval [2]float64

// Figures are what a strategy reached in one phase, or over all.
type Figures struct {
	Name                string            `json:"name"`
	Calls               int64             `json:"calls"` // offered, over all seeds
	Outcomes            map[string]int64  `json:"outcomes"`
	Reasons             map[string]int64  `json:"reasons"` // failed calls by reason
	Success             *float64          `json:"success"`
	SuccessCI           *Interval         `json:"success_ci"`
	SuccessFirstAttempt *float64          `json:"success_first_attempt"`
	SuccessAtPatience   *float64          `json:"success_at_patience"`
	SuccessAtPatienceCI *Interval         `json:"success_at_patience_ci"`
	Degraded            *float64          `json:"degraded"`
	Good                *float64          `json:"good"` // share of offered calls; null without an objective
	GoodCI              *Interval         `json:"good_ci"`
	MeetsObjective      *bool             `json:"meets_objective"` // on the counts of all seeds together; null without an objective
	GoodputQPS          *float64          `json:"goodput_qps"`     // good calls (without an objective: ok calls) per second of the phase
	GoodputCI           *Interval         `json:"goodput_ci_qps"`
	ThroughputQPS       *float64          `json:"throughput_qps"` // ok answers, to calls of whatever phase, per second of the phase
	ThroughputCI        *Interval         `json:"throughput_ci_qps"`
	TokensPerS          *float64          `json:"tokens_per_s"` // output tokens of the phase's ok calls, per second of the phase
	MinMS               *float64          `json:"min_ms"`
	MeanMS              *float64          `json:"mean_ms"`
	MeanCI              *Interval         `json:"mean_ci_ms"`
	P50MS               *float64          `json:"p50_ms"`
	P50CI               *Interval         `json:"p50_ci_ms"`
	P95MS               *float64          `json:"p95_ms"`
	P95CI               *Interval         `json:"p95_ci_ms"`
	P99MS               *float64          `json:"p99_ms"`
	P99CI               *Interval         `json:"p99_ci_ms"`
	P999MS              *float64          `json:"p999_ms"`
	MaxMS               *float64          `json:"max_ms"`
	ServiceP95MS        *float64          `json:"service_p95_ms"` // first send to last byte
	ServiceP99MS        *float64          `json:"service_p99_ms"`
	TTFTP50MS           *float64          `json:"ttft_p50_ms"`
	TTFTP99MS           *float64          `json:"ttft_p99_ms"`
	TPOTP50MS           *float64          `json:"tpot_p50_ms"`
	TPOTP99MS           *float64          `json:"tpot_p99_ms"`
	WaitP50MS           *float64          `json:"wait_p50_ms"` // held back by the client before the first attempt, all calls
	WaitP99MS           *float64          `json:"wait_p99_ms"`
	Amplification       *float64          `json:"amplification"`
	AmplificationCI     *Interval         `json:"amplification_ci"`
	Attempts            map[string]int64  `json:"attempts"` // by cause
	WastedWork          *float64          `json:"wasted_work"`
	WastedWorkCI        *Interval         `json:"wasted_work_ci"`
	WorkS               float64           `json:"work_s"`               // service seconds spent, over all seeds
	Resources           []ResourceUse     `json:"resources,omitempty"`  // simulated: what the service can run out of; of phases only
	Cells               []Cell            `json:"cells"`                // calls by class, first and last outcome
	Histogram           string            `json:"histogram"`            // HDR V2, compressed, base64: response times of ok calls in µs
	Histograms          map[string]string `json:"histograms,omitempty"` // the same of the other outcomes, by name
	Curve               []CurvePoint      `json:"curve"`
	VIF                 *float64          `json:"vif"` // variance inflation of response times between runs; null: unknown
	Warnings            []string          `json:"warnings"`
}

// A Cell counts the calls of one class that had these first and last outcomes.
type Cell struct {
	Priority string `json:"priority"`
	First    string `json:"first"`
	Final    string `json:"final"`
	Calls    int64  `json:"calls"`
}

// A ResourceUse is how much of something the service used in a phase.
type ResourceUse struct {
	Name string  `json:"name"` // such as "running slots", "kv memory"
	Mean float64 `json:"mean"` // share in use, 0 to 1, over the phase and the seeds
	Full float64 `json:"full"` // share of the phase's seconds in which at least 99 % was in use
}

// A CurvePoint is one point of the percentile curve of response times of ok calls.
type CurvePoint struct {
	Q  float64 `json:"q"`
	MS float64 `json:"ms"`
}

// Series are figures over time, by intended start, pooled over the seeds. All slices are of one
// length; entry i covers [i StepS, (i+1) StepS). Counts are means over the seeds. A percentile is null
// where it would be no more than the largest of its few calls.
type Series struct {
	StepS        float64              `json:"step_s"`
	LatencyStepS float64              `json:"latency_step_s"` // width over which a percentile was taken; repeated in each entry it covers
	Offered      []float64            `json:"offered"`        // calls per second
	Outcomes     map[string][]float64 `json:"outcomes"`       // calls per second by outcome
	Good         []float64            `json:"good"`
	Achieved     []float64            `json:"achieved"` // ok calls per second by the time their last byte came
	Attempts     []float64            `json:"attempts"` // attempts per second by the time they were sent
	P50MS        []*float64           `json:"p50_ms"`   // of ok calls
	P95MS        []*float64           `json:"p95_ms"`
	P99MS        []*float64           `json:"p99_ms"`
	MaxMS        []*float64           `json:"max_ms"`
	Gauges       []Gauge              `json:"gauges"`
	Heat         *Heat                `json:"heat,omitempty"` // null without an ok call
}

// A Run is the row of one seed: what intervals and pairs are computed from.
type Run struct {
	Seed      uint64     `json:"seed"`
	Phases    []RunPhase `json:"phases"`
	RecoveryS *float64   `json:"recovery_s"`
	Recovered bool       `json:"recovered"`

	Asked map[string]Sample `json:"asked,omitempty"` // what gates asked, over all phases
}

// A RunPhase is one phase of one seed.
type RunPhase struct {
	Calls      int64            `json:"calls"`
	Outcomes   map[string]int64 `json:"outcomes"`
	DurationS  float64          `json:"duration_s"` // how long the phase lasted
	Good       int64            `json:"good"`
	Over       map[string]int64 `json:"over,omitempty"` // ok calls over each time limit of the objective that any was over
	Delivered  int64            `json:"delivered"`      // ok answers that came during the phase, to calls of whatever phase
	FirstOK    int64            `json:"first_ok"`       // calls whose first attempt was ok
	AtPatience int64            `json:"at_patience"`    // ok within the scenario's own patience
	Attempts   int64            `json:"attempts"`
	WorkS      float64          `json:"work_s"`
	WastedS    float64          `json:"wasted_s"`
	MeanMS     *float64         `json:"mean_ms"`
	P50MS      *float64         `json:"p50_ms"`
	P95MS      *float64         `json:"p95_ms"`
	P99MS      *float64         `json:"p99_ms"`
	WaitP99MS  *float64         `json:"wait_p99_ms"`
	Histogram  string           `json:"histogram"` // HDR V2, compressed, base64: response times of ok calls in µs; "" in runs of over 200 seeds

	Asked map[string]Sample `json:"asked,omitempty"` // what gates asked
}

// A TargetResult is what one of several live requests got.
type TargetResult struct {
	Name     string           `json:"name"` // method and URL without secrets
	Strategy string           `json:"strategy"`
	Calls    int64            `json:"calls"`
	Outcomes map[string]int64 `json:"outcomes"`
	Success  *float64         `json:"success"`
	P95MS    *float64         `json:"p95_ms"`
	P99MS    *float64         `json:"p99_ms"`
}
