package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
)

// csvHead are the columns of WriteCSV. Names are those of run.json; empty cells have no data.
var csvHead = []string{
	"scenario", "target", "measured", "strategy", "phase", "seed", "calls",
	"ok", "degraded", "refused", "busy", "error", "timeout", "shed", "unsent",
	"success", "success_first_attempt", "success_at_patience", "good", "throughput_qps", "goodput_qps",
	"attempts", "amplification", "work_s", "wasted_s", "mean_ms", "p50_ms", "p95_ms", "p99_ms",
	"recovery_s", "recovered",
}

// WriteCSV writes a row for each strategy, phase and seed: what intervals are computed from. Numbers
// are written as in run.json, in the shortest form that reads back the same. recovery_s and recovered
// belong to the whole run of a seed and stand in each of its rows.
func WriteCSV(w io.Writer, r *Result) error {
	out := csv.NewWriter(w)
	// csv.Writer remembers its first error and returns it from Error, after Flush.
	_ = out.Write(csvHead)
	for i := range r.Strategies {
		s := &r.Strategies[i]
		for j := range s.Runs {
			run := &s.Runs[j]
			for k := range run.Phases {
				_ = out.Write(r.csvRow(s, run, k))
			}
		}
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("writing csv: %w", err)
	}
	return nil
}

// csvRow returns one row of WriteCSV.
func (r *Result) csvRow(s *Strategy, run *Run, phase int) []string {
	p := &run.Phases[phase]
	name := ""
	if phase < len(r.Phases) {
		name = r.Phases[phase].Name
	}
	row := []string{r.Name, r.Target, strconv.FormatBool(r.Measured), s.Name, name,
		strconv.FormatUint(run.Seed, 10), strconv.FormatInt(p.Calls, 10)}
	for _, outcome := range outcomeOrder {
		row = append(row, strconv.FormatInt(p.Outcomes[outcome], 10))
	}
	calls := float64(p.Calls)
	good := ratio(float64(p.Good), calls)
	if r.Objective == nil { // goodput then counts ok calls, but their share is no figure of its own
		good = ""
	}
	return append(row,
		ratio(float64(p.Outcomes["ok"]), calls), ratio(float64(p.FirstOK), calls), ratio(float64(p.AtPatience), calls), good,
		ratio(float64(p.Delivered), p.DurationS), ratio(float64(p.Good), p.DurationS),
		strconv.FormatInt(p.Attempts, 10), ratio(float64(p.Attempts), calls), shortest(p.WorkS), shortest(p.WastedS),
		optional(p.MeanMS), optional(p.P50MS), optional(p.P95MS), optional(p.P99MS),
		optional(run.RecoveryS), strconv.FormatBool(run.Recovered))
}

// shortest writes a number so that it reads back the same, with no digit more than that takes.
func shortest(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

// optional writes a number, or nothing where there is none.
func optional(x *float64) string {
	if x == nil {
		return ""
	}
	return shortest(*x)
}

// ratio writes a / b, or nothing where b is not positive.
func ratio(a, b float64) string {
	if b <= 0 {
		return ""
	}
	return shortest(a / b)
}
