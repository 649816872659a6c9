package report

import "slices"

// A GateResult is one gate and how it went.
type GateResult struct {
	Expr     string    `json:"expr"`
	Selector selector  `json:"selector"`
	Unit     string    `json:"unit"` // of measured and limit: ms, share, /s, x, or "" for calls
	Measured *float64  `json:"measured"`
	CI       *Interval `json:"ci"` // of measured
	Limit    *float64  `json:"limit"`
	Margin   *float64  `json:"margin"` // how far inside the limit, as a share of it; below 0: beyond

	Effect   *float64  `json:"effect,omitempty"` // against runs: how far from what was compared with
	EffectCI *Interval `json:"effect_ci,omitempty"`
	Relative bool      `json:"relative,omitempty"` // effect is a ratio less 1, not a difference

	Strict      bool     `json:"strict"`
	Verdict     string   `json:"verdict"` // pass, fail, inconclusive, no data; "" where the run is not valid
	Reason      string   `json:"reason"`
	Stage       int      `json:"stage"` // 2: confirmed, or not, on fresh seeds
	PAdjusted   *float64 `json:"p_adjusted"`
	NeededSeeds int      `json:"needed_seeds"` // about so many more would decide; 0: unknown, or decided
	Warnings    []string `json:"warnings,omitempty"`

	// While it is judged.
	Of         float64 `json:"-"` // the value before it was made fit for JSON
	p          float64
	excess     float64
	alpha      float64
	upper      bool
	noDataPass bool
	unmeasured bool
}

// A selector says of which calls a gate is.
type selector struct {
	Phase    string `json:"phase,omitempty"`
	Strategy string `json:"strategy,omitempty"`
	Priority string `json:"priority,omitempty"`
}

// Exit codes of a gate.
const (
	exitPass         = 0
	exitUnmeasured   = 1
	exitInconclusive = 3
	exitFailed       = 99
)

// Conclude is the verdict over all blocking gates and the exit code it leads to: a failed gate is 99, no
// data too (unless the gate lets it pass), what could not be measured 1, undecided 3. Without a blocking
// gate it is a pass.
func Conclude(gates []GateResult) (verdict string, exit int) {
	count := func(is func(g *GateResult) bool) int {
		n := 0
		for i := range gates {
			if gates[i].Strict && is(&gates[i]) {
				n++
			}
		}
		return n
	}
	switch {
	case count(func(g *GateResult) bool { return g.Verdict == "" }) > 0:
		return "", exitUnmeasured
	case count(func(g *GateResult) bool { return g.Verdict == Fail }) > 0:
		return Fail, exitFailed
	case count(func(g *GateResult) bool { return g.Verdict == NoData && !g.noDataPass && !g.unmeasured }) > 0:
		return NoData, exitFailed
	case count(func(g *GateResult) bool { return g.Verdict == NoData && !g.noDataPass }) > 0:
		return NoData, exitUnmeasured
	case count(func(g *GateResult) bool { return g.Verdict == Inconclusive }) > 0:
		return Inconclusive, exitInconclusive
	}
	return Pass, exitPass
}

// SetGates puts gates into a Result, with the verdict over them; null where the run is not valid or none
// blocks.
func (r *Result) SetGates(gates []GateResult) {
	if gates == nil {
		gates = []GateResult{}
	}
	r.Gates, r.Verdict = gates, nil
	if verdict, _ := Conclude(gates); verdict != "" && len(gates) > 0 {
		r.Verdict = &verdict
	}
}

// Failing are the indices of the blocking gates that fail.
func Failing(gates []GateResult) []int {
	var which []int
	for i := range gates {
		if gates[i].Strict && gates[i].Verdict == Fail {
			which = append(which, i)
		}
	}
	return slices.Clip(which)
}
